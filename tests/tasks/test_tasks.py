"""Every task passes the suite that kreis ships; and nothing outside a task's folder asks which one it is."""

from __future__ import annotations

import ast
from pathlib import Path
from statistics import NormalDist

import numpy as np
import polars as pl
import pytest

import kreis
from kreis.arrays import Floats
from kreis.evaluation.intervals import Estimate
from kreis.tasks.anomaly.alarm_value import AlarmValue
from kreis.tasks.answering.answer_value import AnswerValue
from kreis.tasks.answering.measures import MEASURES, with_measures
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.clustering.cluster_separation import ClusterSeparation
from kreis.tasks.function_value import FunctionValue
from kreis.tasks.goal_metric import GoalMetric, task_of
from kreis.tasks.multiclass.cost_matrix import CostMatrix
from kreis.tasks.multilabel.label_value import LabelValue
from kreis.tasks.ranking.ranking_value import RankingValue
from kreis.tasks.regression.error_cost import ErrorCost
from kreis.tasks.testing import CHECKS, Example

SOURCE = Path(kreis.__file__).parent


def yes_or_no(metric: GoalMetric) -> Example:
    rng = np.random.default_rng(3)
    scores = rng.beta(2, 3, 400)
    happened = rng.random(400) < scores
    column = pl.Series("late", [None if place % 40 == 0 else bool(each) for place, each in enumerate(happened)])
    return Example(task=metric.task, column=column, wrong=pl.Series("late", ["a", "b", "c"]), scores=scores)


def number(metric: GoalMetric) -> Example:
    rng = np.random.default_rng(4)
    scores = rng.gamma(3, 40, 400)
    happened = scores + rng.normal(size=400) * 20
    column = pl.Series("count", [None if place % 40 == 0 else float(each) for place, each in enumerate(happened)])
    return Example(task=metric.task, column=column, wrong=pl.Series("count", ["a", "b", "c"]), scores=scores)


def near(outcome: Floats, decision: Floats) -> Floats:
    return np.where(np.abs(outcome - decision) <= 25, 2.0, -1.0)


def forecast() -> Example:
    asked = number(ErrorCost("EUR per 1,000", over=1.0, under=3.0))
    task = task_of(asked.task.metric, "forecasting")
    return Example(task=task, column=asked.column, wrong=asked.wrong, scores=asked.scores)


def alarm(metric: GoalMetric) -> Example:
    """One row in twelve is strange, and of two rows in three nobody knows."""
    rng = np.random.default_rng(5)
    strange = rng.random(1_200) < 1 / 12
    scores = rng.normal(size=1_200) + 2.5 * strange
    column = pl.Series("fraud", [bool(each) if place % 3 == 0 else None for place, each in enumerate(strange)])
    task = task_of(metric, "anomaly detection")
    return Example(task=task, column=column, wrong=pl.Series("fraud", ["a", "b", "c"]), scores=scores)


def alike() -> Example:
    """Rows around three centres; nothing is known of them."""
    rng = np.random.default_rng(8)
    rows = rng.normal(size=(300, 2)) + np.repeat([[0, 0], [6, 0], [0, 6]], 100, axis=0)
    distances = np.sqrt(((rows[:, None] - np.array([[0, 0], [6, 0], [0, 6]])) ** 2).sum(axis=2))
    nothing, wrong = pl.Series("outcome", [None] * 300, dtype=pl.Float64), pl.Series("outcome", [1.0, None])
    return Example(task=ClusterSeparation().task, column=nothing, wrong=wrong, scores=distances)


def order() -> Example:
    """A hundred queries with six offers each; most are irrelevant."""
    rng = np.random.default_rng(6)
    scores = rng.normal(size=600)
    grades = np.digitize(scores + rng.normal(size=600), [1.0, 2.0])
    column = pl.Series("bought", [None if place % 40 == 0 else int(each) for place, each in enumerate(grades)])
    metric = RankingValue("EUR per 1,000 offers", gains={1: 0.1, 2: 3.0}, at=3, group="query")
    groups = np.repeat(np.arange(100), 6)
    return Example(task=metric.task, column=column, wrong=pl.Series("bought", [0, 1, 7]), scores=scores, groups=groups)


FOUR_CASES = DecisionValue("EUR per 1,000", true_positive=120, false_positive=-35)


def class_of_three() -> Example:
    rng = np.random.default_rng(6)
    scores = rng.dirichlet(np.array([2.0, 1.0, 1.0]), 400)
    names = ["setosa", "versicolor", "3"]
    happened = [names[rng.choice(3, p=each)] for each in scores]
    column = pl.Series("kind", [None if place % 40 == 0 else each for place, each in enumerate(happened)])
    metric = CostMatrix("EUR per 1,000", ["setosa", "versicolor", 3], wrong=2.0, costs={"setosa": {"3": 9.0}})
    return Example(task=metric.task, column=column, wrong=pl.Series("kind", ["setosa", "virginica"]), scores=scores)


def quantiles(level: float) -> Example:
    asked = number(ErrorCost("EUR per 1,000", over=1.0, under=3.0))
    metric = ErrorCost("EUR per 1,000", over=1 - level, under=level, quantiles=(0.9, 0.1))
    scores = asked.scores[:, None] + 20 * np.array([NormalDist().inv_cdf(each) for each in metric.levels])
    return Example(task=metric.task, column=asked.column, wrong=asked.wrong, scores=scores)


def some_labels() -> Example:
    rng = np.random.default_rng(9)
    names = ["billing", "urgent", "3"]
    scores = rng.beta(1, 2, (400, 3))
    carried = [[name for name, each in zip(names, row, strict=True) if each] for row in rng.random((400, 3)) < scores]
    column = pl.Series("labels", [None if place % 40 == 0 else each for place, each in enumerate(carried)])
    missed = {"billing": 0.0, "urgent": -20.0, "3": -1.0}
    metric = LabelValue("EUR per 1,000", ["billing", "urgent", 3], right=2.0, missed=missed, false_alarm=-1.0)
    return Example(task=metric.task, column=column, wrong=pl.Series("labels", [["billing"], ["bill"]]), scores=scores)


def answers(tokens: float = -0.002) -> Example:
    """Answers that are as often right as they are sure; of one in ten a person had to help all the same."""
    rng = np.random.default_rng(10)
    scores = np.column_stack([rng.beta(3, 1, 400), rng.integers(0, 900, 400).astype(float)])
    came = ["solved" if each else "wrong" for each in rng.random(400) < scores[:, 0]]
    came[::10] = ["passed_on"] * 40
    column = pl.Series("feedback", [None if place % 40 == 0 else each for place, each in enumerate(came)])
    metric = AnswerValue("EUR per 1,000", right=4.0, wrong=-12.0, passed_on=-1.5, per_1000_tokens=tokens)
    shares = {name: rng.random(400) for name in MEASURES}
    attacks = np.full(400, np.nan)
    attacks[3::7] = 0.0
    attacks[3] = 1.0
    return Example(
        task=metric.task,
        column=column,
        wrong=pl.Series("feedback", ["solved", "good"]),
        scores=scores,
        measured=with_measures(scores, shares | {"injection_success": attacks}),
    )


EXAMPLES = {
    "answering": answers,
    "answering, tokens for nothing": lambda: answers(0.0),
    "multi-label": some_labels,
    "quantiles": lambda: quantiles(0.5),
    "quantiles, one of them decides": lambda: quantiles(0.9),
    "multi-class": class_of_three,
    "binary": lambda: yes_or_no(FOUR_CASES),
    "binary, by a function": lambda: yes_or_no(
        FunctionValue("EUR", lambda outcome, decision: decision * (155 * outcome - 35), task="binary classification")
    ),
    "forecasting": forecast,
    "anomaly": lambda: alarm(AlarmValue("EUR", true_positive=100, false_positive=-5, alarms=0.05)),
    "anomaly, by four cases": lambda: alarm(FOUR_CASES),
    "ranking": order,
    "clustering": alike,
    "regression": lambda: number(ErrorCost("EUR per 1,000", over=1.0, under=3.0)),
    "regression, both sides alike": lambda: number(ErrorCost("EUR per 1,000", over=2.0, under=2.0)),
    "regression, by a function": lambda: number(FunctionValue("EUR per 1,000", near, bounds=(-1.0, 2.0))),
}


@pytest.mark.parametrize("make", EXAMPLES.values(), ids=EXAMPLES)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_task_behaves(make, check):
    check(make())


TASKS = {"Binary", "Multiclass", "Multilabel", "Regression", "Anomaly", "Forecasting", "Ranking", "Clustering"}
TASKS |= {"Answering"}
METRICS = {
    "AnswerValue",
    "DecisionValue",
    "CostMatrix",
    "LabelValue",
    "ErrorCost",
    "FunctionValue",
    "AlarmValue",
    "RankingValue",
    "ClusterSeparation",
}
NAMES = {
    *(
        "binary classification",
        "multi-class classification",
        "multi-label classification",
        "regression",
        "anomaly detection",
        "forecasting",
        "ranking",
        "answering",
    ),
    "answer_value",
    *("decision_value", "cost_matrix", "label_value", "error_cost", "function_value", "alarm_value", "ranking_value"),
}
FOLDERS = (
    "binary",
    "multiclass",
    "multilabel",
    "regression",
    "anomaly",
    "forecasting",
    "ranking",
    "clustering",
    "answering",
)


def branches(tree: ast.Module) -> list[str]:
    """Where a module asks which task it has before it: by class, by name, or by importing one to build it."""
    found = []
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("isinstance", "issubclass")
        ):
            named = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            found += [f"line {node.lineno}: asks for {name}" for name in sorted(named & (TASKS | METRICS))]
        elif isinstance(node, ast.Compare | ast.MatchValue):
            constants = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
            found += [
                f"line {node.lineno}: compares with {name!r}" for name in sorted(map(str, constants)) if name in NAMES
            ]
            asked = [
                each for each in ast.walk(node) if isinstance(each, ast.Attribute) and each.attr in ("name", "kind")
            ]
            found += [
                f"line {node.lineno}: compares a task's {each.attr}"
                for each in asked
                if (isinstance(each.value, ast.Attribute) and each.value.attr == "task")
                or (isinstance(each.value, ast.Name) and each.value.id == "task")
            ]
        elif isinstance(node, ast.MatchClass) and isinstance(node.cls, ast.Name) and node.cls.id in TASKS | METRICS:
            found.append(f"line {node.lineno}: matches {node.cls.id}")
        elif isinstance(node, ast.ImportFrom) and node.module in (
            *(f"kreis.tasks.{folder}.task" for folder in FOLDERS),
        ):
            found.append(f"line {node.lineno}: imports {node.module}")
    return found


def test_nothing_outside_a_tasks_folder_asks_which_task_it_is():
    own = {SOURCE / "tasks" / each for each in (*FOLDERS, "function_value.py")}
    asked = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if not own & {path, *path.parents} and (found := branches(ast.parse(path.read_text()))):
            asked[str(path.relative_to(SOURCE))] = found
    assert asked == {}


@pytest.mark.parametrize(
    "code",
    [
        "if isinstance(task, Binary): pass",
        "if isinstance(goal.metric, (int, ErrorCost)): pass",
        "if task.name == 'anything': pass",
        "x = 1 if goal.task.kind in ('a', 'b') else 2",
        "if document['kind'] == 'error_cost': pass",
        "match task:\n    case Regression(): pass",
        "from kreis.tasks.binary.task import Binary",
    ],
)
def test_a_module_that_asks_is_found(code: str):
    assert branches(ast.parse(code))


@pytest.mark.parametrize(
    ("metric", "name", "bound"),
    [
        (DecisionValue("EUR", true_positive=2.0, false_positive=-1.0), "auc", 0.5),
        (AlarmValue("EUR", true_positive=100, false_positive=-5, alarms=0.05), "precision", 0.25),
        (CostMatrix("EUR", ["a", "b", "c", "d"], wrong=2.0), "macro_recall", 0.25),
        (LabelValue("EUR", ["a", "b"], right=2.0, missed=-1.0, false_alarm=-1.0), "auc", 0.5),
        (ErrorCost("EUR", over=1.0, under=3.0), "correlation", 0.0),
    ],
    ids=lambda each: type(each).__name__ if isinstance(each, GoalMetric) else None,
)
@pytest.mark.parametrize(("low", "doubted"), [(-0.01, True), (0.01, False)])
def test_a_model_is_doubted_until_its_interval_lies_above_what_lots_would_do(
    metric: GoalMetric, name: str, bound: float, low: float, doubted: bool
) -> None:
    """The estimate lies above in both cases: it is the interval's end that counts."""
    found = Estimate(value=bound + 0.1, low=bound + low, high=bound + 0.2, n=100, blocks=100)
    others = Estimate(value=0.25, low=0.2, high=0.3, n=100, blocks=100)
    measured = {"positive_rate": others, "base_rate": others, name: found}
    assert bool(metric.task.doubts(measured, "gbdt")) is doubted
