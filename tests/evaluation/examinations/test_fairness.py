"""Groups are compared as fairlearn compares them, each with an interval and a sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.evaluation.examinations.subjects import goal_of, rows_of, subject, subject_with

from kreis.evaluation.evaluate import subject_of
from kreis.evaluation.examinations.examination import Examined, Finding, Subject
from kreis.evaluation.examinations.fairness import Fairness
from kreis.evaluation.examinations.gate import Gate, judge_gate
from kreis.evaluation.examinations.kinds import examine
from kreis.evaluation.fairness.findings import Compared
from kreis.evaluation.fairness.seen import seen
from kreis.evaluation.scored import Scored
from kreis.evaluation.slices import group_codes
from kreis.requirements.goal import Goal
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.decisions import Cut, Rank
from kreis.tasks.ranking.ranking_value import RankingValue


def ask(of: Subject, **how: Any) -> Examined:
    (found,) = examine([Fairness(**how)], of, lambda stage, done, total: None)
    return found


def one(found: Examined, measure: str, column: str, group: str | None = None, of: str | None = None) -> Finding:
    (finding,) = (
        each
        for each in found.findings
        if (each.measure, each.column) == (measure, column)
        and group in (None, each.group)
        and of in (None, each.detail.get("class"))
    )
    return finding


def value(found: Examined, measure: str, column: str) -> float:
    estimate = one(found, measure, column).estimate
    assert estimate is not None
    return estimate.value


def lent(count: int = 4_000, *, gap: float = 0.15, favourable: Any = "positive", columns: Any = None) -> Subject:
    """Decisions on people of whom women are lent to less often, whether they would pay back or not."""
    rng = np.random.default_rng(7)
    sex, region = rng.choice(["f", "m"], count), rng.choice(["n", "s", "w"], count)
    pays = rng.random(count) < 0.5
    scores = np.clip(0.5 + 0.2 * (pays - 0.5) - gap * ((sex == "f") - 0.5) + rng.normal(0, 0.15, count), 0, 1)
    goal = Goal(
        question="Will they pay back?",
        decision="Lend.",
        metric=DecisionValue("EUR", true_positive=1, false_positive=-1),
        favourable=favourable,
    )
    groups = {"sex": sex, "region": region} if columns is None else columns(sex, region)
    return subject_of(
        Scored("model", scores, Cut(0.5)),
        goal,
        outcomes=pays.astype(float),
        blocks=np.arange(count) % 40,
        groups=groups,
        judge_by=tuple(groups),
    )


@pytest.fixture(scope="module")
def unfair() -> Subject:
    return lent()


@pytest.mark.parametrize("column", ["sex", "region", "sex and region"])
def test_values_equal_those_of_fairlearn(unfair: Subject, column: str):
    fairlearn = pytest.importorskip("fairlearn.metrics")
    happened, decided = unfair.rows.outcomes, unfair.rows.decisions
    names = column.split(" and ")
    groups = np.stack([np.array(unfair.groups[each].labels)[unfair.groups[each].codes] for each in names], axis=1)
    given = {"y_true": happened, "y_pred": decided, "sensitive_features": groups}
    found = ask(unfair)
    for measure, theirs in {
        "demographic_parity_difference": fairlearn.demographic_parity_difference(**given),
        "demographic_parity_ratio": fairlearn.demographic_parity_ratio(**given),
        "equalised_odds_difference": fairlearn.equalized_odds_difference(**given),
    }.items():
        assert value(found, measure, column) == pytest.approx(theirs, abs=1e-12)
    frame = fairlearn.MetricFrame(
        metrics={
            "selection_rate": fairlearn.selection_rate,
            "true_positive_rate": fairlearn.true_positive_rate,
            "false_positive_rate": fairlearn.false_positive_rate,
        },
        **given,
    )
    for row in found.tables["groups"]:
        if row["column"] == column and row["measure"] in frame.by_group:
            theirs = frame.by_group[row["measure"]][
                tuple(row["group"].split(", "))[0 if len(names) == 1 else slice(None)]
            ]
            assert row["value"] == pytest.approx(theirs, abs=1e-12)
    difference = frame.difference()["true_positive_rate"]
    if column != "sex and region":
        assert value(found, "equal_opportunity_difference", column) == pytest.approx(difference, abs=1e-12)


def test_amounts_equal_those_of_fairlearn():
    fairlearn = pytest.importorskip("fairlearn.metrics")
    of = subject("regression")
    groups, rows = of.groups["region"], of.rows
    error = fairlearn.MetricFrame(
        metrics=lambda y_true, y_pred: float(np.abs(y_true - y_pred).mean()),
        y_true=rows.outcomes,
        y_pred=rows.decisions,
        sensitive_features=groups.codes,
    )
    found = ask(of)
    assert value(found, "error_difference", "region") == pytest.approx(error.difference(), abs=1e-10)
    assert value(found, "worst_group_error", "region") == pytest.approx(error.group_max(), abs=1e-10)


def test_a_group_that_gets_it_less_often_is_named_in_one_sentence_and_is_serious(unfair: Subject):
    found = one(ask(unfair), "disparate_impact", "sex")
    assert found.group == "f"
    assert found.said.startswith("sex 'f' gets the favourable decision 0.")
    assert " times as often as the rest (0." in found.said
    assert found.serious
    assert found.estimate is not None
    assert found.estimate.high < 0.8


def test_nothing_is_serious_where_groups_are_alike_or_no_decision_is_the_good_one():
    assert not ask(lent(gap=0.0)).serious
    unsaid = one(ask(lent(favourable=None)), "disparate_impact", "sex")
    assert not unsaid.serious
    assert "is decided yes" in unsaid.said


def test_the_good_decision_may_be_no():
    assert one(ask(lent(favourable="negative")), "disparate_impact", "sex").group == "m"


def test_a_missing_group_is_a_group_and_a_small_one_is_told_of(unfair: Subject):
    def columns(sex: Any, region: Any) -> dict[str, Any]:
        held = sex.astype(object)
        held[:200] = None
        held[200:210] = "x"
        return {"sex": held}

    found = ask(lent(columns=columns))
    assert one(found, "disparate_impact", "sex", "(missing)").estimate is not None
    assert {each["group"] for each in found.tables["groups"]} == {"(missing)", "f", "m"}
    assert found.notes == ["sex: 1 group with fewer than 30 rows left out (10 rows)"]


def test_two_columns_are_looked_at_together_and_may_hide_what_each_does_not_show():
    def columns(sex: Any, region: Any) -> dict[str, Any]:
        old = np.arange(len(sex)) % 2 == 0
        return {"hidden": np.where(old == (sex == "f"), "a", "b"), "old": old.astype(str)}

    found = ask(lent(columns=columns))
    apart = {name: value(found, "demographic_parity_difference", name) for name in ("hidden", "old", "hidden and old")}
    assert apart["hidden and old"] > 0.2 > max(apart["hidden"], apart["old"])
    assert "hidden and old" not in {each.column for each in ask(lent(columns=columns), pairs=False).findings}


def test_a_gate_holds_a_measure_by_one_column(unfair: Subject):
    found = [ask(unfair)]
    assert judge_gate(Gate("equalised_odds_difference", at_most=0.1, by="sex"), found).outcome == "fail"
    assert judge_gate(Gate("equalised_odds_difference", at_most=0.3, by="region"), found).outcome == "pass"


def test_of_several_classes_the_worst_is_told_with_bounds_that_hold_for_all():
    found = ask(subject("multiclass"))
    single = [each for each in found.findings if each.column == "sex" and each.measure != "proxy_auc"]
    assert len(single) == len({each.measure for each in single}) == 9
    ratios = {"disparate_impact", "demographic_parity_ratio", "equal_opportunity", "predictive_parity"}
    for each in single:
        rows = [row for row in found.tables["classes"] if (row["column"], row["measure"]) == ("sex", each.measure)]
        least, estimate = each.measure in ratios, each.estimate
        assert estimate is not None
        worst = (min if least else max)(rows, key=lambda row: row["value"])
        assert {row["class"] for row in rows} >= {"low", "high"}
        assert (estimate.value, each.group, each.detail["class"]) == tuple(
            worst[n] for n in ("value", "group", "class")
        )
        outer = min(row["low"] for row in rows) if least else max(row["high"] for row in rows)
        assert (estimate.low if least else estimate.high) == outer, "no class is beyond it"
        assert f"{estimate.value:.2f}" in each.said
        assert f"({estimate.low:.2f} to {estimate.high:.2f})" in each.said.replace("-0.00", "0.00")
    assert "of 3 classes the worst is told; the table 'classes' has all" in found.notes


def test_the_bound_of_the_worst_of_several_classes_is_stricter_than_that_of_one():
    of = subject("multiclass")
    groups = {"groups": of.groups["sex"], "rows": of.rows, "blocks": of.blocks, "least": 20, "level": 0.95}
    each, _ = seen(of.rows, of.goal)
    for name, place in (("calibration_difference", 2), ("predictive_parity", 0)):
        alone, of_three = (
            next(
                found.estimate
                for found in Compared(name="sex", classes=classes, **groups).findings(each[place])
                if found.measure == name and found.estimate is not None
            )
            for classes in (1, 3)
        )
        assert of_three.value == alone.value
        if name == "predictive_parity":
            assert (of_three.low, of_three.high > alone.high) == (alone.low, True)
        else:
            assert (of_three.low < alone.low, of_three.high) == (True, alone.high)


def test_exposure_in_an_order_is_compared():
    """Documents of "b" stand behind equally relevant ones of "a" in each of 200 queries (Singh and Joachims 2018)."""
    queries, sort = np.repeat(np.arange(200), 4), np.tile(["a", "a", "b", "b"], 200)
    goal = Goal(question="Which?", decision="Show.", metric=RankingValue("EUR", gains={1: 1.0}, group="query"))
    scored = Scored("model", np.tile([4.0, 3.0, 2.0, 1.0], 200), Rank("query"), groups=queries)
    of = subject_of(
        scored,
        goal,
        outcomes=np.ones(800),
        blocks=queries,
        groups={"sort": sort},
        judge_by=("sort",),
        blocks_are="groups",
    )
    found = ask(of)
    shown = 1 / np.log2([2, 3, 4, 5])
    assert value(found, "exposure_ratio", "sort") == pytest.approx(shown[2:].sum() / shown[:2].sum(), abs=1e-12)
    assert value(found, "exposure_for_relevance_ratio", "sort") == pytest.approx(shown[2:].sum() / shown[:2].sum())
    assert one(found, "exposure_ratio", "sort").group == "b"


def test_the_feature_that_gives_a_group_away_is_named():
    goal, (data, columns) = goal_of("binary"), rows_of("binary")
    rng = np.random.default_rng(3)
    tall = np.where(columns["sex"] == "m", 1.0, 0.0) + rng.normal(0, 0.7, len(data))
    matrix = data.matrix.copy()
    matrix[:, data.features.index("noise")] = tall
    import msgspec

    told = one(ask(subject_with(goal, msgspec.structs.replace(data, matrix=matrix), columns)), "proxy_auc", "sex")
    assert told.detail["features"][0] == "noise"
    assert told.estimate is not None
    assert told.estimate.low > 0.7
    clean = one(ask(subject("binary")), "proxy_auc", "sex").estimate
    assert clean is not None
    assert clean.low < 0.5


def test_it_lacks_columns_where_none_is_declared_and_says_so_of_unknown_ones():
    plain = replace(subject("binary"), judge_by=())
    assert "judge_by" in ask(plain).lacks
    assert "'age' is not declared to judge by" in ask(subject("binary"), by=("sex", "age")).notes


def test_groups_of_numbers_stand_by_their_value():
    it = subject("binary")
    hours = np.array(["9", "10", "2"])[np.arange(len(it.rows)) % 3]
    found = ask(replace(it, groups={"hour": group_codes(hours)}, judge_by=("hour",)))
    assert [each.group for each in found.findings if each.measure == "disparate_impact"] == ["2", "9", "10"]
    assert list(dict.fromkeys(row["group"] for row in found.tables["groups"])) == ["2", "9", "10"]
