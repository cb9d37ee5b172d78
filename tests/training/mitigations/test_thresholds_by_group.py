"""A model whose scores are moved by group decides as the groups' own thresholds do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.training.mitigations.rows import TASK, loans, split_of

from kreis.errors import ProjectError
from kreis.models.explanations.reasons import Spoken, explained
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.mitigations.thresholds_by_group import ThresholdsByGroup
from kreis.training.preprocessing import Preprocessing
from kreis.training.train import TrainedCandidate, train

BOOSTER = GradientBoosting(trees=20, leaves=5)


def trained(**how: Any) -> TrainedCandidate:
    rows = loans()
    fair = ThresholdsByGroup(by="sex", because="a test", **how).for_goal("positive")
    return train(
        BOOSTER, rows, name="gbdt", split=split_of(rows), task=TASK, preprocessing=Preprocessing(mitigate=fair)
    )


@pytest.fixture(scope="module")
def fair() -> TrainedCandidate:
    return trained(at_least=0.9)


def rates(model: TrainedCandidate) -> list[float]:
    rows = loans()
    test = rows.take(split_of(rows).test)
    decided = model.decision.many(model.scorer().score(test.matrix))
    return [float(decided[test.columns["sex"] == each].mean()) for each in ("f", "m")]


def test_groups_get_it_about_equally_often(fair: TrainedCandidate):
    rows = loans()
    plain = train(BOOSTER, rows.select(("income", "height")), name="plain", split=split_of(rows), task=TASK)
    test = rows.take(split_of(rows).test)
    before = plain.decision.many(plain.scorer().score(test.select(("income", "height")).matrix))
    women = test.columns["sex"] == "f"
    assert before[women].mean() < 0.7 * before[~women].mean()
    least, most = sorted(rates(fair))
    assert least > 0.75 * most


def test_the_model_itself_does_not_learn_from_the_group_and_moves_scores_by_it(fair: TrainedCandidate):
    """On the scale of log-odds two rows that differ in the group alone are as far apart as the thresholds are."""
    found = fair.training["thresholds_by_group"]
    assert set(found["at"]) == {"f", "m"}
    assert found["at"]["f"] < found["at"]["m"]
    matrix = loans().matrix[100:200].copy()
    logits = {}
    for name, number in [*found["numbers"].items(), ("missing", np.nan), ("unseen", 7.0)]:
        matrix[:, 2] = number
        scores = fair.scorer().score(matrix).astype(float)
        logits[name] = np.log(scores / (1 - scores))

    def logit(share: float) -> float:
        return float(np.log(share / (1 - share)))

    assert logits["f"] - logits["m"] == pytest.approx(logit(found["at"]["m"]) - logit(found["at"]["f"]), abs=1e-3)
    assert logits["missing"] == pytest.approx(logits["unseen"])
    own = 1 / (1 + np.exp(-logits["missing"]))  # as the model has it: nobody's threshold parts these from the cut
    for name in ("f", "m"):
        moved = 1 / (1 + np.exp(-logits[name]))
        clear = np.abs(own - found["at"][name]) > 1e-4
        assert ((moved >= found["cut"]) == (own >= found["at"][name]))[clear].all()


def test_the_reasons_are_those_of_its_own_score_and_the_threshold_of_the_group_is_told(fair: TrainedCandidate):
    kept, found = fair.explanation, fair.training["thresholds_by_group"]
    assert kept is not None
    explainer = kept.explainer(len(fair.features))
    row = loans().matrix[100].copy()
    told = {}
    for name, number in [*found["numbers"].items(), ("nobody", np.nan)]:
        row[2] = number
        (told[name],) = explained(explainer, Spoken(fair.features, fair.categories), row.tolist(), {})
        own = 1 / (1 + np.exp(-told[name].margin))
        (moved,) = fair.scorer().score(row[None])
        at = found["at"].get(name, found["otherwise"])
        odds = np.log(own / (1 - own)) + np.log(found["cut"] / (1 - found["cut"])) - np.log(at / (1 - at))
        assert 1 / (1 + np.exp(-odds)) == pytest.approx(moved, abs=1e-6)
        assert f"is at least {at:.3g}" in told[name].threshold
        assert told[name].base + sum(each.adds for each in told[name].reasons) == pytest.approx(told[name].margin)
    assert told["f"].threshold.startswith("for sex 'f' the decision is yes")
    assert told["nobody"].threshold.startswith("for another sex")
    assert told["f"].map.endswith(", then moved by group")
    assert {each.adds for each in told["f"].reasons if each.feature == "sex"} == {0.0}


def test_the_rate_may_be_that_of_those_who_deserve_it():
    rows = loans()
    test = rows.take(split_of(rows).test)
    model = trained(of="opportunity", at_least=0.95)
    decided = model.decision.many(model.scorer().score(test.matrix))[test.outcomes > 0.5]
    women = (test.columns["sex"] == "f")[test.outcomes > 0.5]
    assert decided[women].mean() > 0.85 * decided[~women].mean()


def test_it_is_refused_where_the_group_is_not_known_or_no_decision_is_the_good_one():
    fair = ThresholdsByGroup(by="sex", because="a test")
    with pytest.raises(ProjectError, match="no category among the features"):
        fair.check(TASK, ["income"], ["sex"])
    with pytest.raises(ProjectError, match="does not say which"):
        fair.for_goal(None)
    with pytest.raises(ProjectError, match="yes or no"):
        fair.check(ErrorCost("EUR", over=1, under=1).task, ["sex"], ["sex"])
    with pytest.raises(ProjectError, match="at_least"):
        ThresholdsByGroup(by="sex", because="a test", at_least=1)
    with pytest.raises(ProjectError, match="no reason"):
        ThresholdsByGroup(by="sex", because="")
