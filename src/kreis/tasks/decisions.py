"""How a raw output becomes a decision: data in a package, the same in evaluation, service, canary and monitoring."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Floats
from kreis.errors import ProjectError

__all__ = ["Cut", "Decision", "Identity", "Shift", "decision_of"]

Scores: TypeAlias = npt.NDArray[np.floating[Any]]


class Cut(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="rule", tag="cut"):
    """Yes from a score on."""

    at: float
    """Yes where score >= at."""

    def __post_init__(self) -> None:
        _check_number("the threshold", self.at, endless=True)

    def one(self, score: float) -> bool:
        """The decision on one row."""
        return score >= self.at

    def many(self, scores: Scores) -> Booleans:
        """The decisions on rows, shape (n,); compared as the service does: a float64 threshold."""
        decided: Booleans = scores.astype(np.float64) >= self.at
        return decided

    def said(self, outcome: str = "") -> str:
        """In words, after "decides"; `outcome` names what is predicted."""
        return f"yes{f' ({outcome})' if outcome else ''} from a score of {self.at:.4g}"

    def schema(self, outcome: str) -> dict[str, Any]:
        """Of a decision in an answer, as JSON Schema."""
        return {"type": "boolean", "description": f"true says: {outcome}"}


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="rule", tag="identity"):
    """The score itself."""

    def one(self, score: float) -> float:
        """The decision on one row."""
        return score

    def many(self, scores: Scores) -> Floats:
        """The decisions on rows, shape (n,)."""
        return scores.astype(np.float64)

    def said(self, outcome: str = "") -> str:
        """In words, after "decides"; `outcome` names what is predicted."""
        return f"{outcome}: the score itself" if outcome else "the score itself"

    def schema(self, outcome: str) -> dict[str, Any]:
        """Of a decision in an answer, as JSON Schema."""
        return {"type": "number", "description": f"{outcome}, as predicted"}


class Shift(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="rule", tag="shift"):
    """The score and something more, or less: where errors to one side cost more than errors to the other."""

    by: float

    def __post_init__(self) -> None:
        _check_number("the shift", self.by)

    def one(self, score: float) -> float:
        """The decision on one row."""
        return score + self.by

    def many(self, scores: Scores) -> Floats:
        """The decisions on rows, shape (n,)."""
        shifted: Floats = scores.astype(np.float64) + self.by
        return shifted

    def said(self, outcome: str = "") -> str:
        """In words, after "decides"; `outcome` names what is predicted."""
        shifted = f"the score {'-' if self.by < 0 else '+'} {abs(self.by):.4g}"
        return f"{outcome}: {shifted}" if outcome else shifted

    def schema(self, outcome: str) -> dict[str, Any]:
        """Of a decision in an answer, as JSON Schema."""
        return {"type": "number", "description": f"{outcome}: what is best for the goal, given the prediction in score"}


Decision: TypeAlias = Cut | Identity | Shift


def decision_of(document: Any) -> Decision:
    """The inverse of `msgspec.to_builtins`; a bare number is a threshold, as versions before 0.2 wrote it."""
    if isinstance(document, int | float):
        return Cut(float(document))
    found: Decision = msgspec.convert(document, type=Cut | Identity | Shift)
    return found


def _check_number(what: str, value: float, *, endless: bool = False) -> None:
    if math.isnan(value) or not (endless or math.isfinite(value)):
        raise ProjectError(f"{what} is not a number", where="decision")
