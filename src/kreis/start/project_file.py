"""The project.py that is written for a table."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kreis.start.leaks import Leak
from kreis.start.profile import Profile
from kreis.start.questions.question import Question
from kreis.start.written import as_python, in_quotes
from kreis.texts import plain

__all__ = ["Asked", "head_of", "project_of", "project_text"]

_ALWAYS = ("BusinessMetric", "Canary", "Drift", "Goal", "Project", "Risk")
_WIDTH = 116
_JUDGING_DAYS = 10


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the person said, as the project says it."""

    name: str
    file: str
    """As written in project.py: relative to the project's folder, or absolute."""
    test: str = ""
    separator: str = ""
    header: bool = True
    outcome: str
    contract: str


def project_text(asked: Asked, profile: Profile, question: Question) -> str:
    """The text of a project that asks the question of the table.

    Args:
        asked: What the person said.
        profile: What was found in the table.
        question: What is to be predicted.
    """
    needed = [*question.imports(of_words=profile.of_words), *(["TimeSplit"] if profile.time else [])]
    parts = [
        head_of(question.asks, needed),
        project_of(asked, question.asks, question.metric),
        _rows(asked, profile, question),
        _split(profile),
        list(question.candidates(of_words=profile.of_words)),
        [
            "# A new model first answers a tenth of the requests, and goes on only if it does not do worse.",
            'project.release(Canary(steps=[0.1, 1.0], hold="1d"))',
            'project.monitor(Drift(), BusinessMetric(), sends_back_to="collection")',
        ],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def head_of(asks: str, needed: Sequence[str], also: Sequence[str] = ()) -> list[str]:
    """The first lines: what is asked, and imports.

    Args:
        asks: The question.
        needed: Names of `kreis` beside those that every project needs.
        also: Lines with other imports.
    """
    imports = sorted({*_ALWAYS, *needed})
    return [f'"""{in_quotes(asks)}"""', "", *also, "from kreis import (", *[f"    {each}," for each in imports], ")"]


def project_of(asked: Asked, asks: str, metric: Sequence[str]) -> list[str]:
    """The lines of the project and its goal.

    Args:
        asked: What the person said.
        asks: The question.
        metric: Lines of the goal's metric.
    """
    metric = [f"        {line}" for line in metric]
    return [
        "project = Project(",
        f"    {as_python(asked.name)},",
        "    goal=Goal(",
        f"        question={as_python(asks)},",
        '        decision="TO BE EDITED: what somebody does differently because of the answer.",',
        *metric,
        "        # By how much, in that unit, a model must beat the best baseline before it may answer.",
        "        better_than_baseline=0.0,",
        '        risk=Risk.minimal(because="TO BE EDITED: what the answer may do to a person"),',
        "    ),",
        ")",
    ]


def _rows(asked: Asked, profile: Profile, question: Question) -> list[str]:
    lines = ["project.rows(", f"    {as_python(asked.file)},", f"    contract={as_python(asked.contract)},"]
    if asked.separator:
        lines.append(f"    separator={as_python(asked.separator)},")
    if not asked.header:
        lines.append("    header=False,")
    if asked.test:
        lines.append(f"    test={as_python(asked.test)},")
    if profile.id is not None:
        lines.append(f"    id={as_python(profile.id)},")
    lines.append(f"    outcome={as_python(asked.outcome)},")
    lines += [f"    {line}" for line in question.arguments]
    if profile.time is not None:
        lines += [
            "    # With their moments, rows are split in time: what is learned is judged on what came after it, as in",
            "    # service. A random split would let a model look into the future, and promise too much.",
            f"    time={as_python(profile.time)},",
        ]
    if profile.of_people:
        listed = ", ".join(map(as_python, profile.of_people))
        lines += [
            "    # To judge by them (results by group, guardrails), and keep them from the model:",
            f"    # judge_by=[{listed}],",
        ]
    return [*lines, *_left_out(profile.leaks, profile), ")"]


def _left_out(leaks: Sequence[Leak], profile: Profile) -> list[str]:
    if not profile.left_out:
        return []
    named = {each.column for each in leaks}
    unfit = {name: reason for name, reason in profile.left_out.items() if name not in named}
    lines = ["    leave_out=["]
    if leaks:
        lines.append(
            "        # Likely leaks. If a column is known at the moment of the decision, remove its line here."
        )
        lines += [line for each in leaks for line in _with_reason(each.column, each.reason)]
    if unfit:
        lines.append("        # Nothing can be learned from these.")
        lines += [line for name, reason in unfit.items() for line in _with_reason(name, reason)]
    return [*lines, "    ],"]


def _with_reason(name: str, reason: str) -> list[str]:
    entry = f"        {as_python(name)},  # {plain(reason)}"
    end = "" if reason.endswith("?") else ":"
    return [entry] if len(entry) <= _WIDTH else [f"        # {plain(reason)}{end}", f"        {as_python(name)},"]


def _split(profile: Profile) -> list[str]:
    if profile.time is None or profile.first is None or profile.last is None:
        return []
    days = max(_JUDGING_DAYS, round((profile.last - profile.first).days / 5))
    return [
        f'project.split(TimeSplit(test="{days}d"))  # the last days judge: a fifth of all, at least {_JUDGING_DAYS}'
    ]
