"""Ledgers to test with: one behaviour suite runs over SQLite and over a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from kreis.clock import SimulatedClock
from kreis.digests import digest_of
from kreis.identifiers import new_id
from kreis.ledger import alerts, documents, identity, models, releases, runs, steps, tables, watchers
from kreis.ledger.records import (
    Alert,
    Approval,
    Checkpoint,
    Document,
    Evaluation,
    LakeFile,
    Model,
    Removal,
    Route,
    Run,
    RunStep,
    Step,
    TableVersion,
    Verdict,
    WatcherMemory,
)
from kreis.ledger.store import Ledger, Transaction, open_ledger

START = datetime(2013, 5, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(START)


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a ledger may be created: a path, or the URL of an empty schema."""
    if request.param == "sqlite":
        return str(tmp_path / "ledger.db")
    schema: str = request.getfixturevalue("postgres_server").empty_schema()
    return schema


@pytest.fixture
def ledger(place: str, clock: SimulatedClock) -> Iterator[Ledger]:
    with open_ledger(place, clock=clock) as opened:
        yield opened


@pytest.fixture
def file_ledger(tmp_path: Path, clock: SimulatedClock) -> Iterator[Ledger]:
    """A ledger in SQLite only, at tmp_path / "ledger.db"."""
    with open_ledger(tmp_path / "ledger.db", clock=clock) as opened:
        yield opened


class Make:
    """Small valid records."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def run(self, **other: Any) -> Run:
        at = START + timedelta(seconds=next(self._numbers))
        fields = {"id": new_id(at), "project": "flights", "as_of": START, "status": "running", "trigger": "manual"}
        return Run(**{**fields, "started_at": at, "pins": {"seed": 7}, "goal": "g" * 64, **other})

    def step(self, key: str, **other: Any) -> Step:
        fields = {"discipline": "training", "name": "gbdt", "inputs": {"trips": 3}, "outputs": {"model": None}}
        return Step(**{"key": key, **fields, "seconds": 0.1 + 0.2, "finished_at": START, **other})

    def verdict(self, run: Run, **other: Any) -> Verdict:
        return Verdict(
            **{"run": run.id, "discipline": "evaluation", "kind": "advance", "reason": "ok", "at": START, **other}
        )

    def table_version(self, table: str, version: int, **other: Any) -> TableVersion:
        text = f'{{"add":{version}}}'
        part = LakeFile(path=f"part-{version}.parquet", sha256=digest_of(b"part"), size=100, rows=10)
        fields = {"step": f"step-{version}", "mode": "append", "rows": 10 * version, "added": [part]}
        where = {"commit": text, "commit_sha256": digest_of(text.encode()), "fingerprint": digest_of(table.encode())}
        return TableVersion(**{"table": table, "version": version, **fields, **where, "at": START, **other})

    def checkpoint(self, version: int) -> Checkpoint:
        digest = digest_of(f"checkpoint {version}".encode())
        return Checkpoint(table="bronze/flights", version=version, digest=digest, size=100, at=START)

    def removal(self, version: int) -> Removal:
        at = START + timedelta(seconds=next(self._numbers))
        fields = {"table": "bronze/flights", "why": "expired", "reason": "old", "files": [f"part-{version}.parquet"]}
        return Removal(**{"id": new_id(at), **fields, "versions": [(version, version)], "at": at})

    def model(self, tx: Transaction, run: Run, name: str = "gbdt", **other: Any) -> Model:
        fields = {"digest": digest_of(name.encode()), "project": run.project, "candidate": name, "run": run.id}
        return models.register_model(tx, **{**fields, "signature": "{}", **other})

    def evaluation(self, model: Model, run: Run, **other: Any) -> Evaluation:
        at = START + timedelta(seconds=next(self._numbers))
        fields = {"id": new_id(at), "model": model.digest, "run": run.id, "metrics": {"auc": [0.7, 0.69, 0.71]}}
        return Evaluation(
            **{**fields, "gates": [{"name": "recall", "passed": True}], "passed": True, "at": at, **other}
        )

    def approval(self, model: Model, **other: Any) -> Approval:
        at = START + timedelta(seconds=next(self._numbers))
        return Approval(
            **{
                "id": new_id(at),
                "model": model.digest,
                "role": "owner",
                "actor": "anna",
                "reason": "yes",
                "at": at,
                **other,
            }
        )

    def alert(self, **other: Any) -> Alert:
        at = START + timedelta(seconds=next(self._numbers))
        fields = {"id": new_id(at), "project": "flights", "monitor": "drift", "level": "warning", "summary": "moved"}
        return Alert(**{**fields, "detail": {"psi": 0.3}, "to": "collection", "at": at, **other})

    def document(self, body: str, **other: Any) -> Document:
        return Document(
            **{"digest": digest_of(body.encode()), "kind": "goal", "name": "flights", "body": body, **other}
        )


@pytest.fixture
def make() -> Make:
    return Make()


Write = Callable[..., AbstractContextManager[Transaction]]


def writer(ledger: Ledger) -> Write:
    """`ledger.record` with everything said that a test does not care about."""

    def write(**other: Any) -> AbstractContextManager[Transaction]:
        return ledger.record(**{"event": "test", "subject": "it", "actor": "anna", "reason": "to see", **other})

    return write


@pytest.fixture
def write(ledger: Ledger) -> Write:
    return writer(ledger)


def fill(ledger: Ledger, make: Make, circles: int = 3) -> None:
    """Walk a few small circles, so that every table has rows."""
    write = writer(ledger)
    for number in range(circles):
        run = make.run()
        with write(event="run.started", subject=run.id, inputs={"number": number}) as tx:
            if number == 0:
                identity.identify(tx, "flights")
            documents.put_document(tx, make.document(f'{{"goal":{number}}}'))
            runs.start_run(tx, run)
        with write(event="step.finished") as tx:
            tables.add_table_version(tx, make.table_version("bronze/flights", number, run=run.id))
            tables.put_checkpoint(tx, make.checkpoint(number))
            tables.add_removal(tx, make.removal(number))
            steps.add_step(tx, make.step(f"key-{number}"))
            steps.use_step(tx, RunStep(run=run.id, key=f"key-{number}", position=0, remembered=False))
            runs.add_verdict(tx, make.verdict(run))
        with write(event="model.registered") as tx:
            model = make.model(tx, run, f"model-{number}")
            models.add_evaluation(tx, make.evaluation(model, run))
            models.add_approval(tx, make.approval(model))
        with write(event="released") as tx:
            releases.add_release(tx, project="flights", routes=[Route(model=model.digest, share=1.0)], run=run.id)
            alert = make.alert()
            alerts.add_alert(tx, alert)
            watchers.remember(tx, WatcherMemory(project="flights", document={"look": number}, at=START))
        with write(event="run.finished") as tx:
            alerts.answer_alert(tx, alert.id, run.id)
            runs.finish_run(tx, run.id, "advanced", START)


@pytest.fixture
def filled(ledger: Ledger, make: Make) -> Ledger:
    fill(ledger, make)
    return ledger


@pytest.fixture
def filled_file(file_ledger: Ledger, make: Make) -> Ledger:
    fill(file_ledger, make)
    return file_ledger
