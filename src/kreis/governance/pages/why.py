"""Why a prediction came out as it did: the walk from the answer back to the goal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kreis.governance.pages.page import Cell, Grid, Page
from kreis.texts import date, number, short, trigger

if TYPE_CHECKING:
    from kreis.governance.views.why import UsedFeature, WhyView

__all__ = ["why_page"]

_SHOWN = 5


def why_page(walk: WhyView) -> Page:
    """The page of a walk."""
    prediction, model, run, goal = walk.prediction, walk.model, walk.run, walk.goal
    release, contracts = walk.release, _contracts(walk.features)
    return Page(
        title=f"{goal['question']} {prediction.decided}.",
        facts=(
            ("score", number(prediction.score)),
            ("scores", _scores(prediction.scores or {})),
            ("decides", model.decides),
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
            Grid(
                "What it rested on",
                ("feature", "value", "rows", "table@version", "columns"),
                [_feature(each) for each in walk.features],
            ),
            *([Grid("Under contract", ("source@version", "contract"), contracts)] if contracts else []),
        ),
        end=f"Walked back in {walk.seconds:.2f} s.",
    )


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
