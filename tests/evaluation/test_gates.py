"""Gates: pass, fail or undecided, with a case on each side between the estimate and the bound."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
import pytest

from kreis.arrays import Codes
from kreis.errors import ProjectError
from kreis.evaluation.gates import (
    GateResult,
    decide,
    judge_against_champion,
    judge_baselines,
    judge_guardrail,
    judge_sanity,
)
from kreis.evaluation.intervals import Estimate, estimate
from kreis.evaluation.slices import group_codes
from kreis.requirements.goal import Goal, Guardrail
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.binary.task import Binary
from kreis.tasks.metrics.calibration_error import CalibrationError
from kreis.tasks.metrics.yes_no import YesNoRows
from kreis.tasks.task import metric_named

SANITY = Binary.sanity[0]
VALUE = DecisionValue("EUR per 1,000", true_positive=120, false_positive=-35)


def judged_calibration(
    rows: YesNoRows, days: Codes, *, at_most: float = SANITY.at_most, least: int = 1, level: float = 0.95
) -> GateResult:
    return judge_sanity(msgspec.structs.replace(SANITY, at_most=at_most), rows, days, least=least, level=level)


def found(low: float, value: float, high: float, **changes: Any) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=3000, blocks=30, **changes)


def goal(**changes: Any) -> Goal:
    return Goal(
        **{"question": "Late?", "decision": "Rebook.", "metric": VALUE, "better_than_baseline": 10.0, **changes}
    )


@pytest.mark.parametrize(
    ("low", "value", "high", "outcome"),
    [
        (10.0, 20.0, 30.0, "pass"),
        (9.9, 20.0, 30.0, "undecided"),  # the estimate meets it, the interval does not
        (-5.0, 10.0, 30.0, "undecided"),
        (-5.0, 5.0, 10.1, "undecided"),  # the estimate misses it, the interval does not
        (-5.0, 5.0, 10.0, "undecided"),
        (-5.0, 5.0, 9.9, "fail"),
    ],
)
def test_a_bound_from_below_is_decided_by_the_whole_interval(low: float, value: float, high: float, outcome: str):
    assert decide(found(low, value, high), at_least=10.0)[0] == outcome
    assert judge_baselines({"rule": found(low, value, high)}, goal()).outcome == outcome
    shifted = found(low - 10, value - 10, high - 10)
    assert judge_against_champion(shifted, goal(), champion="old").outcome == outcome


@pytest.mark.parametrize(
    ("low", "value", "high", "outcome"),
    [
        (0.1, 0.2, 0.3, "pass"),
        (0.1, 0.2, 0.31, "undecided"),  # the estimate meets it, the interval does not
        (0.29, 0.35, 0.4, "undecided"),  # the estimate misses it, the interval does not
        (0.31, 0.35, 0.4, "fail"),
    ],
)
def test_a_bound_from_above_is_decided_by_the_whole_interval(low: float, value: float, high: float, outcome: str):
    assert decide(found(low, value, high), at_most=0.3)[0] == outcome


def test_what_is_missing_is_said_in_days_if_the_estimate_meets_the_bound():
    # half the distance of the lower bound is asked for: four times as many days
    assert decide(found(0.0, 20.0, 40.0), at_least=10.0)[1].startswith("about 90 more days")
    assert decide(found(-10.0, 20.0, 50.0), at_least=10.0)[1].startswith("about 240 more days")
    assert decide(found(9.99, 20.0, 40.0), at_least=10.0)[1].startswith("about 1 more days")
    assert decide(found(0.0, 0.2, 0.4), at_most=0.3)[1].startswith("about 90 more days")
    assert "misses the bound" in decide(found(0.0, 9.0, 40.0), at_least=10.0)[1]


def test_an_interval_that_warns_or_an_undefined_metric_decides_nothing():
    assert decide(found(20, 30, 40, warning="few days"), at_least=10.0) == ("undecided", "few days")
    assert decide(found(0.0, math.nan, 1.0), at_least=-1.0)[0] == "undecided"
    assert decide(found(20, 30, 40), at_least=10.0, missing="3 rows, 30 are asked for")[0] == "undecided"


@pytest.mark.parametrize("champion", [False, True])
def test_a_comparison_is_recorded_with_what_decided_it(champion: bool):
    def judged(each: Estimate, missing: str | None = None) -> GateResult:
        if champion:
            return judge_against_champion(each, goal(), champion="old", missing=missing, why="a day's worth")
        return judge_baselines({"old": each}, goal(), missing=missing)

    clear, open_, bad = found(20, 30, 40, level=0.9), found(-20, 20, 40), found(-40, -30, -20)
    assert judged(clear).estimate == clear
    assert (judged(clear).name, judged(clear).required) == (
        ("beats_champion", 0.0) if champion else ("better_than_baseline", 10.0)
    )
    what = "better" if champion else "at least the 10 that the goal asks for"
    told = judged(clear).explanation
    assert told.startswith(f"against {'the champion ' if champion else ''}'old' it gains 30 (20 to 40) EUR per 1,000; ")
    assert told.endswith(f"shown to be {what} at 90%" + (" [a day's worth]" if champion else ""))
    assert f"shown not to be {what} at 95%" in judged(bad).explanation
    assert judged(open_).missing == decide(open_, at_least=judged(open_).required)[1] != ""
    assert f"undecided: not shown to be {what} at 95% ({judged(open_).missing})" in judged(open_).explanation
    assert (judged(clear, "3 rows").outcome, judged(clear, "3 rows").missing) == ("undecided", "3 rows")
    assert not judge_against_champion(clear, goal(), champion="old").explanation.endswith("]")


def test_without_a_baseline_nothing_can_be_beaten():
    with pytest.raises(ProjectError, match="no baseline to beat"):
        judge_baselines({}, goal())


def test_the_hardest_baseline_is_one_that_fails_before_one_that_is_undecided():
    result = judge_baselines({"a": found(-30, 20, 60), "b": found(-5, 0, 5), "c": found(20, 30, 40)}, goal())
    assert (result.outcome, result.detail["hardest"]) == ("fail", "b")
    result = judge_baselines({"a": found(-30, 20, 60), "c": found(20, 30, 40)}, goal())
    assert (result.outcome, result.detail["hardest"]) == ("undecided", "a")
    assert "undecided: not shown to be at least the 10" in result.explanation


DAYS = np.repeat(np.arange(30), 100)
RNG = np.random.default_rng(3)
CHANCE = RNG.beta(2, 4, DAYS.size)
ROWS = YesNoRows(RNG.random(DAYS.size) < CHANCE, CHANCE, CHANCE >= 0.3)
GROUP = np.array(["a", "b", "c"], dtype="U5")[RNG.integers(0, 3, DAYS.size)]


def guarded(guardrail: Guardrail, *, rows: YesNoRows = ROWS, group: np.ndarray = GROUP, **changes: Any) -> GateResult:
    return judge_guardrail(guardrail, rows, DAYS, goal(**changes), groups={"group": group_codes(group)})


def test_a_guardrail_is_judged_between_its_estimate_and_its_bounds():
    recall = estimate(metric_named("recall", VALUE.task), ROWS, DAYS)
    inside, outside = (recall.low + recall.value) / 2, (recall.value + recall.high) / 2
    for bound, at_least, at_most in (
        (recall.low - 0.001, "pass", "fail"),
        (inside, "undecided", "undecided"),
        (outside, "undecided", "undecided"),
        (recall.high + 0.001, "fail", "pass"),
    ):
        assert guarded(Guardrail("recall", at_least=bound)).outcome == at_least
        assert guarded(Guardrail("recall", at_most=bound)).outcome == at_most


@pytest.mark.parametrize(("metric", "by"), [("recall", None), ("recall", "group"), ("disparate_impact", "group")])
def test_a_guardrail_is_judged_at_its_level_and_recorded_with_it(metric: str, by: str | None):
    def judged(level: float, **bound: float) -> GateResult:
        rail = Guardrail(metric, by=by, **bound)
        return judge_guardrail(rail, ROWS, DAYS, goal(), groups={"group": group_codes(GROUP)}, level=level)

    narrow, wide = judged(0.5, at_least=0.1).estimate, judged(0.999, at_least=0.1).estimate
    assert narrow is not None
    assert wide is not None
    assert (narrow.level, wide.level) == (0.5, 0.999)
    between = (narrow.low + wide.low) / 2
    sure, unsure = judged(0.5, at_least=between), judged(0.999, at_least=between)
    assert (sure.outcome, unsure.outcome) == ("pass", "undecided")
    assert (sure.name, sure.required) == (f"{metric} by group" if by else metric, between)
    assert f"; shown to be at least {between:.4g} at 50%" in sure.explanation
    assert str(sure.estimate) in sure.explanation
    assert unsure.missing
    assert f"undecided: not shown to be at least {between:.4g} at 99.9% ({unsure.missing})" in unsure.explanation
    assert "at most 0.9999 at 50%" in judged(0.5, at_most=0.9999).explanation


def test_a_guardrail_on_the_business_value_takes_it_from_the_goal():
    worth = estimate(metric_named("value", VALUE.task), ROWS, DAYS)
    assert guarded(Guardrail("value", at_least=worth.low - 1)).passed
    assert guarded(Guardrail("value", at_least=(worth.low + worth.value) / 2)).outcome == "undecided"


def test_the_hardest_group_is_the_one_nearest_to_the_wrong_side_of_the_bound():
    group = np.array(["high", "low", "middle"])[np.arange(DAYS.size) % 3]
    chance = np.where(group == "low", 0.2, np.where(group == "high", 0.8, 0.5))
    rows = YesNoRows(ROWS.outcomes, ROWS.scores, np.random.default_rng(4).random(DAYS.size) < chance)
    for bound, at_least, at_most in ((0.5, "low", "high"), (0.1, "low", "high"), (0.9, "low", "high")):
        found = guarded(Guardrail("positive_rate", at_least=bound, by="group"), rows=rows, group=group)
        assert found.detail["hardest"] == at_least
        assert found.estimate is not None
        assert found.estimate.value == found.detail["groups"][at_least]["value"]
        found = guarded(Guardrail("positive_rate", at_most=bound, by="group"), rows=rows, group=group)
        assert found.detail["hardest"] == at_most


def test_groups_that_are_undecided_beside_the_hardest_are_named():
    group = np.array(["high", "a", "b"])[np.arange(DAYS.size) % 3]
    chance = np.where(group == "high", 0.9, 0.5)
    rows = YesNoRows(ROWS.outcomes, ROWS.scores, np.random.default_rng(4).random(DAYS.size) < chance)
    found = guarded(Guardrail("positive_rate", at_least=0.5, by="group"), rows=rows, group=group)
    hardest = found.detail["hardest"]
    other = {"a": "b", "b": "a"}[hardest]
    assert found.detail["outcomes"] == {"high": "pass", "a": "undecided", "b": "undecided"}
    assert found.explanation.endswith(f"; undecided too: {other}")
    assert found.missing == found.detail["missing"][hardest]
    assert not guarded(Guardrail("positive_rate", at_least=0.1, by="group"), rows=rows).explanation.endswith(": ")


def test_calibration_is_judged_at_its_level_and_recorded_with_it():
    narrow, wide = (judged_calibration(ROWS, DAYS, at_most=0.5, level=level).estimate for level in (0.5, 0.999))
    assert narrow is not None
    assert wide is not None
    between = (narrow.high + wide.high) / 2
    sure, unsure = (judged_calibration(ROWS, DAYS, at_most=between, level=level) for level in (0.5, 0.999))
    assert (sure.outcome, unsure.outcome) == ("pass", "undecided")
    assert (sure.name, sure.required, sure.estimate) == ("calibration", between, narrow)
    assert sure.explanation == (
        f"scores differ from frequencies by {narrow} on average; shown to be at most {between:.4g} at 50%"
    )
    assert f"undecided: not shown to be at most {between:.4g} at 99.9% ({unsure.missing})" in unsure.explanation


def test_calibration_is_judged_between_its_estimate_and_its_bounds():
    error = estimate(CalibrationError(), ROWS, DAYS)
    assert judged_calibration(ROWS, DAYS, at_most=error.high + 0.001).outcome == "pass"
    assert judged_calibration(ROWS, DAYS, at_most=(error.value + error.high) / 2).outcome == "undecided"
    far = YesNoRows(ROWS.outcomes, np.clip(ROWS.scores + 0.3, 0, 1), ROWS.decisions)
    error = estimate(CalibrationError(), far, DAYS)
    assert judged_calibration(far, DAYS, at_most=(error.low + error.value) / 2).outcome == "undecided"
    assert judged_calibration(far, DAYS, at_most=error.low - 0.001).outcome == "fail"


def test_right_scores_of_few_rows_do_not_fail_calibration():
    """45 rows in ten bins of four or five are off by about 0.17 by chance alone."""
    outcomes = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scores = rng.beta(2, 3, 90)
        rows = YesNoRows(rng.random(90) < scores, scores, scores > 0.5)
        outcomes.append(judged_calibration(rows, np.repeat(np.arange(15), 6)).outcome)
    assert "fail" not in outcomes


def test_few_rows_of_the_rarer_outcome_decide_nothing():
    rare = YesNoRows(
        np.arange(DAYS.size) % 120 == 0, np.where(np.arange(DAYS.size) % 120 == 0, 0.9, 0.1), ROWS.decisions
    )
    found = guarded(Guardrail("auc", at_least=0.5), rows=rare)
    assert found.outcome == "undecided"
    assert found.missing == (
        "auc rests on 25 rows with the rarer outcome, 30 are asked for, about 6 more days at the present rate"
    )
    assert guarded(Guardrail("auc", at_least=0.5), rows=rare, least=25).passed
    assert guarded(Guardrail("auc", at_least=0.5, least=25), rows=rare).passed
    assert guarded(Guardrail("auc", at_least=0.5, least=26), rows=rare, least=1).outcome == "undecided"
    assert judged_calibration(rare, DAYS, least=25, at_most=1.0).passed
    few = judged_calibration(rare, DAYS, least=26, at_most=1.0)
    assert (few.outcome, few.missing[:46]) == ("undecided", "calibration_error rests on 25 rows with the ra")


def test_a_group_with_few_rows_leaves_a_guardrail_undecided():
    """N3: a group of 45 rows at 0.733 passed a guardrail of 0.62."""
    group = GROUP.copy()
    small = np.arange(0, 2970, 66)
    group[small] = "small"
    decisions = ROWS.decisions.copy()
    decisions[small] = np.arange(45) % 15 < 11
    rows = YesNoRows(ROWS.outcomes, ROWS.scores, decisions)
    result = guarded(Guardrail("positive_rate", at_most=0.7, by="group", least=46), rows=rows, group=group)
    assert result.outcome == "undecided"
    assert result.detail["missing"]["small"] == (
        "positive_rate rests on 45 rows, 46 are asked for, about 1 more days at the present rate"
    )
    result = guarded(Guardrail("positive_rate", at_most=0.7, by="group", least=90), rows=rows, group=group)
    assert result.detail["missing"]["small"].endswith("about 30 more days at the present rate")
    assert result.detail["outcomes"]["a"] == "pass"
    result = guarded(Guardrail("positive_rate", at_most=0.7, by="group", least=45), rows=rows, group=group)
    assert result.outcome == "undecided"  # its interval holds the bound
    assert result.detail["hardest"] == "small"


def test_one_group_of_many_fails_only_at_a_level_that_holds_for_all():
    recall = {
        label: estimate(metric_named("recall", VALUE.task), ROWS.where(label == GROUP), DAYS[label == GROUP])
        for label in "abc"
    }
    highest = min(recall, key=lambda label: recall[label].high)
    just_above = recall[highest].high + 1e-4
    result = guarded(Guardrail("recall", at_least=just_above, by="group"))
    assert result.outcome == "undecided"
    assert "one of 3 groups may miss it by chance" in result.detail["missing"][highest]
    assert guarded(Guardrail("recall", at_least=just_above + 0.2, by="group")).outcome == "fail"
    lowest = min(each.low for each in recall.values())
    assert guarded(Guardrail("recall", at_least=lowest - 1e-4, by="group")).outcome == "pass"


def test_the_favourable_side_decides_what_disparate_impact_compares():
    """N4: 0.77 of refusals passes 0.6 although the ratio of approvals is 0.43."""
    group = np.array(["a", "b"])[np.arange(DAYS.size) % 2]
    refused = RNG.random(DAYS.size) < np.where(group == "a", 0.55, 0.80)
    rows = YesNoRows(ROWS.outcomes, ROWS.scores, refused)
    rail = Guardrail("disparate_impact", at_least=0.6, by="group")
    refusals = guarded(rail, rows=rows, group=group, favourable="positive")
    approvals = guarded(rail, rows=rows, group=group, favourable="negative")
    assert (refusals.outcome, approvals.outcome) == ("pass", "fail")
    assert approvals.estimate is not None
    assert approvals.estimate.value == pytest.approx(0.2 / 0.45, abs=0.07)
    assert approvals.detail["favourable"] == "negative"
    assert "of negative decisions, which are the favourable ones; lowest for 'b'" in approvals.explanation


def test_equal_opportunity_and_predictive_parity_are_seen_from_the_favourable_side():
    group = np.array(["a", "b"])[np.arange(DAYS.size) % 2]
    decided = np.where(group == "a", ROWS.decisions, RNG.random(DAYS.size) < 0.9)
    rows = YesNoRows(ROWS.outcomes, ROWS.scores, decided)
    for name, of in (("equal_opportunity", ~rows.outcomes), ("predictive_parity", ~rows.decisions)):
        ratio = {}
        for label in "ab":
            mask = of & (group == label)
            ratio[label] = (~rows.outcomes & ~rows.decisions)[mask].mean()
        result = guarded(Guardrail(name, at_least=0.6, by="group"), rows=rows, group=group, favourable="negative")
        least = min(ratio.values()) / max(ratio.values())
        assert min(each["value"] for each in result.detail["groups"].values()) == pytest.approx(least)


def test_a_fairness_guardrail_is_undecided_where_a_group_has_few_rows():
    group = GROUP.copy()
    group[np.arange(0, 3000, 150)] = "small"
    result = guarded(Guardrail("disparate_impact", at_least=0.1, by="group"), group=group, favourable="positive")
    assert result.outcome == "undecided"
    assert "fewer than 30 rows count towards positive_rate in 'small' (20)" in result.missing
    few, enough = (
        guarded(Guardrail("disparate_impact", at_least=0.1, by="group", least=least), group=group) for least in (21, 20)
    )
    assert "'small' (20)" in few.missing
    assert "'small'" not in enough.missing
    positives = int(ROWS.outcomes[group == "small"].sum())
    result = guarded(Guardrail("equal_opportunity", at_least=0.1, by="group", least=20), group=group)
    assert f"fewer than 20 rows count towards recall in 'small' ({positives})" in result.missing


def test_one_group_alone_is_not_compared():
    one = np.full(DAYS.size, "one")
    result = guarded(Guardrail("disparate_impact", at_least=0.1, by="group"), group=one, favourable="negative")
    assert (result.name, result.outcome, result.estimate) == ("disparate_impact by group", "undecided", None)
    assert (result.required, result.detail) == (0.1, {"favourable": "negative"})
    assert "a second group" in result.missing
    assert "no two groups of 'group' to compare" in result.explanation


def test_a_guardrail_by_an_unknown_column_or_metric_is_refused():
    with pytest.raises(ProjectError, match="did you mean 'group'"):
        guarded(Guardrail("recall", at_least=0.4, by="grup"))
    with pytest.raises(ProjectError, match="did you mean 'recall'"):
        guarded(Guardrail("recal", at_least=0.4))
