"""What was spent of budgets: one SQLite file, which the processes of a machine share.

Before a model is asked, the most that its answer may cost is added to what was spent, in the transaction that finds
room for it; when it has answered, the difference is given back. So two workers never spend the same euro, and what a
killed process had set aside stays spent: nobody knows what it cost.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from kreis.errors import StoreError
from kreis.generative.language_models.budgeted import Budget
from kreis.locks import FileLock, holding

__all__ = ["Budgets", "Receipt", "UsedUpError"]

_NANO = 1_000_000_000
"""Money is kept in whole billionths of the currency: sums are exact."""
_WAIT_S = 10.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS spent (
    budget TEXT NOT NULL, day TEXT NOT NULL, tenant TEXT NOT NULL, nano INTEGER NOT NULL,
    PRIMARY KEY (budget, day, tenant)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS set_aside (
    id INTEGER PRIMARY KEY, budget TEXT NOT NULL, day TEXT NOT NULL, tenant TEXT NOT NULL, nano INTEGER NOT NULL
) STRICT;
"""
_ALL = "*"
"""In place of a day: all days. In place of a tenant: all tenants."""


class Receipt(msgspec.Struct, frozen=True):
    """Money that was set aside."""

    number: int
    tenant: str
    day: str
    nano: int


class UsedUpError(Exception):
    """There is no room in a budget."""


class Budgets:
    """The file, opened. Safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Open the file, which is made where there is none.

        Raises:
            StoreError: it cannot be.
        """
        self._path, self._lock = path, threading.Lock()
        with self._storing():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
            with holding(FileLock(path.with_name(f".{path.name}.lock"))):  # SQLite changes its mode without waiting
                self._db.execute("PRAGMA journal_mode = WAL")
                self._db.executescript(_SCHEMA)

    def set_aside(self, budget: Budget, tenant: str, day: str, money: float) -> Receipt:
        """Take the most that an answer may cost out of the budget.

        Args:
            budget: Its limits are those of whoever asks: they stand in the package.
            tenant: Whose part pays; empty: nobody's.
            day: "2026-11-26".
            money: In the budget's currency.

        Returns:
            What to book the real cost with.

        Raises:
            UsedUpError: there is no room.
            StoreError: the file cannot be read or written.
        """
        nano = _nano(money)
        with self._writing(durably=True) as db:
            for what, limit, key in _limits(budget, tenant, day):
                if _spent(db, budget.name, *key) + nano > _nano(limit):
                    raise UsedUpError(f"the budget {budget.name!r} is used up: {limit:g} {what}")
            _add(db, budget.name, day, tenant, nano)
            row = (budget.name, day, tenant, nano)
            number = db.execute("INSERT INTO set_aside (budget, day, tenant, nano) VALUES (?, ?, ?, ?)", row).lastrowid
        assert number is not None
        return Receipt(number, tenant, day, nano)

    def book(self, budget: Budget, receipt: Receipt, money: float) -> str:
        """Put what an answer did cost in place of what was set aside for it; a second time does nothing.

        Args:
            budget: The one that it was taken from.
            receipt: What was set aside.
            money: What it cost; more than was set aside is booked too.

        Returns:
            What people are to be alerted of; mostly nothing.

        Raises:
            StoreError: the file cannot be read or written.
        """
        with self._writing(durably=False) as db:  # undone by a power cut, more stays spent
            if db.execute("DELETE FROM set_aside WHERE id = ?", (receipt.number,)).rowcount:
                _add(db, budget.name, receipt.day, receipt.tenant, _nano(money) - receipt.nano)
            alerts = []
            for what, limit, key in _limits(budget, receipt.tenant, receipt.day):
                spent = _spent(db, budget.name, *key)
                if spent >= budget.alert_at * _nano(limit):
                    alerts.append(f"{spent / _NANO:.4g} of {limit:g} {what}")
        return f"budget {budget.name!r}: spent are {' and '.join(alerts)}" if alerts else ""

    def spent(self, budget: str, day: str = _ALL, tenant: str = _ALL) -> float:
        """What was spent, with what is set aside.

        Args:
            budget: Its name.
            day: Of all days where none is given.
            tenant: On one day; of all tenants where none is given.

        Returns:
            In the currency of its prices.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._lock, self._storing():
            return _spent(self._db, budget, day, tenant) / _NANO

    def set_aside_still(self, budget: str) -> float:
        """What is set aside for answers that are under way, or whose process was killed.

        Raises:
            StoreError: the file cannot be read.
        """
        with self._lock, self._storing():
            (nano,) = self._db.execute(
                "SELECT COALESCE(SUM(nano), 0) FROM set_aside WHERE budget = ?", (budget,)
            ).fetchone()
        return float(nano) / _NANO

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _writing(self, *, durably: bool) -> Iterator[sqlite3.Connection]:
        """A transaction; `durably`: a power cut does not undo it."""
        with self._lock, self._storing():
            self._db.execute(f"PRAGMA synchronous = {'FULL' if durably else 'NORMAL'}")
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db

    @contextmanager
    def _storing(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(
                f"what was spent cannot be read or written: {error}",
                where=str(self._path),
                hint="nothing is asked of models that cost money until it can",
            ) from error


def _nano(money: float) -> int:
    return round(money * _NANO)


def _limits(budget: Budget, tenant: str, day: str) -> Iterator[tuple[str, float, tuple[str, str]]]:
    """Each limit that holds here: its name, how much, and the row that counts for it."""
    if budget.a_day is not None:
        yield "for a day", budget.a_day, (day, _ALL)
    if budget.a_tenant_a_day is not None and tenant:
        yield "for a tenant's day", budget.a_tenant_a_day, (day, _of(tenant))
    if budget.in_all is not None:
        yield "in all", budget.in_all, (_ALL, _ALL)


def _of(tenant: str) -> str:
    """A tenant's name, which is never that of all."""
    return f"={tenant}"


def _spent(db: sqlite3.Connection, budget: str, day: str, tenant: str) -> int:
    key = (budget, day, tenant)
    row = db.execute("SELECT nano FROM spent WHERE budget = ? AND day = ? AND tenant = ?", key).fetchone()
    return int(row[0]) if row else 0


def _add(db: sqlite3.Connection, budget: str, day: str, tenant: str, nano: int) -> None:
    keys = [(_ALL, _ALL), (day, _ALL), *([(day, _of(tenant))] if tenant else [])]
    db.executemany(
        "INSERT INTO spent (budget, day, tenant, nano) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (budget, day, tenant) DO UPDATE SET nano = nano + excluded.nano",
        [(budget, *key, nano) for key in keys],
    )
