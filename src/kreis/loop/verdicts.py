"""What a discipline concludes: go on, go back, wait for a person, or stop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from kreis.disciplines import Discipline

__all__ = ["Advance", "Fail", "Hold", "Kind", "SendBack", "Verdict", "in_words", "reason_of", "warnings_of"]

Kind = Literal["advance", "send_back", "hold", "fail"]


@dataclass(frozen=True, kw_only=True)
class Advance:
    """Done; the next discipline may begin."""

    kind: ClassVar[Kind] = "advance"

    summary: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SendBack:
    """An earlier discipline, or this one, has to do better first."""

    kind: ClassVar[Kind] = "send_back"

    to: Discipline
    reason: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Hold:
    """A person has to say yes first."""

    kind: ClassVar[Kind] = "hold"

    needs: str
    reason: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Fail:
    """It cannot go on at all."""

    kind: ClassVar[Kind] = "fail"

    reason: str
    detail: dict[str, Any] = field(default_factory=dict)


Verdict: TypeAlias = Advance | SendBack | Hold | Fail


def reason_of(verdict: Verdict) -> str:
    """Why, as it stands on record."""
    match verdict:
        case Advance():
            return verdict.summary
        case Hold():
            return f"{verdict.reason} (needs {verdict.needs})"
    return verdict.reason


def in_words(verdict: Verdict) -> str:
    """A verdict in one line."""
    match verdict:
        case Advance():
            return verdict.summary
        case SendBack():
            return f"back to {verdict.to}: {verdict.reason}"
        case Hold():
            return f"waits for {verdict.needs}: {verdict.reason}"
        case Fail():
            return verdict.reason


def warnings_of(verdict: Verdict) -> list[str]:
    """What a person should know although it stops nothing: the `warnings` of the verdict's detail."""
    return list(verdict.detail.get("warnings", ()))
