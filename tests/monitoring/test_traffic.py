from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from kreis.clock import SimulatedClock, microseconds, moment
from kreis.deployment.predictions.frames import OUTCOMES, PREDICTIONS, outcomes_frame, predictions_frame
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord
from kreis.errors import ProjectError
from kreis.lake.store import Lake
from kreis.ledger.store import open_ledger
from kreis.monitoring.traffic import (
    asked_together,
    columns_of_groups,
    days_of_traffic,
    feature_matrix,
    read_traffic,
)

START = datetime(2024, 3, 1, tzinfo=UTC)
A, B = "a" * 64, "b" * 64


class Tables:
    """The lake's reading side over frames in memory."""

    def __init__(self, **tables: pl.DataFrame) -> None:
        self._tables = {f"log/{name}": frame for name, frame in tables.items()}

    def scan(
        self, table: str, *, known_since: datetime | None = None, known_before: datetime | None = None
    ) -> pl.LazyFrame:
        return self._tables[table].lazy()

    def latest(self, table: str) -> object:
        return self._tables.get(table)


def predicted(
    name: str, hours: float, *, model: str = A, features: tuple[float | None, ...] = (1.0, None)
) -> PredictionRecord:
    return PredictionRecord(
        id=name,
        at=microseconds(START + timedelta(hours=hours)),
        release="r1",
        model=model,
        keys={"carrier": "UA"},
        fields={},
        features=list(features),
        score=0.5,
        decision=True,
        latency_us=900,
        reference=f"flight-{name}",
    )


def happened(outcome: float, hours: float, **of: str) -> OutcomeRecord:
    return OutcomeRecord(outcome=outcome, known_at=microseconds(START + timedelta(hours=hours)), **of)


def lake(predictions: list[PredictionRecord], outcomes: list[OutcomeRecord]) -> Tables:
    return Tables(predictions=predictions_frame(predictions), outcomes=outcomes_frame(outcomes))


def outcome_of(tables: Tables, name: str, known_by: float = 1000) -> float | None:
    frame = read_traffic(
        tables, START, START + timedelta(days=1), known_by=START + timedelta(hours=known_by), columns=["score"]
    )
    return frame.filter(pl.col("id") == name)["outcome"].item()


def test_an_outcome_is_found_by_prediction_and_by_reference():
    tables = lake(
        [predicted("p", 1), predicted("q", 2), predicted("r", 3)],
        [happened(1.0, 5, prediction="p"), happened(0.0, 6, reference="flight-q")],
    )
    assert [outcome_of(tables, name) for name in "pqr"] == [1.0, 0.0, None]


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_outcomes_the_one_known_last_wins_however_it_was_given(order: int):
    outcomes = [
        happened(1.0, 5, prediction="p"),
        happened(0.0, 7, prediction="p"),
        happened(1.0, 9, reference="flight-p"),
    ]
    tables = lake([predicted("p", 1)], outcomes[::order])
    assert [outcome_of(tables, "p", known_by) for known_by in (4, 6, 8, 10)] == [None, 1.0, 0.0, 1.0]


@pytest.mark.parametrize(("hours", "outcome"), [(1, 1.0), (0.999, None)])
def test_an_outcome_from_before_the_question_is_none(hours: float, outcome: float | None):
    tables = lake([predicted("p", 1), predicted("q", 1)], [happened(1.0, hours, reference="flight-p")])
    assert outcome_of(tables, "p") == outcome
    later = lake([predicted("p", 1)], [happened(1.0, hours, prediction="p"), happened(0.0, 3, reference="flight-p")])
    assert outcome_of(later, "p") == 0.0


def test_a_log_without_outcomes_or_without_anything_can_be_read():
    tables = Tables(predictions=predictions_frame([predicted("p", 1)]))
    assert outcome_of(tables, "p") is None
    assert len(read_traffic(Tables(), START, START + timedelta(days=1), known_by=START)) == 0


def test_days_are_read_one_by_one_with_what_was_known():
    tables = lake(
        [predicted("p", 1), predicted("q", 25), predicted("r", 26)],
        [happened(1.0, 5, prediction="p"), happened(0.0, 30, prediction="q")],
    )
    days = list(
        days_of_traffic(
            tables,
            date(2024, 3, 1),
            date(2024, 3, 3),
            now=START + timedelta(days=3, hours=1),
            features=("x", "y"),
            layouts={A: ("x", "y")},
            horizon=timedelta(hours=36),
            failed={date(2024, 3, 2): 4},
        )
    )
    assert [len(each) for each in days] == [1, 2, 0]
    assert [each.matured for each in days] == [True, False, False]
    assert days[1].failed == 4
    np.testing.assert_array_equal(days[1].outcomes, [0.0, np.nan])
    np.testing.assert_array_equal(days[0].features, [[1.0, np.nan]])
    assert days[0].models == (A,)
    assert days[2].features.shape == (0, 2)


def test_models_with_other_features_are_put_in_one_order_and_marked():
    frame = predictions_frame([predicted("p", 1), predicted("q", 2, model=B, features=(7.0,))])
    matrix, whole = feature_matrix(frame, ("x", "y"), {A: ("y", "x"), B: ("y",)})
    np.testing.assert_array_equal(matrix, [[np.nan, 1.0], [np.nan, 7.0]])
    assert whole.tolist() == [True, False]


def test_what_was_logged_for_other_live_models_makes_a_row_whole() -> None:
    """`extra` holds what the model that answered does not take; null there is a missing value, not an unknown one."""
    rows = [
        msgspec.structs.replace(predicted("1", 0, model=B, features=(1.0,)), extra={"rain": 7.0, "snow": None}),
        msgspec.structs.replace(predicted("2", 0, model=B, features=(2.0,)), extra={"rain": 8.0}),
        predicted("3", 0, model=B, features=(3.0,)),
        predicted("4", 0, model=A, features=(4.0, 5.0, 6.0)),
    ]
    layouts = {A: ["wind", "rain", "snow"], B: ["wind"]}
    matrix, whole = feature_matrix(predictions_frame(rows), ["snow", "wind", "rain"], layouts)
    np.testing.assert_array_equal(
        matrix, [[np.nan, 1.0, 7.0], [np.nan, 2.0, 8.0], [np.nan, 3.0, np.nan], [6.0, 4.0, 5.0]]
    )
    assert whole.tolist() == [True, False, False, True]


def test_the_log_of_an_earlier_version_is_read() -> None:
    old = predictions_frame([predicted("1", 0)]).drop("extra", "flags")
    frame = read_traffic(Tables(predictions=old), START, START + timedelta(days=1), known_by=START, columns=["extra"])
    assert frame["extra"].to_list() == [None]


def test_a_model_without_layout_is_named():
    frame = predictions_frame([predicted("p", 1)])
    with pytest.raises(ProjectError, match="unknown model"):
        feature_matrix(frame, ("x", "y"), {B: ("x", "y")})
    with pytest.raises(ProjectError, match="a row has 2 features, its model takes 1"):
        feature_matrix(frame, ("x",), {A: ("x",)})


def test_the_tables_are_those_that_shipping_writes():
    assert (PREDICTIONS, OUTCOMES) == ("log/predictions", "log/outcomes")


def test_a_real_lake_gives_the_same_day_by_day(tmp_path: Path):
    predictions = [predicted(f"p{hour}", hour) for hour in range(60)]
    outcomes = [happened(float(hour % 2), hour + 3, prediction=f"p{hour}") for hour in range(60)]
    with open_ledger(tmp_path / "ledger.db", clock=SimulatedClock(START)) as ledger:
        stored = Lake(tmp_path / "lake", ledger)
        for first in (0, 20, 40):  # the first part was known before the day, and is left out
            rows, known = predictions[first : first + 20], outcomes[first : first + 20]
            by = {"step": str(first), "actor": "test", "reason": "test"}
            stored.append(PREDICTIONS, predictions_frame(rows), known_until=moment(rows[-1].at), **by)
            stored.append(OUTCOMES, outcomes_frame(known), known_until=moment(known[-1].known_at), **by)
        span = (START + timedelta(days=1), START + timedelta(days=2))
        found = read_traffic(stored, *span, known_by=START + timedelta(hours=44))
    expected = read_traffic(lake(predictions, outcomes), *span, known_by=START + timedelta(hours=44))
    assert found.equals(expected)
    assert found["outcome"].null_count() == 6
    assert found["at"].is_sorted()


def test_rows_of_one_moment_that_name_the_same_group_were_asked_together() -> None:
    frame = pl.DataFrame(
        {
            "id": ["a", "b", "c", "d", "e", "f"],
            "at": pl.Series([1, 1, 1, 2, 2, 2]).cast(pl.Datetime("us", "UTC")),
            "keys": ["{}", '{"my query":"x"}', "{}", "{}", None, None],
            "fields": ['{"my query":"x"}', "{}", '{"my query":"y"}', '{"my query":"x"}', None, "{}"],
        }
    )
    groups = asked_together(frame, "my query")
    assert groups is not None
    alike = groups[:, None] == groups[None, :]
    assert alike.sum() == 6 + 2  # only the first two; what names none is alone
    assert alike[0, 1]
    assert asked_together(frame, None) is None
    assert columns_of_groups(None) == ()


def answered(name: str, hours: float, *, given: bool, outcome: str, verdicts: str = "[]") -> PredictionRecord:
    fields = {"question": f"question {name}", "outcome": outcome, "verdicts": verdicts, "answer": "not looked at"}
    made = predicted(name, hours, features=(0.5, 12.0))
    return msgspec.structs.replace(made, fields=fields, decision=13.0 if given else -13.0)


def test_a_days_questions_are_read_when_a_monitor_asks_for_them() -> None:
    found = '[{"guard":"injection","where":"question","did":"saw","said":"","count":1}]'
    rows = [
        answered("q", 2, given=False, outcome="abstained"),
        answered("p", 1, given=True, outcome="answered", verdicts=found),
        answered("r", 25, given=True, outcome="answered"),
    ]
    tables = lake(rows, [])
    scans: list[str] = []
    scan = tables.scan
    tables.scan = lambda table, **more: (scans.append(table), scan(table, **more))[1]  # type: ignore[method-assign]
    day, _ = days_of_traffic(
        tables,
        date(2024, 3, 1),
        date(2024, 3, 2),
        now=START + timedelta(days=3),
        features=("confidence", "tokens"),
        layouts={A: ("confidence", "tokens")},
        horizon=timedelta(0),
    )
    assert scans.count("log/predictions") == 1
    assert [(each.text, each.given, each.outcome) for each in day.questions] == [
        ("question p", True, "answered"),
        ("question q", False, "abstained"),
    ]
    assert day.questions[0].guards == (("injection", "saw"),)
    assert day.feature("tokens") is not None
    assert day.feature("money") is None
    assert scans.count("log/predictions") == 2


def test_a_day_of_rows_has_no_questions() -> None:
    (day,) = days_of_traffic(
        lake([predicted("p", 1)], []),
        date(2024, 3, 1),
        date(2024, 3, 1),
        now=START + timedelta(days=3),
        features=("x", "y"),
        layouts={A: ("x", "y")},
        horizon=timedelta(0),
    )
    assert day.questions == ()
