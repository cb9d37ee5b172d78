"""Which served predictions a replay looks at, and which differences are corrections of the data since."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from kreis.clock import SimulatedClock
from kreis.expressions.tree import Column
from kreis.lake.store import Lake
from kreis.lake.tending import expire
from kreis.ledger.store import open_ledger
from kreis.preparation.views import FeatureView
from kreis.ways.tabular.parity_run import _by_their_day, _drawn, _Frames, _recompute

T0 = datetime(2013, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
VIEW = FeatureView(
    name="shop", entity="shop", table="sales", event_time="at", known_at="at", features={"last": Column("amount")}
)
MODEL: Any = SimpleNamespace(
    digest="m", manifest=SimpleNamespace(views=[VIEW], request_views=[], features=["shop__last"])
)


@pytest.fixture
def log(tmp_path: Path) -> pl.LazyFrame:
    """A log of 300 rows in three files."""
    paths = [tmp_path / f"{each}.parquet" for each in range(3)]
    for each, path in enumerate(paths):
        pl.DataFrame({"id": range(each * 100, each * 100 + 100)}).write_parquet(path)
    return pl.scan_parquet(paths)


def test_a_draw_holds_each_row_once_at_most(log: pl.LazyFrame) -> None:
    drawn = _drawn(log, 60, seed=3)["id"].to_list()
    assert len(set(drawn)) == 60
    assert set(drawn) == set(_drawn(log, 60, seed=3)["id"])
    assert set(drawn) != set(_drawn(log, 60, seed=4)["id"])
    assert _drawn(log, 400, seed=3)["id"].to_list() == list(range(300))


def test_every_row_is_as_likely_as_any_other(log: pl.LazyFrame) -> None:
    counts = [0] * 300
    for seed in range(200):
        for each in _drawn(log, 30, seed)["id"]:
            counts[each] += 1
    thirds = [sum(counts[start : start + 100]) for start in (0, 100, 200)]
    assert sum(thirds) == 6_000
    assert all(abs(third - 2_000) < 5 * 35 for third in thirds)  # 35: the standard deviation of a third


class Days:
    """A table that is written anew each hour, and answers given from what it held."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimulatedClock(T0)
        self.ledger = open_ledger(folder / "ledger.db", clock=self.clock)
        self.lake = Lake(folder / "lake", self.ledger)
        self.served: list[dict[str, Any]] = []

    def write(self, hour: float, amounts: dict[float, float]) -> None:
        """Write all rows: the hour at which each became known, and its amount."""
        self.clock.advance(T0 + hour * HOUR)
        rows = [("s", amount, T0 + known * HOUR) for known, amount in amounts.items()]
        schema = {"shop": pl.String, "amount": pl.Float64, "at": pl.Datetime("us", "UTC")}
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        self.lake.overwrite(
            "silver/sales", frame, step=f"{hour}", actor="test", reason="test", known_until=T0 + hour * HOUR
        )

    def answer(self, hour: float, value: float) -> None:
        moment = T0 + hour * HOUR
        self.served.append(
            {"id": f"p{hour:g}", "at": moment, "model": "m", "keys": '{"shop": "s"}', "features": [value]}
        )

    def corrected(self) -> tuple[dict[str, float], list[tuple[int, dict[str, int]]]]:
        """The features by which each answer is judged; how many agree with which versions before now."""
        project: Any = SimpleNamespace(tables={"sales": SimpleNamespace(layer="silver")})
        workspace: Any = SimpleNamespace(lake=self.lake, ledger=self.ledger)
        frames, served = _Frames(project, workspace), pl.DataFrame(self.served)
        now = _recompute(served, MODEL.manifest, {"shop": frames["sales"]})
        recomputed, found = _by_their_day(served, MODEL, now, frames)
        return dict(recomputed.select("id", "shop__last").iter_rows()), [(each.rows, each.tables) for each in found]


@pytest.fixture
def days(tmp_path: Path) -> Days:
    return Days(tmp_path)


def test_answers_from_before_a_correction_are_held_to_the_table_of_their_day(days: Days) -> None:
    days.write(1, {1: 10.0})
    days.answer(1.5, 10.0)
    days.write(2, {1: 10.0, 2: 20.0})
    days.answer(2.5, 20.0)
    days.answer(2.6, 20.0)
    days.write(3, {1: 11.0, 2: 21.0, 3: 30.0})
    days.answer(3.5, 30.0)
    recomputed, found = days.corrected()
    assert recomputed == {"p1.5": 10.0, "p2.5": 20.0, "p2.6": 20.0, "p3.5": 30.0}
    assert found == [(3, {"silver/sales": 1})]


def test_answers_whose_table_has_left_since_are_held_to_what_is_there(days: Days) -> None:
    days.write(1, {1: 10.0})
    days.answer(1.5, 10.0)
    days.write(2, {1: 12.0})
    days.answer(2.5, 12.0)
    days.write(3, {1: 11.0})
    days.clock.advance(T0 + 4 * HOUR)
    expire(days.lake, "silver/sales", T0 + 2.5 * HOUR, actor="test", reason="test")
    recomputed, found = days.corrected()
    assert recomputed == {"p1.5": 11.0, "p2.5": 12.0}
    assert found == [(1, {"silver/sales": 1})]


def test_an_answer_after_a_correction_that_still_holds_the_old_value_is_a_difference(days: Days) -> None:
    days.write(1, {1: 10.0})
    days.write(2, {1: 11.0})
    days.answer(2.5, 10.0)
    assert days.corrected() == ({"p2.5": 11.0}, [])


def test_each_correction_is_looked_at_by_itself(days: Days) -> None:
    for hour, amount in ((1, 10.0), (2, 11.0), (3, 12.0), (4, 13.0)):
        days.write(hour, {1: amount})
        days.answer(hour + 0.5, amount)
    days.answer(2.7, 10.0)
    recomputed, found = days.corrected()
    assert found == [(1, {"silver/sales": 2}), (1, {"silver/sales": 1}), (1, {"silver/sales": 0})]
    assert recomputed["p2.7"] == 13.0, "it holds what was corrected before it was answered"


def test_rows_that_became_known_after_the_table_was_written_count_for_an_answer(days: Days) -> None:
    days.write(1, {1: 10.0})
    days.answer(1.9, 15.0)
    days.answer(1.95, 10.0)
    days.write(2, {1: 11.0, 1.8: 15.0})
    days.answer(2.5, 15.0)
    assert days.corrected() == ({"p1.9": 15.0, "p1.95": 15.0, "p2.5": 15.0}, []), "p1.95 lacks what was known by then"
