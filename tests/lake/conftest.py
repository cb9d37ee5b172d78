from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from kreis.clock import SimulatedClock
from kreis.lake.store import Lake
from kreis.ledger.store import Ledger, open_ledger

T0 = datetime(2013, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with open_ledger(tmp_path / "ledger.db", clock=SimulatedClock(T0)) as opened:
        yield opened


@pytest.fixture
def reopen(tmp_path: Path, ledger: Ledger) -> Callable[[], Lake]:
    """A lake as a new process would see it."""
    return lambda: Lake(tmp_path / "lake", ledger)


@pytest.fixture
def lake(reopen: Callable[[], Lake]) -> Lake:
    return reopen()


@pytest.fixture
def flights() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "carrier": ["UA", "AA", None],
            "delay": [11.0, None, -3.5],
            "scheduled": [T0, T0, T0],
            "lags": [[1.0, None], [], None],
        }
    )
