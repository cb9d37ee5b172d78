"""What every encoder of categories must do. A new kind is done when each of these passes:

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_encoder_behaves(check):
    check(MyEncoder, labels)  # labels of `example_column()`: booleans, numbers, and class indices
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from kreis.models.scoring import Matrix
from kreis.tasks.task import Labels
from kreis.training.encoders.encoded import EncodedFeatures
from kreis.training.encoders.encoder import Column, Encoder, Encoding
from kreis.training.encoders.targets import LEAST, Targets

__all__ = ["CHECKS", "example_column"]

Factory: TypeAlias = Callable[[], Encoder]

_CATEGORIES = (11.0, 200_003.0, 16_777_215.0, 0.0, 77.0)
_RARE = 5_000.0
_HARD = (np.nan, 12.0, 11.5, -1.0, -0.5, 3e7, np.inf, -np.inf, 33_554_432.0, _RARE, *_CATEGORIES)
"""Missing, unseen, broken, too small, too large: none of them is a category, or breaks a graph."""


def example_column(rows: int = 900, seed: int = 3) -> Column:
    """Five categories, one with too few rows, and missing ones."""
    rng = np.random.default_rng(seed)
    numbers = rng.choice(_CATEGORIES, rows, p=[0.4, 0.3, 0.15, 0.1, 0.05]).astype(np.float32)
    numbers[rng.random(rows) < 0.1] = np.nan
    numbers[: LEAST - 1] = _RARE
    return Column(numbers=numbers, names={number: f"text {number:.0f}" for number in (*_CATEGORIES, _RARE)})


def a_graph_gives_what_python_gives(make: Factory, labels: Labels) -> None:
    """What stands in front of a model computes the same columns, whatever comes."""
    column = example_column()
    encoding = _fit(make, labels)
    hard = np.concatenate([column.numbers, np.array(_HARD, dtype=np.float32)])
    _demand(_same(_by_graph(encoding, hard), encoding.encode(Column(numbers=hard))), "ONNX gives other columns")


def unseen_rare_and_missing_are_the_same(make: Factory, labels: Labels) -> None:
    """A category never seen, or in fewer than 10 rows, is what a missing one is."""
    given = _fit(make, labels).encode(Column(numbers=np.array([np.nan, 12.0, _RARE, 3e7], dtype=np.float32)))
    _demand(all(_same(given[:1], each[np.newaxis]) for each in given), "unseen is not as missing")


def known_ones_are_told_apart(make: Factory, labels: Labels) -> None:
    """Each category that is known gives columns of its own, and is named with its number."""
    encoding = _fit(make, labels)
    _demand(set(encoding.numbers.tolist()) == set(_CATEGORIES), "it does not name the categories that it knows")
    given = encoding.encode(Column(numbers=np.array(_CATEGORIES, dtype=np.float32)))
    _demand(len(np.unique(given, axis=0)) == len(_CATEGORIES), "two categories give the same")


def its_columns_are_named(make: Factory, labels: Labels) -> None:
    """There is a name for each column, once, and float32 values."""
    encoding = _fit(make, labels)
    given = encoding.encode(example_column())
    _demand(given.shape == (900, len(encoding.names)) and given.dtype == np.float32, "it is not float32 (n, w)")
    _demand(len(set(encoding.names)) == len(encoding.names), "two columns have one name")
    taught = encoding.taught
    _demand(taught is None or (taught.shape, taught.dtype) == (given.shape, given.dtype), "`taught` is not alike")


def learning_is_repeatable(make: Factory, labels: Labels) -> None:
    """The same rows and seed give the same, and the rows stay as they are."""
    column = example_column()
    before = column.numbers.tobytes(), labels.tobytes()
    first, again = (make().fit(column, Targets(labels), seed=5) for _ in range(2))
    _demand((column.numbers.tobytes(), labels.tobytes()) == before, "it changed its rows")
    _demand(_same(first.encode(column), again.encode(column)), "the same rows gave another encoding")
    _demand(_same(_taught(first, column), _taught(again, column)), "the same rows are taught otherwise")


def no_category_at_all_does_no_harm(make: Factory, labels: Labels) -> None:
    """A column without a value, or with rare ones only, is as missing everywhere."""
    for numbers in (np.full(len(labels), np.nan), np.arange(len(labels))):
        encoding = make().fit(Column(numbers=numbers.astype(np.float32)), Targets(labels), seed=5)
        some = np.array([np.nan, 3.0, 7e6], dtype=np.float32)
        given = encoding.encode(Column(numbers=some))
        _demand(_same(given, np.repeat(given[:1], 3, axis=0)), "it knows what it was not taught")
        _demand(_same(_by_graph(encoding, some), given), "ONNX gives other columns")


CHECKS: tuple[Callable[[Factory, Labels], None], ...] = (
    a_graph_gives_what_python_gives,
    unseen_rare_and_missing_are_the_same,
    known_ones_are_told_apart,
    its_columns_are_named,
    learning_is_repeatable,
    no_category_at_all_does_no_harm,
)


def _fit(make: Factory, labels: Labels) -> Encoding:
    return make().fit(example_column(), Targets(labels), seed=5)


def _taught(encoding: Encoding, column: Column) -> Matrix:
    return encoding.encode(column) if encoding.taught is None else encoding.taught


def _by_graph(encoding: Encoding, numbers: Matrix) -> Matrix:
    """The columns as ONNX Runtime computes them, one after the other, between columns that pass."""
    from kreis.models.scoring import OnnxScorer

    rows = np.stack([np.ones_like(numbers), numbers, numbers], axis=1)
    encoded = EncodedFeatures(("before", "a", "b"), {"a": encoding, "b": encoding})
    columns = [
        OnnxScorer.from_onnx(encoded.in_front_of(_only(place, len(encoded.names)))).score(rows)
        for place in range(len(encoded.names))
    ]
    found = np.stack(columns, axis=1)
    width = len(encoding.names)
    _demand(_same(found[:, 0], rows[:, 0]), "it changes a column beside it")
    _demand(_same(found[:, 1 : 1 + width], found[:, 1 + width :]), "two features with one encoding differ")
    return found[:, 1 : 1 + width]


def _only(place: int, width: int) -> bytes:
    """A model that gives one of its columns."""
    from onnx import TensorProto, helper

    from kreis.training.graph import finish_graph

    column = helper.make_tensor("column", TensorProto.INT64, [], [place])
    return finish_graph(
        [helper.make_node("Gather", ["x", "column"], ["score"], axis=1)], [column], "x", width, {"": 17}
    )


def _same(one: Matrix, other: Matrix) -> bool:
    return bool(np.array_equal(one, other, equal_nan=True))


def _demand(condition: bool, message: str) -> None:
    """Like an assert that also holds under `python -O`."""
    if not condition:
        raise AssertionError(message)
