"""Reports of real data in a browser: at two widths, printed, and heard as a screen reader would (axe-core)."""

from __future__ import annotations

import gzip
import html
import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("KREIS_TEST_DATA", ROOT.parent / "shared" / "data"))
ADULT, BIKES = DATA / "adult_census", DATA / "bike_sharing" / "bike_rental_hourly.csv.gz"
BROWSER = next(
    (found for each in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(each))), ""
)
AXE = importlib.util.find_spec("axe_core_python")

pytestmark = [
    pytest.mark.skipif(not (ADULT.is_dir() and BIKES.is_file()), reason=f"the Adult or bike data are not at {DATA}"),
    pytest.mark.skipif(not BROWSER, reason="there is no Chromium"),
    pytest.mark.skipif(AXE is None, reason="axe-core-python is not installed"),
    pytest.mark.slow,
]

ASKS = """
<script>{axe}</script>
<script>
axe.run(document, {{resultTypes: ["violations"]}}).then(found => {{
  const told = document.createElement("pre");
  told.id = "axe";
  told.textContent = JSON.stringify(found.violations.map(each => ({{id: each.id, impact: each.impact,
    nodes: each.nodes.map(node => node.html.slice(0, 200))}})));
  document.body.appendChild(told);
  document.body.dataset.wide = String(document.documentElement.scrollWidth);
}});
</script>
"""


def adult(folder: Path, new_shop: Any) -> Any:
    """Adult, judged by sex and race, on its own test rows."""
    folder.mkdir()
    for part in ("train", "test"):
        told = gzip.decompress((ADULT / f"adult_{part}.csv.gz").read_bytes()).decode()
        (folder / f"{part}.csv").write_text("".join(line.rstrip(".\n") + "\n" for line in told.splitlines()))
    shop = new_shop.__self__  # the class of projects
    made = shop(folder)
    made.run("init", "adult", "--file", "train.csv", "--test", "test.csv", "--predict", "income")
    made = shop(folder / "adult")
    made.edit('    # judge_by=["age", "race", "sex", "native_country"],', '    judge_by=["sex", "race"],')
    made.run("run")
    return made


def bikes(folder: Path, new_shop: Any) -> Any:
    """Bike sharing, as the example declares it."""
    made = new_shop(folder, like=ROOT / "examples" / "bikes")
    (made.folder / "data").mkdir(exist_ok=True)
    (made.folder / "data" / "rentals.csv").write_bytes(gzip.decompress(BIKES.read_bytes()))
    made.run("run")
    return made


@pytest.fixture(scope="module", params=[adult, bikes], ids=["adult", "bikes"])
def page(request: Any, tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Path:
    """A report that was really made."""
    folder = tmp_path_factory.mktemp(request.param.__name__)
    shop = request.param(folder / "project", new_shop)
    shop.run("report", "--html", str(folder / "report.html"))
    return folder / "report.html"


def browse(page: Path, *arguments: str) -> str:
    """What Chromium prints."""
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent / 'browser'}"]
    done = subprocess.run(
        [*command, *arguments, page.as_uri()], capture_output=True, text=True, check=False, timeout=120
    )
    return done.stdout


@pytest.mark.parametrize("width", [390, 1280])
def test_report_can_be_read_and_heard_at_each_width(page: Path, width: int) -> None:
    assert AXE is not None
    assert AXE.origin is not None
    axe = (Path(AXE.origin).parent / "axe.min.js").read_text()
    tested = page.with_name(f"axe-{width}.html")
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
    tested.write_text(policy.sub("", page.read_text()).replace("</body>", ASKS.format(axe=axe) + "</body>"))
    told = browse(tested, f"--window-size={width},2000", "--virtual-time-budget=60000", "--dump-dom")
    found = re.search(r'<pre id="axe">(.*?)</pre>', told, re.S)
    assert found is not None, "axe said nothing"
    violations = json.loads(html.unescape(found[1]))
    assert [each for each in violations if each["impact"] in ("serious", "critical")] == []
    wide = re.search(r'data-wide="(\d+)"', told)
    assert wide is not None
    assert int(wide[1]) <= max(width, 500), "the page itself never moves sideways (a window has 500 at least)"


def test_report_can_be_printed(page: Path) -> None:
    printed = page.with_suffix(".pdf")
    browse(page, f"--print-to-pdf={printed}", "--no-pdf-header-footer")
    assert printed.read_bytes().startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes())) >= 2
