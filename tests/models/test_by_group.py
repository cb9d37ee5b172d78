"""By which threshold a row is decided is told as the row is: its numbers are those of float32."""

from __future__ import annotations

import numpy as np

from kreis.models.by_group import ByGroup

FOUND = ByGroup(by="sex", at={"f": 0.3, "m": 0.6}, otherwise=0.5, cut=0.5, numbers={"f": 0.1, "m": 1.0})


def test_the_group_of_a_row_is_found_by_its_float32():
    assert "sex 'f'" in FOUND.said(float(np.float32(0.1)))
    assert "at least 0.6" in FOUND.said(1.0)
    moved = FOUND.moved(np.array([0.3, 0.6, 0.5]), np.array([0.1, 1.0, np.nan], dtype=np.float32))
    assert np.abs(moved - 0.5).max() < 1e-12


def test_a_group_that_is_missing_or_was_not_seen_has_the_other_threshold():
    for number in (None, float("nan"), 7.0):
        assert "another sex" in FOUND.said(number)
        assert "at least 0.5" in FOUND.said(number)
