"""Collection: each source up to the run's moment, checked against its contract, into bronze."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from kreis.code import Code, code_of
from kreis.collection.collecting import collect
from kreis.collection.connectors.files import notes
from kreis.collection.contracts.report import ContractReport
from kreis.collection.outside import FileRead, files_read, identified
from kreis.collection.sources import Source
from kreis.digests import digest_of_document
from kreis.errors import KreisError, ServiceError
from kreis.ledger import documents
from kreis.ledger.records import Document
from kreis.ledger.steps import last_step
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, Hold, SendBack, Verdict
from kreis.texts import counted
from kreis.ways.results import CollectedSource
from kreis.ways.state import WayState

__all__ = ["perform"]


class _BrokenError(Exception):
    """A contract does not hold. Not a result to remember: the source may be right the next time."""

    def __init__(self, report: ContractReport) -> None:
        self.report = report
        super().__init__(report.verdict)


@dataclass(frozen=True, kw_only=True)
class _Outside:
    """What is known of the data outside before they are read."""

    probe: str
    files: dict[str, FileRead]
    """By path; those that its frame reads. Files that its code names are in `Code.files`."""
    warnings: list[str]

    def document(self) -> dict[str, Any]:
        """As an input of the step."""
        return {"outside": self.probe, "read": {path: file.sha256 for path, file in self.files.items()}}


def perform(state: WayState) -> Verdict:
    """Collect every source; a broken contract sends the work back to the owner of the source. Where many of the rows
    known before are gone or changed, the run waits for somebody who accepts that.
    """
    for source in state.project.sources.values():
        try:
            state.sources[source.name] = _collect(state, source)
        except _BrokenError as error:
            return _broken(state, source, error.report)
    warnings = _warnings(_reports(state))
    return Advance(summary=_summary(state), detail={"sources": _details(state), "warnings": warnings})


def _reports(state: WayState) -> dict[str, ContractReport]:
    return {name: step.output.report for name, step in state.sources.items()}


def _broken(state: WayState, source: Source, report: ContractReport) -> Verdict:
    detail = {
        "source": source.name,
        "contract": report.contract,
        "report": msgspec.to_builtins(report),
        "sources": _details(state),
        "warnings": _warnings({**_reports(state), source.name: report}),
    }
    if not report.waits or not msgspec.structs.replace(report, undone=0).passed:
        return SendBack(to="collection", reason=f"source {source.name!r}: {report.verdict}", detail=detail)
    at_most = f"{source.contract.plan.changes_at_most:.0%} may be at once (kreis.changes.at_most)"
    return Hold(
        needs=f"somebody who has looked at the source and accepts it: kreis run --accept {source.name}",
        reason=f"source {source.name!r}: {report.changes}; {at_most}. Nothing was taken from it",
        detail=detail,
    )


def _details(state: WayState) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "rows": step.output.rows,
            "quarantined": step.output.quarantined,
            "known_until": step.output.known_until,
            "report": msgspec.to_builtins(step.output.report),
        }
        for name, step in state.sources.items()
    }


def _summary(state: WayState) -> str:
    found = [step.output for step in state.sources.values()]
    rows, bad = sum(each.rows for each in found), sum(each.quarantined for each in found)
    kinds = [
        f"{count:,} {kind}"
        for kind in ("late", "corrected", "replaced", "repeated")
        if (count := sum(getattr(each.report, kind) for each in found))
    ]
    return ", ".join(
        [f"{counted(rows, 'row')} from {counted(len(found), 'source')}", f"{bad:,} set aside in quarantine", *kinds]
    )


def _warnings(reports: Mapping[str, ContractReport]) -> list[str]:
    return [f"source {name!r}: {told}" for name, each in reports.items() for told in each.warnings]


def _collect(state: WayState, source: Source) -> StepResult[CollectedSource]:
    workspace = state.workspace
    code = code_of(source.stored or source.read, state.project.folder)
    source = source.of(workspace.lake)
    with source.once():
        return _collect_once(state, source, code)


def _collect_once(state: WayState, source: Source, code: Code) -> StepResult[CollectedSource]:
    workspace = state.workspace
    with workspace.ledger.read() as connection:
        last = last_step(connection, "collection", source.name)
    before = None if last is None else CollectedSource.from_document(last.outputs)
    with notes() as noted:
        outside = _outside(state, source, code, before)

    def compute(key: str) -> CollectedSource:
        _record_contract(state, source)
        return _collect_now(state, source, key, code, outside, before, noted)

    return state.memory.step(
        "collection",
        source.name,
        code=code,
        parameters={
            "until": state.moment,
            "contract": source.contract.digest,
            "known_at": source.known_at,
            "late": source.late.total_seconds(),
            "changed": source.changed,
        },
        inputs=outside.document(),
        result=CollectedSource,
        compute=compute,
    )


def _collect_now(
    state: WayState,
    source: Source,
    key: str,
    code: Code,
    outside: _Outside,
    before: CollectedSource | None,
    noted: dict[str, None],
) -> CollectedSource:
    """Read the source, and say what came of it; `noted` is what was noted while looking outside.

    Raises:
        _BrokenError: the contract does not hold.
    """
    workspace, contract = state.workspace, source.contract.digest
    generation = digest_of_document([code.digest, contract])
    identity = digest_of_document([outside.document(), code.files])
    with notes() as noted_then:
        collected = collect(
            source,
            until=state.as_of,
            lake=workspace.lake,
            actor=workspace.actor,
            run=state.run,
            step=key,
            generation=generation,
            identity=identity,
            recompute=state.memory.recomputes("collection"),
            accept=source.name in state.accept,
        )
    came = {} if before is None else before.came
    said = [*collected.report.warnings, *_schema_changes(came or collected.came, collected.came)]
    report = msgspec.structs.replace(collected.report, warnings=[*said, *outside.warnings, *(noted | noted_then)])
    if not report.passed or collected.table is None:
        raise _BrokenError(report)
    return CollectedSource(
        table=collected.table.table,
        version=collected.table.version,
        fingerprint=collected.table.fingerprint,
        rows=collected.table.rows,
        mode=collected.table.mode,
        known_until=collected.table.known_until,
        changed_since=collected.changed_since,
        quarantined=0 if collected.quarantine is None else collected.quarantine.rows,
        generation=generation,
        identity=identity,
        contract=contract,
        report=report,
        came=dict(collected.came) or came,
        code=code.digest,
        files=outside.files,
        late_days=source.late / timedelta(days=1),
        whole=source.whole,
        changed=source.changed,
    )


def _record_contract(state: WayState, source: Source) -> None:
    workspace, contract = state.workspace, source.contract
    with workspace.ledger.record(
        event="contract.used", subject=contract.digest, actor=workspace.actor, reason=f"source {source.name}"
    ) as tx:
        document = Document(digest=contract.digest, kind="contract", name=source.name, body=contract.text)
        documents.put_document(tx, document)


def _outside(state: WayState, source: Source, code: Code, before: CollectedSource | None) -> _Outside:
    """Ask the source's probe; without one, look at the files that it reads, as far as that can be known."""
    if source.stored is not None:  # kreis writes it itself, and only ever adds to it
        return _Outside(probe="", files={}, warnings=[])
    if source.version is not None:
        return _Outside(probe=_probed(source, source.version), files={}, warnings=[])
    known = {} if before is None else before.files
    warnings = []
    if before is not None and before.code == code.digest:
        paths = [Path(path) for path in known]
    else:
        paths = files_read(source, state.as_of) or []
        if not paths and not code.files:
            days = source.late / timedelta(days=1)
            warnings.append(
                f"kreis cannot see what it reads: rows older than {days:g} days that change or come later are missed; "
                "give it version=, a probe that changes when they do"
            )
    named = {(state.project.folder / path).resolve() for path in code.files}
    paths = [path for path in paths if path.resolve() not in named]
    return _Outside(probe="", files=identified(paths, known), warnings=warnings)


def _probed(source: Source, probe: Callable[[], str]) -> str:
    try:
        return str(probe())
    except KreisError:
        raise
    except Exception as error:
        raise ServiceError(
            f"its probe failed: {type(error).__name__}: {error}",
            where=f"source {source.name!r}, version=",
            hint="nothing was collected; correct the function that version= names",
        ) from error


def _schema_changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What the source gives otherwise than the last time."""
    if not before or not now:
        return []
    changes = [f"added {name} ({kind})" for name, kind in now.items() if name not in before]
    changes += [f"removed {name} ({kind})" for name, kind in before.items() if name not in now]
    changes += [
        f"{name} came as {kind}, before as {before[name]}"
        for name, kind in now.items()
        if before.get(name, kind) != kind
    ]
    return [f"the source changed its columns: {'; '.join(changes)}"] if changes else []
