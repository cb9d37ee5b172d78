"""What every lock does: one behaviour suite over a file, the ledger's database and a toy."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from kreis.clock import SystemClock
from kreis.errors import StoreError
from kreis.ledger.store import open_ledger
from kreis.locks import FileLock, Lock, holding, holding_if_free
from kreis.settings import LedgerSettings, Settings
from kreis.workspace import Workspace


class ToyLock:
    """A `Lock` in a table of names."""

    held: ClassVar[dict[str, threading.Lock]] = {}

    def __init__(self, name: str) -> None:
        self._lock = self.held.setdefault(name, threading.Lock())

    def take(self, *, wait: bool) -> Callable[[], None] | None:
        return self._lock.release if self._lock.acquire(blocking=wait) else None


@pytest.fixture(params=["file", "sqlite", "postgres", "toy"])
def lock_named(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Lock]]:
    """Locks by name: two of one name are the same lock."""
    if request.param == "file":
        yield lambda name: FileLock(tmp_path / f"{name}.lock")
    elif request.param == "toy":
        yield lambda name: ToyLock(f"{tmp_path} {name}")
    else:
        sqlite, postgres = tmp_path / "ledger.db", request.param == "postgres"
        place = request.getfixturevalue("postgres_server").empty_schema() if postgres else sqlite
        with open_ledger(place, clock=SystemClock()) as ledger:
            yield ledger.lock


def test_one_holds_it_at_a_time(lock_named: Callable[[str], Lock]) -> None:
    with holding(lock_named("run")):
        assert lock_named("run").take(wait=False) is None
        with holding_if_free(lock_named("run")) as held:
            assert not held
    with holding_if_free(lock_named("run")) as held:
        assert held


def test_locks_of_other_names_are_free(lock_named: Callable[[str], Lock]) -> None:
    with holding(lock_named("run")), holding_if_free(lock_named("ship")) as held:
        assert held


def test_who_fails_lets_go(lock_named: Callable[[str], Lock]) -> None:
    with pytest.raises(KeyError), holding(lock_named("run")):
        raise KeyError
    with pytest.raises(KeyError), holding_if_free(lock_named("run")):
        raise KeyError
    with holding_if_free(lock_named("run")) as held:
        assert held


def test_who_waits_gets_it_when_it_is_let_go(lock_named: Callable[[str], Lock]) -> None:
    let_go = lock_named("run").take(wait=True)
    assert let_go is not None
    order: list[str] = []

    def wait() -> None:
        with holding(lock_named("run")):
            order.append("taken")

    other = threading.Thread(target=wait)
    other.start()
    other.join(0.1)
    assert order == []
    let_go()
    other.join(10)
    assert order == ["taken"]


def test_a_process_that_dies_lets_go(tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from kreis.locks import FileLock
held = FileLock(Path({str(tmp_path / "run.lock")!r})).take(wait=True)
print("held", flush=True)
input()
"""
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        assert FileLock(tmp_path / "run.lock").take(wait=False) is None
        other.kill()
        other.wait()
    with holding_if_free(FileLock(tmp_path / "run.lock")) as held:
        assert held


def test_a_run_on_another_machine_holds_the_lock_of_the_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """Two folders, one ledger in PostgreSQL: one circle at a time."""
    url = request.getfixturevalue("postgres_server").empty_schema()
    settings = Settings(ledger=LedgerSettings(url=url))
    here, there = (Workspace(tmp_path / name, settings=settings) for name in ("here", "there"))
    with here.only_run(), pytest.raises(StoreError, match="another kreis run is at work"), there.only_run():
        pytest.fail("both run")
    with there.only_run():
        pass
    for each in (here, there):
        each.ledger.close()
