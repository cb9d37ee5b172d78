"""The goal: a decision, what it is worth, what must not suffer, how well the service must run."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from kreis.digests import digest_of_document
from kreis.errors import ProjectError
from kreis.requirements.metric import DecisionValue

__all__ = ["Goal", "Guardrail", "Risk", "ServiceLevels"]


class Guardrail(msgspec.Struct, frozen=True):
    """A metric that must stay within bounds, overall or in each group of a column (`by`)."""

    metric: str
    at_least: float | None = msgspec.field(default=None)
    at_most: float | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ProjectError(
                "a guardrail needs either at_least or at_most",
                where=f"Guardrail({self.metric!r})",
                hint=f'write Guardrail("{self.metric}", at_least=0.4)',
            )


class ServiceLevels(msgspec.Struct, frozen=True, kw_only=True):
    """What the service promises."""

    p99_ms: float = 50.0
    """99th percentile of the time to answer, in milliseconds."""
    availability: float = 0.999
    """Share of requests answered without a server error."""


class Risk(msgspec.Struct, frozen=True):
    """The risk class under the EU AI Act (Regulation 2024/1689, articles 5, 6 and 50), and why."""

    level: Literal["minimal", "limited", "high"]
    because: str

    @classmethod
    def minimal(cls, *, because: str) -> Risk:
        """No obligations beyond good practice."""
        return cls("minimal", because)

    @classmethod
    def limited(cls, *, because: str) -> Risk:
        """Transparency obligations."""
        return cls("limited", because)

    @classmethod
    def high(cls, *, because: str) -> Risk:
        """An annex III use: documentation, human oversight and approval are required."""
        return cls("high", because)


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """What the project is for. Written once; evaluation, canary and monitoring use it as it stands."""

    question: str
    decision: str
    metric: DecisionValue
    better_than_baseline: float = 0.0
    """By how much, in the metric's unit, a model must beat the best baseline."""
    guardrails: list[Guardrail] = []
    service: ServiceLevels = ServiceLevels()
    risk: Risk = Risk("minimal", "not assessed")

    def __post_init__(self) -> None:
        for name in ("question", "decision"):
            if not getattr(self, name).strip():
                raise ProjectError(f"the goal's {name} is empty", where="Goal", hint="say it in one sentence")

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document."""
        return {**msgspec.to_builtins(self), "metric": self.metric.to_document()}

    @property
    def digest(self) -> str:
        """The goal's name in the ledger: the SHA-256 of its document."""
        return digest_of_document(self.to_document())
