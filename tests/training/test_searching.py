"""A search goes on where it was stopped, ends with its budget, and gives up what is not worth going on with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np
import pytest

from kreis.compute.threads import Threads
from kreis.digests import canonical_json
from kreis.errors import ProjectError
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.training.candidate import Candidate
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.logistic import Logistic
from kreis.training.candidates.xgboost import XGBoost
from kreis.training.data import TrainingData
from kreis.training.search import Integer, Money, Real, Search
from kreis.training.searching import Found, SearchPlace, run_search
from kreis.training.testing import example_rows

TASK = DecisionValue("EUR per 1,000", true_positive=120, false_positive=-35).task
SPACE = {"leaves": Integer(2, 31, log=True), "learning_rate": Real(0.01, 0.3, log=True)}


class Kept:
    """Notes in memory."""

    def __init__(self) -> None:
        self.found: dict[bytes, Mapping[str, Any]] = {}

    def recall(self, what: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return self.found.get(canonical_json(what))

    def keep(self, what: Mapping[str, Any], found: Mapping[str, Any]) -> None:
        self.found[canonical_json(what)] = msgspec.json.decode(canonical_json(found))


class Killed(Threads):
    """A pool that is killed when so many fits have been made."""

    def __init__(self, after: int) -> None:
        self.left = after

    def map(self, work: Callable[[Any], Any], items: Any, **how: Any) -> Any:
        if self.left < len(items):
            raise KeyboardInterrupt
        self.left -= len(items)
        return super().map(work, items, **how)


def rows(seed: int) -> TrainingData:
    matrix, outcomes = example_rows(600, seed)
    moments = np.arange(600, dtype=np.int64)
    return TrainingData(
        features=("a", "b", "c"), matrix=matrix, outcomes=outcomes.astype(float), time=moments, known_at=moments
    )


def found(
    search: Search, candidate: Candidate | None = None, *, threads: int = 1, place: SearchPlace | None = None
) -> Found:
    return run_search(
        search, candidate or GradientBoosting(trees=12), rows(1), rows(2), task=TASK, seed=3, threads=threads,
        place=place or SearchPlace(pool=Threads()), on_progress=lambda *said: None,
    )  # fmt: skip


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("prune", [False, True])
def test_a_search_that_was_killed_goes_on_and_ends_as_if_it_had_not_been(threads: int, prune: bool) -> None:
    search = Search(SPACE, trials=10, prune=prune)
    whole, kept = found(search, threads=threads), Kept()
    with pytest.raises(KeyboardInterrupt):
        found(search, threads=threads, place=SearchPlace(pool=Killed(6), notes=kept))
    assert len(kept.found) == 6
    rest = Killed(4)
    again = found(search, threads=threads, place=SearchPlace(pool=rest, notes=kept))
    assert rest.left == 0
    assert again.trials == whole.trials
    assert again.fitted.form == whole.fitted.form


def test_a_search_that_ended_is_only_fitted_once_more() -> None:
    kept = Kept()
    first = found(Search(SPACE, trials=4), place=SearchPlace(pool=Threads(), notes=kept))
    again = found(Search(SPACE, trials=4), place=SearchPlace(pool=Killed(0), notes=kept))
    assert (again.trials, again.fitted.form) == (first.trials, first.fitted.form)


@pytest.mark.parametrize(
    ("budget", "trials"),
    [
        ({"minutes": 1.0}, 2),
        ({"minutes": 1.1}, 3),
        ({"money": Money(per_hour=6.0, at_most=0.1)}, 2),
        ({"minutes": 5.0, "trials": 4}, 4),
        ({"minutes": 1e-9}, 1),
    ],
    ids=["minutes", "a little more", "money", "trials", "the first one always"],
)
def test_no_trial_is_begun_after_the_budget_is_spent(budget: dict[str, Any], trials: int) -> None:
    class Slow(Kept):
        """Notes in which each trial took half a minute."""

        def recall(self, what: Mapping[str, Any]) -> Mapping[str, Any]:
            return {"loss": what["candidate"]["leaves"], "seconds": 30.0, "threads": 1}

    assert len(found(Search(SPACE, **budget), place=SearchPlace(pool=Threads(), notes=Slow())).trials) == trials


def test_the_best_so_far_and_what_is_left_are_told() -> None:
    class Slow(Kept):
        def recall(self, what: Mapping[str, Any]) -> Mapping[str, Any]:
            return {"loss": -1234.5, "seconds": 60.0, "threads": 1}

    said: list[tuple[str, int, int]] = []
    place = SearchPlace(pool=Threads(), notes=Slow())
    run_search(
        Search(SPACE, trials=11), GradientBoosting(trees=12), rows(1), rows(2), task=TASK, seed=3, threads=1,
        place=place, on_progress=lambda *each: said.append(each),
    )  # fmt: skip
    assert said[0] == ("search", 0, 11)
    assert said[1] == ("search, best metric 1,234, about 10 min left, trial", 1, 11)
    assert said[-1] == ("search, best metric 1,234, about 60 s left, trial", 10, 11)


@pytest.mark.parametrize("kind", [GradientBoosting, XGBoost])
def test_what_loses_more_than_the_median_is_given_up(kind: Any) -> None:
    if kind is XGBoost:
        pytest.importorskip("xgboost", reason="the extra kreis[xgboost] is not installed")
    space = {"learning_rate": Real(1e-5, 0.3, log=True)}
    search = Search(space, trials=14, objective="log_loss", prune=True)
    pruned = found(search, kind(trees=12, learning_rate=0.2))
    given_up = [each for each in pruned.trials if "given_up" in each]
    assert given_up
    assert all(each["loss"] is None and each["given_up"] in (0.25, 0.5, 0.75) for each in given_up)
    kept = [each["parameters"].get("learning_rate", 0.2) for each in pruned.trials if "given_up" not in each]
    assert np.median([each["parameters"]["learning_rate"] for each in given_up]) < np.median(kept)


def test_without_pruning_nothing_is_given_up() -> None:
    search = Search({"learning_rate": Real(1e-5, 0.3, log=True)}, trials=14, objective="log_loss")
    assert all("given_up" not in each for each in found(search, GradientBoosting(trees=12)).trials)


def test_a_candidate_that_does_not_tell_how_it_is_doing_is_tried_to_the_end() -> None:
    search = Search({"c": Real(1e-5, 10, log=True)}, trials=8, prune=True)
    assert all("given_up" not in each for each in found(search, Logistic()).trials)


def test_categories_are_encoded_before_a_trial_is_looked_at_on_its_way() -> None:
    given = rows(1)
    named = msgspec.structs.replace(
        given, matrix=np.where(given.matrix > 0, 5, 7).astype(np.float32), categories={"a": {5.0: "up", 7.0: "down"}}
    )
    search = Search({"learning_rate": Real(1e-5, 0.3, log=True)}, trials=10, objective="log_loss", prune=True)
    it = run_search(
        search, GradientBoosting(trees=12), named, named, task=TASK, seed=3, threads=1,
        place=SearchPlace(pool=Threads()), on_progress=lambda *said: None,
    )  # fmt: skip
    assert any("given_up" in each for each in it.trials)


def test_what_a_search_does_not_say_is_not_in_its_parameters() -> None:
    assert set(Search(SPACE).parameters()) == {"space", "trials", "objective"}
    assert Search(SPACE).trials == 15
    said = Search(SPACE, minutes=30, money=Money(per_hour=2.0, at_most=0.5), prune=True).parameters()
    assert (said["trials"], said["minutes"], said["prune"]) == (1_000, 15.0, True)


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Search(SPACE, minutes=0),
        lambda: Search(SPACE, trials=-1),
        lambda: Money(per_hour=0, at_most=1),
        lambda: Money(per_hour=1, at_most=float("inf")),
    ],
)
def test_a_budget_of_nothing_is_refused(declare: Callable[[], Any]) -> None:
    with pytest.raises(ProjectError):
        declare()
