"""The goal: a decision, what it is worth, what must not suffer, how well the service must run."""

from __future__ import annotations

import math
from types import MemberDescriptorType
from typing import Any, Literal, get_args, overload

import msgspec

from kreis.digests import digest_of_document
from kreis.errors import ProjectError
from kreis.tasks.goal_metric import GoalMetric, task_of
from kreis.tasks.task import Task

__all__ = ["Goal", "Guardrail", "Risk", "ServiceLevels"]

RiskLevel = Literal["minimal", "limited", "high"]


class Guardrail(msgspec.Struct, frozen=True):
    """A metric that must stay within bounds, overall or in each group of a column (`by`).

    Example:

    >>> Guardrail("recall", at_least=0.4, by="origin").by
    'origin'
    """

    metric: str
    at_least: float | None = msgspec.field(default=None)
    at_most: float | None = None
    by: str | None = None
    least: int | None = None
    """Rows that must count towards the metric, in each group, before it is judged; the goal's if not given."""

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ProjectError(
                "a guardrail needs either at_least or at_most",
                where=f"Guardrail({self.metric!r})",
                hint=f'write Guardrail("{self.metric}", at_least=0.4)',
            )
        if not math.isfinite(self.bound):
            raise ProjectError("a guardrail's bound is not finite", where=f"Guardrail({self.metric!r})")
        if self.least is not None and self.least < 1:
            raise ProjectError(f"least is {self.least}", where=f"Guardrail({self.metric!r})", hint="1 row or more")

    @property
    def bound(self) -> float:
        """The bound, whichever side it is on."""
        return self.at_least if self.at_least is not None else self.at_most or 0.0

    def holds(self, value: float) -> bool:
        """Whether a value of the metric is within the bound; an unknown value (NaN) is not."""
        return value >= self.bound if self.at_least is not None else value <= self.bound


class ServiceLevels(msgspec.Struct, frozen=True, kw_only=True):
    """What the service promises.

    Example:

    >>> ServiceLevels(p99_ms=20, availability=0.999).p99_ms
    20
    """

    p99_ms: float = 50.0
    """99th percentile of the time to answer, in milliseconds."""
    availability: float = 0.999
    """Share of requests answered without a server error."""
    memory_mb: float | None = None
    """Memory that a process may need to hold and run the model, in megabytes; no limit, if not given."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.p99_ms) and self.p99_ms > 0):
            raise ProjectError(f"p99_ms is {self.p99_ms}", where="ServiceLevels", hint="milliseconds above 0")
        if not 0 < self.availability <= 1:
            hint = "a share: 0.999 for 99.9%"
            raise ProjectError(f"availability is {self.availability}", where="ServiceLevels", hint=hint)
        if self.memory_mb is not None and not (math.isfinite(self.memory_mb) and self.memory_mb > 0):
            raise ProjectError(f"memory_mb is {self.memory_mb}", where="ServiceLevels", hint="megabytes above 0")


class Risk(msgspec.Struct, frozen=True):
    """The risk class under the EU AI Act (Regulation 2024/1689, articles 5, 6 and 50), and why.

    Example:

    >>> Risk.minimal(because="asks a question, refuses nobody anything").level
    'minimal'
    """

    level: RiskLevel
    because: str

    def __post_init__(self) -> None:
        levels = get_args(RiskLevel)
        if self.level not in levels:
            raise ProjectError.unknown_name("risk class", self.level, levels, where="Risk")
        if not self.because.strip():
            hint = "say in one sentence why: an auditor will ask"
            raise ProjectError("the risk class has no reason", where="Risk", hint=hint)

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


class _Asked:
    """`Goal.task`: a name, or nothing, is what is written; the task is what is read."""

    def __init__(self, name: MemberDescriptorType) -> None:
        self._name = name

    @overload
    def __get__(self, goal: None, kind: type) -> _Asked: ...
    @overload
    def __get__(self, goal: Goal, kind: type) -> Task: ...
    def __get__(self, goal: Goal | None, kind: type) -> Task | _Asked:
        return self if goal is None else task_of(goal.metric, self._name.__get__(goal))

    def __set__(self, goal: Goal, name: str | None) -> None:
        """A goal is frozen; only type checkers look at this: it says what may be written."""
        raise AttributeError(f"immutable type: {type(goal).__name__!r}")


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """What the project is for. Written once; evaluation, canary and monitoring use it as it stands.

    Example:

    >>> from kreis import DecisionValue
    >>> goal = Goal(
    ...     question="Will this order be returned?",
    ...     decision="Ask the customer to check the size.",
    ...     metric=DecisionValue("EUR per 1,000 orders", true_positive=6.0, false_positive=-1.5),
    ...     better_than_baseline=50,
    ... )
    >>> goal.least
    30
    """

    question: str
    decision: str
    metric: GoalMetric
    """What decisions are worth."""
    task: _Asked = None  # type: ignore[assignment]
    """The kind of question: the metric's own, or another that it fits, by its name ("anomaly detection")."""
    better_than_baseline: float = 0.0
    """By how much, in the metric's unit, a model must beat the best baseline."""
    guardrails: list[Guardrail] = []
    service: ServiceLevels = ServiceLevels()
    risk: Risk = Risk("minimal", "not assessed")
    favourable: Literal["positive", "negative"] | None = None
    """Which decision is good for the person concerned: "negative" where yes means *refuse credit*. Fairness metrics
    compare the shares of favourable decisions."""
    least: int = 30
    """Rows of the rarer outcome (of a share: rows that it is a share of) before a gate judges by them."""
    replaced_in_vain: float = 0.1
    """How likely a challenger that is no better than the champion may replace it within a year, all comparisons of
    the year taken together."""

    def __post_init__(self) -> None:
        for name in ("question", "decision"):
            if not getattr(self, name).strip():
                raise ProjectError(f"the goal's {name} is empty", where="Goal", hint="say it in one sentence")
        self.metric.check()
        _ = self.task  # raises where the metric does not fit it
        if not (math.isfinite(self.better_than_baseline) and self.better_than_baseline >= 0):
            message = f"better_than_baseline is {self.better_than_baseline}"
            raise ProjectError(message, where="Goal", hint="0 or more, in the metric's unit")
        if self.least < 1:
            raise ProjectError(f"least is {self.least}", where="Goal", hint="1 row or more")
        if not 0 < self.replaced_in_vain < 1:
            message = f"replaced_in_vain is {self.replaced_in_vain}"
            raise ProjectError(message, where="Goal", hint="a chance per year: 0.1 for 10%")
        self._check_guardrails()

    @property
    def named(self) -> str | None:
        """The task's name, where it does not follow from the metric."""
        return None if self.task == self.metric.task else self.task.name

    def _check_guardrails(self) -> None:
        if self.favourable is not None and not self.task.across:
            message = f"favourable={self.favourable!r}, but no decision of {self.task.name} is the favourable one"
            raise ProjectError(message, where="Goal", hint="leave favourable out")
        across = {each.name for each in self.task.across}
        for each in self.guardrails:
            where = f"Guardrail({each.metric!r})"
            if each.metric not in across:
                continue
            if each.by is None:
                raise ProjectError("it compares groups, so it needs a column", where=where, hint='add by="…"')
            if self.favourable is None:
                raise ProjectError(
                    "it compares how often groups get the favourable decision, and the goal does not say which that is",
                    where=where,
                    hint='write Goal(..., favourable="negative") where yes means to refuse, or favourable="positive"',
                )
        declared = [(each.metric, each.by, each.at_least is None) for each in self.guardrails]
        for metric, by, _ in {each for each in declared if declared.count(each) > 1}:
            what = f"{metric!r} by {by!r}" if by else repr(metric)
            raise ProjectError(f"two guardrails bound {what} on the same side", where="Goal", hint="keep the stricter")

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document."""
        said = {name: getattr(self, name) for name in self.__struct_fields__ if name not in ("metric", "task")}
        document = {**msgspec.to_builtins(said), "metric": self.metric.to_document()}
        document |= {} if self.named is None else {"task": self.named}
        for name in ("favourable", "least", "replaced_in_vain"):  # goals written before the fields keep their digest
            if document[name] == _DEFAULTS[name]:
                del document[name]
        if self.service.memory_mb is None:
            del document["service"]["memory_mb"]
        for guardrail in document["guardrails"]:
            if guardrail["least"] is None:
                del guardrail["least"]
        return document

    @property
    def digest(self) -> str:
        """The goal's name in the ledger: the SHA-256 of its document."""
        return digest_of_document(self.to_document())


_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(Goal)}
Goal.task = _Asked(Goal.__dict__["task"])
