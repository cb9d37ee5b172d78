"""A small sample in the layout of the archives, made with a fixed seed: invented numbers, the real files' oddities.

Numbers come as texts, totals fall when the counting changes, the column without a name is there, tags are called "null"
and "nan", a month holds the thread of another year, and a technology (Zig) appears late.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import numpy as np

__all__ = ["into"]

QUARTERS = [(year, quarter) for year in range(2006, 2023) for quarter in (1, 2, 3, 4)]
LANGUAGES = {
    "Python": 11.0, "JavaScript": 10.0, "Java": 11.0, "TypeScript": 0.5, "C++": 7.0, "Go": 1.5, "PHP": 9.0, "C": 6.0,
    "C#": 5.0, "Ruby": 6.0, "Rust": 0.4, "Kotlin": 0.3, "Swift": 1.5, "Scala": 1.6, "R": 0.9, "Elixir": 0.3,
    "HTML": 5.0, "Brainwave": 0.2,
}  # fmt: skip
LEAD = 4
"""Questions run ahead of use by so many quarters: who learns a language asks before they build."""
KINDS = ("push-event", "pull-request", "star-event", "issue-event")


def into(folder: Path, *, quarters: int | None = None, also: dict[str, float] | None = None) -> Path:
    """Write the sample, unless it is there.

    Args:
        folder: Where.
        quarters: Only so many from the beginning.
        also: Languages that come in with the last quarter, with their size.
    """
    if (folder / "complete").is_file():
        return folder
    (folder / "github_events_quarterly").mkdir(parents=True, exist_ok=True)
    (folder / "indeed_job_postings").mkdir(exist_ok=True)
    levels = _levels(np.random.default_rng(11))
    count = len(QUARTERS) if quarters is None else quarters
    rng = np.random.default_rng(12)
    for kind in KINDS:
        _github(folder, kind, levels, count, also or {}, rng)
    _questions(folder, levels, count, rng)
    _ads(folder, levels, rng)
    _tags(folder, rng)
    _postings(folder, rng)
    (folder / "complete").touch()
    return folder


def _levels(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The size of each language, quarter by quarter and a year on: it comes and goes in waves."""
    found = {}
    for name, start in LANGUAGES.items():
        change = np.zeros(len(QUARTERS) + LEAD)
        for at in range(1, len(change)):
            change[at] = 0.5 * change[at - 1] + 0.05 * rng.normal()
        found[name] = start * np.exp(np.cumsum(change))
    return found


def _github(
    folder: Path, kind: str, levels: dict, count: int, also: dict[str, float], rng: np.random.Generator
) -> None:
    rows = []
    for at, (year, quarter) in enumerate(QUARTERS[:count]):
        total = 1_000_000 * (0.4 if year >= 2018 else 1.0)  # counted otherwise from 2018 on
        sizes = {name: level[at] * np.exp(0.01 * rng.normal()) for name, level in levels.items()}
        sizes |= {name: size * np.exp(0.01 * rng.normal()) for name, size in also.items() if at == count - 1}
        whole = sum(sizes.values())
        rows += [
            {"name": name, "year": str(year), "quarter": str(quarter), "count": str(int(total * size / whole))}
            for name, size in sizes.items()
        ]
    (folder / "github_events_quarterly" / f"gh-{kind}.json").write_text(json.dumps(rows, indent=0))


def _questions(folder: Path, levels: dict, count: int, rng: np.random.Generator) -> None:
    lines = ["m,TagName,"]
    for at, (year, quarter) in enumerate(QUARTERS[:count]):
        for month in range(3 * quarter - 2, 3 * quarter + 1):
            answered = 0.3 if (year, month) >= (2022, 11) else 1.0  # assistants answer
            for name, level in levels.items():
                asked = int(60 * level[at + LEAD] * answered * np.exp(0.03 * rng.normal()))
                lines.append(f'"{year}-{month:02}-01 00:00:00","{name.lower()}","{asked}"')
    (folder / "stackoverflow_questions_monthly.csv").write_text("\n".join(lines) + "\n")


def _ads(folder: Path, levels: dict, rng: np.random.Generator) -> None:
    months = [(year, month) for year in (2017, 2018, 2019, 2020) for month in range(1, 13)]
    names, rows = list(levels), []
    for year, month in months:
        said = (2019, 7) if (year, month) == (2018, 7) else (year, month)  # a copy of another thread
        called = np.datetime64(f"{said[0]}-{said[1]:02}").item().strftime("%B %Y")
        seed = np.random.default_rng([13, *said])
        at = min(QUARTERS.index((said[0], (said[1] + 2) // 3)), len(QUARTERS) - 1)
        chances = np.array([levels[name][at] for name in names])
        for number in range(12):
            wanted = seed.choice(names, p=chances / chances.sum())
            text = f"Firm {seed.integers(1, 9_000)} | Remote | Engineer\n\nWe work with {wanted} every day."
            row = {"ad_id": said[0] * 10_000 + said[1] * 100 + number, "month": f"{year}-{month:02}"}
            row |= {
                "thread_title": f"Ask HN: Who is hiring? ({called})",
                "headline": text.splitlines()[0],
                "text": text,
            }
            rows.append(row)
    with gzip.GzipFile(folder / "hn_who_is_hiring.jsonl.gz", "wb", mtime=0) as file:
        file.write("\n".join(map(json.dumps, rows)).encode() + b"\n")


def _tags(folder: Path, rng: np.random.Generator) -> None:
    lines = ["year,tag,number,year_total"]
    for year in range(2008, 2019):
        asked = {tag: int(rng.integers(50, 9_000)) for tag in ("python", "null", "nan", "zig", "java", "docker")}
        lines += [f"{year},{tag},{number},{sum(asked.values())}" for tag, number in asked.items()]
    with gzip.GzipFile(folder / "stackoverflow_tags_yearly.csv.gz", "wb", mtime=0) as file:
        file.write("\n".join(lines).encode() + b"\n")


def _postings(folder: Path, rng: np.random.Generator) -> None:
    days = np.arange("2020-02-01", "2023-01-01", dtype="datetime64[D]")
    for country in ("DE", "US"):
        lines = ["date,jobcountry,indeed_job_postings_index_SA,indeed_job_postings_index_NSA,variable"]
        for variable in ("total postings", "new postings"):
            walk = 100 + np.cumsum(0.5 * rng.normal(size=len(days)))
            lines += [
                f"{day},{country},{index:.2f},{index:.2f},{variable}" for day, index in zip(days, walk, strict=True)
            ]
        (folder / "indeed_job_postings" / f"aggregate_job_postings_{country}.csv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    into(Path(sys.argv[1]))
