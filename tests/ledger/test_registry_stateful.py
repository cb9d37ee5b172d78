"""Any order of registrations, approvals, releases, reopenings leaves what a simple model says."""

from __future__ import annotations

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from kreis.clock import SimulatedClock
from kreis.errors import PolicyError, ProjectError
from kreis.identifiers import new_id
from kreis.ledger import audit, models, releases, runs
from kreis.ledger.records import Approval, Model, Release, Route, Run
from kreis.ledger.store import open_ledger

START = datetime(2013, 5, 1, tzinfo=UTC)
PROJECTS = st.sampled_from(["flights", "trains"])
PEOPLE = st.sampled_from(["anna", "ben"])


class Registry(RuleBasedStateMachine):
    """The ledger beside plain dictionaries."""

    registered = Bundle("registered")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="kreis-registry-"))
        self.clock = SimulatedClock(START)
        self.ledger = open_ledger(self.folder / "ledger.db", clock=self.clock)
        self.models: dict[str, Model] = {}
        self.releases: dict[str, list[Release]] = {"flights": [], "trains": []}
        self.approvals: list[Approval] = []
        self.heads = ["0" * 64]
        self.changes = 0
        for project in self.releases:
            with self._record() as tx:
                fields = {"as_of": START, "status": "running", "trigger": "manual", "started_at": START, "goal": "g"}
                runs.start_run(tx, Run(id=f"run-{project}", project=project, **fields))

    def _record(self, actor: str = "anna") -> Any:
        self.changes += 1
        return self.ledger.record(event="e", subject="s", actor=actor, reason="r")

    @rule(target=registered, name=st.integers(0, 6), project=PROJECTS)
    def register(self, name: int, project: str) -> str:
        digest = f"{name:064x}"
        try:
            with self._record() as tx:
                fields = {"candidate": f"c{name}", "run": f"run-{project}", "signature": "{}"}
                model = models.register_model(tx, digest=digest, project=project, **fields)
        except ProjectError:
            self.changes -= 1
            assert self.models[digest].project != project
            return digest
        known = [each for each in self.models.values() if each.project == project]
        assert model == self.models.get(digest, model)
        assert model.version == (self.models[digest].version if digest in self.models else len(known) + 1)
        self.models[digest] = model
        return digest

    @rule(digest=registered, approver=PEOPLE, recorder=PEOPLE)
    def approve(self, digest: str, approver: str, recorder: str) -> None:
        self.clock.advance(self.clock.now() + timedelta(seconds=1))
        at = self.clock.now()
        approval = Approval(id=new_id(at), model=digest, role="owner", actor=approver, reason="yes", at=at)
        try:
            with self._record(recorder) as tx:
                models.add_approval(tx, approval)
        except PolicyError:
            self.changes -= 1
            assert approver != recorder
            return
        assert approver == recorder
        self.approvals.append(approval)

    @rule(first=registered, second=registered, share=st.sampled_from([0.0, 0.05, 0.5, 1.0]), project=PROJECTS)
    def release(self, first: str, second: str, share: float, project: str) -> None:
        routes = [Route(model=first, share=1 - share), Route(model=second, share=share)]
        routes = [route for route in routes if route.share]
        try:
            with self._record() as tx:
                release = releases.add_release(tx, project=project, routes=routes)
        except ProjectError:
            self.changes -= 1
            assert any(self.models[route.model].project != project for route in routes)
            return
        before = self.releases[project]
        assert release.number == len(before) + 1
        assert release.previous == (before[-1].id if before else None)
        before.append(release)

    @rule()
    def fail_inside(self) -> None:
        with pytest.raises(ZeroDivisionError), self._record() as tx:  # noqa: PT012
            models.register_model(
                tx, digest="f" * 64, project="flights", candidate="c", run="run-flights", signature=""
            )
            _ = 1 / 0
        self.changes -= 1

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = open_ledger(self.folder / "ledger.db", clock=self.clock, create=False)

    @rule()
    def write_the_head_down(self) -> None:
        with self.ledger.read() as connection:
            self.heads.append(audit.head(connection))

    @invariant()
    def agrees(self) -> None:
        with self.ledger.read() as connection:
            assert {model.digest: model for model in models.list_models(connection)} == self.models
            for project, made in self.releases.items():
                assert releases.list_releases(connection, project) == made[::-1]
                assert releases.current_release(connection, project) == (made[-1] if made else None)
            given = [each for digest in self.models for each in models.approvals_of(connection, digest)]
            assert sorted(given, key=lambda each: each.id) == self.approvals
            for held in self.heads[-2:]:
                report = audit.verify(connection, head=held)
                assert report.ok
                assert report.entries == self.changes

    def teardown(self) -> None:
        self.ledger.close()
        shutil.rmtree(self.folder)


Registry.TestCase.settings = settings(
    max_examples=8, stateful_step_count=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestRegistry = Registry.TestCase


class LongRegistry(Registry):
    """The same, for longer."""


LongRegistry.TestCase.settings = settings(
    max_examples=150, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestRegistryForLonger = pytest.mark.slow(LongRegistry.TestCase)
