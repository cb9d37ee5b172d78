"""What days are held against: bins beyond the range, windows of the training data, the season of a year ago."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import numpy as np
import pytest

from kreis.clock import microseconds
from kreis.monitoring.variation import bin_edges, expected, reference_counts, spread_of_days
from kreis.training.reference import Histogram, histogram

BEGIN = date(2023, 1, 1)


def of_days(days: int, rows: int = 20, season: float = 0.0) -> Histogram:
    """A feature's training data of so many days, one after the other, with a yearly wave."""
    rng = np.random.default_rng(5)
    number = np.repeat(np.arange(days), rows)
    times = microseconds(datetime(2023, 1, 1, tzinfo=UTC)) + number * 86_400_000_000
    values = rng.normal(size=len(number)) + season * np.sin(2 * np.pi * number / 365.25)
    return histogram(values.astype(np.float32), times=times)


def test_weeks_end_with_the_last_day_and_hold_every_row_of_theirs():
    found = of_days(31)
    assert found.begins == "2023-01-04"
    assert [sum(week) for week in found.weeks] == [140] * 4
    assert of_days(6).weeks == []
    whole = of_days(28)
    assert np.sum(whole.weeks, axis=0).tolist() == [*whole.counts, whole.missing]


@pytest.mark.parametrize("values", [[5.0, 5.0, 5.0], [0.0, 100.0, 50.0]])
def test_bins_beyond_the_range_hold_nothing_of_the_training_data(values: list[float]):
    found = histogram(np.array(values, np.float32))
    edges = bin_edges(found)
    assert (np.diff(edges) > 0).all()
    counts = reference_counts(found, np.array([*found.counts, found.missing]))
    assert (counts[0], counts[-2], counts.sum()) == (0, 0, 3)
    assert (edges[0] < min(values), edges[-1]) == (True, max(values))


def test_a_package_without_a_range_keeps_its_bins():
    old = Histogram([1.0, 2.0], [3, 4, 5], 6)
    assert bin_edges(old).tolist() == [1.0, 2.0]
    assert expected(old, BEGIN, 14).reference.tolist() == [3, 4, 5, 6]
    assert expected(old, BEGIN, 14).strays is None


def test_infinite_values_leave_no_range():
    assert not histogram(np.array([1.0, np.inf], np.float32)).ranged


def test_the_season_of_a_year_ago_is_the_reference_where_the_training_data_hold_it():
    year = of_days(365, season=3.0)
    in_july = expected(year, date(2024, 7, 10), 14)
    assert in_july.days == 49
    of_all = expected(of_days(150, season=3.0), date(2023, 7, 10), 14)
    assert of_all.days == 147
    july = np.flatnonzero(
        [abs((BEGIN + timedelta(days=7 * week + 4) - date(2023, 7, 4)).days) < 24 for week in range(52)]
    )
    assert in_july.reference[1:-2].sum() == np.array(year.weeks)[july, :-1].sum()


def test_a_short_history_says_nothing_of_windows():
    assert expected(of_days(35), date(2023, 3, 1), 14).strays is not None
    assert expected(of_days(20), date(2023, 3, 1), 14).strays is None


def test_days_that_hang_together_count_for_fewer():
    rng = np.random.default_rng(1)
    level = np.cumsum(rng.normal(size=28)) / 3
    together = np.array([np.histogram(rng.normal(each, 1, 200), [-9, -1, 0, 1, 9])[0] for each in level])
    alone = together[rng.permutation(28)]
    (hanging, fewer), (apart, more) = spread_of_days(together), spread_of_days(alone)
    assert (hanging**2).sum() > 2 * (apart**2).sum()
    assert fewer < more
    assert spread_of_days(together[:1]) is None


def test_histograms_survive_their_encoding():
    found = of_days(40)
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(found)), type=Histogram) == found
