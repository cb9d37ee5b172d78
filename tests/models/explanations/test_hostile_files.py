"""Files of explanations that somebody made to do harm: each is refused in a sentence, soon, and with little memory."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import numpy as np
import pytest
from tests.models.explanations.test_additive import stump

from kreis.errors import RefusalError
from kreis.models.explanations import additive
from kreis.models.explanations.additive import Additive
from kreis.models.explanations.arrays_file import read_arrays, write_arrays
from kreis.models.explanations.explainer import Explainer
from kreis.training.explaining.proof import adds_up

STUMP = stump().arrays()


def laid_out(header: Any, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def an_array(shape: list[int], size: int = 0) -> bytes:
    return laid_out({"a": {"dtype": "U8", "shape": shape, "data_offsets": [0, size]}}, bytes(size))


def explanation(arrays: dict[str, Any], **changes: Any) -> bytes:
    head = {"format": "kreis.explanation/1", "features": 2, "columns": ["a", "b"], "origins": [0, 1]}
    head |= {"parts": ["trees"], "link": "identity", **changes}
    held = {f"0.{name}": values for name, values in arrays.items()}
    return write_arrays({"offset": np.zeros(1)} | held, {"kreis": json.dumps(head)})


def chain(depth: int) -> dict[str, Any]:
    """One tree that asks for another column at each node of its only long path."""
    count = 2 * depth + 1
    column, right = np.full(count, -1, dtype=np.int32), np.zeros(count, dtype=np.int32)
    column[: count - 1 : 2], right[: count - 1 : 2] = np.arange(depth), np.arange(2, count, 2)
    ones, none = np.ones(count, dtype=np.float32), np.zeros(count, dtype=np.float32)
    return {
        "right": right,
        "column": column,
        "threshold": none,
        "missing_left": none.astype(np.uint8),
        "cover": ones,
        "value": none[: depth + 1],
        "roots": np.zeros(1, dtype=np.int32),
        "outputs": np.zeros(1, dtype=np.int16),
    }


@pytest.mark.parametrize("shape", [[1] * 100, [0] + [300] * 40, [0, -5], [2**40, 0], [9_000_000] * 10_000])
def test_shapes_that_no_array_has_are_refused(shape: list[int]) -> None:
    with pytest.raises(RefusalError):
        read_arrays(an_array(shape))


@pytest.mark.parametrize("name", STUMP)
@pytest.mark.parametrize("other", [lambda row: row[:, None], lambda row: row[0].reshape(())], ids=["2d", "0d"])
def test_arrays_of_other_shapes_are_no_trees(name: str, other: Any) -> None:
    with pytest.raises(RefusalError, match=f"{name} is no row"):
        Additive.from_bytes(explanation(STUMP | {name: other(STUMP[name])}))


@pytest.mark.parametrize("name", ["right", "column", "missing_left", "roots", "outputs"])
def test_places_are_whole_numbers(name: str) -> None:
    with pytest.raises(RefusalError, match="whole"):
        Additive.from_bytes(explanation(STUMP | {name: STUMP[name] + 0.5}))


@pytest.mark.parametrize(
    "changed",
    [
        {"set_sizes": np.array([1.0, 1.0]), "set_codes": np.array([1, 2], dtype=np.int32)},
        {"set_sizes": np.array([2], dtype=np.int32), "set_codes": np.array([1.5, np.nan])},
        {"set_sizes": np.array([1], dtype=np.int32), "set_codes": np.array([2**31 - 3], dtype=np.int32)},
        {
            "category": np.array([0, -1, -1, -1, -1], dtype=np.int32),
            "set_sizes": np.array([1], dtype=np.int32),
            "set_codes": np.array([2**24 + 2], dtype=np.int32),
        },
        {"set_sizes": np.zeros(100_000, dtype=np.uint8), "set_codes": np.empty(0, dtype=np.int32)},
        {"threshold": np.full(5, np.nan, dtype=np.float32)},
        {"cover": np.array([1e-300, 1e308, 1e308, 1e308, 1e308])},
    ],
)
def test_numbers_that_no_tree_has_are_refused(changed: dict[str, Any]) -> None:
    """No node asks for the categories: what is held for them is counted all the same."""
    tracemalloc.start()
    with pytest.raises(RefusalError, match="no trees"):
        Explainer(Additive.from_bytes(explanation(STUMP | changed)))
    assert tracemalloc.get_traced_memory()[1] < 64 * 2**20
    tracemalloc.stop()


def test_more_numbers_than_fit_into_memory_are_refused() -> None:
    wide = {"columns": ["a"] * 20_000, "origins": [1] * 20_000}
    content = explanation({}, parts=["weights"], **wide)
    offset = write_arrays({"offset": np.zeros(20_000)}, read_arrays(content)[1])
    with pytest.raises(RefusalError, match="too many"):
        Additive.from_bytes(offset)
    with pytest.raises(RefusalError, match="too many"):
        Additive.from_bytes(explanation(STUMP, parts=["trees"] * (additive.MOST_PARTS + 1)))
    with pytest.raises(RefusalError, match="arrays"):
        read_arrays(laid_out({str(n): {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for n in range(20_001)}))


def test_paths_that_take_too_long_are_refused_and_training_keeps_none_such() -> None:
    many = {"features": 600, "columns": ["c"] * 600, "origins": list(range(600))}
    model = Additive.from_bytes(explanation(chain(600), **many))
    with pytest.raises(RefusalError, match="512 columns"):
        Explainer(model)

    class Scorer:
        texts = 0

        def score(self, matrix: Any, texts: Any = None) -> Any:
            return np.zeros(len(matrix))

    assert not adds_up(model, Scorer(), np.zeros((4, 600), dtype=np.float32), None)
    fine = Additive.from_bytes(explanation(chain(500), **many))
    assert adds_up(fine, Scorer(), np.zeros((4, 600), dtype=np.float32), None)


def test_a_front_that_gives_other_columns_is_refused() -> None:
    from tests.deployment.conftest import linear_model

    front = {"front.0": np.frombuffer(linear_model(width=2), dtype=np.uint8)}
    content = explanation(STUMP, fronts=1)
    arrays, said = read_arrays(content)
    with pytest.raises(RefusalError, match="columns come from its front"):
        Explainer(Additive.from_bytes(write_arrays({**arrays, **front}, said))).explain(
            np.zeros((1, 2), dtype=np.float32)
        )


@pytest.mark.parametrize(
    "changes",
    [{"group_at": 2}, {"group_at": -1}, {"cut": 1.0}, {"otherwise": -0.5}, {"at": {"a": 0.0}}, {"numbers": {}}],
)
def test_thresholds_of_groups_are_shares_of_a_feature(changes: dict[str, Any]) -> None:
    sound = {"by": "b", "at": {"a": 0.4}, "otherwise": 0.5, "cut": 0.5, "numbers": {"a": 1.0}}
    assert Additive.from_bytes(explanation(STUMP, by_group=sound, group_at=1)).group_at == 1
    place = changes.pop("group_at", 1)
    with pytest.raises(RefusalError, match=r"thresholds of groups|does not read"):
        Additive.from_bytes(explanation(STUMP, by_group=sound | changes, group_at=place))
