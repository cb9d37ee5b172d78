"""Search for parameters on the validation part, by Optuna's tree-structured Parzen estimator."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from functools import partial
from operator import itemgetter
from typing import Any, TypeAlias

import msgspec

from kreis.compute.pool import Pool
from kreis.digests import canonical_json
from kreis.errors import ProjectError
from kreis.tasks.decisions import Scores
from kreis.tasks.task import Task, metric_named
from kreis.tracking.here import part
from kreis.training.candidate import Candidate, Fitted, require
from kreis.training.data import TrainingData
from kreis.training.preprocessing import PLAIN, Preprocessing, fit_candidate

__all__ = ["Choice", "Integer", "Real", "Search", "Space"]


class Integer(msgspec.Struct, frozen=True, tag="integer"):
    """A whole number from `low` to `high`, both included; `log` searches its logarithm.

    Example:

    >>> Integer(15, 255, log=True).high
    255
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self, self.low, self.high, self.log)


class Real(msgspec.Struct, frozen=True, tag="real"):
    """A number from `low` to `high`; `log` searches its logarithm.

    Example:

    >>> Real(0.01, 0.3, log=True).low
    0.01
    """

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self, self.low, self.high, self.log)


class Choice(msgspec.Struct, frozen=True, tag="choice"):
    """One of several values, without an order.

    Example:

    >>> Choice(["balanced", None]).options
    ['balanced', None]
    """

    options: list[bool | int | float | str | None]

    def __post_init__(self) -> None:
        require(bool(self.options), "there is nothing to choose from", where="Choice")


Space = Integer | Real | Choice
_WORST = 1e12
"""The loss of a trial that cannot be fitted, as the sampler is told it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What a search found."""

    candidate: Candidate
    """With the best parameters."""
    fitted: Fitted
    """It, as fitted on the fit part."""
    trials: list[dict[str, Any]]
    """All of them in order: {"parameters": ..., "loss": ...}."""


@dataclasses.dataclass(frozen=True)
class Search:
    """Try parameters on the fit part and keep those that do best on the validation part.

    The declared parameters are tried first, so a search never ends with worse ones. Judged by the goal's metric at its
    break-even: no threshold is fitted for each trial, so the luckiest cut earns nothing. On 16 histories of three data
    sets (`benchmarks/search_objective.py`) its picks had a median regret of 0.32, where 0 is the best of the settings
    tried and 1 their mean; log loss had 0.41, the metric at its best cut 0.38, at the threshold that training would
    choose 0.57. The differences are small against their spread, and so the goal decides.

    Example:

    >>> from kreis import Integer, Real
    >>> Search({"leaves": Integer(7, 63), "learning_rate": Real(0.01, 0.3, log=True)}, trials=20).trials
    20
    """

    space: Mapping[str, Space]
    trials: int = 15
    objective: str = "metric"
    """The goal's "metric", or one of the task's losses by name: "log_loss", "squared_error"."""

    def __post_init__(self) -> None:
        require(bool(self.space), "no parameter to search", where="Search", hint='write {"leaves": Integer(15, 255)}')
        require(self.trials >= 1, f"trials must be at least 1, not {self.trials}", where="Search")

    def parameters(self) -> dict[str, Any]:
        """Its fields, as a JSON document."""
        space = {name: msgspec.to_builtins(each) for name, each in self.space.items()}
        return {"space": space, "trials": self.trials, "objective": self.objective}

    def check(self, candidate: Candidate) -> None:
        """See that a candidate takes the ends of each parameter's space.

        Raises:
            ProjectError: it has no parameter of that name, or a value would be out of bounds.
        """
        for name, space in self.space.items():
            for value in space.options if isinstance(space, Choice) else (space.low, space.high):
                candidate.with_parameters(**{name: value})

    def run(
        self,
        candidate: Candidate,
        fit: TrainingData,
        validation: TrainingData,
        *,
        task: Task,
        seed: int,
        threads: int,
        pool: Pool,
        on_progress: Callable[[str, int, int], None],
        preprocessing: Preprocessing = PLAIN,
    ) -> Found:
        """Try them all: as many at once as there are threads, where the candidate's fits may run side by side.

        The same arguments give the same trials. A trial that cannot be fitted counts as the worst.

        Args:
            candidate: As declared; the first trial.
            fit: Rows to learn from.
            validation: Rows to judge on.
            task: Says what is lost.
            seed: Of the search and of each fit.
            threads: How many may compute at once.
            pool: Runs fits beside each other.
            on_progress: Is told "search", how many trials are done, and of how many.
            preprocessing: How each trial is given its rows.

        Raises:
            ProjectError: the candidate as declared cannot be fitted.
        """
        self.check(candidate)
        if self.objective != "metric" and self.objective not in task.losses:
            raise ProjectError.unknown_name("objective", self.objective, ["metric", *task.losses], where="Search")
        at_once = threads if candidate.side_by_side else 1
        judge = _Judge(self.objective, candidate, fit, validation, task, seed, preprocessing)
        study, distributions = _study(self.space, seed)
        trials: list[dict[str, Any]] = []
        losses: dict[bytes, float] = {}
        best: list[_Judged] = []
        while len(trials) < self.trials:
            on_progress("search", len(trials), self.trials)
            places = range(len(trials), min(len(trials) + at_once, self.trials))
            asked = [study.ask(distributions) if place else None for place in places]
            tried = [candidate if each is None else candidate.with_parameters(**each.params) for each in asked]
            keys = [canonical_json(each.parameters()) for each in tried]
            new = {key: each for key, each in zip(keys, tried, strict=True) if key not in losses}
            share = max(1, threads // max(1, len(new)))
            judged_now = pool.map(partial(judge, threads=share), list(new.values()), at_once=at_once)
            for key, judged in zip(new, judged_now, strict=True):
                losses[key] = math.inf if judged is None else judged[0]
                if judged is not None:
                    best = [min([*best, judged], key=itemgetter(0))]
            for each, key in zip(asked, keys, strict=True):
                if each is not None:
                    study.tell(each, min(losses[key], _WORST))
                loss = losses[key] if losses[key] < _WORST else None
                trials.append({"parameters": {} if each is None else dict(each.params), "loss": loss})
        _, chosen, fitted = best[0]
        return Found(candidate=chosen, fitted=fitted, trials=trials)


_Judged: TypeAlias = "tuple[float, Candidate, Fitted]"


@dataclasses.dataclass(frozen=True)
class _Judge:
    """Fits what is tried and says what it loses on the validation part; None where it cannot be fitted."""

    objective: str
    declared: Candidate
    fit: TrainingData
    validation: TrainingData
    task: Task
    seed: int
    preprocessing: Preprocessing

    def __call__(self, tried: Candidate, *, threads: int) -> _Judged | None:
        rows = self.fit
        try:
            with part(_said(self.declared, tried)):
                fitted = fit_candidate(
                    tried, rows, self.task, seed=self.seed, threads=threads, preprocessing=self.preprocessing
                )
        except ProjectError:
            if tried is self.declared:
                raise
            return None
        scores = fitted.scorer(threads=threads).score(self.validation.matrix, self.validation.texts)
        return self._loss(scores, self.validation), tried, fitted

    def _loss(self, scores: Scores, rows: TrainingData) -> float:
        task, outcomes = self.task, rows.outcomes
        plain = task.plain.among(rows.groups)
        if self.objective == "metric" and not task.needs_outcomes:
            return -task.validated(scores, outcomes, plain)["value"]
        if self.objective == "metric":
            return -float(task.metric.values(outcomes, plain.many(scores)).mean() * task.metric.per)
        metric = metric_named(self.objective, task, where="Search.objective")
        found = metric.value(task.rows(outcomes, task.answers(scores), plain, where="validation"))
        return -found if metric.better == "higher" else found


def _said(declared: Candidate, tried: Candidate) -> str:
    """A trial in words: what it has otherwise than declared."""
    before = declared.parameters()
    told = [f"{name} {value}" for name, value in tried.parameters().items() if before.get(name) != value]
    return "trial: " + (", ".join(told) or "as declared")


def _study(space: Mapping[str, Space], seed: int) -> tuple[Any, dict[str, Any]]:
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    def distribution(each: Space) -> Any:
        if isinstance(each, Choice):
            return CategoricalDistribution(each.options)
        if isinstance(each, Integer):
            return IntDistribution(each.low, each.high, log=each.log)
        return FloatDistribution(each.low, each.high, log=each.log)

    distributions = {name: distribution(each) for name, each in sorted(space.items())}
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        sampler = optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=5)
        return optuna.create_study(direction="minimize", sampler=sampler), distributions
    finally:
        optuna.logging.set_verbosity(before)


def _check_range(space: Any, low: float, high: float, log: bool) -> None:
    where = f"{type(space).__name__}({low}, {high})"
    require(low <= high, "the lower end lies above the upper", where=where)
    require(not log or low > 0, "a logarithm needs a lower end above 0", where=where)
