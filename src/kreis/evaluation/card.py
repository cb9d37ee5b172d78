"""A model card as Markdown, in the shape of Hugging Face's: YAML front matter, then sections.

Names and texts come from data and from people, so every value is escaped: none can bring HTML, a link, an
image, a heading or another table cell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from kreis.evaluation.evaluate import EvaluationReport
from kreis.evaluation.intervals import Estimate
from kreis.evaluation.statements import MODEL, Statement
from kreis.texts import number
from kreis.training.mitigations.said import mitigation_said

__all__ = ["model_card", "plain"]

_MEANING = re.compile(r"[\\`*\[\]<>|~$&@]|_+|:(?=//)|(?<=www)\.|^[#=+-]|^[0-9]{1,9}[.)](?= |$)")
_ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_LONGEST = 500


def plain(value: object) -> str:
    """A value as Markdown that shows as it stands: one line, every character escaped that has a meaning where it is."""
    text = " ".join(str(value).split())
    text = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
    if len(text) > _LONGEST:
        text = text[:_LONGEST] + "…"
    return _MEANING.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    said, before, after = found.group(), found.string[: found.start()][-1:], found.string[found.end() :][:1]
    if said[0] == "_" and before.isalnum() and after.isalnum():
        return said
    if said[0].isdigit():  # the number of an item of a list
        return f"{said[:-1]}\\{said[-1]}"
    return "".join(_ENTITIES.get(each, f"\\{each}") for each in said)


def model_card(
    report: EvaluationReport,
    goal: Mapping[str, Any],
    facts: Mapping[str, Any],
    *,
    task: str,
    said: Mapping[str, Statement] = MappingProxyType({}),
    approvals: Iterable[str] = (),
) -> str:
    """The card of an evaluated model, with the sections of Mitchell et al. 2019 (Model Cards for Model Reporting).

    Args:
        report: What evaluation found.
        goal: The document of what the model is for.
        facts: What else is known of the model, as a flat or nested mapping, shown under "Training data": from the
            package's manifest (`project`, `candidate`, `features`, `inputs`, `training` …).
        task: What Hugging Face calls the task.
        said: What people said, by key; what nobody said is shown as missing.
        approvals: Who approved it, a sentence each.
    """
    name = str(facts.get("project", report.challenger.name))
    risk = goal.get("risk", {})
    parts = [
        _front_matter(report, name, task, said.get("license")),
        f"# {plain(name)}: {plain(report.challenger.name)}",
        "## Model details",
        _paragraph("Model", f"`{_code(report.challenger.digest or 'not packaged')}`"),
        f"It decides {plain(report.challenger.decision.said(str(facts.get('outcome', ''))))}.",
        *(plain(each) for each in approvals),
        *_asked("Model details", said),
        "## Intended use",
        _paragraph("Question", plain(goal["question"])),
        _paragraph("Decision", plain(goal["decision"])),
        _paragraph("Risk class (EU AI Act)", f"{plain(risk.get('level', ''))}: {plain(risk.get('because', ''))}"),
        *_asked("Intended use", said),
        "## Factors",
        _factors(report),
        *_asked("Factors", said),
        "## Metrics",
        f"The business metric is {plain(report.unit)}. Intervals are at {report.level:.0%}, with the"
        f" {report.blocks_are.removesuffix('s')} as the independent unit.",
        *_choice(report),
        *_gates(report),
        "## Evaluation data",
        f"{report.judged_on} that it had not seen.",
        "## Training data",
        _table(("fact", "value"), ((plain(key), plain(_shown(value))) for key, value in facts.items())),
        "## Quantitative analyses",
        _metrics(report),
        *_power(report),
        *_slices(report),
        *_examined(report),
        "## Ethical considerations",
        *_mitigation(facts),
        *_asked("Ethical considerations", said),
        "## Caveats and recommendations",
        "It was judged on the period and the population above and on nothing else; monitoring watches whether "
        "they still hold. Metrics with too few rows in a group are left out, not assumed to be fine.",
        *_asked("Caveats and recommendations", said),
    ]
    return "\n\n".join(each for each in parts if each) + "\n"


def _gates(report: EvaluationReport) -> list[str]:
    paid = report.look.paid if report.look is not None else ""
    rows = ((plain(g.name), "pass" if g.passed else f"**{g.outcome}**", plain(g.explanation)) for g in report.gates)
    return ["### Gates", f"{plain(paid)}." if paid else "", _table(("gate", "outcome", "what was found"), rows)]


def _asked(section: str, said: Mapping[str, Statement]) -> list[str]:
    """What people said, or that nobody said it."""
    parts = []
    for each in MODEL:
        if each.section == section and (found := said.get(each.key)) is not None:
            parts.append(f"**{plain(each.question)}** {plain(found.text)} ({plain(found.actor)}, {found.at:%Y-%m-%d})")
        elif each.section == section:
            parts.append(f"**{plain(each.question)}** △ Nobody has said this yet: `kreis card fill --set {each.key}=…`")
    return parts


def _factors(report: EvaluationReport) -> str:
    columns = dict.fromkeys([*(each.column for each in report.slices)])
    looked = ", ".join(plain(each) for each in columns)
    return f"It was judged by {looked}." if looked else "It was judged by no column: nobody declared one."


def _examined(report: EvaluationReport) -> list[str]:
    """What examinations found, a section each."""
    parts: list[str] = []
    for each in report.examined:
        rows = [(_number(one.estimate), plain(one.said)) for one in each.findings]
        notes = f"Not asked: {plain(each.lacks)}." if each.lacks else ""
        if rows or notes:
            parts += [f"### {plain(each.examination.replace('_', ' '))}", _table(("number", "in words"), rows), notes]
    return [each for each in parts if each]


def _choice(report: EvaluationReport) -> list[str]:
    """Why this candidate, where there is something to say."""
    if not report.choice:
        return []
    rule = "By the one-standard-error rule (Breiman et al. 1984, section 3.4.3), on the validation rows:"
    return ["### Choice", f"{rule} {plain(report.choice)}."]


def _power(report: EvaluationReport) -> list[str]:
    """What differences these rows would have shown: so that one that was not found is not taken for none."""
    if not report.differences:
        return []
    rows = [
        (plain(name), _number(report.differences[name]), "too few rows to say" if least is None else number(least))
        for name, least in report.detectable.items()
    ]
    head = ("against", f"difference ({plain(report.unit)})", "smallest one that these rows show 4 times in 5")
    return ["### Compared row by row", _table(head, rows)]


def _mitigation(facts: Mapping[str, Any]) -> list[str]:
    """What was done so that groups are treated more alike, and why."""
    said = mitigation_said(facts.get("training") or {})
    return [] if said is None else ["### Groups treated alike", f"{plain(said)}."]


def _front_matter(report: EvaluationReport, name: str, task: str, licence: Statement | None) -> str:
    metrics = [
        f"          - type: {json.dumps(key)}\n            value: {found.value:.6g}"
        for key, found in _ordered(report.challenger.metrics)
        if found.defined
    ]
    return "\n".join(
        [
            "---",
            "library_name: kreis",
            f"pipeline_tag: {task}",
            *([] if licence is None else [f"license: {json.dumps(licence.text.strip().lower())}"]),
            "tags: [kreis]",
            "model-index:",
            f"  - name: {json.dumps(name)}",
            "    results:",
            f"      - task: {{type: {task}}}",
            f"        dataset: {{name: {json.dumps(f'held out, {report.days} {report.blocks_are}')}, type: held-out}}",
            "        metrics:",
            *metrics,
            "---",
        ]
    )


def _paragraph(label: str, text: str) -> str:
    return f"**{label}:** {text}"


def _code(text: str) -> str:
    return re.sub(r"[^0-9A-Za-z ._-]", "", text)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "; ".join(f"{key} {_shown(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    return value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)


def _number(found: Estimate | None) -> str:
    return "–" if found is None or not found.defined else str(found)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    rows = list(rows)
    if not rows:
        return ""
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


def _ordered(metrics: Mapping[str, Estimate]) -> list[tuple[str, Estimate]]:
    """The goal's metric first, the others by name: a report that was read back has lost the order it was made in."""
    return sorted(metrics.items(), key=lambda item: (item[0] != "value", item[0]))


def _metrics(report: EvaluationReport) -> str:
    models = [report.challenger, *report.others]
    names = [name for name, _ in _ordered(report.challenger.metrics)]
    labels = {"value": f"value ({report.unit})"}
    return _table(
        ("metric", *(plain(model.name) for model in models)),
        ((plain(labels.get(n, n)), *(_number(model.metrics.get(n)) for model in models)) for n in names),
    )


def _slices(report: EvaluationReport) -> list[str]:
    parts: list[str] = []
    for column in dict.fromkeys(each.column for each in report.slices):
        found = [each for each in report.slices if each.column == column]
        names = list(dict.fromkeys(name for each in found for name, _ in _ordered(each.metrics)))
        rows = (
            (plain(each.group), f"{each.n:,}", *(_number(each.metrics.get(name)) for name in names)) for each in found
        )
        parts += [f"### By {plain(column)}", _table(("group", "rows", *map(plain, names)), rows)]
    return parts
