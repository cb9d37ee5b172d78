"""Brings the archives from the network, in the layout that `sources.py` reads: `python fetch.py FOLDER`.

GitHub events come from the quarterly counts of the project githut (made from GH Archive), questions from the API of
Stack Exchange, job advertisements from the search API of Hacker News. What cannot be reached stays as it is.
"""

from __future__ import annotations

import gzip
import json
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import polars as pl

__all__ = ["PLACES", "into"]

PLACES = {
    "github": "https://raw.githubusercontent.com/madnight/githut/master/src/data",
    "questions": "https://api.stackexchange.com/2.3/questions",
    "ads": "https://hn.algolia.com/api/v1",
}
"""Where each is; tests put their own there."""
FILES = ("gh-push-event", "gh-pull-request", "gh-star-event", "gh-issue-event")


def into(folder: Path, *, months: int = 36, until: datetime | None = None) -> Path:
    """Bring all of it.

    Args:
        folder: Where to.
        months: How many of questions and advertisements, counted back from the present.
        until: The present.
    """
    end = (until or datetime.now(UTC)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    starts = [_months_before(end, back) for back in range(months, 0, -1)]
    for name, write in (("github", _github), ("questions", _questions), ("ads", _ads)):
        try:
            write(folder, starts)
        except OSError as error:
            logging.warning("%s cannot be reached (%s): what is there already stays", name, error)
    return folder


def _github(folder: Path, starts: list[datetime]) -> None:
    (folder / "github_events_quarterly").mkdir(parents=True, exist_ok=True)
    for file in FILES:
        rows = _get(f"{PLACES['github']}/{file}.json")
        (folder / "github_events_quarterly" / f"{file}.json").write_text(json.dumps(rows))


def _questions(folder: Path, starts: list[datetime]) -> None:
    mapping = pl.read_csv(Path(__file__).parent / "mapping.csv").filter(pl.col("source") == "questions")
    lines = ["m,TagName,"]
    for start in starts:
        for tag in mapping["name"]:
            asked = {"site": "stackoverflow", "tagged": tag, "filter": "total"}
            asked |= {"fromdate": int(start.timestamp()), "todate": int(_months_before(start, -1).timestamp())}
            count = _get(f"{PLACES['questions']}?{urlencode(asked)}")["total"]
            lines.append(f'"{start:%Y-%m-%d %H:%M:%S}","{tag}","{count}"')
    (folder / "stackoverflow_questions_monthly.csv").write_text("\n".join(lines) + "\n")


def _ads(folder: Path, starts: list[datetime]) -> None:
    rows = []
    for start in starts:
        called = f"Ask HN: Who is hiring? ({start:%B %Y})"
        asked = urlencode({"query": called, "tags": "story,author_whoishiring"})
        threads = [each for each in _get(f"{PLACES['ads']}/search?{asked}")["hits"] if each["title"] == called]
        for thread in threads[:1]:
            for post in _get(f"{PLACES['ads']}/items/{thread['objectID']}")["children"]:
                text = post.get("text") or ""
                row = {"ad_id": post["id"], "month": f"{start:%Y-%m}", "thread_title": called}
                rows.append(row | {"headline": text.partition("<p>")[0][:200], "text": text})
    with gzip.open(folder / "hn_who_is_hiring.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def _months_before(moment: datetime, months: int) -> datetime:
    ordinal = 12 * moment.year + moment.month - 1 - months
    return moment.replace(year=ordinal // 12, month=ordinal % 12 + 1)


def _get(url: str) -> Any:
    with urlopen(url, timeout=30) as answer:
        content = answer.read()
    return json.loads(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)


if __name__ == "__main__":
    into(Path(sys.argv[1]))
