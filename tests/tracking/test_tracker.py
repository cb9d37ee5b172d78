"""What a run logs is on disk within a second, and whatever goes wrong there costs it nothing."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from kreis.artifacts.folder import ArtifactFolder
from kreis.compute.threads import Threads
from kreis.errors import KreisWarning
from kreis.tracking import tracker as tracker_module
from kreis.tracking.here import carry, log, log_artifact, log_params, part
from kreis.tracking.points import Artefact, Params, Point, Used, read_run
from kreis.tracking.tracker import Tracker

KEY = "ab" * 32


@pytest.fixture
def tracker(tmp_path: Path) -> Tracker:
    return new(tmp_path)


def new(folder: Path) -> Tracker:
    return Tracker(folder / "tracking", "run1", ArtifactFolder(folder / "artifacts"))


def tracked(tracker: Tracker, work: Callable[[], object]) -> None:
    with tracker.step(KEY, "training", "gbdt"):
        work()
    tracker.close()


def points(folder: Path) -> list[Point]:
    found = [each for logged in read_run(folder / "tracking" / "run1") for each in logged.records]
    return [each for each in found if isinstance(each, Point)]


def test_points_params_and_artefacts_belong_to_the_step_and_its_part(tracker: Tracker, tmp_path: Path) -> None:
    def work() -> None:
        assert log(step=3, loss=0.5, depth=2)
        assert log_params(words=["a"], size=1)
        assert log_artifact("note.txt", "hello")
        with part("fold 1"), part("fit"):
            assert log(loss=float("nan"))

    tracked(tracker, work)
    (found,) = read_run(tmp_path / "tracking" / "run1")
    first, params, artefact, second, step, run = found.records
    assert isinstance(first, Point)
    assert (found.steps[1].key, found.steps[1].name) == (KEY, "gbdt")
    assert (first.number, first.part, first.step, first.values) == (1, "", 3.0, {"loss": 0.5, "depth": 2.0})
    assert params == Params(1, {"words": ["a"], "size": 1})
    assert isinstance(artefact, Artefact)
    assert ArtifactFolder(tmp_path / "artifacts").get(artefact.digest) == b"hello"
    assert isinstance(second, Point)
    assert (second.part, second.step, second.values) == ("fold 1, fit", None, {"loss": None})
    assert isinstance(step, Used)
    assert isinstance(run, Used)
    assert (step.number, run.number) == (1, 0)
    assert run.seconds >= step.seconds >= 0
    assert run.memory_mb > 10


def test_outside_a_run_nothing_is_done() -> None:
    assert not log(step=1, loss=2.0)
    assert not log_params(a=1)
    assert not log_artifact("a.txt", "b")


def test_threads_of_the_pool_log_to_the_step(tracker: Tracker, tmp_path: Path) -> None:
    tracked(tracker, lambda: Threads().map(log_item, range(50), at_once=8))
    assert sorted(each.values["item"] or 0 for each in points(tmp_path)) == [*range(50)]


def log_item(item: int) -> bool:
    return log(step=item, item=item)


def test_processes_of_a_pool_log_to_the_step(tracker: Tracker, tmp_path: Path) -> None:
    def work() -> None:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            assert list(pool.map(carry(log), range(3))) == [True] * 3

    tracked(tracker, work)
    files = [len(logged.records) for logged in read_run(tmp_path / "tracking" / "run1")]
    assert sorted(files) == [2, 3]
    assert [each.step for each in points(tmp_path)] == [0, 1, 2]


def test_a_forked_child_writes_a_file_of_its_own(tracker: Tracker, tmp_path: Path) -> None:
    def work() -> None:
        log(here=1)
        child = os.fork()
        if not child:
            log(there=1)
            os._exit(0)
        os.waitpid(child, 0)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork of a process with threads
        tracked(tracker, work)
    assert sorted(str(each.values) for each in points(tmp_path)) == ["{'here': 1.0}", "{'there': 1.0}"]


def test_a_store_that_cannot_be_written_costs_a_warning_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "tracking").write_text("a file where a folder should be")
    (tmp_path / "artifacts").write_text("here too")
    tracker, kept = new(tmp_path), []
    with pytest.warns(KreisWarning, match="not all that the run logs is kept: the artefact 'a.txt'") as told:
        tracked(tracker, lambda: kept.append((log(loss=1.0), log_artifact("a.txt", "b"))))
    assert kept == [(True, False)]
    assert len(told) == 1


def test_a_full_disk_costs_a_warning_and_what_waited_is_written_when_there_is_room(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write

    def full(handle: int, data: bytes) -> int:
        if len(data) > 10:
            whole(handle, bytes(data)[:10])  # a part still fits
        raise OSError(28, "No space left on device")

    def work() -> None:
        log(step=1, loss=1.0)
        monkeypatch.setattr(os, "write", full)
        tracker.flush()
        monkeypatch.setattr(os, "write", whole)
        log(step=2, loss=0.5)

    with pytest.warns(KreisWarning, match="No space left on device"):
        tracked(tracker, work)
    (found,) = read_run(tmp_path / "tracking" / "run1")
    assert [each.step for each in points(tmp_path)] == [1, 2]
    assert found.steps[1].key == KEY  # what was cut off took no other line with it
    assert found.unreadable <= 1


def test_where_warnings_are_errors_it_costs_no_training_either(tmp_path: Path) -> None:
    (tmp_path / "tracking").write_text("a file where a folder should be")
    tracked(new(tmp_path), lambda: log(loss=1.0))  # pytest makes each warning an error


def test_what_cannot_be_kept_is_left_out_and_told(tracker: Tracker, tmp_path: Path) -> None:
    with pytest.warns(KreisWarning, match="loss='much' is no number; kreis.log_params takes texts"):
        tracked(tracker, lambda: (log(step=1, loss="much", auc=0.5), log_artifact("x", object())))  # type: ignore[arg-type]
    assert [each.values for each in points(tmp_path)] == [{"auc": 0.5}]


def test_what_comes_faster_than_it_is_taken_is_counted(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker_module, "MOST", 5)
    with pytest.warns(KreisWarning, match="records came faster than"):
        tracked(tracker, lambda: [log(x=each) for each in range(10)])
    (found,) = read_run(tmp_path / "tracking" / "run1")
    assert len(points(tmp_path)) + found.lost >= 10
    assert found.lost > 0


def test_a_figure_is_kept_as_its_name_says(tracker: Tracker, tmp_path: Path) -> None:
    class Figure:
        def savefig(self, to: object, format: str) -> None:  # noqa: A002 (matplotlib's name)
            to.write(f"<svg>{format}</svg>".encode())  # type: ignore[attr-defined]

    tracked(tracker, lambda: log_artifact("roc.svg", Figure()))
    (found,) = read_run(tmp_path / "tracking" / "run1")
    (artefact,) = (each for each in found.records if isinstance(each, Artefact))
    assert ArtifactFolder(tmp_path / "artifacts").get(artefact.digest) == b"<svg>svg</svg>"


LOGS_FOR_EVER = """
import sys
from pathlib import Path
from kreis.artifacts.folder import ArtifactFolder
from kreis.tracking.here import log
from kreis.tracking.tracker import Tracker
folder = Path(sys.argv[1])
tracker = Tracker(folder / "tracking", "run1", ArtifactFolder(folder / "artifacts"))
with tracker.step("ab" * 32, "training", "gbdt"):
    step = 0
    while True:
        step += 1
        log(step=step, loss=1 / step)
        while tracker.seconds() < step / 10_000:
            pass  # as many as a disk takes: 500,000 a second are 40 MB
        if step % 100 == 0:
            print(step, tracker.seconds(), flush=True)
"""


@pytest.mark.faults
def test_a_killed_process_loses_at_most_a_second(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", LOGS_FOR_EVER, tmp_path], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    said: list[tuple[int, float]] = []
    for line in child.stdout:
        step, seconds = line.split()
        said.append((int(step), float(seconds)))
        if said[-1][1] > 1.7:
            child.send_signal(signal.SIGKILL)
            break
    child.wait()
    child.stdout.close()
    kept = max(each.step or 0 for each in points(tmp_path))
    second_before = max(step for step, seconds in said if seconds < said[-1][1] - 1)
    assert kept >= second_before > 0
