"""When an answer may be given again, as a user declares it."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from kreis.errors import ProjectError
from kreis.generative.cache.policy import QuestionPair

__all__ = ["SemanticCache", "read_pairs"]

_COLUMNS = ("answered", "asked", "same")


@dataclass(frozen=True, kw_only=True)
class SemanticCache:
    """Answers are given again once labelled pairs of questions show how seldom that goes wrong; until then it is off.

    Example:

    >>> SemanticCache(pairs="question_pairs.csv", at_most=0.02).seconds
    86400
    """

    pairs: str
    """A CSV file in the project: `answered`, `asked`, and whether they are the `same` question, 1 or 0."""
    at_most: float = 0.01
    """The share of topics of which a question may get another's answer."""
    seconds: int = 86_400
    """How old an answer may be that is given again."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ProjectError: a share that is none, or no time at all.
        """
        if not 0 < self.at_most < 1 or self.seconds < 1:
            said = f"at_most={self.at_most}, seconds={self.seconds}"
            raise ProjectError(said, where="SemanticCache", hint="at_most: between 0 and 1; seconds: 1 or more")


def read_pairs(path: Path) -> list[QuestionPair]:
    """The labelled pairs of a file.

    Raises:
        ProjectError: it is missing, lacks a column, or a label is neither 1 nor 0; says which line.
    """
    hint = "a CSV file with the columns answered, asked and same (1 or 0)"
    if not path.is_file():
        raise ProjectError("there is no such file", where=str(path), hint=hint)
    found = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise ProjectError(f"it lacks the columns {', '.join(missing)}", where=str(path), hint=hint)
        for row in rows:
            if row["same"] not in ("0", "1"):
                said = f"same is {row['same']!r}"
                raise ProjectError(said, where=f"{path}:{rows.line_num}", hint="1: the same question; 0: another")
            found.append(QuestionPair(row["answered"], row["asked"], row["same"] == "1"))
    return found
