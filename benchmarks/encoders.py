"""What encoders add to a row in service: of categories and dates, and of a text.

    python benchmarks/encoders.py

One row at a time, from the fields of a request to the score, as the service computes it: with encoders, and a model of
as many plain numbers. Both alternate in one run; printed are medians over rounds, in microseconds of CPU time per row.
Linear models and small boosters: what the model itself costs is the same on both sides and taken out.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from kreis.expressions.rows import compile_row
from kreis.models.scoring import OnnxScorer
from kreis.preparation.date_parts import date_parts
from kreis.preparation.request_features import request_features
from kreis.preparation.view_rules import request_view
from kreis.preparation.views import RequestView
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.training.candidate import Candidate
from kreis.training.candidates.gradient_boosting import GradientBoosting
from kreis.training.candidates.logistic import Logistic
from kreis.training.data import TrainingData, text_matrix
from kreis.training.encoders.tf_idf import TfIdf
from kreis.training.preprocessing import Preprocessing, fit_candidate

ROUNDS, CALLS, ROWS = 25, 400, 4_000
CATEGORIES, VALUES, NUMBERS, WORDS = 12, 20, 10, 8_000
TASK = DecisionValue("EUR", true_positive=2, false_positive=-1).task


def rows_of() -> pl.DataFrame:
    """Twelve categories of twenty values, a moment, ten numbers, and a text of about twenty words."""
    rng = np.random.default_rng(3)
    columns: dict[str, Any] = {
        f"c{place}": [f"value {each}" for each in rng.integers(0, VALUES, ROWS)] for place in range(CATEGORIES)
    }
    columns |= {f"n{place}": rng.normal(size=ROWS) for place in range(NUMBERS + CATEGORIES + 5)}
    moments = rng.integers(1_700_000_000, 1_760_000_000, ROWS) * 1_000_000
    columns["at"] = pl.Series(moments).cast(pl.Datetime("us", "UTC"))
    words = np.minimum(rng.zipf(1.3, size=(ROWS, 20)), WORDS)
    columns["text"] = [" ".join(f"word{each}" for each in row) for row in words]
    return pl.DataFrame(columns)


def fitted(frame: pl.DataFrame, view: RequestView, candidate: Candidate, said: Preprocessing) -> Callable[[], Any]:
    """A model of a view's features, and what answers the first row by it."""
    rng = np.random.default_rng(4)
    rows = TrainingData(
        features=view.feature_names,
        matrix=request_features(frame, view).to_numpy().astype(np.float32),
        outcomes=(rng.random(len(frame)) < 0.5).astype(float),
        time=np.arange(len(frame)),
        known_at=np.arange(len(frame)),
        texts=text_matrix(frame, list(view.texts.values())) if view.texts else None,
        text_fields=view.texts,
        categories={name: {} for name in view.categories},
    )
    model = fit_candidate(candidate, rows, TASK, seed=1, threads=1, preprocessing=said).scorer()
    assert isinstance(model, OnnxScorer)
    compute = compile_row({f"{view.name}__{name}": each for name, each in view.features.items()}, view.fields)
    fields: Mapping[str, Any] = frame.select(list(view.fields)).row(0, named=True)
    if "at" in fields:
        fields = {**fields, "at": fields["at"].isoformat()}
    read = list(view.texts.values())

    def answer() -> Any:
        matrix = np.array([compute(fields)], dtype=np.float32)
        if not read:
            return model.score(matrix)
        return model.score(matrix, np.array([[fields[name] for name in read]], dtype=np.object_))

    answer()
    return answer


def numbers(count: int) -> RequestView:
    names = [f"n{place}" for place in range(count)]
    return request_view("row", fields=dict.fromkeys(names, "number"), features={name: pl.col(name) for name in names})


def encoded(*, texts: bool) -> RequestView:
    plain = [f"n{place}" for place in range(NUMBERS)]
    fields: dict[str, Any] = dict.fromkeys(plain, "number")
    features = {name: pl.col(name) for name in plain}
    if texts:
        return request_view("row", fields=fields | {"text": "string"}, features=features | {"text": _text()})
    categories = [f"c{place}" for place in range(CATEGORIES)]
    fields |= dict.fromkeys(categories, "string") | {"at": "datetime"}
    features |= {name: pl.col(name).cast(pl.Categorical) for name in categories} | date_parts("at")
    return request_view("row", fields=fields, features=features)


def _text() -> pl.Expr:
    return pl.col("text").cast(pl.String)


def micros(call: Callable[[], Any]) -> float:
    start = time.process_time_ns()
    for _ in range(CALLS):
        call()
    return (time.process_time_ns() - start) / CALLS / 1_000


def compare(title: str, most: float, without: Callable[[], Any], with_them: Callable[[], Any]) -> None:
    taken = [(micros(without), micros(with_them)) for _ in range(ROUNDS)]
    plain, added = (statistics.median(each) for each in zip(*((a, b - a) for a, b in taken), strict=True))
    verdict = "ok" if added <= most else "TOO MUCH"
    print(f"  {title:<58}{plain:8.1f}{plain + added:8.1f}{added:+8.1f} µs   at most {most:.0f}: {verdict}")


def main() -> None:
    frame = rows_of()
    plain = Preprocessing()
    print(f"{'one row, from fields to score':<60}{'without':>8}{'with':>8}{'added':>8}")
    boosting = GradientBoosting(trees=50, leaves=15)
    as_wide = numbers(NUMBERS + CATEGORIES + 5)
    for name, candidate, encode in (
        ("order, boosting", boosting, "order"),
        ("native, boosting", boosting, "native"),
        ("target, boosting", boosting, "target"),
        ("one-hot, logistic", Logistic(), "one-hot"),
    ):
        without = fitted(frame, as_wide, candidate, plain)
        with_them = fitted(frame, encoded(texts=False), candidate, Preprocessing(encode=encode))
        compare(f"{CATEGORIES} categories and 5 parts of a date: {name}", 10, without, with_them)
    few = fitted(frame, numbers(NUMBERS + 1), Logistic(), plain)
    for words, pairs in ((2_000, False), (5_000, False), (5_000, True)):
        said = Preprocessing(encode=TfIdf(words=words, pairs=pairs))
        reading = fitted(frame, encoded(texts=True), Logistic(), said)
        compare(f"a text of 20 words, {words:,} known{', pairs' if pairs else ''}: logistic", 150, few, reading)


if __name__ == "__main__":
    main()
