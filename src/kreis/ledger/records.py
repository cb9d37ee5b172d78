"""The rows of the ledger, as typed, immutable objects. Times are timezone-aware, in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

__all__ = [
    "Alert",
    "Approval",
    "AuditEntry",
    "Checkpoint",
    "Document",
    "Evaluation",
    "Identity",
    "LakeFile",
    "LevelMove",
    "Model",
    "Release",
    "Removal",
    "Route",
    "Run",
    "RunStep",
    "Step",
    "StepBasis",
    "TableVersion",
    "Verdict",
    "WatcherMemory",
]

RunStatus = Literal["running", "advanced", "held", "sent_back", "failed", "interrupted"]
"""How a run stands. "interrupted" is not stored: it is what a view says of one whose process is gone."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One walk around the circle, or part of it."""

    id: str
    project: str
    as_of: datetime
    status: RunStatus
    trigger: str
    """Why it ran: "manual", or the id of the alert that sent the work back."""
    started_at: datetime
    finished_at: datetime | None = None
    pins: dict[str, Any] = {}
    """Seed, Git commit, digest of the dependency lock."""
    goal: str
    """Digest of the goal's document."""
    ended: str | None = None
    """Why it ended as it did."""


class StepBasis(msgspec.Struct, frozen=True, kw_only=True):
    """What a step's key was taken over beside its inputs, so that it can be said why another is computed."""

    code: str = ""
    """The digest of the user's code."""
    parameters: dict[str, str] = {}
    """The beginning of each one's digest."""
    libraries: dict[str, str] = {}
    """Versions."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A finished unit of work, named by the hash of its code, parameters and input versions. Never edited."""

    key: str
    discipline: str
    name: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    seconds: float
    finished_at: datetime
    basis: StepBasis | None = None


class RunStep(msgspec.Struct, frozen=True, kw_only=True):
    """That a run used a step: computed by it, or remembered from an earlier one."""

    run: str
    key: str
    position: int
    remembered: bool


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What a discipline of a run concluded."""

    run: str
    discipline: str
    kind: Literal["advance", "send_back", "hold", "fail"]
    reason: str
    to: str | None = None
    detail: dict[str, Any] = {}
    at: datetime
    round: int = 1
    """The first, or another after work was sent back."""


class LakeFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One data file that a commit added."""

    path: str
    sha256: str
    size: int
    rows: int
    day: str | None = None
    """The day (UTC) to which all its rows belong, where its table is kept by day: "2013-05-01"."""
    order: int | None = None
    """The version whose place among the rows it takes, where it replaces earlier files."""
    known_until: datetime | None = None
    """No row of it became known later than this. Null: what its version says holds."""


class TableVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One acknowledged commit of a lake table."""

    table: str
    """Layer and name: "bronze/flights"."""
    version: int
    step: str
    """Key of the step that made it (or a digest of the log segment that it holds)."""
    run: str | None = None
    mode: Literal["append", "overwrite", "rewrite"]
    """A rewrite replaces the files that its commit removes by those that it adds."""
    rows: int
    """Rows in the table at this version."""
    added: list[LakeFile]
    commit: str
    """The Delta commit file's text, so that a lost log can be restored."""
    commit_sha256: str
    fingerprint: str
    """Digest over the contents of this version, independent of file names and of when it was written."""
    known_until: datetime | None = None
    at: datetime


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """The newest checkpoint of a lake table: which of its versions it sums up, and its bytes."""

    table: str
    version: int
    digest: str
    size: int
    previous: int | None = None
    """The checkpoint before it, which other readers may be reading still."""
    at: datetime


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    """Why versions and files of a lake table are gone."""

    id: str
    table: str
    why: Literal["expired", "erased"]
    reason: str
    versions: list[tuple[int, int]]
    """The versions that can no longer be read, in spans, first and last."""
    files: list[str]
    at: datetime


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A registered model: its package's digest and its number in the project."""

    digest: str
    project: str
    version: int
    candidate: str
    run: str
    signature: str
    """DSSE envelope over the manifest, as JSON text."""
    at: datetime


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """How a model did on data that it had not seen."""

    id: str
    model: str
    run: str
    metrics: dict[str, Any]
    gates: list[dict[str, Any]]
    passed: bool
    at: datetime


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A person's yes to one model and what was found of it, bound to the digests of both."""

    id: str
    model: str
    role: str
    actor: str
    reason: str
    key: str | None = None
    """What shows that it is that person: the fingerprint of the key that signed it, or `user` and a login."""
    signature: str | None = None
    at: datetime
    evaluation: str | None = None
    """Digest of the newest evaluation of the model when it was given; null where there was none."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A model's part in a release. Shares of the "live" routes add up to 1; a "shadow" only watches."""

    model: str
    share: float
    mode: Literal["live", "shadow"] = "live"


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Which models answer which share of the traffic. Never edited: a rollback is a new release."""

    id: str
    project: str
    number: int
    routes: list[Route]
    fallback: str | None = None
    """Digest of the model that answers when a live one cannot."""
    previous: str | None = None
    kind: Literal["release", "canary", "promotion", "rollback"] = "release"
    run: str | None = None
    actor: str
    reason: str
    detail: dict[str, Any] | None = None
    """What the decision rests on: a canary's evidence or plan, an evaluation's comparison."""
    at: datetime


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A monitor saw something; `to` names the discipline that the work goes back to, if any."""

    id: str
    project: str
    monitor: str
    level: Literal["warning", "critical"]
    summary: str
    detail: dict[str, Any]
    to: str | None = None
    run: str | None = None
    """The last run that answered it."""
    cause: str | None = None
    """What of all that its monitor can find, so that a cause that lasts is raised once."""
    closed_at: datetime | None = None
    """When its cause was over, or a newer alert took its place."""
    closed_because: str | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    acknowledged_note: str | None = None
    at: datetime


class LevelMove(msgspec.Struct, frozen=True, kw_only=True):
    """The levels at which a model's coverage is said from then on, and the outcomes that led to them."""

    number: int = 0
    """Counted over all models of the ledger, from 1."""
    model: str
    """Its digest."""
    release: int
    """The number of the release with which it came into service: in another stay it begins anew."""
    levels: dict[str, Any]
    """How far they have come: of all rows (`general`, `outcomes`) and by group."""
    before: dict[str, Any]
    """The same before."""
    days: list[dict[str, Any]]
    """Of each day (UTC) the answers whose outcomes are known by now, and how many of them were covered as they said."""
    at: datetime


class WatcherMemory(msgspec.Struct, frozen=True, kw_only=True):
    """What watching a project remembers from one look to the next: one row, written anew by each look."""

    project: str
    document: dict[str, Any]
    at: datetime


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Whose record this is: one ledger belongs to one project and one lake."""

    ledger: str
    project: str
    lake: str
    at: datetime


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A text that others refer to by digest: a goal, a contract, a model card."""

    digest: str
    kind: str
    name: str
    body: str


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One link of the audit chain; `hash` covers everything else, the previous hash included."""

    position: int
    at: datetime
    actor: str
    event: str
    subject: str
    reason: str
    inputs: dict[str, Any]
    outputs: dict[str, Any]
    rows: dict[str, dict[str, str]] = {}
    """The rows that the transaction wrote: table to key (a JSON list) to the row's digest."""
    previous: str
    hash: str
