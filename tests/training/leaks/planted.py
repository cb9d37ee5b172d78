"""Honest rows, and leaks planted among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from kreis.arrays import Floats
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.multiclass.cost_matrix import CostMatrix
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.tasks.task import Task
from kreis.training.data import TrainingData
from kreis.training.leaks.leak import Searched
from kreis.training.splits.at_random import RandomSplit
from kreis.training.splits.in_time import TimeSplit
from kreis.training.splits.split import SplitRule

DAY = 86_400_000_000
TASKS: Mapping[str, Task] = {
    "yes or no": DecisionValue("EUR", true_positive=3, false_positive=-1).task,
    "number": ErrorCost("EUR", over=1, under=1).task,
    "class": CostMatrix("EUR", ("low", "middle", "high")).task,
}
CLASSES = np.array(["low", "middle", "high"])


class Planted:
    """Rows about 150 customers over 100 days, with honest features, some of which are strong."""

    def __init__(self, kind: str, seed: int = 0, rows: int = 2_400) -> None:
        self.kind, self.task, self.rng = kind, TASKS[kind], np.random.default_rng(seed)
        rng = self.rng
        self.customer = rng.integers(0, 150, rows)
        self.time = np.arange(rows, dtype=np.int64) * (100 * DAY // rows)
        self.features: dict[str, Floats] = {
            "income": rng.lognormal(8, 0.5, rows),
            "age": rng.integers(18, 80, rows).astype(float),
            "visits": rng.poisson(3, rows).astype(float),
            "balance": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(0, 100, rows)),
            "branch": rng.integers(0, 12, rows).astype(float),
        }
        wish = (np.log(self.features["income"]) - 8) * 2 + self.features["visits"] / 2 + rng.normal(0, 1, rows)
        wish += rng.normal(0, 0.7, 150)[self.customer]
        self.outcomes = self._outcomes(wish)
        self.texts: list[str] = []

    def _outcomes(self, wish: Floats) -> Floats:
        if self.kind == "yes or no":
            return (wish > 2.5).astype(float)
        if self.kind == "number":
            return np.exp(wish / 2) * 20
        named = CLASSES[np.digitize(wish, [1.0, 2.5])]
        return self.task.read_outcomes(pl.Series(named.tolist()), None, where="rows").to_numpy()

    def copied(self, places: Any, *, nudge: float = 0.0) -> None:
        """Rows a second time, later, perhaps with rounded numbers."""
        more = {
            name: values[places] * (1 + (nudge if name != "branch" else 0.0)) for name, values in self.features.items()
        }
        self.features = {name: np.concatenate([values, more[name]]) for name, values in self.features.items()}
        self.outcomes = np.concatenate([self.outcomes, self.outcomes[places]])
        self.customer = np.concatenate([self.customer, self.customer[places]])
        self.time = np.concatenate([self.time, self.time[-1] + np.arange(len(places)) * DAY // 200])
        self.texts += [self.texts[place] for place in places] if self.texts else []

    def searched(self, split: SplitRule | None = None, **more: Any) -> Searched:
        count = len(self.outcomes)
        data = TrainingData(
            features=tuple(self.features) + (("words",) if self.texts else ()),
            matrix=np.stack([*self.features.values(), *([np.zeros(count)] if self.texts else [])], axis=1).astype(
                np.float32
            ),
            outcomes=self.outcomes,
            time=self.time,
            known_at=self.time + 5 * DAY,
            categories={"branch": {}},
            texts=np.array(self.texts, dtype=object)[:, None] if self.texts else None,
            text_fields={"words": "words"} if self.texts else {},
        )
        rule = split or TimeSplit(test="20d")
        names = np.array([f"r{place}" for place in range(count)], dtype=object)
        parted = rule.split(data.time, data.known_at, data.outcomes, task=self.task, labels=names.astype(str))
        entities = {"customer": self.customer.astype(np.int64)}
        random = isinstance(rule, RandomSplit)
        return Searched(data=data, split=parted, task=self.task, ids=names, entities=entities, at_random=random, **more)
