"""What rows could have shown, and by when more of them will have arrived."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from kreis.evaluation.gates import decide, judge_against_champion, judge_baselines
from kreis.evaluation.intervals import Estimate, mean_estimate
from kreis.evaluation.power import detectable
from kreis.requirements.goal import Goal
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.metrics.coming import Coming

SOON = Coming(since=date(2026, 3, 1), days=30.0)


def found(low: float, value: float, high: float, **changes: Any) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=3000, **{"blocks": 30, **changes})


def goal() -> Goal:
    metric = DecisionValue("EUR", true_positive=2, false_positive=-1)
    return Goal(question="Late?", decision="Rebook.", metric=metric, better_than_baseline=10.0)


def test_the_smallest_difference_is_shown_four_times_in_five():
    """The truth lies as far above the bound as the rows are said to show; the gate passes so often."""
    rng = np.random.default_rng(1)
    shown, said = 0, []
    for _ in range(400):
        values = rng.normal(0.25, 1.2, 200)
        estimate = mean_estimate(values, np.arange(200))
        least = detectable(estimate)
        assert least is not None
        said.append(least)
        shown += decide(estimate, at_least=0.0)[0] == "pass"
    assert np.mean(said) == pytest.approx(0.24, abs=0.01)
    assert shown / 400 == pytest.approx(0.83, abs=0.05)  # 0.25 is a little more than 0.24


def test_the_side_that_has_to_be_shown_counts():
    uneven = found(0.0, 10.0, 40.0)
    above, below = detectable(uneven), detectable(uneven, above=False)
    assert above == pytest.approx(10 * (1 + 0.8416 / 2.0452), rel=1e-3)
    assert below == pytest.approx(30 * (1 + 0.8416 / 2.0452), rel=1e-3)


@pytest.mark.parametrize("changes", [{"warning": "7 days are too few"}, {"blocks": 1}, {"low": -np.inf}])
def test_what_shows_nothing_shows_no_difference_either(changes: dict[str, Any]):
    assert detectable(found(**{"low": 0.0, "value": 1.0, "high": 2.0, **changes})) is None


def test_a_gate_that_is_undecided_says_what_would_have_been_shown_and_by_when_it_will_be():
    result = judge_baselines({"rule": found(0.0, 20.0, 40.0)}, goal(), coming=SOON)
    assert result.missing == (
        "about 90 more days like these (by 2026-05-30, with a test part of 120 days), if the estimate stays"
    )
    assert result.detectable == pytest.approx(28.2, abs=0.1)
    assert result.explanation.endswith("; rows like these show a distance of 28.23 from the bound with a chance of 80%")
    misses = judge_against_champion(found(-30.0, -10.0, 10.0), goal(), champion="old", coming=SOON)
    assert misses.missing == (
        "the estimate itself misses the bound: about 90 more days like these (by 2026-05-30, with a test part of 120"
        " days) would show that, if it stays"
    )
    assert judge_baselines({"rule": found(30.0, 40.0, 50.0)}, goal()).detectable == pytest.approx(14.1, abs=0.1)


def test_too_few_rows_are_not_taken_for_no_difference():
    result = judge_baselines({"rule": found(0.0, 20.0, 40.0)}, goal(), missing="3 rows, 30 are asked for")
    assert result.detectable is None
    assert "chance of" not in result.explanation


@pytest.mark.parametrize(
    ("estimate", "said"),
    [
        (found(0, 1, 2, blocks=6, warning="6 days are too few"), "; about 2 more days like these (by 2026-03-11"),
        (found(0, 1, 2, effective=2.5, warning="so much alike"), "; about 30 more days like these (by 2026-03-31"),
        (found(0, 1, 2, effective=9.0, warning="so unequal"), ""),
    ],
)
def test_a_warning_says_by_when_it_ends(estimate: Estimate, said: str):
    lacking = decide(estimate, at_least=0.0, coming=SOON)[1]
    assert lacking.startswith(f"{estimate.warning}{said}")


def test_an_estimate_on_the_bound_is_never_decided():
    assert "more days than can be said" in decide(found(0.0, 10.0, 20.0), at_least=10.0, coming=SOON)[1]


def test_days_are_said_as_dates():
    assert SOON.when(0.1) == " (by 2026-03-04, with a test part of 33 days)"
    assert SOON._replace(in_time=False).when(2.0) == " (by 2026-04-30)"
    assert SOON.when(1e9) == " (not within 100 years)"
