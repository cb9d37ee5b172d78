"""The technology radar: its sources and contracts on the sample and on the real archives, its circle and its report."""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest
from tests.end_to_end.test_service import serving

from kreis.collection.contracts.contract import Contract
from kreis.collection.sources import Window

ROOT = Path(__file__).parents[2]
RADAR = ROOT / "examples" / "technology-radar"
REAL = Path(os.environ.get("KREIS_TEST_DATA", ROOT.parent / "shared" / "data")) / "tech_trends"
ALL = Window(None, datetime(2030, 1, 1, tzinfo=UTC))
NAMES = ("github", "questions", "ads", "tags", "postings")


def module(name: str) -> ModuleType:
    """A file of the example, without the others being found by their plain names."""
    spec = importlib.util.spec_from_file_location(f"radar_{name}", RADAR / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made: Path = module("sample").into(tmp_path_factory.mktemp("radar") / "sample", also={"Zig": 4.0})
    return made


def checked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What each contract finds in the data of a folder."""
    monkeypatch.setenv("RADAR_DATA", str(folder))
    sources = module("sources")
    return {
        name: Contract.load(RADAR / "contracts" / f"{name}.yaml").check(getattr(sources, name)(ALL)).report
        for name in NAMES
    }


def test_the_sample_is_always_the_same_and_odd_as_the_archives_are(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = module("sample").into(tmp_path / "again", also={"Zig": 4.0})
    files = sorted(each.relative_to(sample) for each in sample.rglob("*") if each.is_file())
    assert all((sample / each).read_bytes() == (again / each).read_bytes() for each in files)
    found = checked(sample, monkeypatch)
    assert all(each.passed for each in found.values()), [each.verdict for each in found.values()]
    assert found["ads"].by_rule["months_apart: above 0"] == 12
    assert found["tags"].by_rule == {"year: below 2009": 6, "year: above 2017": 6}
    assert any("totals are comparable" in each for each in found["github"].warnings)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"the technology trends are not at {REAL}")
def test_contracts_find_what_is_odd_in_the_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    """The README says which rule finds what."""
    found = checked(REAL, monkeypatch)
    assert all(each.passed for each in found.values()), [each.verdict for each in found.values()]
    good = {name: report.good for name, report in found.items()}
    assert (good["github"], good["questions"]) == (4_257 + 4_259 + 4_068 + 3_416, 2_565)
    assert found["ads"].by_rule == {"month, text: value came before": 1, "months_apart: above 0": 176}
    assert found["tags"].by_rule.keys() == {"year: below 2009", "year: above 2017"}
    assert found["postings"].by_rule == {}
    for name, rule in (
        ("github", "totals are comparable"),
        ("questions", "totals are comparable"),
        ("ads", "texts are posted once"),
    ):
        assert any(rule in each for each in found[name].warnings), name
    sources = module("sources")
    rows = sources.tags(ALL).collect()
    assert rows.filter(pl.col("tag").is_in(["null", "nan"])).height == 22
    twice = pl.struct("jobcountry", "date").is_duplicated().all()
    assert sources.postings(ALL).select(twice).collect().item()


class Archives(BaseHTTPRequestHandler):
    """Answers as the public places do."""

    def do_GET(self) -> None:
        said: Any = {"total": 7}
        if self.path.endswith(".json"):
            said = [{"name": "Go", "year": "2026", "quarter": "1", "count": "5"}]
        elif "/search?" in self.path:
            said = {"hits": [{"title": "Ask HN: Who is hiring? (May 2026)", "objectID": "9"}]}
        elif "/items/" in self.path:
            said = {"children": [{"id": 3, "text": "Firm | Remote<p>We write Go."}, {"id": 4, "text": None}]}
        content = gzip.compress(json.dumps(said).encode())
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


@pytest.fixture
def archives() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Archives)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_archives_are_brought_in_their_layout(archives: str, tmp_path: Path) -> None:
    fetch = module("fetch")
    fetch.PLACES = {"github": archives, "questions": f"{archives}/questions", "ads": archives}
    fetch.into(tmp_path, months=1, until=datetime(2026, 6, 20, tzinfo=UTC))
    assert json.loads((tmp_path / "github_events_quarterly" / "gh-issue-event.json").read_text())[0]["name"] == "Go"
    lines = (tmp_path / "stackoverflow_questions_monthly.csv").read_text().splitlines()
    assert (lines[0], lines[1]) == ("m,TagName,", '"2026-05-01 00:00:00","python","7"')
    with gzip.open(tmp_path / "hn_who_is_hiring.jsonl.gz", "rt") as file:
        first = json.loads(next(iter(file)))
    assert (first["ad_id"], first["month"], first["headline"]) == (3, "2026-05", "Firm | Remote")


def test_what_cannot_be_reached_stays_as_it_is(tmp_path: Path) -> None:
    fetch = module("fetch")
    fetch.PLACES = dict.fromkeys(fetch.PLACES, "http://127.0.0.1:9")
    (tmp_path / "stackoverflow_questions_monthly.csv").write_text("as it was")
    fetch.into(tmp_path, months=1)
    assert (tmp_path / "stackoverflow_questions_monthly.csv").read_text() == "as it was"


class Radar:
    """A copy of the example with the sample, and what is run in it."""

    def __init__(self, shop: Any) -> None:
        self.shop = shop

    def script(self, *arguments: str) -> str:
        environment = {name: each for name, each in self.shop.environment().items() if not name.startswith("RADAR_")}
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.shop.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def radar(tmp_path_factory: pytest.TempPathFactory, new_shop: Any, sample: Path) -> Radar:
    """Two circles, a quarter apart; Zig comes in with the second."""
    shop = new_shop(tmp_path_factory.mktemp("circles") / "radar", like=RADAR)
    found = Radar(shop)
    (shop.folder / "data").mkdir(exist_ok=True)
    (shop.folder / "data" / "sample").symlink_to(sample)
    shop.run("run", "--as-of", "2022-11-01")
    found.script("report.py")
    shop.run("run", code=10)  # no better model after a quarter: the one in service stays
    found.script("report.py")
    return found


@pytest.mark.slow
def test_the_report_says_what_to_choose_how_sure_it_is_and_what_changed(radar: Radar) -> None:
    page = (radar.shop.folder / "report.html").read_text()
    assert re.search(r"<b>Build on \w+\S*</b> With a probability of (\d+|over 99)% it is among the 3 most used", page)
    assert re.search(r"expected regret: [\d.]+ hours a developer and year \([\d.]+ to [\d.]+\)", page)
    assert re.search(r"With a probability of (\d+|under 1|over 99)% another one turns out better", page)
    assert "Zig is new on the radar." in page
    assert page.count("<svg") == 2
    assert "Names that nobody has mapped yet: Brainwave" in page
    assert not re.search(r'(src|href)="http', page), "it needs something outside"


@pytest.mark.slow
def test_a_technology_that_appears_later_is_picked_up(radar: Radar) -> None:
    first, second = (json.loads(each.read_text()) for each in sorted((radar.shop.folder / "reports").glob("*.json")))
    assert (first["origin"], second["origin"]) == ("2022-10-21", "2023-01-21")
    new = {each["name"] for each in second["technologies"]} - {each["name"] for each in first["technologies"]}
    assert new == {"Zig"}
    zig = next(each for each in second["technologies"] if each["name"] == "Zig")
    assert zig["ahead"][3][1] == pytest.approx(zig["last"], rel=0.5)


@pytest.mark.slow
def test_a_forecast_is_served_as_the_report_has_it(radar: Radar) -> None:
    asked = {"keys": {"technology": "Java"}, "fields": {"horizon": 4, "period": "2023-10-01T00:00:00Z"}}
    at = datetime(2023, 1, 21, tzinfo=UTC)
    with serving(radar.shop) as service:
        answer = service.post("/v1/predict", {**asked, "reference": "Java 2023-01-21T00:00 +4"}, at=at)
    last = json.loads((radar.shop.folder / "reports" / "2023-01-21.json").read_text())
    java = next(each for each in last["technologies"] if each["name"] == "Java")
    assert answer["score"] == pytest.approx(java["ahead"][3][1], rel=0.02)  # the median of what may happen
    radar.shop.run("watch", "--once")
    parity = radar.shop.document("parity")
    assert (parity["ok"], parity["differences"], parity["rows"]) == (True, 0, 1)


@pytest.mark.slow
def test_later_periods_score_the_report(radar: Radar, sample: Path) -> None:
    (radar.shop.folder / "reports" / "2023-01-21.json").rename(radar.shop.folder / "later.json")
    said = radar.script("score_later.py", str(sample))
    (radar.shop.folder / "later.json").rename(radar.shop.folder / "reports" / "2023-01-21.json")
    assert re.search(r"2022 Q4, 1 ahead: off by [\d.]+ points on average, [\d.]+ of the last value's; \d+ of 16", said)
    assert "2023 Q1, 2 ahead: not known yet" in said
