from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.monitoring.observe import DayOfTraffic, day_of_traffic


def built(now: datetime, outcomes: list[float]) -> DayOfTraffic:
    n = len(outcomes)
    return day_of_traffic(
        date(2024, 3, 1),
        now=now,
        feature_names=("a", "b"),
        features=np.zeros((n, 2)),
        scores=np.zeros(n),
        decisions=np.zeros(n, bool),
        outcomes=outcomes,
        latency_us=np.zeros(n),
        horizon=timedelta(hours=36),
    )


@pytest.mark.parametrize("unknown", [0, 50])
@pytest.mark.parametrize(
    ("now", "matured"),
    [
        (datetime(2024, 3, 1, 20, tzinfo=UTC), False),
        (datetime(2024, 3, 2, 0, tzinfo=UTC), False),
        (datetime(2024, 3, 3, 11, 59, tzinfo=UTC), False),
        (datetime(2024, 3, 3, 12, tzinfo=UTC), True),
    ],
)
def test_a_day_matures_when_all_its_requests_are_older_than_outcomes_take(now: datetime, unknown: int, matured: bool):
    """However many outcomes are known: those that come quickly may be of another kind than those that come late."""
    assert built(now, [np.nan] * unknown + [1.0] * (100 - unknown)).matured is matured


def test_an_empty_day_can_be_built():
    assert len(built(datetime(2024, 3, 2, tzinfo=UTC), [])) == 0


def test_columns_of_different_length_are_refused():
    with pytest.raises(ProjectError, match="2 outcomes but 1 scores"):
        day_of_traffic(
            date(2024, 3, 1),
            now=datetime(2024, 3, 2, tzinfo=UTC),
            feature_names=("a",),
            features=[[1.0], [2.0]],
            scores=[0.5],
            decisions=[True, False],
            outcomes=[1.0, 0.0],
            latency_us=[1, 2],
            horizon=timedelta(hours=36),
        )
