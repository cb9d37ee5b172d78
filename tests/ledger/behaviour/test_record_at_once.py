"""Many writers at once: nothing lost, nothing doubled, nobody told that the database is locked."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Barrier

import pytest

from kreis.clock import SimulatedClock
from kreis.ledger import audit, models, runs, steps
from kreis.ledger.store import Ledger, Transaction, open_ledger

Write = Callable[..., AbstractContextManager[Transaction]]
SCRIPT = Path(__file__).parents[1] / "process_that_records.py"


@pytest.fixture
def with_run(place: str, ledger: Ledger, write: Write, make) -> str:
    with write() as tx:
        runs.start_run(tx, make.run(id="run", project="p"))
    ledger.close()
    return place


@pytest.mark.parametrize(
    ("processes", "commits"), [(4, 20), pytest.param(16, 500, marks=[pytest.mark.slow, pytest.mark.faults])]
)
def test_processes_record_at_once(with_run: str, processes: int, commits: int, clock: SimulatedClock) -> None:
    started = [
        subprocess.Popen([sys.executable, SCRIPT, with_run, str(commits), f"writer{number}"], stdout=subprocess.PIPE)
        for number in range(processes)
    ]
    said = [process.communicate()[0].decode().split("\n")[1:-1] for process in started]
    assert [process.returncode for process in started] == [0] * processes
    acknowledged = [line.split() for lines in said for line in lines]
    count = processes * commits
    assert sorted(int(version) for _, version in acknowledged) == list(range(1, count + 1))
    with open_ledger(with_run, clock=clock) as ledger, ledger.read() as connection:
        assert set(steps.find_steps(connection, (key for key, _ in acknowledged))) == {key for key, _ in acknowledged}
        report = audit.verify(connection)
    assert report.ok
    assert report.entries == count + 1


def test_64_models_registered_at_once_are_versions_1_to_64(ledger: Ledger, write: Write, make) -> None:
    run = make.run()
    with write() as tx:
        runs.start_run(tx, run)
    ready = Barrier(64)

    def register(number: int) -> int:
        ready.wait()
        with write() as tx:
            return make.model(tx, run, f"model-{number}").version

    with ThreadPoolExecutor(64) as threads:
        versions = list(threads.map(register, range(64)))
    assert sorted(versions) == list(range(1, 65))
    with ledger.read() as connection:
        assert len(models.list_models(connection)) == 64
        assert audit.verify(connection).ok


def test_one_model_registered_20_times_at_once_is_one_version(ledger: Ledger, write: Write, make) -> None:
    run = make.run()
    with write() as tx:
        runs.start_run(tx, run)
    ready = Barrier(20)

    def register(number: int) -> int:
        ready.wait()
        with write() as tx:
            return make.model(tx, run, "the same", candidate=f"from {number}").version

    with ThreadPoolExecutor(20) as threads:
        assert set(threads.map(register, range(20))) == {1}
    with ledger.read() as connection:
        assert len(models.list_models(connection)) == 1


def test_ledger_is_created_once_by_processes_at_once(place: str, clock: SimulatedClock) -> None:
    command = [sys.executable, SCRIPT, place, "0", "writer"]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    assert [process.communicate()[0] for process in started] == [b"open\n"] * 4
    with open_ledger(place, clock=clock, create=False) as ledger, ledger.read() as connection:
        assert audit.verify(connection).ok


def test_readers_see_whole_records_while_others_write(ledger: Ledger, write: Write, make) -> None:
    def walk(_: int) -> None:
        with write() as tx:
            run = make.run()
            runs.start_run(tx, run)
            runs.add_verdict(tx, make.verdict(run))

    def look(_: int) -> bool:
        with ledger.read() as connection:
            return all(runs.verdicts_of(connection, run.id) for run in runs.list_runs(connection))

    with ThreadPoolExecutor(8) as threads:
        writing = [threads.submit(walk, number) for number in range(40)]
        looked = list(threads.map(look, range(40)))
        for each in writing:
            each.result()
    assert all(looked)


def test_forked_child_records_beside_its_parent(ledger: Ledger, write: Write, make, clock: SimulatedClock) -> None:
    import os

    with write() as tx:
        runs.start_run(tx, make.run(id="parent"))
    child = os.fork()
    if child == 0:
        try:
            with write() as tx:
                runs.start_run(tx, make.run(id="child"))
        except BaseException:
            os._exit(1)
        os._exit(0)
    with write() as tx:
        runs.start_run(tx, make.run(id="parent-2"))
    assert os.waitpid(child, 0)[1] == 0
    with ledger.read() as connection:
        assert {run.id for run in runs.list_runs(connection)} == {"parent", "child", "parent-2"}
        assert audit.verify(connection).ok
