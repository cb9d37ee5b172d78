"""A contract to test with, a batch that holds it, and a lake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from kreis.clock import SimulatedClock
from kreis.collection.contracts.contract import Contract
from kreis.lake.store import Lake
from kreis.ledger.store import open_ledger

START = datetime(2013, 5, 1, tzinfo=UTC)

ORDERS = r"""
apiVersion: v3.2.0
kind: DataContract
id: orders
version: 1.0.0
status: active
schema:
  - name: orders
    properties:
      - name: id
        logicalType: string
        primaryKey: true
        logicalTypeOptions: {pattern: '^O[0-9]{5}$'}
      - name: country
        logicalType: string
        required: true
        enum: [{value: DE}, {value: FR}, {value: PL}]
      - name: email
        logicalType: string
        logicalTypeOptions: {format: email}
      - name: quantity
        logicalType: integer
        required: true
        logicalTypeOptions: {minimum: 1, maximum: 100}
      - name: price
        logicalType: number
        required: true
        logicalTypeOptions: {exclusiveMinimum: 0, maximum: 10000}
      - name: weight
        description: Kilograms.
        logicalType: number
        logicalTypeOptions: {minimum: 0.05, maximum: 50}
      - name: paid
        logicalType: boolean
        required: true
      - name: day
        logicalType: date
        required: true
        logicalTypeOptions: {minimum: '2013-01-01', maximum: '2013-12-31'}
      - name: at
        logicalType: timestamp
        required: true
        logicalTypeOptions: {timezone: true, minimum: '2013-01-01T00:00:00Z', exclusiveMaximum: '2014-01-01T00:00:00Z'}
    quality:
      - {metric: rowCount, mustBeGreaterThan: 0}
    customProperties:
      - {property: kreis.quarantine.at_most, value: 0.2}
"""


@pytest.fixture
def write_contract(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "contract.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def orders(write_contract: Callable[[str], Path]) -> Contract:
    return Contract.load(write_contract(ORDERS))


def valid_orders(rows: int = 10, first: int = 0, at: datetime = START) -> pl.DataFrame:
    numbers = range(first, first + rows)
    moments = [at + timedelta(minutes=i) for i in range(rows)]
    return pl.DataFrame(
        {
            "id": [f"O{number:05}" for number in numbers],
            "country": [("DE", "FR", "PL")[number % 3] for number in numbers],
            "email": [None if number % 4 == 0 else f"buyer{number}@example.org" for number in numbers],
            "quantity": [1 + number % 100 for number in numbers],
            "price": [0.01 + number % 9000 for number in numbers],
            "weight": [None if number % 5 == 0 else 0.5 + number % 49 for number in numbers],
            "paid": [number % 2 == 0 for number in numbers],
            "day": [moment.date() for moment in moments],
            "at": moments,
        },
        schema_overrides={"email": pl.String, "weight": pl.Float64, "at": pl.Datetime("us", "UTC")},
    )


@pytest.fixture
def make_orders() -> Callable[..., pl.DataFrame]:
    return valid_orders


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with open_ledger(tmp_path / "ledger.db", clock=SimulatedClock(START)) as ledger:
        yield Lake(tmp_path / "lake", ledger)
