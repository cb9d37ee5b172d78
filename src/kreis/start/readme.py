"""The README that is written for a table's project."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

import polars as pl

from kreis.rows.columns import as_identifiers
from kreis.start.columns import Column
from kreis.start.profile import Profile
from kreis.start.project_file import Asked
from kreis.start.questions.question import Question
from kreis.texts import counted, plain

__all__ = ["readme_text"]

_SHOWN = 8


def readme_text(asked: Asked, profile: Profile, question: Question, frame: pl.DataFrame) -> str:
    """What to read first: what was found, what to edit, what to do next."""
    return (
        "\n\n".join(
            [
                f"# {plain(question.asks)}",
                f"Written by `kreis init` from {plain(asked.file)}:"
                f" {counted(profile.rows, 'row')}, {counted(len(profile.columns), 'column')}. It is yours:"
                " nothing writes over it.",
                "```bash\n"
                "kreis run      # contract, features, candidates, gates, a signed model, a release\n"
                "kreis serve    # answers on http://127.0.0.1:8080\n"
                f"kreis predict {shlex.quote(asked.test or asked.file)}    # or answer a whole file\n```",
                "## What was found\n\n" + "\n".join(f"- {each}" for each in _found(profile)),
                "## What to edit\n\n"
                + "\n".join(f"{place}. {each}" for place, each in enumerate(_edits(profile, question), 1)),
                "## Ask the service\n\n" + _asking(profile, frame),
                "| file | what it says |\n|---|---|\n"
                "| `project.py` | the goal, the table, the candidates, how a model goes live |\n"
                f"| `{asked.contract}` | what a row must look like; what does not is set aside and counted |\n"
                "| `kreis.toml` | settings |",
            ]
        )
        + "\n"
    )


def _found(profile: Profile) -> list[str]:
    found = [f"`{profile.outcome}` is asked for: {plain(profile.question)}."]
    strong = [f"`{name}` {value:.2f}" for name, value in list(profile.strengths.items())[:3]]
    if strong:
        found.append(
            f"Columns that tell it best alone ({profile.strength_is}, 0.5 is nothing, 1 all): {', '.join(strong)}."
        )
    found += [f"Likely leak: `{each.column}`: {plain(each.reason)}" for each in profile.leaks]
    unfit = {name: why for name, why in profile.left_out.items() if name not in {each.column for each in profile.leaks}}
    found += [f"Left out: `{name}`: {plain(why)}." for name, why in unfit.items()]
    if profile.id:
        found.append(f"`{profile.id}` names the rows.")
    if profile.duplicates:
        found.append(f"{counted(profile.duplicates, 'row repeats', 'rows repeat')} another one in every column.")
    if profile.time:
        found.append(f"`{profile.time}` says when: {profile.first:%Y-%m-%d} to {profile.last:%Y-%m-%d}.")
    return found + [f"{plain(each[0].upper() + each[1:])}." for each in profile.warnings]


def _edits(profile: Profile, question: Question) -> list[str]:
    edits = [
        f"**What decisions are worth** (`metric=` in `project.py`). {plain(question.explained)} The values there are"
        " placeholders.",
        "**What is decided** (`decision=`), and what it may do to a person (`risk=`).",
    ]
    if profile.leaks:
        edits.append("**Likely leaks** (`leave_out=`): keep out what is not known at the moment of the decision.")
    if profile.of_people:
        named = ", ".join(f"`{plain(each)}`" for each in profile.of_people)
        edits.append(
            f"**Whether anybody is treated worse**: {named} are features now. `judge_by=` takes them from the model,"
            " shows results by group, and lets guardrails look."
        )
    if not profile.time:
        edits.append(
            "**Times**, if there are any: `time=` names the column with the moment of a row. Rows are then split in"
            " time, so that nothing is judged by what came before it."
        )
    edits.append("**The contract**: which values may come, which columns may be missing.")
    return edits


def _asking(profile: Profile, frame: pl.DataFrame) -> str:
    fields = as_identifiers([each.name for each in profile.columns])
    out = {profile.outcome, profile.id, profile.time, *profile.left_out}
    sent = {fields[each.name]: _usual(each, frame) for each in profile.columns if each.name not in out}
    body = json.dumps({"fields": _first(sent)}, ensure_ascii=False, default=str)
    more = (
        "" if len(sent) <= _SHOWN else f"\n\nThere are {len(sent) - _SHOWN} fields more; what is not sent is missing."
    )
    return (
        "```bash\ncurl -s localhost:8080/v1/predict -H 'content-type: application/json' \\\n"
        f"  -d '{body.replace(chr(39), chr(39) + chr(92) + chr(39) + chr(39))}'\n"
        "kreis why <the id in the answer>   # model, run, features, source rows, goal\n```" + more
    )


def _first(sent: Mapping[str, object]) -> dict[str, object]:
    return dict(list(sent.items())[:_SHOWN])


def _usual(column: Column, frame: pl.DataFrame) -> object:
    """The most frequent value, or the middle of numbers: of nobody in particular."""
    if column.kind in ("integer", "number"):
        middle = frame[column.name].drop_nulls().quantile(0.5, "lower")
        return int(middle) if middle is not None and column.kind == "integer" else middle
    if column.kind == "boolean":
        return column.examples[:1] == ["true"]
    return column.examples[0] if column.examples else None
