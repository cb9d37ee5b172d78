"""The evaluation report as one page: nothing is loaded, nothing runs, and each number names its place on record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import unescape
from typing import TYPE_CHECKING, Any

from kreis.governance.pages.html import html_page
from kreis.governance.papers.findings import examined_sections
from kreis.governance.papers.on_record import linked_to_record
from kreis.governance.papers.parts import MARKS, STYLE, absent, facts, section, table, text
from kreis.governance.papers.plots import Dot, dots, figure, over_time, reliability
from kreis.governance.papers.traced import Traced, derived
from kreis.ledger.records import Step
from kreis.texts import counted, date, number, short, short_id

if TYPE_CHECKING:
    from kreis.governance.views.report import ReportView

__all__ = ["report_html"]

_VERDICT = {
    "pass": "✓ It passed all its gates.",
    "fail": "✗ It failed: a gate is not met.",
    "undecided": "? Undecided: a gate is not shown to be met, so it did not pass.",
}
_LAST = {"value": -1}
_GROUPS = 14


def report_html(view: ReportView, steps: Mapping[str, Step]) -> str:
    """The report as one HTML file.

    Args:
        view: What is to be read.
        steps: The steps that it rests on, by key.
    """
    title = f"Evaluation of {view.candidate.name}: {view.project}"
    report = _Report(view, steps)
    sections = [each for each in report.sections() if each]
    parts = [("At the top", report.head()), *((unescape(_named(each)[1]), each) for each in sections)]
    (head, *sections), record = linked_to_record(parts)
    sections.append(record)
    names = [_named(each) for each in sections]
    contents = "".join(f'<li><a href="#{name}">{title}</a></li>' for name, title in names)
    nav = f'<nav aria-label="Contents"><ul>{contents}</ul></nav>'
    return html_page(title, [head, nav, *sections, _FOOT], style=STYLE)


def _named(part: str) -> tuple[str, str]:
    """By which links find a section, and its title as HTML."""
    return part.split('id="', 1)[1].split('"', 1)[0], part.split(">", 2)[2].split("<", 1)[0]


_FOOT = (
    "<footer><p>Made by kreis from the record of the project: no number in it was typed. Intervals are as the"
    " evaluation says.</p></footer>"
)


class _Report:
    """The parts of one report."""

    def __init__(self, view: ReportView, steps: Mapping[str, Step]) -> None:
        self._view, self._steps = view, steps
        self._judged = Traced(f"steps/{view.evaluation}/outputs", steps[view.evaluation].outputs)
        self._trained = Traced(f"steps/{view.training}/outputs", steps[view.training].outputs)
        self._report = self._judged["report"]
        self._unit = str(self._report["unit"].value)

    def head(self) -> str:
        """What a reader must know first."""
        view, goal = self._view, self._view.goal
        model, run = view.model, f"runs/{view.run}"
        registered = "not registered"
        if model is not None:
            version = Traced(f"models/{model.digest}/version", model.version)
            digest = Traced(f"models/{model.digest}/digest", model.digest)
            registered = f'version {version.html}, <span class="key">{derived(short(model.digest), digest)}</span>'
        goal_place = Traced(f"runs/{view.run}/goal", "")
        verdict = f'<p class="verdict {view.outcome}">{_VERDICT[view.outcome]}</p>'
        value = self._report["challenger"]["metrics"]["value"]
        risk = goal.get("risk", {})
        return verdict + facts(
            [
                ("Question", derived(str(goal.get("question", "")), goal_place)),
                ("Decision", derived(str(goal.get("decision", "")), goal_place)),
                ("Worth", f"{value.html} {text(self._unit)}"),
                ("Judged on", derived(view.judged_on, self._report["rows"], self._report["days"])),
                ("Candidate", f"{text(view.candidate.name)} ({text(view.candidate.kind)})"),
                ("Model", registered),
                ("As of", derived(f"{date(view.as_of)} UTC", Traced(f"{run}/as_of", ""))),
                ("Run", f'<span class="key">{derived(short_id(view.run), Traced(f"{run}/id", ""))}</span>'),
                ("Risk class", derived(f"{risk.get('level', '')}: {risk.get('because', '')}", goal_place)),
            ]
        )

    def sections(self) -> Iterator[str]:
        """All that follows."""
        yield section("gates", "Gates", self._gates())
        yield section("metrics", "Metrics", self._metrics())
        yield section("groups", "Groups", self._groups())
        yield section("calibration", "Calibration", self._calibration())
        yield section("days", "From day to day", self._days())
        yield section("examinations", "What else it was asked", self._examined())
        yield section("features", "What it rests on", self._features())
        yield section("data", "Training and data", self._data())
        yield section("people", "People", self._people())
        yield section("sources", "Where each number stands", self._sources())

    def _gates(self) -> Iterator[str]:
        gates = list(self._report["gates"])
        for shown, gate in zip(self._view.gates, gates, strict=True):
            name = shown.name.replace("_", " ")
            inside = facts(
                [
                    ("Asks for", derived(shown.asks, gate["required"])),
                    ("Found", gate["explanation"].html),
                    ("On", derived(shown.rows, self._report["rows"])),
                    ("Would change it", derived(shown.would_change, gate)),
                ]
            )
            yield f'<div class="gate"><h3>{MARKS[shown.outcome]}: {text(name)}</h3>{inside}</div>'
        rows = [(each.what, each.by, each.because) for each in self._view.overruled]
        run = Traced(f"runs/{self._view.run}", "")
        yield table(
            "Overruled by a person", ("what", "by", "because"), [[derived(c, run) for c in row] for row in rows]
        )

    def _metrics(self) -> Iterator[str]:
        models = [self._report["challenger"], *self._report["others"]]
        names = sorted(models[0]["metrics"].value, key=lambda name: (_LAST.get(name, 0), name))
        level = derived(f"{self._report['level'].value:.0%}", self._report["level"])
        yield f"<p>On rows that it had not seen; in brackets the {level} interval.</p>"
        yield table(
            "Each model by each metric",
            ("metric", *(str(each["name"].value) for each in models)),
            [
                [
                    text(self._called(name)),
                    *(each["metrics"][name].html if name in each["metrics"].value else "–" for each in models),
                ]
                for name in names
            ],
        )
        differences = list(self._report["differences"].items())
        shown = [_dot(f"less {name}", found.value) for name, found in differences]
        known = [each for each in shown if each is not None]
        caption = f"What it gains over others, {self._unit}; dashed: no gain"
        yield figure(dots(known, title="difference", line=0.0), caption, f"{caption}. The table has the numbers.")
        yield table(
            f"Differences on the same rows, {self._unit}",
            ("less", "difference", "the smallest that such rows mostly show"),
            [[text(name), found.html, self._detectable(name)] for name, found in differences],
        )
        if choice := self._report.get("choice", "").value:
            yield f"<p>Why this candidate: {derived(str(choice), self._report['choice'])}.</p>"

    def _detectable(self, name: str) -> str:
        found = self._report.get("detectable", {}).get(name)
        return "too few rows to say" if found.value is None else found.html

    def _called(self, name: str) -> str:
        return f"value, {self._unit}" if name == "value" else name.replace("_", " ")

    def _groups(self) -> Iterator[str]:
        slices = list(self._report["slices"])
        for column in dict.fromkeys(str(each["column"].value) for each in slices):
            own = [each for each in slices if each["column"].value == column]
            if len(own) < 2:
                continue
            names = list(dict.fromkeys(name for each in own for name in each["metrics"].value))
            plots = [self._by_group(column, name, own) for name in names[:3]]
            parts = [
                f'<div class="plots">{"".join(plots)}</div>',
                table(
                    f"By {column}",
                    ("group", "rows", *(self._called(name) for name in names)),
                    [
                        [
                            each["group"].html,
                            each["n"].html,
                            *(
                                each["metrics"][name].html if name in each["metrics"].value else "too few"
                                for name in names
                            ),
                        ]
                        for each in own
                    ],
                    numbers=(1,),
                ),
            ]
            yield section(f"by-{column}", f"By {column.replace('_', ' ')}", parts, level=3)

    def _by_group(self, column: str, name: str, slices: list[Traced]) -> str:
        found = [(str(each["group"].value), each["metrics"].value.get(name)) for each in slices[:_GROUPS]]
        shown = [_dot(group, value) for group, value in found if value is not None]
        known = [each for each in shown if each is not None]
        title = self._called(name)
        return figure(
            dots(known, title=title), f"{title} by {column}", f"{title} by {column}; the table has the numbers."
        )

    def _asked(self, examination: str) -> bool:
        """Whether an examination says more of it further below."""
        found = [each.value for each in self._report.get("examined", [])]
        return any(each["examination"] == examination and each.get("findings") for each in found)

    def _calibration(self) -> Iterator[str]:
        bins = [each for each in self._report["reliability"] if each.value.get("rows") or each.value.get("n")]
        if not bins or self._asked("calibration"):
            return
        columns = [name for name in ("score", "frequency", "rows") if name in bins[0].value]
        if {"score", "frequency"} <= set(columns):
            points = [(each.value["score"], each.value["frequency"], each.value.get("rows", 1)) for each in bins]
            said = f"What happened against what was predicted, in {len(points)} bins. The table has the numbers."
            yield figure(
                reliability(points),
                "Dashed: what was predicted and what happened agree; larger points: more rows",
                said,
            )
        rows = [[each[name].html for name in columns] for each in bins]
        yield table("Bins of what was predicted", columns, rows, numbers=range(len(columns)))

    def _days(self) -> Iterator[str]:
        daily = list(self._report.get("daily", []))
        if len(daily) < 2:
            return
        mean = self._report["challenger"]["metrics"]["value"]
        values = [float(each.value[0]) for each in daily]
        image = over_time(values, title=self._unit, line=mean.value["value"])
        caption = f"{self._unit} on each day; dashed: over all days"
        said = f"{caption}: {counted(len(values), 'day')}, lowest {number(min(values))}, highest {number(max(values))}."
        yield figure(image, caption, said)
        order = sorted(range(len(daily)), key=lambda day: values[day])
        shown = [*order[:5], *order[-5:]] if len(order) > 10 else order
        rows = [[derived(f"day {day + 1}", daily[day]), daily[day][0].html, daily[day][1].html] for day in shown]
        yield table("The worst and the best days", ("day", self._unit, "rows"), rows, numbers=(1, 2))

    def _examined(self) -> Iterator[str]:
        asks = {} if self._view.candidate.evaluation is None else self._asks(self._view.candidate.evaluation)
        found = {str(each["examination"].value): each for each in self._report.get("examined", [])}
        for each in self._view.steps:
            outputs = self._steps[each.key].outputs
            if "examined" in outputs:
                later = Traced(f"steps/{each.key}/outputs", outputs)["examined"]
                found[str(later["examination"].value)] = later
        yield from examined_sections((each, asks.get(name, "")) for name, each in found.items())

    @staticmethod
    def _asks(evaluation: Any) -> dict[str, str]:
        return {each.examination: each.asks for each in evaluation.examined}

    def _features(self) -> Iterator[str]:
        importance = list(self._trained.get("importance", []))
        if self._asked("explanations"):
            return
        order = sorted(importance, key=lambda each: -(each.value.get("loss") or 0.0))
        known = [_lost(each.value) for each in order[:20]]
        caption = f"Lost when a feature's values are shuffled, {self._unit}, validation rows"
        yield figure(dots(known, title="lost", line=0.0), caption, f"{caption}. The table has the numbers.")
        rows = [[each["feature"].html, each["loss"].html, each.get("error").html] for each in order]
        yield table(caption, ("feature", "lost", "standard error"), rows, numbers=(1, 2))

    def _data(self) -> Iterator[str]:
        training = self._trained["training"]
        names = ("rows", "from", "until", "fit_rows", "validation_rows", "positives", "outcomes", "seed")
        shown = [(name.replace("_", " "), training[name].html) for name in names if name in training.value]
        parameters = [
            f"{text(name)} {found.html}"
            for name, found in training.get("parameters", {}).items()
            if found.value is not None and isinstance(found.value, int | float | str)
        ]
        yield facts([*shown, ("parameters", "; ".join(parameters)), ("decides", self._decides())])
        rows = []
        for each in self._view.sources:
            place = Traced(f"steps/{each.step}/outputs", self._steps[each.step].outputs)
            rows.append([text(each.name), place["version"].html, place["rows"].html, place["quarantined"].html])
        yield table("What was collected", ("source", "version", "rows", "quarantined"), rows, numbers=(1, 2, 3))

    def _decides(self) -> str:
        return derived(self._view.candidate.decides, self._trained["decision"])

    def _people(self) -> Iterator[str]:
        model = self._view.model
        if self._view.approvals and model is not None:
            place = Traced(f"models/{model.digest}", "")
            rows = [(date(each.at), each.actor, each.role, each.reason) for each in self._view.approvals]
            shown = [[derived(cell, place) for cell in row] for row in rows]
            yield table("Approvals", ("at (UTC)", "who", "as", "why"), shown)
        else:
            yield "<p>Nobody has approved it.</p>"
        for each in self._view.statements:
            if each.said is None:
                yield absent(each.question, f'kreis card fill --set {each.key}="…"')
            else:
                place = Traced(f"documents/{each.document}/body", "")
                who = derived(f"{each.said.actor}, {date(each.said.at)} UTC", place)
                yield f"<h3>{text(each.question)}</h3><p>{derived(each.said.text, place)} ({who})</p>"

    def _sources(self) -> Iterator[str]:
        yield (
            "<p>Each table and each part has a link to the places on record where its numbers stand (table, key, path);"
            " each number carries its own in its attribute data-record. This shows what stands there:</p>"
            f'<p class="key">kreis show record {text(self._report["rows"].place)}</p>'
        )
        rows = [
            [
                text(each.discipline),
                text(each.name),
                f'<span class="key">{derived(each.key, Traced(f"steps/{each.key}/key", ""))}</span>',
                derived(date(each.finished_at), Traced(f"steps/{each.key}/finished_at", "")),
            ]
            for each in self._view.steps
        ]
        yield table("The steps that it rests on", ("discipline", "step", "key", "finished (UTC)"), rows)


def _dot(name: str, found: Any) -> Dot | None:
    return None if found is None or found["value"] is None else (name, found["value"], found["low"], found["high"])


def _lost(found: Mapping[str, Any]) -> Dot:
    loss, error = float(found["loss"]), found.get("error")
    half = 1.96 * float(error) if isinstance(error, int | float) else None
    ends = (None, None) if half is None else (loss - half, loss + half)
    return str(found["feature"]), loss, ends[0] if half is not None else loss, ends[1] if half is not None else loss
