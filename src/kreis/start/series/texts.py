"""All texts of a project of series but its settings."""

from __future__ import annotations

import json
from datetime import timedelta

from kreis.clock import microseconds
from kreis.start.profile import Profile
from kreis.start.project_file import Asked
from kreis.start.series.found import ALL
from kreis.start.series.project_file import key_of, names_of, project_text, series_contract
from kreis.start.series.question import SeriesQuestion
from kreis.texts import counted, plain

__all__ = ["series_texts"]


def series_texts(asked: Asked, title: str, profile: Profile, question: SeriesQuestion) -> dict[str, str]:
    """What is written, by path.

    Args:
        asked: What the person said.
        title: The file's name.
        profile: What was found in the table.
        question: What is to be forecast.
    """
    columns = [each.name for each in profile.columns]
    return {
        "project.py": project_text(asked, columns, question),
        asked.contract: series_contract(asked, title, profile.columns, question.found),
        "README.md": _readme(asked, profile, question),
    }


def _readme(asked: Asked, profile: Profile, question: SeriesQuestion) -> str:
    found = question.found
    many = f"{counted(found.count, 'series', 'series')}, named by `{plain(found.key)}`" if found.key else "one series"
    told = [
        f"`{plain(asked.outcome)}` is asked for: {plain(question.said)}.",
        f"Time: of {plain(found.times.said)}; {found.first:%Y-%m-%d %H:%M} to {found.last:%Y-%m-%d %H:%M}.",
        f"{many[0].upper()}{many[1:]}, one row every {found.every}.",
        *(f"{plain(each[0].upper() + each[1:])}." for each in profile.warnings),
    ]
    edits = [
        f"**What errors cost** (`metric=` in `project.py`). {plain(question.explained)} The values there"
        " are placeholders.",
        "**What is decided** (`decision=`), and what it may do to a person (`risk=`).",
        "**How far ahead** (`horizons=`), and after how many periods things repeat (`season=`).",
        "**When a value is known** (`known_at`): at once when its period is over, as written.",
    ]
    if found.latest:
        known = f"{counted(len(found.latest), 'column')} of numbers, as they were in the last period"
        edits.append(f"**What else is known** (view `latest`): {known}.")
    edits.append("**The contract**: which values may come, which may be missing.")
    return (
        "\n\n".join(
            [
                f"# {plain(question.asks)}",
                f"Written by `kreis init` from {plain(asked.file)}: {counted(profile.rows, 'row')},"
                f" {counted(len(profile.columns), 'column')}. It is yours: nothing writes over it.",
                "```bash\n"
                "kreis run      # contract, features, candidates, gates, a signed model, a release\n"
                "kreis serve    # answers on http://127.0.0.1:8080\n```",
                "## What was found\n\n" + "\n".join(f"- {each}" for each in told),
                "## What to edit\n\n" + "\n".join(f"{place}. {each}" for place, each in enumerate(edits, 1)),
                "## Ask the service\n\n" + _asking(asked, profile, question),
                "| file | what it says |\n|---|---|\n"
                "| `project.py` | the goal, the table, the series, the candidates, how a model goes live |\n"
                f"| `{asked.contract}` | what a period must look like; what does not is set aside and counted |\n"
                "| `kreis.toml` | settings |",
            ]
        )
        + "\n"
    )


def _asking(asked: Asked, profile: Profile, question: SeriesQuestion) -> str:
    found = question.found
    key = key_of(names_of([each.name for each in profile.columns], found, asked.outcome), found)
    example = next((each.examples[0] for each in profile.columns if each.name == found.key and each.examples), ALL)
    fields = {"horizon": 1, "period": found.ends.isoformat()}
    body = json.dumps({"keys": {key: example}, "fields": fields}, ensure_ascii=False)
    then = microseconds(found.ends + timedelta(minutes=1))
    return (
        "A request names the series, how many periods ahead, and the first moment of the period that is asked"
        " about.\n\n"
        "```bash\ncurl -s localhost:8080/v1/predict -H 'content-type: application/json' \\\n"
        f"  -d '{body.replace(chr(39), chr(39) + chr(92) + chr(39) + chr(39))}'\n"
        "kreis why <the id in the answer>   # model, run, features, source rows, goal\n```\n\n"
        f"The series end at {found.ends:%Y-%m-%d %H:%M}, and a value counts as known only for some time. To ask as of"
        f" then, start `kreis serve --simulated-time` and add `-H 'x-kreis-time: {then}'`."
    )
