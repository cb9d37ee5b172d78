"""Five public sets: what a model says of rows that it has not seen, what happened, and a group of each row."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kreis.arrays import Floats
from kreis.evaluation.coverage.fit import Method, fit_coverage
from kreis.models.answer_parts.sets import CoverageSet
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.decisions import Decision
from kreis.tasks.multiclass.cost_matrix import CostMatrix
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.tasks.task import Task

DATA = Path(os.environ.get("KREIS_TEST_DATA", Path(__file__).parents[3].parent / "shared" / "data")).resolve()
SPLITS = 60


@dataclass(frozen=True, eq=False)
class Scored:
    """Rows that a model has not seen."""

    task: Task
    scores: Floats
    outcomes: Floats
    groups: Sequence[str]
    by: str

    @property
    def decision(self) -> Decision:
        return self.task.plain


@dataclass(frozen=True)
class Found:
    """Mean coverage over the splits."""

    whole: float
    groups: dict[str, float]
    size: float
    rows: int


def measured(scored: Scored, level: float, method: Method = "lac", least: int = 500) -> Found:
    """Fit on one half and measure on the other, over and over; groups with at least so many rows in a half."""
    rng = np.random.default_rng(0)
    count, names = len(scored.outcomes), np.array(scored.groups)
    large = [str(name) for name, n in zip(*np.unique(names, return_counts=True), strict=True) if n >= 2 * least]
    whole, sizes, by_group = [], [], {name: [] for name in large}
    for _ in range(SPLITS):
        order = rng.permutation(count)
        fit, judge = order[: count // 2], order[count // 2 :]
        plain = fit_coverage(
            scored.task, scored.decision, scored.scores[fit], scored.outcomes[fit], level=level, method=method
        )
        held, size = _held(plain, scored, judge, None)
        whole.append(held.mean())
        sizes.append(size.mean())
        own = fit_coverage(
            scored.task,
            scored.decision,
            scored.scores[fit],
            scored.outcomes[fit],
            level=level,
            method=method,
            by=scored.by,
            groups=names[fit].tolist(),
        )
        held, _ = _held(own, scored, judge, names[judge].tolist())
        for name in large:
            by_group[name].append(held[names[judge] == name].mean())
    means = {name: float(np.mean(each)) for name, each in by_group.items()}
    return Found(float(np.mean(whole)), means, float(np.mean(sizes)), count // 2)


def _held(part: Any, scored: Scored, judge: Any, groups: Sequence[str] | None) -> tuple[Any, Any]:
    scores, outcomes = scored.scores[judge], scored.outcomes[judge]
    if isinstance(part, CoverageSet):
        included = part.included(scores, groups)
        return included[np.arange(len(judge)), scored.task.labels(outcomes).astype(int)], included.sum(axis=1)
    low, high = part.ends(scores, groups)
    return (low <= outcomes) & (outcomes <= high), high - low


YES_NO = DecisionValue("EUR", true_positive=1.0, false_positive=-1.0).task


def adult() -> Scored:
    frames = [
        pl.read_csv(DATA / "adult_census" / f"adult_{part}.csv.gz", has_header=False, infer_schema=False)
        for part in ("train", "test")
    ]
    rows = pl.concat([frame.rename(dict(zip(frame.columns, _ADULT, strict=True))) for frame in frames])
    rows = rows.with_columns(pl.all().str.strip_chars(" .")).filter(pl.col("age").str.contains(r"^\d+$"))
    return _yes_no(rows, "income", ">50K", by="sex", numbers=_ADULT_NUMBERS)


def telco() -> Scored:
    rows = pl.read_csv(DATA / "telco_churn" / "telco_customer_churn.csv.gz", infer_schema=False)
    rows = rows.drop("customerID")
    return _yes_no(rows, "Churn", "Yes", by="gender", numbers=("tenure", "MonthlyCharges", "TotalCharges"))


def bank() -> Scored:
    rows = pl.read_csv(DATA / "bank_marketing" / "bank_additional_full.csv.gz", separator=";", infer_schema=False)
    numbers = ("age", "campaign", "pdays", "previous", "emp.var.rate", "cons.price.idx", "euribor3m", "nr.employed")
    return _yes_no(rows.drop("duration"), "y", "yes", by="marital", numbers=numbers)


def bikes(*, in_time: bool = False) -> Scored:
    """Rented bikes of an hour; the rows in the order of time behind those that taught, or by chance."""
    rows = pl.read_csv(DATA / "bike_sharing" / "bike_rental_hourly.csv.gz", infer_schema=False)
    target = rows["cnt"].cast(pl.Float64).to_numpy()
    numbers = ("temp", "atemp", "hum", "windspeed")
    matrix = _matrix(rows.drop("cnt", "casual", "registered"), numbers)
    scores, outcomes, kept = _boosted(matrix, target, "regression", in_time=in_time)
    task = ErrorCost("EUR", over=1.0, under=1.0).task
    return Scored(task, scores, outcomes, _groups(rows["season"], kept), "season")


def banking() -> Scored:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    train, test = (pl.read_csv(DATA / "banking77" / f"{part}.csv") for part in ("train", "test"))
    classes = sorted(train["category"].unique().to_list())
    metric = CostMatrix("EUR", tuple(classes))
    words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = LogisticRegression(C=20.0, max_iter=200).fit(words.fit_transform(train["text"]), train["category"])
    scores = model.predict_proba(words.transform(test["text"]))[:, [list(model.classes_).index(c) for c in classes]]
    long = ["long" if len(text) > 50 else "short" for text in test["text"]]
    return Scored(metric.task, scores, metric.numbers(test["category"].to_list()), long, "length")


SETS: dict[str, tuple[Callable[[], Scored], float]] = {
    "Adult": (adult, 0.95),
    "telco churn": (telco, 0.9),
    "bank marketing": (bank, 0.95),
    "bike sharing": (bikes, 0.9),
    "banking77": (banking, 0.9),
}
"""With the level: one that the model does not reach in any group by its likeliest class alone."""

_ADULT = (
    *("age", "workclass", "fnlwgt", "education", "education_num", "marital_status", "occupation", "relationship"),
    *("race", "sex", "capital_gain", "capital_loss", "hours", "country", "income"),
)
_ADULT_NUMBERS = ("age", "fnlwgt", "education_num", "capital_gain", "capital_loss", "hours")


def _yes_no(rows: pl.DataFrame, outcome: str, yes: str, *, by: str, numbers: Sequence[str]) -> Scored:
    target = (rows[outcome] == yes).cast(pl.Float64).to_numpy()
    scores, outcomes, kept = _boosted(_matrix(rows.drop(outcome), numbers), target, "binary")
    return Scored(YES_NO, scores, outcomes, _groups(rows[by], kept), by)


def _groups(column: pl.Series, kept: Any) -> list[str]:
    return column.fill_null("(missing)").gather(kept).to_list()


def _matrix(rows: pl.DataFrame, numbers: Sequence[str]) -> Any:
    def columns() -> Iterator[pl.Series]:
        for column in rows:
            if column.name in numbers:
                yield column.cast(pl.Float64, strict=False)
            else:
                yield column.rank("dense").cast(pl.Float64)

    return pl.DataFrame(list(columns())).to_numpy()


def _boosted(matrix: Any, target: Floats, objective: str, *, in_time: bool = False) -> tuple[Floats, Floats, Any]:
    """Boosted trees that learned from a third of the rows, the first ones or any, on the others."""
    import lightgbm

    order = np.arange(len(target)) if in_time else np.random.default_rng(1).permutation(len(target))
    taught, kept = order[: len(order) // 3], order[len(order) // 3 :]
    made = {"objective": objective, "verbosity": -1, "num_threads": 2, "seed": 0, "num_leaves": 15}
    model = lightgbm.train(made, lightgbm.Dataset(matrix[taught], target[taught]), num_boost_round=120)
    return np.asarray(model.predict(matrix[kept])), target[kept], kept
