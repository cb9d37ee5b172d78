"""Search for parameters on the validation tail, by Optuna's tree-structured Parzen estimator."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from kreis.digests import canonical_json
from kreis.errors import ProjectError
from kreis.requirements.metric import DecisionValue
from kreis.training.candidate import Candidate, Fitted, require
from kreis.training.data import TrainingData
from kreis.training.loss import log_loss
from kreis.training.scoring import Scores

__all__ = ["Choice", "Integer", "Real", "Search", "Space"]


class Integer(msgspec.Struct, frozen=True, tag="integer"):
    """A whole number from `low` to `high`, both included; `log` searches its logarithm."""

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self, self.low, self.high, self.log)


class Real(msgspec.Struct, frozen=True, tag="real"):
    """A number from `low` to `high`; `log` searches its logarithm."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_range(self, self.low, self.high, self.log)


class Choice(msgspec.Struct, frozen=True, tag="choice"):
    """One of several values, without an order."""

    options: list[bool | int | float | str | None]

    def __post_init__(self) -> None:
        require(bool(self.options), "there is nothing to choose from", where="Choice")


Space = Integer | Real | Choice


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
    """Try parameters on the fit part and keep those that do best on the validation tail.

    The declared parameters are tried first, so a search never ends with worse ones. Judged by the goal's metric at its
    break-even: no threshold is fitted for each trial, so the luckiest cut earns nothing. On 16 histories of three data
    sets (`benchmarks/search_objective.py`) its picks had a median regret of 0.32, where 0 is the best of the settings
    tried and 1 their mean; log loss had 0.41, the metric at its best cut 0.38, at the threshold that training would
    choose 0.57. The differences are small against their spread, and so the goal decides.
    """

    space: Mapping[str, Space]
    trials: int = 15
    objective: Literal["metric", "log_loss"] = "metric"

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
        metric: DecisionValue,
        seed: int,
        threads: int,
        on_progress: Callable[[str, int, int], None],
    ) -> Found:
        """Try them all.

        The same arguments give the same trials. A trial that cannot be fitted counts as the worst.

        Raises:
            ProjectError: the candidate as declared cannot be fitted.
        """
        self.check(candidate)

        def fitted_and_loss(tried: Candidate) -> tuple[Fitted, float]:
            fitted = tried.fit(fit.matrix, fit.outcomes, fit.features, seed=seed, threads=threads)
            return fitted, self._loss(fitted.scorer(threads=threads).score(validation.matrix), validation, metric)

        on_progress("search", 0, self.trials)
        best, (fitted, least) = candidate, fitted_and_loss(candidate)
        trials: list[dict[str, Any]] = [{"parameters": {}, "loss": least}]
        known = {canonical_json(candidate.parameters()): least}
        study, distributions = _study(self.space, seed)
        for done in range(1, self.trials):
            on_progress("search", done, self.trials)
            trial = study.ask(distributions)
            tried = candidate.with_parameters(**trial.params)
            key = canonical_json(tried.parameters())
            if key not in known:
                try:
                    another, known[key] = fitted_and_loss(tried)
                except ProjectError:
                    known[key] = float("inf")
                if known[key] < least:
                    best, fitted, least = tried, another, known[key]
            study.tell(trial, min(known[key], 1e12))
            trials.append({"parameters": dict(trial.params), "loss": known[key] if known[key] < 1e12 else None})
        return Found(candidate=best, fitted=fitted, trials=trials)

    def _loss(self, scores: Scores, rows: TrainingData, metric: DecisionValue) -> float:
        if self.objective == "log_loss":
            return log_loss(scores, rows.outcomes)
        return -float(metric.values(rows.outcomes, scores >= metric.break_even).mean() * metric.per)


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
