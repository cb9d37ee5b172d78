import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kreis.monitoring.histogram_counts import count_columns, count_into
from kreis.training.reference import count_values, histogram

NUMBERS = st.floats(allow_nan=True, allow_infinity=True, width=32)


@given(st.lists(NUMBERS, max_size=50), st.lists(st.integers(-5, 5), max_size=8, unique=True))
def test_it_counts_as_the_reference_was_counted(values: list[float], edges: list[int]):
    inner = np.array(sorted(edges), dtype=np.float64)
    found = count_into(np.array(values, dtype=np.float64), inner)
    expected, missing = count_values(np.array(values, dtype=np.float64), inner)
    assert found.tolist() == [*expected.tolist(), missing]


@pytest.mark.parametrize("edges", [5, 20, 100])
def test_columns_of_a_matrix_are_counted_as_alone(edges: int):
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(20_000, 3))
    matrix[rng.random((20_000, 3)) < 0.1] = np.nan
    inner = [np.sort(rng.normal(size=edges)) for _ in range(3)]
    for column, found in enumerate(count_columns(matrix, inner)):
        assert found.tolist() == count_into(matrix[:, column].copy(), inner[column]).tolist()
        assert found.sum() == 20_000


def test_a_packages_own_training_data_reproduce_its_histogram():
    values = np.round(np.random.default_rng(1).normal(size=5_000), 1)
    reference = histogram(values)
    assert count_into(values, reference.edges).tolist() == [*reference.counts, reference.missing]
