"""plan_canary: what a canary can show, said beforehand."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from kreis.deployment.canary import Canary
from kreis.deployment.canary_plan import CanaryPlan, plan_canary
from kreis.errors import ProjectError
from kreis.evaluation.paired import Paired
from kreis.tasks.binary.decision_value import DecisionValue

FLIGHTS = DecisionValue("EUR per 1,000 flights", true_positive=120, false_positive=-35)
RATES = {"value": 10_550.0, "base_rate": 0.22, "positive_rate": 0.38, "recall": 0.62}


def planned(canary: Canary | None = None, **more: float) -> CanaryPlan:
    given = {"per_day": 900.0, "differing": 0.054, "within_day": 0.04, **more}
    canary = canary or Canary(steps=(0.2, 1.0), hold="2d")
    return plan_canary(canary, FLIGHTS.task, RATES, outcomes_within=timedelta(hours=36), **given)


def test_says_what_each_kind_of_challenger_comes_to():
    plan = planned()
    assert plan.margin == pytest.approx(1055)
    assert plan.dependence == pytest.approx(1 + (0.054 * 900 - 1) * 0.04)
    expected = {each.challenger: each for each in plan.expected}
    assert expected["equal"].difference == pytest.approx(0)
    assert expected["6% worse"].difference == pytest.approx(-633)
    assert expected["21% worse"].difference == pytest.approx(-2215.5)
    hit, false, missed, right = 0.22 * 0.62, 0.38 - 0.22 * 0.62, 0.22 * 0.38, 0.62 - 0.22 * 0.38
    lost = hit * 120 - false * 35
    assert expected["inverted"].difference == pytest.approx(1000 * (missed * 120 - right * 35 - lost))
    assert expected["random"].difference == pytest.approx(1000 * (0.38 * (0.22 * 120 - 0.78 * 35) - lost))
    equal, worse, far = (expected[name].requests for name in ("equal", "6% worse", "21% worse"))
    assert far < equal < worse
    assert plan.steps == [(1.0, pytest.approx(equal / 900 + 1.5))]


def test_what_is_planned_is_about_what_it_takes():
    """Equal challengers at the planned chances, decided as a canary decides."""
    plan = planned(within_day=0.0)
    equal = plan.expected[0].requests
    rng, took = np.random.default_rng(1), []
    for _ in range(60):
        x = rng.choice([0, 120, -120, 35, -35], 20_000, p=_equal(plan.differing))
        n = next(n for n in range(500, 20_001, 250) if _shown(x[:n], plan.margin / 1000))
        took.append(n)
    assert np.median(took) == pytest.approx(equal, rel=0.35)


def _equal(share: float) -> list[float]:
    late = 35 / 155
    return [1 - share, *(share / 2 * each for each in (late, late, 1 - late, 1 - late))]


def _shown(x: np.ndarray, margin: float) -> bool:
    seen = Paired.of(x.astype(float), np.arange(len(x)) // 900, most=120, margin=margin)
    return Paired(**{**vars(seen), "dependence": 1.0}).no_worse


def test_warns_when_the_hold_is_too_short_for_the_margin():
    days = planned().steps[0][1]
    assert days is not None
    short, enough = (
        planned(Canary(steps=(0.2, 1.0), hold=f"{hold}h")) for hold in (int(24 * days), int(24 * days) + 1)
    )
    assert "hold of" in short.warnings[0]
    assert f"waits for about {days:.0f} days" in short.warnings[0]
    assert enough.warnings == []


def test_warns_when_no_traffic_would_do_in_time():
    plan = planned(per_day=50.0)
    assert "the canary cannot decide: about " in plan.warnings[0]
    assert "it ends after 31.5 days, outcomes included" in plan.warnings[0]


def test_later_steps_follow_after_their_hold():
    steps = planned(Canary(steps=(0.05, 0.25, 1.0), hold="2d")).steps
    assert [share for share, _ in steps] == [0.25, 1.0]
    assert steps[1][1] - steps[0][1] == pytest.approx(2)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"margin": 0.0}, "not above 0"),
        ({"margin": "10"}, "not above 0"),
        ({"margin": "-5%"}, "not above 0"),
        ({"at_most": "often"}, "at_most"),
        ({"at_most": "3d"}, "do not fit into at_most"),
        ({"hold": "long"}, "hold"),
        ({"steps": (0.2, 1.0), "at_most": "1d"}, "do not fit into at_most"),
        ({"steps": (0.2, 0.5)}, "do not rise to 1.0"),
        ({"steps": (0.5, 0.2, 1.0)}, "do not rise to 1.0"),
        ({"steps": (0.2, 0.2, 1.0)}, "do not rise to 1.0"),
        ({"steps": (0.0, 1.0)}, "do not rise to 1.0"),
        ({"steps": (-0.1, 1.0)}, "do not rise to 1.0"),
        ({"steps": ()}, "do not rise to 1.0"),
    ],
)
def test_a_canary_that_cannot_work_is_refused(wrong: dict[str, object], said: str):
    with pytest.raises(ProjectError) as caught:
        Canary(**wrong)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [{"steps": (1.0,), "hold": "9d", "at_most": "1d"}, {"at_most": "4d"}, {"steps": (0.2, 1.0), "at_most": "2d"}],
)
def test_a_canary_that_just_fits_is_taken(given: dict[str, object]):
    assert Canary(**given).steps[-1] == 1.0


def test_a_margin_is_a_share_of_the_champions_value_or_a_number():
    assert Canary(margin="5%").margin_of(-2000.0) == 100
    assert Canary(margin=70.0).margin_of(None) == 70
    for worth in (None, 0.0):
        with pytest.raises(ProjectError, match="goal's unit"):
            Canary().margin_of(worth)
