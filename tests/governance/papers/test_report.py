"""The report is one page that loads nothing and runs nothing, and each number in it stands on record."""

from __future__ import annotations

import re
import shlex
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.governance.papers.pages import Page

from kreis.evaluation.examinations.examination import Examined, Finding
from kreis.evaluation.intervals import Estimate
from kreis.governance.papers.on_record import linked_to_record
from kreis.governance.papers.report import report_html
from kreis.governance.papers.traced import Traced, as_read, derived
from kreis.governance.views.record import record_view
from kreis.governance.views.report import ReportView, report_steps, report_view
from kreis.ledger.records import Step
from kreis.workspace import Workspace

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)>\u2028'


@pytest.fixture(scope="module")
def workspace(released_once: Path) -> Any:
    found = Workspace(released_once)
    yield found
    found.ledger.close()


@pytest.fixture(scope="module")
def made(workspace: Workspace) -> tuple[ReportView, dict[str, Step], Page]:
    view = report_view(workspace)
    steps = report_steps(workspace, view)
    return view, steps, Page(report_html(view, steps))


def estimate(value: float) -> Estimate:
    return Estimate(value=value, low=value - 0.1, high=value + 0.1, n=100, blocks=30)


SHAPES = Examined(
    examination="another",
    findings=[
        Finding(measure="gap", said=f"{HOSTILE} differs by 0.2.", estimate=estimate(0.2), column=HOSTILE, group="a"),
        Finding(
            measure="gap", said="It differs.", estimate=estimate(-0.1), column=HOSTILE, group=HOSTILE, serious=True
        ),
        Finding(measure="other", said="No number is to be had."),
    ],
    tables={
        "reliability": [{"group": "a", "score": 0.1, "frequency": 0.2, "rows": 10}] * 3,
        "effects": [
            {"feature": f, "value": x, "effect": x * 2.0, "low": x - 0.5, "high": x * 2.5, "rows": 5}
            for f in "ab"
            for x in (1.0, 2.0)
        ],
        "effects_of_categories": [
            {"feature": f, "category": c, "effect": 0.1, "low": 0.0, "high": 0.2, "rows": 5}
            for f in "ab"
            for c in ("yes", "no")
        ],
        "over_time": [{"first_day": d, "coverage": 0.9, "low": 0.8, "high": 1.0, "days": 15} for d in (0, 15, 30)],
        "groups": [{"measure": "rate", "group": g, "value": 0.2, "low": 0.1, "high": 0.3} for g in "abc"],
        "curve": [
            {"method": m, "ratio": 0.5, "ratio_low": 0.4, "ratio_high": 0.6}
            | {"value": 5.0, "value_low": 4.0, "value_high": 6.0}
            for m in (HOSTILE, "thresholds")
        ],
        "rows": [{"row": HOSTILE, "loss": 0.25, "why": None}] * 40,
    },
    notes=[f"sampled 1,000 rows {HOSTILE}"],
)


@pytest.fixture(scope="module")
def hostile(made: tuple[ReportView, dict[str, Step], Page]) -> Page:
    """A report of names and findings that came from somebody who means harm."""
    view, steps, _ = made
    outputs = msgspec.json.decode(msgspec.json.encode(steps[view.evaluation].outputs))
    lacking = Examined(examination="lacking", lacks="it reads no features")
    outputs["report"]["examined"] = msgspec.json.decode(msgspec.json.encode([SHAPES, lacking]))
    outputs["report"]["challenger"]["name"] = outputs["report"]["unit"] = HOSTILE
    steps = {**steps, view.evaluation: msgspec.structs.replace(steps[view.evaluation], outputs=outputs)}
    return Page(report_html(msgspec.structs.replace(view, project=HOSTILE), steps))


def test_each_number_names_the_row_that_it_comes_from(workspace: Workspace, made: Any) -> None:
    traced = made[2].traced
    assert len(traced) > 100
    for each in traced:
        for place in each.attributes["data-record"].split("\n"):
            found = record_view(workspace, place)
        if "data-made" not in each.attributes:
            assert each.text == as_read(found.value), each
    loose = [
        text
        for text, around in made[2].texts
        if re.search(r"\d", re.sub(rf"\w+__\w+|{made[0].candidate.evaluation.unit}", "", text))  # these are names
        and not any("data-record" in each.attributes or each.tag in ("style", "title") for each in around)
        and not any(each.attributes.get("class") == "key" for each in around)
    ]
    assert loose == []


def test_each_number_is_followed_to_the_ledger_by_a_link(workspace: Workspace, made: Any) -> None:
    """From the link of its table, or of its part, to a place on record that holds it."""
    html = made[2].html
    body, _, record = html.partition('<section id="on-record"')
    places = {
        block.split('"', 1)[0]: [
            shlex.split(unescape(each))[0] for each in re.findall(r'<dd class="key">([^<]*)</dd>', block)
        ]
        for block in record.split('<h3 id="')[1:]
    }
    for each in places.values():
        assert each
        for place in each:
            record_view(workspace, place)
    followed: set[str] = set()
    begin = body.index("<h1")
    tables = re.split(r'(<div class="wide".*?</table></div>)', body[begin:], flags=re.DOTALL)
    rest = re.split("(?=<section [^>]*aria-labelledby)", "".join(tables[::2]))
    for part in [*tables[1::2], *rest]:
        traced = Page(part.replace("</section>", "").replace("<section", "<br")).traced if part else []
        if not traced:
            continue
        (anchor,) = re.findall(r'<a href="#(record-\d+)"', part)
        followed.add(anchor)
        for each in traced:
            for place in each.attributes["data-record"].split("\n"):
                assert any(f"{place}/".startswith(f"{listed}/") for listed in places[anchor]), place
    assert followed == set(places)
    assert len(re.findall("<a href", body)) < 100, "tables have links, numbers have none"


def test_a_page_loads_nothing_and_runs_nothing(made: Any, hostile: Page) -> None:
    for page in (made[2], hostile):
        assert not page.all("script")
        assert not page.all("link")
        assert not page.all("iframe")
        policy = next(each.attributes for each in page.all("meta") if "http-equiv" in each.attributes)
        assert policy["content"].startswith("default-src 'none'")
        assert all(each.attributes["src"].startswith("data:image/svg+xml;base64,") for each in page.all("img"))
        assert all(each.attributes["href"].startswith("#") for each in page.all("a"))
        assert not [each for each in page.elements if any(name.startswith("on") for name in each.attributes)]
    assert HOSTILE.strip() in "".join(text for text, _ in hostile.texts), "it is shown as the text that it is"


def test_a_page_can_be_heard(made: Any, hostile: Page) -> None:
    for page in (made[2], hostile):
        assert page.elements[0].attributes["lang"] == "en"
        levels = [int(each.tag[1]) for each in page.elements if re.fullmatch("h[1-6]", each.tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert all(each.attributes["alt"] for each in page.all("img"))
        assert len(page.all("caption")) == len(page.all("table"))
        assert all(each.attributes.get("scope") in ("row", "col") for each in page.all("th"))
        named = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
        assert len(set(named)) == len(named)
        assert {each.attributes["href"][1:] for each in page.all("a")} <= set(named)


def test_findings_are_drawn_by_their_shape(hostile: Page) -> None:
    said = [each.attributes["alt"] for each in hostile.all("img")]
    assert any(each.startswith("gap by") for each in said)
    assert any(each.startswith("reliability: a: what happened") for each in said)
    assert sum(each.startswith("effects: ") for each in said) == 2
    assert sum(each.startswith("effects of categories: ") and "2 values" in each for each in said) == 2
    assert any(each.startswith("effects of categories: b") and "lowest yes" in each for each in said)
    assert any(each.startswith("over time: coverage by first day, 3 points") for each in said)
    assert any(each.startswith("groups: rate: 3 values") for each in said)
    assert any(each.startswith("curve: value against ratio, 2 points") for each in said)
    text = " ".join(text for text, _ in hostile.texts)
    assert "▲ To look at: " in text
    assert "It was not asked: " in text
    assert "it reads no features" in text
    assert "the others stand on record" in text


def test_what_nobody_has_said_is_visible(made: Any) -> None:
    view, _, page = made
    missing = [each for each in view.statements if each.said is None]
    assert missing
    shown = [each.text for each in page.all("p") if each.attributes.get("class") == "absent"]
    assert len(shown) == len(missing)
    assert all("Nobody has said this yet" in each for each in shown)


def test_a_model_a_run_and_the_last_one_are_reported(workspace: Workspace, made: Any) -> None:
    view = made[0]
    assert view.model is not None
    by_version, by_run = (report_view(workspace, each) for each in (str(view.model.version), view.run))
    assert by_version == by_run == view


def test_command_writes_a_page_and_shows_its_places(released: Any) -> None:
    released.run("report", "--html", "report.html")
    page = Page((released.folder / "report.html").read_text())
    place = next(each for each in page.traced if each.text.replace(",", "").isdecimal())
    assert released.kreis("show", "record", place.attributes["data-record"]).strip() == place.text.replace(",", "")
    assert released.document("report")["outcome"] == "pass"
    assert "better_than_baseline" in released.kreis("report") or "gains" in released.kreis("report")
    assert "unknown table" in released.kreis("show", "record", "stepz/x", code=2)


def test_a_name_that_holds_spaces_is_one_place() -> None:
    found = Traced("steps/k/outputs", {"differences": {"always the same": 0.5, "other": 1.0}})["differences"]
    row = f'<tr><th scope="row">it</th><td>{found["always the same"].html}</td></tr>'
    both = f"<p>{derived('both', *(each for _, each in found.items()))}</p>"
    page = f'<div class="wide"><table><caption>c</caption><tbody>{row}</tbody></table></div>'
    linked, record = linked_to_record([("one", page + both)])
    assert 'href="#record-1"' in linked[0]
    assert [unescape(each) for each in re.findall('"key">(steps[^<]*|&#x27;[^<]*)</dd>', record)] == [
        "'steps/k/outputs/differences/always the same'",
        "'steps/k/outputs/differences/always the same'",
        "steps/k/outputs/differences/other",
    ]
