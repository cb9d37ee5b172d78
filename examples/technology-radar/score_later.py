"""How the last report's forecasts did: `python score_later.py FOLDER`, where FOLDER holds later periods.

FOLDER has the layout of the archives (or the GitHub files themselves); what lies before the report counts for nothing.
It prints, quarter by quarter, how far forecasts were off beside the last value, how many lay in their interval, and,
once four quarters have passed, which technologies were best and what the choice cost.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl

HERE = Path(__file__).parent
KINDS = ("gh-push-event", "gh-pull-request", "gh-star-event", "gh-issue-event")
BEST = 3


def main(folder: Path) -> list[str]:
    """What to say."""
    reports = sorted((HERE / "reports").glob("*.json"))
    if not reports:
        return ["there is no report yet: kreis run, then python report.py"]
    report = json.loads(reports[-1].read_text())
    shares = later_shares(folder)
    ended = pl.Series([report["origin"]]).str.to_date().dt.truncate("1q")[0]  # the quarter that the report was made in
    said = [f"Report of {report['origin']}: the choice was {report['technologies'][0]['name']}, by {report['method']}."]
    for ahead in range(1, len(report["technologies"][0]["ahead"]) + 1):
        quarter = pl.Series([ended]).dt.offset_by(f"{ahead - 1}q")[0]
        came = dict(shares.filter(pl.col("quarter") == quarter).select("technology", "share").iter_rows())
        said.append(_quarter(report, came, ahead, f"{quarter:%Y} Q{(quarter.month + 2) // 3}"))
        if ahead == len(report["technologies"][0]["ahead"]) and came:
            said += _choice(report, came)
    return said


def later_shares(folder: Path) -> pl.DataFrame:
    """Each technology's share in per cent, by quarter, as `project.py` has it."""
    inside = folder / "github_events_quarterly"
    files = [(inside if inside.is_dir() else folder) / f"{kind}.json" for kind in KINDS]
    if not (there := [each for each in files if each.is_file()]):
        raise SystemExit(f"{folder} holds none of {', '.join(f'{kind}.json' for kind in KINDS)}")
    mapped = pl.read_csv(HERE / "mapping.csv").filter(pl.col("source") == "github", pl.col("technology").is_not_null())
    parts = [pl.DataFrame(json.loads(each.read_bytes())).with_columns(kind=pl.lit(each.stem)) for each in there]
    events = pl.concat(parts).with_columns(pl.col("year", "quarter", "count").cast(pl.Int64))
    events = events.with_columns(quarter=pl.date("year", pl.col("quarter") * 3 - 2, 1))
    share = 100 * pl.col("count") / pl.col("count").sum().over("kind", "quarter")
    named = events.with_columns(share=share, kinds=pl.col("kind").n_unique().over("quarter")).join(mapped, on="name")
    return named.group_by("technology", "quarter").agg(share=pl.col("share").sum() / pl.col("kinds").first())


def _quarter(report: dict[str, Any], came: dict[str, float], ahead: int, name: str) -> str:
    known = [each for each in report["technologies"] if each["name"] in came]
    if not known:
        return f"{name}, {ahead} ahead: not known yet"
    off = [abs(each["ahead"][ahead - 1][1] - came[each["name"]]) for each in known]
    plain = [abs(each["last"] - came[each["name"]]) for each in known]
    inside = [each["ahead"][ahead - 1][0] <= came[each["name"]] <= each["ahead"][ahead - 1][2] for each in known]
    scaled = f"{sum(off) / sum(plain):.3f} of the last value's" if sum(plain) else "the last value was right"
    said = f"{name}, {ahead} ahead: off by {sum(off) / len(off):.3f} points on average, {scaled}"
    return f"{said}; {sum(inside)} of {len(inside)} in the interval"


def _choice(report: dict[str, Any], came: dict[str, float]) -> list[str]:
    chosen, hours = report["technologies"][0], report["hours_per_point"]
    order = sorted(came, key=lambda name: -came[name])
    place = order.index(chosen["name"]) + 1 if chosen["name"] in order else len(order) + 1
    regret = hours * (came[order[0]] - came.get(chosen["name"], 0.0))
    low, high = chosen["regret_interval"]
    return [
        f"Best after four quarters: {', '.join(f'{name} ({came[name]:.2f}%)' for name in order[:BEST])}.",
        f"{chosen['name']} came {place}. ({chosen['among_best']:.0%} was said for the first {BEST});"
        f" regret {regret:.1f} hours a developer and year ({chosen['regret']:.1f} expected, {low:.1f} to {high:.1f}).",
    ]


if __name__ == "__main__":
    sys.stdout.write("\n".join(main(Path(sys.argv[1]))) + "\n")
