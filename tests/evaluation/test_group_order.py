"""Groups stand in the order that their names say, wherever they are shown."""

from __future__ import annotations

import numpy as np
import pytest

from kreis.evaluation.group_order import in_order
from kreis.evaluation.slices import group_codes, slices
from kreis.tasks.metrics.accuracy import Accuracy
from kreis.tasks.metrics.metric import Rows


@pytest.mark.parametrize(
    "names",
    [
        ["-3", "0.5", "2", "10", "1e+06"],
        ["up to -4", "-4 to 2.5", "2.5 to 10", "over 10"],
        ["0.0", "9.0", "10.0", "23.0"],
        ["2024-11", "2024-12", "2025-01"],
        ["2024-12-31", "2025-01-01"],
        ["08:00", "16:00", "23:30"],
        ["Mon", "Tue", "Thu", "Sunday"],
        ["January", "feb", "Mar.", "december"],
    ],
)
def test_names_say_an_order(names: list[str]):
    mixed = [*names[::2], "missing", *names[1::2]]
    order = in_order(mixed)
    assert order is not None
    assert [mixed[place] for place in order] == [*names, "missing"]


@pytest.mark.parametrize("names", [["red", "blue"], ["1", "two"], ["3"], ["(missing)", "over 3"], [], ["Mon", "May"]])
def test_names_say_no_order(names: list[str]):
    assert in_order(names) is None


def test_bins_of_numbers_stand_by_value_and_names_by_size():
    rng = np.random.default_rng(0)
    hours = np.repeat(["2", "10", "9"], [50, 30, 20])
    rows = Rows(np.ones(100), rng.random(100), rng.integers(0, 2, 100).astype(float))

    def shown(column) -> list[str]:
        groups = group_codes(column)
        parts = slices([Accuracy()], rows, np.arange(100), column="c", groups=groups, least=5)
        assert [each.n for each in parts] == [int((column == each.group).sum()) for each in parts]
        return [each.group for each in parts]

    assert shown(hours) == ["2", "9", "10"]
    assert shown(np.repeat(["a", "c", "b"], [20, 50, 30])) == ["c", "b", "a"]


def test_codes_name_the_labels_in_their_order():
    groups = group_codes(["over 40", "up to 10", None, "10 to 40", "up to 10"])
    assert groups.labels == ["up to 10", "10 to 40", "over 40", "(missing)"]
    assert [groups.labels[code] for code in groups.codes] == [
        "over 40",
        "up to 10",
        "(missing)",
        "10 to 40",
        "up to 10",
    ]
