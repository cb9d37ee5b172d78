"""Rows are weighed so that outcome and group have nothing to do with each other."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from tests.training.mitigations.rows import TASK, loans, split_of

from kreis.errors import ProjectError
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.training.candidates.logistic import Logistic
from kreis.training.mitigations.reweighed import Reweighed, reweighing
from kreis.training.preprocessing import Preprocessing
from kreis.training.train import train


def test_weighed_outcomes_are_equally_frequent_in_all_groups():
    rows = loans()
    yes = rows.outcomes > 0.5
    weights = Reweighed(by=("sex", "region"), because="a test").weights(rows, yes)
    together = np.char.add(rows.columns["sex"], rows.columns["region"])
    shares = [np.average(yes[together == each], weights=weights[together == each]) for each in np.unique(together)]
    assert np.ptp(shares) < 1e-12
    assert weights.sum() == pytest.approx(len(rows))


def test_weights_are_those_of_the_paper():
    """Kamiran and Calders 2012, table 2: ten people, five men, of whom 4 are said yes to, of the women 2."""
    sex, yes = np.array([1] * 5 + [0] * 5), np.array([1, 1, 1, 1, 0, 1, 1, 0, 0, 0], dtype=bool)
    found = reweighing(sex, yes)
    assert found[0] == pytest.approx(0.5 * 0.6 / 0.4)
    assert found[4] == pytest.approx(0.5 * 0.4 / 0.1)
    assert found[5] == pytest.approx(0.5 * 0.6 / 0.2)


def test_a_reweighed_model_tells_groups_apart_less_and_says_why_it_is():
    rows = loans().select(("income", "height"))
    fair = Reweighed(by="sex", because="women were said no to more often")
    apart = []
    for preprocessing in (Preprocessing(), Preprocessing(mitigate=fair)):
        trained = train(Logistic(), rows, name="logistic", split=split_of(rows), task=TASK, preprocessing=preprocessing)
        scores = trained.scorer().score(rows.matrix)
        women = rows.columns["sex"] == "f"
        apart.append(abs(float(scores[women].mean() - scores[~women].mean())))
    assert apart[1] < 0.4 * apart[0]
    assert trained.training["mitigate"] == {
        "kind": "reweighed",
        "by": "sex",
        "because": "women were said no to more often",
        "strength": 1.0,
    }


def test_half_of_the_strength_is_half_of_the_way():
    rows = loans()
    yes = rows.outcomes > 0.5
    full, half = (Reweighed(by="sex", because="a test", strength=each).weights(rows, yes) for each in (1.0, 0.5))
    assert half == pytest.approx((1 + full) / 2)


def test_it_is_refused_without_reason_column_or_classes():
    with pytest.raises(ProjectError, match="no reason"):
        Reweighed(by="sex", because=" ")
    with pytest.raises(ProjectError, match="strength"):
        Reweighed(by="sex", because="a test", strength=0)
    with pytest.raises(ProjectError, match="sux"):
        Reweighed(by="sux", because="a test").weights(loans(), loans().outcomes > 0.5)
    with pytest.raises(ProjectError, match="classes"):
        Reweighed(by="sex", because="a test").check(ErrorCost("EUR", over=1, under=1).task, [], [])


def test_weights_of_rows_are_kept():
    rows = msgspec.structs.replace(loans(), weights=np.full(4_000, 2.0))
    preprocessing = Preprocessing(mitigate=Reweighed(by="sex", because="a test"))
    train(Logistic(), rows, name="logistic", split=split_of(rows), task=TASK, preprocessing=preprocessing)
