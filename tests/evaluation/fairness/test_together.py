"""Which groups are compared: those with enough rows, each row counted once."""

from __future__ import annotations

import numpy as np

from kreis.evaluation.fairness.together import compared
from kreis.evaluation.slices import Groups


def test_a_row_that_judges_three_times_counts_once():
    codes = np.tile(np.array([0] * 30 + [1] * 30 + [2] * 12), 3)
    groups = {"sex": Groups(["f", "m", "x"], codes)}
    found, notes = compared(groups, ["sex"], least=20, pairs=False, repeats=3)
    assert found["sex"].labels == ["f", "m"]
    assert notes == ["sex: 1 group with fewer than 20 rows left out (12 rows)"]
