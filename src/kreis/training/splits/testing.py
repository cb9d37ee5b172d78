"""What every kind of split must do. A new kind is done when each of these passes:

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_split_behaves(check):
    check(lambda: MySplit())
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np

from kreis.digests import canonical_json
from kreis.errors import ProjectError
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.training.data import Indices
from kreis.training.splits.split import BlocksAre, Labels, Split, SplitRule

__all__ = ["CHECKS", "labels_of", "rows"]

Factory = Callable[[], SplitRule]
_DAY = 86_400_000_000
_TASK = DecisionValue("EUR", true_positive=2, false_positive=-1).task


def rows(count: int = 1_200, seed: int = 7) -> dict[str, Any]:
    """Rows of 200 days with yes and no, as `SplitRule.split` takes them."""
    generator = np.random.default_rng(seed)
    time = np.sort(generator.integers(0, 200, count)) * _DAY
    return {"time": time, "known_at": time, "outcomes": (generator.random(count) < 0.3).astype(float), "task": _TASK}


def labels_of(rule: SplitRule, count: int) -> Labels:
    """What a rule may part by: 60 groups, a test part, or names."""
    numbers = np.arange(count)
    by: dict[BlocksAre, Labels] = {"groups": numbers % 60}
    if rule.parameters()["kind"] == "given":
        return np.where(numbers % 5 == 0, "test", "train").astype(object)
    return by.get(rule.blocks_are, numbers).astype(str).astype(object)


def _judged(rule: SplitRule) -> tuple[Split, ...]:
    """The parts by which rows are judged: its folds, or itself."""
    split = _split(rule)
    return split.folds or (split,)


def _split(rule: SplitRule, **changes: Any) -> Split:
    given = rows() | changes
    return rule.split(**{"labels": labels_of(rule, len(given["time"])), **given})


def parts_are_ascending_and_apart(make: Factory) -> None:
    """Nothing that judges teaches, and nothing that validates is fitted on."""
    for split in _judged(make()):
        for name in ("fit", "validation", "train", "test"):
            part = getattr(split, name)
            _demand(len(part) > 0 and bool((np.diff(part) > 0).all()), f"{name} is empty or not ascending")
        _demand(not _common(split.train, split.test), "rows that judge teach")
        _demand(not _common(split.fit, split.validation), "rows that validate are fitted on")
        taught = np.union1d(split.fit, split.validation)
        _demand(bool(np.isin(taught, split.train).all()), "fit and validation are not parts of train")


def what_is_released_learns_from_no_row_that_judges(make: Factory) -> None:
    """Unless the rule says that it does not hold out rows: then each row judges as often as every other, in folds."""
    rule = make()
    split = _split(rule)
    _demand(rule.holds_out is not _common(split.train, split.judging), "holds_out is not what the parts are")
    _demand(rule.holds_out is not bool(split.folds), "rows that judge and teach come without folds, or others with")
    counts = np.bincount(split.judging)
    _demand(len(set(counts[counts > 0].tolist())) == 1, "some rows judge more often than others")


def equal_rules_part_alike(make: Factory) -> None:
    """The same rows part alike, whenever they are parted."""
    first, second = _split(make()), _split(make())
    for name in ("fit", "validation", "train", "test"):
        _demand(np.array_equal(getattr(first, name), getattr(second, name)), f"{name} differs from call to call")


def parameters_are_json(make: Factory) -> None:
    """`parameters` is a JSON document that names its kind."""
    document = make().parameters()
    _demand(msgspec.json.decode(canonical_json(document)) == document, "parameters() is not a JSON document")
    _demand("kind" in document, "parameters() does not name its kind")


def no_block_lies_on_both_sides(make: Factory) -> None:
    """What is taken for independent is not shared between the rows that teach and those that judge."""
    rule, given = make(), rows()
    blocks = rule.blocks(given["time"], labels_of(rule, len(given["time"])))
    _demand(len(blocks) == len(given["time"]), "blocks() has not one block for each row")
    for split in _judged(rule):
        _demand(
            not _common(np.unique(blocks[split.train]), np.unique(blocks[split.test])), "a block lies on both sides"
        )


def refuses_what_cannot_judge(make: Factory) -> None:
    """Rows of one outcome are refused, in words that say which part has them."""
    try:
        _split(make(), outcomes=np.zeros(1_200))
    except ProjectError as error:
        _demand(" part" in error.message, f"the refusal names no part: {error.message}")
    else:
        _demand(False, "rows that all have one outcome are parted all the same")


def _common(first: Indices, second: Indices) -> bool:
    return len(np.intersect1d(first, second)) > 0


def _demand(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(message)


CHECKS: tuple[Callable[[Factory], None], ...] = (
    parts_are_ascending_and_apart,
    what_is_released_learns_from_no_row_that_judges,
    equal_rules_part_alike,
    parameters_are_json,
    no_block_lies_on_both_sides,
    refuses_what_cannot_judge,
)
