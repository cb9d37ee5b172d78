"""The error beside that of a plain answer."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from kreis.tasks.metrics.metric import Rows
from kreis.tasks.metrics.scaled_error import ScaledError

OUTCOMES = np.array([10.0, 20.0, 30.0])
ROWS = Rows(OUTCOMES, OUTCOMES, np.array([11.0, 18.0, 30.0]), reference=np.array([12.0, 24.0, 30.0]))


def test_is_the_sum_of_errors_over_those_of_the_reference() -> None:
    assert ScaledError().value(ROWS) == pytest.approx(3 / 6)
    assert ScaledError().value(ROWS.where(np.array([True, False, False]))) == pytest.approx(1 / 2)


def test_is_one_of_the_reference_itself() -> None:
    assert ScaledError().value(replace(ROWS, decisions=ROWS.reference)) == 1.0


def test_is_undefined_without_a_reference() -> None:
    assert math.isnan(ScaledError().value(replace(ROWS, reference=None)))
