"""Why a prediction came out as it did: the walk from the answer back to the goal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.governance.pages.page import Cell, Grid, Page
from kreis.texts import counted, date, number, short, trigger

if TYPE_CHECKING:
    from kreis.governance.views.why import UsedFeature, WhyView
    from kreis.governance.views.why_answer import WhyAnswer

__all__ = ["why_page"]

_SHOWN = 5
_TEXT = 60
"""Characters of a passage that are shown."""


def why_page(walk: WhyView) -> Page:
    """The page of a walk."""
    prediction, model, run, goal = walk.prediction, walk.model, walk.run, walk.goal
    release, contracts = walk.release, _contracts(walk.features)
    answer = None if isinstance(walk.answer, msgspec.UnsetType) else walk.answer
    return Page(
        title=f"{goal['question']} {prediction.decided}.",
        facts=(
            *(() if answer is None else _answered(answer)),
            ("score", number(prediction.score)),
            ("scores", _scores(prediction.scores or {})),
            ("decides", model.decides),
            *prediction.parts_said.items(),
            ("not explained", walk.not_explained),
            ("what happened", prediction.happened),
            ("prediction", f"{prediction.id} at {date(prediction.at)} UTC"),
            ("reference", prediction.reference or ""),
            ("keys", ", ".join(f"{name} {key}" for name, key in prediction.keys.items())),
            ("release", f"{release.number} ({release.kind}): {release.reason}"),
            ("model", f"{model.candidate} version {model.version} ({short(model.digest)})"),
            ("signature", model.signature),
            ("run", f"{run.id} as of {date(run.as_of)} UTC, {trigger(run.trigger)}"),
            ("goal", f"{short(goal['digest'])}: {goal['decision']}"),
        ),
        grids=(
            *(() if answer is None else _rested_on(answer)),
            *_reasons(walk),
            *_instead(walk),
            Grid(
                "What it rested on" if answer is None else "What was measured",
                ("feature", "value", "rows", "table@version", "columns"),
                [_feature(each) for each in walk.features],
            ),
            *([Grid("Under contract", ("source@version", "contract"), contracts)] if contracts else []),
        ),
        end=f"Walked back in {walk.seconds:.2f} s.",
    )


def _answered(answer: WhyAnswer) -> Iterator[tuple[str, str]]:
    """Question and answer, and by what it was answered."""
    yield "question", answer.question
    yield "answer" if answer.given else "not given", answer.answer
    if answer.why:
        yield "because", answer.why
    documents = "" if answer.documents is None else f" of {counted(answer.documents, 'document')}"
    yield "index", f"{answer.knowledge_base} {short(answer.index)}{documents} (file {short(answer.index_file)})"
    yield "search", ", ".join(f"{name} {_kind(value)}" for name, value in answer.search.items())
    if answer.wordings:
        yield "searched, too", "; ".join(answer.wordings)
    if answer.not_reworded:
        yield "searched as it is", answer.not_reworded
    yield (
        "prompt",
        f"{answer.prompt_name} {short(answer.prompt)}".strip() if answer.prompt else "none: no model was asked",
    )
    yield "language model", answer.language_model or "none: sentences of a passage, word for word"
    if answer.tools:
        yield "tools", answer.tools


def _kind(value: Any) -> Any:
    """Of a part of a search (another search, a language model) its kind."""
    return next(iter(value.values()), "") if isinstance(value, dict) else value


def _rested_on(answer: WhyAnswer) -> Iterator[Grid]:
    """Passages and their documents; what guards found."""
    rows = [
        (
            f"[{each.number}]" if each.cited else "",
            each.document,
            short(each.version),
            f"{each.start:,} to {each.end:,}",
            each.score,
            f"{each.table}, known at {date(each.known_at)}" if each.known_at is not None else "gone",
            "" if each.text is None else _first_words(each.text),
        )
        for each in answer.passages
    ]
    yield Grid("Passages", ("cited", "document", "version", "characters", "score", "row of", "text"), rows)
    if answer.verdicts:
        found = [(each["guard"], each["where"], each["did"], each.get("said", "")) for each in answer.verdicts]
        yield Grid("Guards", ("guard", "in", "did", "what"), found)


def _reasons(walk: WhyView) -> Iterator[Grid]:
    """What each feature added, and that it adds up."""
    for each in () if isinstance(walk.reasons, msgspec.UnsetType) else walk.reasons:
        rows: list[tuple[Cell, ...]] = [("on average", "", _signed(each.base), "")]
        for reason in each.reasons:
            value = "missing" if reason.value is None else reason.value
            words = ", ".join(f"{word} {_signed(adds)}" for word, adds in reason.words.items())
            rows.append((reason.feature, words or value, _signed(reason.adds), f"{reason.share:.0%}"))
        if each.left:
            rows.append(("left over", "", _signed(each.left), ""))
        rows.append(("together", "", _signed(each.margin), ""))
        of = f" of {each.of}" if each.of else ""
        decided = f"; {each.threshold}" if each.threshold else ""
        yield Grid(f"Why{of} ({each.measured}; {each.map}{decided})", ("feature", "value", "adds", "share"), rows)


def _instead(walk: WhyView) -> Iterator[Grid]:
    """What would have led to another decision."""
    if isinstance(walk.instead, msgspec.UnsetType):
        return
    rows: list[tuple[Cell, ...]] = [
        (
            "; ".join(f"{each.feature} {_said(each.instead)} in place of {_said(each.value)}" for each in one.changes),
            one.score if isinstance(one.score, float) else max(one.score),
            _decided(one.decision),
        )
        for one in walk.instead.found
    ]
    yield Grid(
        "Another decision would follow from", ("change", "score", "decision"), rows or [(walk.instead.lacks, "", "")]
    )


def _decided(decision: Any) -> str:
    if isinstance(decision, bool):
        return "yes" if decision else "no"
    return ", ".join(decision) if isinstance(decision, list) else str(decision)


def _signed(value: float) -> str:
    return f"{value:+.4g}"


def _said(value: float | str | None) -> str:
    return "missing" if value is None else value if isinstance(value, str) else number(value)


def _first_words(text: str) -> str:
    joined = " ".join(text.split())
    return joined if len(joined) <= _TEXT else joined[: _TEXT - 1] + "…"


def _scores(scores: dict[str, float]) -> str:
    """The largest of several numbers, by name."""
    most = sorted(scores, key=lambda name: -scores[name])
    shown = ", ".join(f"{name} {number(scores[name])}" for name in most[:_SHOWN])
    return shown + (f" and {len(most) - _SHOWN} more" if len(most) > _SHOWN else "")


def _feature(feature: UsedFeature) -> tuple[Cell, ...]:
    return (
        feature.name,
        "missing" if feature.value is None else feature.value,
        "" if feature.source_rows is None else feature.source_rows,
        feature.table,
        ", ".join(feature.columns),
    )


def _contracts(features: Sequence[UsedFeature]) -> list[tuple[str, str]]:
    return sorted({(name, short(digest)) for feature in features for name, digest in feature.contracts.items()})
