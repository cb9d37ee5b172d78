"""A search for parameters on the validation part, by Optuna's tree-structured Parzen estimator (Bergstra et al. 2011).

Each finished trial is kept outside of the process (`Notes`): a search that was killed asks for the same trials again,
in the same order, and computes only those that it does not know.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

import msgspec

from kreis.compute.pool import Pool
from kreis.digests import canonical_json
from kreis.errors import ProjectError
from kreis.models.scoring import Scores
from kreis.tasks.task import Task, metric_named
from kreis.texts import number
from kreis.tracking.here import part
from kreis.training.candidate import Candidate, Fitted, Score
from kreis.training.data import TrainingData
from kreis.training.preprocessing import PLAIN, Preprocessing, fit_candidate
from kreis.training.search import Choice, Integer, Search, Space

__all__ = ["Found", "Notes", "SearchPlace", "run_search"]

_WORST = 1e12
"""The loss of a trial that cannot be fitted, as the sampler is told it."""
_STARTUP = 5
"""Trials that are drawn by chance, and that no trial is given up before."""


class Notes(Protocol):
    """Where a step that is not finished keeps what it found so far."""

    def recall(self, what: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What was kept of something, by its JSON document; None where nothing was."""
        ...

    def keep(self, what: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        """Keep a JSON document, durably."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchPlace:
    """Where a search runs, and where it keeps what it found."""

    pool: Pool
    notes: Notes | None = None
    """None where it need not go on after the process has ended."""


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """What came of some parameters; what is kept of it."""

    loss: float | None
    """None where it could not be fitted, or was given up."""
    seconds: float
    threads: int
    """Of its fit."""
    reports: list[tuple[int, float]] = []
    """What it lost after quarters of its work."""
    given_up: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What a search found."""

    candidate: Candidate
    """With the best parameters."""
    fitted: Fitted
    """It, as fitted on the fit part."""
    trials: list[dict[str, Any]]
    """All of them in order: {"parameters": ..., "loss": ...}; of those given up also {"given_up": their part}."""


def run_search(
    search: Search,
    candidate: Candidate,
    fit: TrainingData,
    validation: TrainingData,
    *,
    task: Task,
    seed: int,
    threads: int,
    place: SearchPlace,
    of: str = "",
    on_progress: Callable[[str, int, int], None],
    preprocessing: Preprocessing = PLAIN,
) -> Found:
    """Try them all: as many at once as there are threads, where the candidate's fits may run side by side.

    The same arguments give the same trials, also where it is resumed; by time or money, as many as come to an end. A
    trial that cannot be fitted counts as the worst.

    Args:
        search: What is tried.
        candidate: As declared; the first trial.
        fit: Rows to learn from.
        validation: Rows to judge on.
        task: Says what is lost.
        seed: Of the search and of each fit.
        threads: How many may compute at once.
        place: Runs fits beside each other, and keeps finished trials for a search that goes on later.
        of: Names the rows, where the same candidate is searched on several parts of the data.
        on_progress: Is told "search" and how it goes, how many trials are done, and of how many.
        preprocessing: How each trial is given its rows.

    Raises:
        ProjectError: the candidate as declared cannot be fitted.
    """
    search.check(candidate)
    if search.objective != "metric" and search.objective not in task.losses:
        raise ProjectError.unknown_name("objective", search.objective, ["metric", *task.losses], where="Search")
    judge = _Judge(search.objective, candidate, fit, validation, task, seed, preprocessing)
    running = _Running(search, candidate, judge, place, of)
    at_once = threads if candidate.side_by_side else 1
    while running.goes_on:
        on_progress(running.said(at_once), len(running.trials), search.most_trials)
        running.go_on(at_once, threads)
    return running.found()


class _Running:
    """A search under way."""

    def __init__(self, search: Search, candidate: Candidate, judge: _Judge, place: SearchPlace, of: str) -> None:
        self._search, self._candidate, self._judge = search, candidate, judge
        self._place, self._of = place, of
        self._study, self._distributions = _study(search.space, judge.seed)
        self._known: dict[bytes, Trial] = {}
        self._best: tuple[float, Candidate, int, Fitted | None] | None = None
        self._spent = 0.0
        self.trials: list[dict[str, Any]] = []

    @property
    def goes_on(self) -> bool:
        """Whether the budget allows another trial; the first one always."""
        most = self._search.most_minutes
        in_time = most is None or self._spent < 60 * most or not self.trials
        return len(self.trials) < self._search.most_trials and in_time

    def said(self, at_once: int) -> str:
        """The best so far, and when it will end."""
        if self._best is None:
            return "search"
        best, sign = self._best[0], -1 if self._judge.higher_is_better else 1
        batches = math.ceil((self._search.most_trials - len(self.trials)) / at_once)
        left = self._spent / max(1, math.ceil(len(self.trials) / at_once)) * batches
        if self._search.most_minutes is not None:
            left = min(left, 60 * self._search.most_minutes - self._spent)
        return f"search, best {self._search.objective} {number(sign * best)}, {_duration(left)} left, trial"

    def go_on(self, at_once: int, threads: int) -> None:
        """Some more trials, side by side."""
        places = range(len(self.trials), min(len(self.trials) + at_once, self._search.most_trials))
        asked = [self._study.ask(self._distributions) if place else None for place in places]
        tried = [self._candidate if each is None else self._candidate.with_parameters(**each.params) for each in asked]
        keys = [canonical_json(each.parameters()) for each in tried]
        new = {
            key: (each, trial) for key, each, trial in zip(keys, tried, asked, strict=True) if key not in self._known
        }
        self._try(new, at_once, max(1, threads // max(1, len(new))))
        for each, key in zip(asked, keys, strict=True):
            self._tell(each, self._known[key])

    def _try(self, new: Mapping[bytes, tuple[Candidate, Any]], at_once: int, share: int) -> None:
        """Fit what is neither known nor noted."""
        notes, pool = self._place.notes, self._place.pool
        for key, (tried, trial) in new.items():
            noted = None if notes is None else notes.recall(self._what(tried))
            if noted is not None:
                self._known[key] = found = msgspec.convert(noted, Trial)
                for step, loss in found.reports if trial is not None else ():
                    trial.report(loss, step)
                self._take(found, tried, None)
        work = {key: each for key, each in new.items() if key not in self._known}
        judge = partial(self._judge, threads=share, prune=self._search.prune)
        for (key, (tried, _)), (found, fitted) in zip(
            work.items(), pool.map(judge, list(work.values()), at_once=at_once), strict=True
        ):
            self._known[key] = found
            if notes is not None:
                notes.keep(self._what(tried), msgspec.to_builtins(found))
            self._take(found, tried, fitted)
        self._spent += max((self._known[key].seconds for key in new), default=0.0)

    def _what(self, tried: Candidate) -> dict[str, Any]:
        """What names a trial in the notes."""
        return {"of": self._of, "objective": self._search.objective, "candidate": tried.parameters()}

    def _take(self, found: Trial, tried: Candidate, fitted: Fitted | None) -> None:
        """Remember the best; of equals the first."""
        if found.loss is not None and (self._best is None or found.loss < self._best[0]):
            self._best = found.loss, tried, found.threads, fitted

    def _tell(self, trial: Any, found: Trial) -> None:
        from optuna.trial import TrialState

        document: dict[str, Any] = {"parameters": {} if trial is None else dict(trial.params), "loss": None}
        if found.loss is not None and found.loss < _WORST:
            document["loss"] = found.loss
        if found.given_up:
            document["given_up"] = found.reports[-1][0] / 4
        self.trials.append(document)
        if trial is None:
            return
        if found.given_up:
            self._study.tell(trial, state=TrialState.PRUNED)
        else:
            self._study.tell(trial, _WORST if found.loss is None else min(found.loss, _WORST))

    def found(self) -> Found:
        """The best, fitted again where only its loss was noted."""
        if self._best is None:
            raise ProjectError("no trial could be fitted", where="Search", hint="search other values")
        _, candidate, threads, fitted = self._best
        return Found(candidate=candidate, fitted=fitted or self._judge.fit_it(candidate, threads), trials=self.trials)


class _GivenUp(Exception):  # noqa: N818 (it is none: it ends a fit)
    """A trial is not worth going on with."""


@dataclasses.dataclass(frozen=True)
class _Judge:
    """Fits what is tried and says what it loses on the validation part."""

    objective: str
    declared: Candidate
    rows: TrainingData
    validation: TrainingData
    task: Task
    seed: int
    preprocessing: Preprocessing

    def __call__(self, tried: tuple[Candidate, Any], *, threads: int, prune: bool) -> tuple[Trial, Fitted | None]:
        candidate, trial = tried
        started = time.perf_counter()
        reports: list[tuple[int, float]] = []

        def watch(quarters: int, score: Score) -> None:
            loss = self._loss(score(self.validation.matrix, self.validation.texts), self.validation)
            reports.append((quarters, loss))
            trial.report(loss, quarters)
            if trial.should_prune():
                raise _GivenUp

        def ended(loss: float | None, *, given_up: bool = False) -> Trial:
            spent = time.perf_counter() - started
            return Trial(loss=loss, seconds=spent, threads=threads, reports=reports, given_up=given_up)

        try:
            fitted = self.fit_it(candidate, threads, watch if prune and trial is not None else None)
        except _GivenUp:
            return ended(None, given_up=True), None
        except ProjectError:
            if candidate is self.declared:
                raise
            return ended(None), None
        scores = fitted.scorer(threads=threads).score(self.validation.matrix, self.validation.texts)
        loss = self._loss(scores, self.validation)
        kept = dataclasses.replace(fitted, explains=None)  # it may hold rows, and comes from another machine
        return ended(loss if math.isfinite(loss) else _WORST), kept

    def fit_it(self, candidate: Candidate, threads: int, watch: Callable[[int, Score], None] | None = None) -> Fitted:
        """A candidate on the rows that teach."""
        with part(_said(self.declared, candidate)):
            return fit_candidate(
                candidate,
                self.rows,
                self.task,
                seed=self.seed,
                threads=threads,
                preprocessing=self.preprocessing,
                watch=watch,
            )

    @property
    def higher_is_better(self) -> bool:
        """Whether what is judged by is no loss itself."""
        if self.objective == "metric":
            return True
        return metric_named(self.objective, self.task, where="Search.objective").better == "higher"

    def _loss(self, scores: Scores, rows: TrainingData) -> float:
        task, outcomes = self.task, rows.outcomes
        plain = task.plain.among(rows.groups)
        if self.objective == "metric" and not task.needs_outcomes:
            return -task.validated(scores, outcomes, plain)["value"]
        if self.objective == "metric":
            return -float(task.metric.values(outcomes, plain.many(scores)).mean() * task.metric.per)
        metric = metric_named(self.objective, task, where="Search.objective")
        found = metric.value(task.rows(outcomes, task.answers(scores), plain, where="validation"))
        return -found if self.higher_is_better else found


def _said(declared: Candidate, tried: Candidate) -> str:
    """A trial in words: what it has otherwise than declared."""
    before = declared.parameters()
    told = [f"{name} {value}" for name, value in tried.parameters().items() if before.get(name) != value]
    return "trial: " + (", ".join(told) or "as declared")


def _duration(seconds: float) -> str:
    """Roughly: "about 3 min"."""
    return f"about {seconds / 60:.0f} min" if seconds >= 90 else f"about {max(seconds, 0):.0f} s"


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
        sampler = optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=_STARTUP)
        pruner = optuna.pruners.MedianPruner(n_startup_trials=_STARTUP - 1)
        return optuna.create_study(direction="minimize", sampler=sampler, pruner=pruner), distributions
    finally:
        optuna.logging.set_verbosity(before)
