"""A project folder that an earlier kreis left behind: today's reads it, migrates it and goes on from it."""

from __future__ import annotations

import json
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kreis.actions.serve import free_port
from kreis.clock import SimulatedClock, microseconds, parse_time
from kreis.digests import digest_of_file
from kreis.lake.belonging import check_belonging
from kreis.ledger import audit, runs, schema, steps
from kreis.ledger.identity import identity_of
from kreis.ledger.store import open_ledger
from kreis.loop.steps import StepOutput
from kreis.models.form import Formula, Onnx
from kreis.watching.watcher import keep_watching
from kreis.ways.results import BuiltTable, CollectedSource, JoinedFeatures, Judged, Packaged, Trained
from kreis.workspace import Workspace

AFTER = datetime(2025, 8, 16, 12, tzinfo=UTC)
"""After the last answer of the sample."""


class Service:
    """A `kreis serve` of today on the folder."""

    def __init__(self, shop: Any) -> None:
        self.port = free_port()
        self._log = (shop.folder / "service.log").open("wb")
        command = shop.command("serve", "--port", str(self.port), "--simulated-time")
        self.process = subprocess.Popen(
            command, cwd=shop.folder, env=shop.environment(), stdout=self._log, stderr=self._log
        )

    def ask(self, asked: dict[str, Any], at: datetime) -> Any:
        headers = {"x-kreis-time": str(microseconds(at)), "content-type": "application/json"}
        url = f"http://127.0.0.1:{self.port}/v1/predict"
        request = urllib.request.Request(url, json.dumps(asked).encode(), headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def ready(self) -> bool:
        try:
            return bool(urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1).status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
        self._log.close()


@contextmanager
def serving(shop: Any) -> Iterator[Service]:
    service = Service(shop)
    try:
        deadline = time.monotonic() + 30
        while not service.ready():
            assert service.process.poll() is None, (shop.folder / "service.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield service
    finally:
        service.stop()


@contextmanager
def opened(folder: Path) -> Iterator[Workspace]:
    workspace = Workspace(folder, clock=SimulatedClock(AFTER))
    try:
        yield workspace
    finally:
        workspace.ledger.close()


def head_of(folder: Path) -> str:
    with opened(folder) as workspace, workspace.ledger.read() as connection:
        return audit.head(connection)


def answers(folder: Path) -> Iterator[tuple[dict[str, Any], datetime, dict[str, Any]]]:
    for each in json.loads((folder / "answers.json").read_text()):
        yield each["asked"], parse_time(each["answer"]["at"]), each["answer"]


def test_an_older_ledger_is_read_as_it_is_and_written_after_migrate(left_behind: Any) -> None:
    shop = left_behind
    file = shop.state / "ledger.db"
    before = digest_of_file(file) if file.exists() else None
    assert shop.document("status")["alerts"]
    assert "83 entries, the chain is whole" in shop.kreis("audit", "verify", "--deep")
    approve = ("approve", "4", "--role", "product_owner", "--reason", "x")
    commands = (("run",), ("watch", "--once"), ("rollback", "--reason", "x"))
    for command, actor in (*((each, "ann") for each in commands), (approve, "bob")):
        said = shop.kreis(*command, code=4, actor=actor)
        assert "earlier schema (0001; this kreis writes" in said
        assert "kreis migrate" in said
    assert before is None or digest_of_file(file) == before
    assert not (shop.state / "service" / "journal" / "shipping.json").exists()


def test_migrates_verifies_serves_ships_and_goes_on(left_behind: Any) -> None:
    shop = left_behind
    held = head_of(shop.folder)
    done = shop.document("migrate")
    assert (done["before"], done["after"], done["project"]) == ("0001", schema.HEAD, "returns")
    with open_ledger(done["backup"], clock=SimulatedClock(AFTER)) as backup, backup.read() as connection:
        assert audit.head(connection) == held
        assert audit.verify(connection).ok
        assert backup.is_older()
    assert "whole" in shop.kreis("audit", "verify", "--deep", "--head", held)
    assert shop.document("migrate")["backup"] is None
    with serving(shop) as service:
        for asked, at, recorded in list(answers(shop.folder))[::6]:
            answer = service.ask(asked, at)
            assert {name: answer[name] for name in recorded if name != "id"} == {
                name: value for name, value in recorded.items() if name != "id"
            }
    with opened(shop.folder) as workspace:
        (look,) = keep_watching(workspace, every="1h", once=True)
    assert look.predictions == 15 + 10
    assert 'outcome_within="14d"' in shop.kreis("run", code=2)  # 0.1.0 had no such word, and dropped these outcomes
    shop.edit('outcome_known_at="settled_at"', 'outcome_known_at="settled_at", outcome_within="14d"')
    assert "waits for role product_owner" in shop.kreis("run", code=11)
    with opened(shop.folder) as walked:
        assert walked.lake.scan("log/predictions").collect().height == 40 + 15 + 10
        with walked.ledger.read() as connection:
            assert identity_of(connection).project == "returns"
            assert runs.list_runs(connection, "returns")[0].status == "held"
    assert "whole" in shop.kreis("audit", "verify", "--deep", "--head", held)


def test_a_service_answers_all_through_the_migration(left_behind: Any) -> None:
    """It follows the pointer and opens no ledger; it starts on an older one, too."""
    shop = left_behind
    asked, at, recorded = next(answers(shop.folder))
    scores: list[float] = []
    stop = threading.Event()
    with serving(shop) as service:

        def keep_asking() -> None:
            while not stop.is_set():
                scores.append(service.ask(asked, at)["score"])

        asking = threading.Thread(target=keep_asking)
        asking.start()
        try:
            shop.run("migrate")
        finally:
            stop.set()
            asking.join(20)
    assert not asking.is_alive()
    assert set(scores) == {recorded["score"]}
    assert len(scores) > 10


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(left_behind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    held = head_of(left_behind.folder)

    def fail(connection: Any, **_: Any) -> None:
        connection.exec_driver_sql("DROP TABLE run_steps")
        raise RuntimeError("the power went out")

    monkeypatch.setattr("kreis.ledger.revision.upgrade", fail)
    with opened(left_behind.folder) as workspace:
        with pytest.raises(RuntimeError):
            workspace.ledger.migrate(actor="ann", reason="to see", inputs={})
        assert workspace.ledger.is_older()
        with workspace.ledger.read() as connection:
            assert audit.verify(connection, head=held).ok


def test_a_backup_of_an_earlier_schema_is_restored_and_brought_up_to_date(
    left_behind: Any, request: pytest.FixtureRequest
) -> None:
    shop = left_behind
    held = head_of(shop.folder)
    backup = shop.document("migrate")["backup"]
    if (shop.state / "ledger.db").exists():
        for path in shop.state.glob("ledger.db*"):
            path.rename(shop.folder / path.name)
    else:
        url = Workspace(shop.folder).settings.ledger.url
        shop.edit(url, request.getfixturevalue("postgres_server").empty_schema(), file="kreis.toml")
    shop.run("ledger", "restore", backup, "--reason", "the disk was replaced")
    assert "whole" in shop.kreis("audit", "verify", "--deep", "--head", held)
    assert shop.document("migrate")["project"] == "returns"


def test_a_process_that_reads_goes_on_after_another_has_migrated(left_behind: Any) -> None:
    with opened(left_behind.folder) as reader:
        with reader.ledger.read() as connection:
            assert identity_of(connection) is None
        left_behind.run("migrate")
        with reader.ledger.read() as connection:
            assert identity_of(connection) is not None
        with reader.ledger.record(event="e", subject="s", actor="a", reason="r"):
            pass
        check_belonging(reader.ledger, reader.lake_storage)


def result_of(step: Any) -> StepOutput:
    """What a step left, in today's types."""
    match step.discipline:
        case "collection":
            return CollectedSource.from_document(step.outputs)
        case "preparation":
            kind = JoinedFeatures if step.name.startswith("features ") else BuiltTable
            return kind.from_document(step.outputs)
        case "training":
            return Trained.from_document(step.outputs)
        case "evaluation":
            return Judged.from_document(step.outputs)
    return Packaged.from_document(step.outputs)


def holds(document: Any, old: Any) -> bool:
    """Whether a document says all that an old one said; a default may go unsaid."""
    if isinstance(old, dict):
        return all(holds(document[name], value) if name in document else not value for name, value in old.items())
    if isinstance(old, list):
        return len(document) == len(old) and all(map(holds, document, old))
    return bool(document == old)


def in_todays_words(old: Any) -> Any:
    """A document of a version that knew yes and no alone, with the words of today for the same."""
    if isinstance(old, list):
        return [in_todays_words(each) for each in old]
    if not isinstance(old, dict):
        return old
    said = {name: in_todays_words(each) for name, each in old.items()}
    if ("threshold" in said and "metrics" in said) or "onnx" in said:
        said["decision"] = {"rule": "cut", "at": said.pop("threshold")}
    if "onnx" in said:
        onnx, rule, _ = said.pop("onnx"), said.pop("rule"), said.pop("kind")
        said["form"] = {"form": "onnx", "sha256": onnx} if rule is None else {"form": "formula", "expression": rule}
    if "means_yes" in said:
        said["described"] = f"{said.pop('positive'):,} {said.pop('means_yes')}"
    return said


def test_what_steps_left_is_read_in_todays_types(sample: Path) -> None:
    with opened(sample) as workspace, workspace.ledger.read() as connection:
        found = [step for run in runs.list_runs(connection) for _, step in steps.steps_of(connection, run.id)]
        results = [result_of(step) for step in found]
        judged = next(each for each in results if isinstance(each, Judged))
        trained = [each for each in results if isinstance(each, Trained)]
        opened_forms = [each.opened(workspace.artifacts).form for each in trained]
        assert {type(each) for each in opened_forms} == {Formula, Onnx}
        assert all(each.content for each in opened_forms if isinstance(each, Onnx))
    assert len(results) > 10
    assert judged.report.value.value > 0
    for step, result in zip(found, results, strict=True):
        assert holds(result.to_document(), in_todays_words(step.outputs))
