"""Every kind of candidate passes the suite that kreis ships, and what is particular to each."""

import warnings

import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.preparation.expressions.tree import Column
from kreis.training.candidates.estimator import Estimator
from kreis.training.candidates.gradient_boosting import GradientBoosting, _float32_thresholds, float32_at_most
from kreis.training.candidates.logistic import Logistic
from kreis.training.candidates.rule import Rule
from kreis.training.testing import CHECKS, FEATURES, example_rows

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import lightgbm
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.naive_bayes import GaussianNB
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC


def imputed(model):
    return Estimator(make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), model))


KINDS = {
    "rule": lambda: Rule(Column("a")),
    "logistic": Logistic,
    "logistic without indicators": lambda: Logistic(indicators=False),
    "gradient boosting": lambda: GradientBoosting(trees=20, leaves=7),
    "gradient boosting of parts": lambda: GradientBoosting(trees=10, column_share=0.7, row_share=0.7),
    "LGBMClassifier": lambda: Estimator(lightgbm.LGBMClassifier(n_estimators=10)),
    "LGBMClassifier in a pipeline": lambda: imputed(lightgbm.LGBMClassifier(n_estimators=5, verbosity=-1)),
    "random forest": lambda: imputed(RandomForestClassifier(10, max_depth=4)),
    "histogram boosting": lambda: Estimator(HistGradientBoostingClassifier(max_iter=10)),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_candidate_behaves(make, check):
    check(make)
