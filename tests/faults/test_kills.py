"""kill -9 at random instants of `kreis run`: resumed, it ends in the very state of a run that nobody disturbed.

Every other run is a project's first; the others collect two weeks more and start a canary against a weaker model.
Half of the kills come after a random time, half around a random durable operation (see process_that_dies.py), as
most of the time goes by between those. Some resumed runs are killed as well. KREIS_KILLS says how many runs to kill,
KREIS_KILLS_SEED which; each kill is printed with its seed, and a kill of a seed is the same kill again.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lmdb
import msgspec
import pytest

from kreis.deployment.packages import open_package
from kreis.deployment.pointer import read_pointer
from kreis.governance.damage import find_damage
from kreis.ledger import audit, models, releases, runs, steps
from kreis.ledger.schema import documents, metadata
from kreis.ledger.tables import list_tables, versions_of
from kreis.settings import Settings
from kreis.workspace import Workspace

DIES = Path(__file__).parent / "process_that_dies.py"
PROJECT = "returns"


@dataclass
class Undisturbed:
    """A run that nobody killed."""

    name: str
    folder: Path
    """The project as it is before the run."""
    state: dict[str, Any]
    seconds: float
    places: int


@dataclass
class Kill:
    """Where one run is killed."""

    seed: int
    after: float = 0.0
    """Seconds."""
    place: int = 0
    """Durable operation; 0 where the time decides."""

    @classmethod
    def pick(cls, seed: int, undisturbed: Undisturbed) -> Kill:
        pick = random.Random(seed)
        if pick.random() < 0.5:
            return cls(seed, after=pick.uniform(0.0, undisturbed.seconds))
        return cls(seed, place=pick.randint(1, undisturbed.places))

    def __str__(self) -> str:
        where = f"at durable operation {self.place / 2:.1f}" if self.place else f"after {self.after:.3f} s"
        return f"seed {self.seed}, {where}"


@dataclass
class Told:
    """What came of the kills."""

    killed: int = 0
    too_late: int = 0
    """Ended before the kill."""
    resumed_killed: int = 0
    resume_seconds: list[float] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def start(shop: Any, kill: Kill | None = None) -> subprocess.Popen[bytes]:
    command = (
        shop.command("run") if kill is None or not kill.place else [sys.executable, str(DIES), str(kill.place), "run"]
    )
    log = (shop.folder / "run.log").open("ab")
    with log:
        return subprocess.Popen(
            command, cwd=shop.folder, env=shop.environment(), stdout=log, stderr=log, start_new_session=True
        )


def run_and_kill(shop: Any, kill: Kill) -> bool:
    """Whether the run was killed before its end."""
    process = start(shop, kill)
    if not kill.place:
        try:
            process.wait(kill.after)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    code = process.wait(120)
    assert code in (0, -signal.SIGKILL), (shop.folder / "run.log").read_text()
    return code == -signal.SIGKILL


def run_undisturbed(shop: Any) -> float:
    begun = time.monotonic()
    code = start(shop).wait(120)
    assert code == 0, (shop.folder / "run.log").read_text()
    return time.monotonic() - begun


def state_of(folder: Path) -> dict[str, Any]:
    """All that a run leaves, less identifiers, moments, file names and what depends on the signing key."""
    workspace = Workspace(folder, settings=Settings())
    with workspace.ledger as ledger, ledger.read() as connection:
        every_run = runs.list_runs(connection, PROJECT)
        known = models.list_models(connection, PROJECT)
        used = steps.steps_of(connection, every_run[0].id)
        return {
            "last run": every_run[0].status,
            "running": [run.id for run in every_run if run.status == "running"],
            "verdicts": [
                (each.discipline, each.kind, each.reason) for each in runs.verdicts_of(connection, every_run[0].id)
            ],
            "steps": [(use.position, step.key, step.name, step.inputs, step.outputs) for use, step in used],
            "steps on record": connection.exec_driver_sql("select count(*) from steps").scalar_one(),
            "tables": {
                table: [
                    (each.version, each.mode, each.step, each.rows, each.fingerprint, each.known_until)
                    for each in versions_of(connection, table)
                ]
                for table in list_tables(connection)
            },
            "models": [(model.version, model.digest, model.candidate) for model in known],
            "evaluations": [
                (each.model, each.metrics, each.gates, each.passed)
                for model in known
                for each in models.evaluations_of(connection, model.digest)
            ],
            "releases": [
                (each.number, each.kind, each.routes, each.fallback, each.reason)
                for each in releases.list_releases(connection, PROJECT)
            ],
            "documents": sorted(
                map(dict, connection.execute(documents.select()).mappings()), key=lambda row: row["digest"]
            ),
            "rows": {
                table.name: connection.exec_driver_sql(f"select count(*) from {table.name}").scalar_one()
                for table in metadata.sorted_tables
                if table.name not in {"audit", "runs", "run_steps", "verdicts"}
            },
            "online": online_state(Path(str(workspace.online))),
            "files": files_in(workspace.state),
        }


def files_in(folder: Path) -> list[str]:
    """The files, without what is random in their names. What was cut off in the making of a key, of a ledger or of
    the online store's marker may lie beside: the next writer of each clears it away, if there ever is one. What runs
    log lies beside the record (decision 42): how many files of it there are depends on how long they took.
    """
    names = [re.sub(r"[0-9a-f]{12,}", "#", str(path.relative_to(folder))) for path in folder.rglob("*")]
    return sorted(
        name
        for name in names
        if not name.startswith(("keys/", "tracking", ".ledger.db.", "ledger.db-", "online/.open."))
    )


def online_state(folder: Path) -> list[tuple[bytes, bytes]]:
    """All that it holds, but for the version of each record, which differs from store to store, and the checksum."""
    with lmdb.open(str(folder), readonly=True, lock=False, max_dbs=0) as store, store.begin() as transaction:
        return [(key, value[8:-4] if key[:1] == b"e" else value) for key, value in transaction.cursor()]


def check_whole(folder: Path) -> None:
    """Nothing is half there: the record proves itself, each byte is as acknowledged, the service's view is complete."""
    workspace = Workspace(folder, settings=Settings())
    with workspace.ledger as ledger:
        with ledger.read() as connection:
            assert audit.verify(connection).problems == []
            current = releases.current_release(connection, PROJECT)
            known = models.list_models(connection, PROJECT)
        trusted = workspace.keys.trusted()
        for model in known:
            open_package(model.digest, model.signature, workspace.artifacts, trusted)
        pointer = read_pointer(workspace.pointer, trusted)
        assert pointer is not None
        assert pointer.release == msgspec.structs.replace(current, detail=None)  # what it rests on stays on record
        named = {route.model for route in current.routes} | {current.fallback}
        assert pointer.models.keys() == named
        for digest, pointed in pointer.models.items():
            open_package(digest, pointed.envelope, workspace.artifacts, trusted)
        assert list(find_damage(workspace)) == []
        assert workspace.lake.check().findings == []
        assert workspace.artifacts.check() == []


def half_way_is_consistent(folder: Path) -> None:
    """After a kill, before anyone resumes: what the record acknowledges is there, and what is published is whole."""
    if not (folder / ".kreis" / "ledger.db").exists():
        return
    workspace = Workspace(folder, settings=Settings())
    with workspace.ledger as ledger:
        with ledger.read() as connection:
            assert audit.verify(connection).problems == []
            known = models.list_models(connection, PROJECT)
            published = releases.list_releases(connection, PROJECT)
        for model in known:
            open_package(model.digest, model.signature, workspace.artifacts, workspace.keys.trusted())
        pointer_file = workspace.service_folder / "current.json"
        if pointer_file.exists():
            pointer = read_pointer(workspace.pointer, workspace.keys.trusted())
            assert pointer is not None
            assert pointer.release in [msgspec.structs.replace(each, detail=None) for each in published]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> list[Undisturbed]:
    folder = tmp_path_factory.mktemp("undisturbed")
    new_shop(folder / "first")
    new_shop(folder / "canary").release_a_weak_model()
    return [measured(folder / "first", "a first run", new_shop), measured(folder / "canary", "a canary's", new_shop)]


def measured(folder: Path, name: str, new_shop: Any) -> Undisturbed:
    timed = new_shop(folder.with_name(f"{folder.name}_timed"), like=folder)
    counted = new_shop(folder.with_name(f"{folder.name}_counted"), like=folder)
    seconds = run_undisturbed(timed)
    done = subprocess.run(
        [sys.executable, str(DIES), "0", "run"],
        cwd=counted.folder, env=counted.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    state = state_of(timed.folder)
    assert state == state_of(counted.folder)
    check_whole(timed.folder)
    return Undisturbed(name, folder, state, seconds, int(done.stderr.split()[-1]))


def kill_one(fresh: Callable[[], Any], kill: Kill, told: Told) -> Any:
    """A project whose run was killed. A run that was faster than its kill does not count: another is killed sooner."""
    shop = fresh()
    while not run_and_kill(shop, kill):
        told.too_late += 1
        kill.after *= 0.7
        shutil.rmtree(shop.folder)
        shop = fresh()
    told.killed += 1
    return shop


def resume(shop: Any, kill: Kill, undisturbed: Undisturbed, told: Told) -> str:
    """Resume a killed run, some after further kills; returns the line that tells of it."""
    pick = random.Random(-kill.seed - 1)
    half_way_is_consistent(shop.folder)
    line = f"{kill}: killed"
    while pick.random() < 0.25:
        again = Kill.pick(pick.getrandbits(32), undisturbed)
        if run_and_kill(shop, again):
            told.resumed_killed += 1
            line += f", killed again {str(again).partition(', ')[2]}"
        half_way_is_consistent(shop.folder)
    told.resume_seconds.append(run_undisturbed(shop))
    return f"{line}, resumed in {told.resume_seconds[-1]:.1f} s"


def kill_many(count: int, folder: Path, new_shop: Any, every: list[Undisturbed], say: Callable[[str], None]) -> None:
    first = int(os.environ.get("KREIS_KILLS_SEED", "20250815"))
    told = Told()
    for each in every:
        say(f"{each.name}, undisturbed: {each.seconds:.1f} s, {each.places // 2} durable operations")
    for seed in range(first, first + count):
        undisturbed = every[seed % len(every)]
        kill = Kill.pick(seed, undisturbed)
        shop = kill_one(lambda: new_shop(folder / str(seed), like=undisturbed.folder), kill, told)  # noqa: B023
        try:
            say(f"{undisturbed.name}, {resume(shop, kill, undisturbed, told)}")
            check_whole(shop.folder)
            after = state_of(shop.folder)
            for part, expected in undisturbed.state.items():
                assert after[part] == expected, f"{part} differs"
        except BaseException:
            say(f"FAILED with seed {seed} in {shop.folder}")
            raise
        shutil.rmtree(shop.folder)
    slowest = max(told.resume_seconds)
    say(
        f"{told.killed} runs killed, from seed {first} on, and {told.resumed_killed} resumed runs with them"
        f" ({told.too_late} were faster than their kill and do not count); every one ended in the state of an"
        f" undisturbed run; resuming took {statistics.median(told.resume_seconds):.1f} s in the median,"
        f" {slowest:.1f} s at most"
    )


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Print at once, past pytest's capture: a long test that is cut off has then told how far it came."""

    def tell(line: str) -> None:
        with capsys.disabled():
            print(line, flush=True)  # noqa: T201

    return tell


@pytest.mark.faults
def test_a_hundred_killed_runs_end_as_if_nobody_had_disturbed_them(
    tmp_path: Path, new_shop: Any, undisturbed: list[Undisturbed], say: Callable[[str], None]
) -> None:
    kill_many(int(os.environ.get("KREIS_KILLS", "100")), tmp_path, new_shop, undisturbed, say)


@pytest.mark.slow
def test_a_few_killed_runs_end_as_if_nobody_had_disturbed_them(
    tmp_path: Path, new_shop: Any, undisturbed: list[Undisturbed], say: Callable[[str], None]
) -> None:
    kill_many(6, tmp_path, new_shop, undisturbed, say)
