"""Collection: each source up to the run's moment, checked against its contract, into bronze."""

from __future__ import annotations

from typing import Any

import msgspec

from kreis.collection.collecting import collect
from kreis.collection.contracts.report import ContractReport
from kreis.collection.sources import Source
from kreis.digests import digest_of_document
from kreis.ledger import documents
from kreis.ledger.records import Document
from kreis.loop.code import code_of
from kreis.loop.state import Circle
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, SendBack, Verdict

__all__ = ["perform"]


class _BrokenError(Exception):
    """A contract does not hold. Not a result to remember: the source may be right the next time."""

    def __init__(self, report: ContractReport) -> None:
        self.report = report
        super().__init__(report.verdict)


def perform(circle: Circle) -> Verdict:
    """Collect every source; a broken contract sends the work back to the owner of the source."""
    for source in circle.project.sources.values():
        try:
            circle.tables[source.name] = _collect(circle, source)
        except _BrokenError as error:
            report = error.report
            return SendBack(
                to="collection",
                reason=f"source {source.name!r}: {report.verdict}",
                detail={"source": source.name, "contract": report.contract, "report": msgspec.to_builtins(report)},
            )
    rows = sum(circle.tables[name].outputs["rows"] for name in circle.project.sources)
    bad = sum(circle.tables[name].outputs["quarantined"] for name in circle.project.sources)
    return Advance(summary=f"{rows:,} rows from {len(circle.project.sources)} sources, {bad:,} set aside in quarantine")


def _collect(circle: Circle, source: Source) -> StepResult:
    workspace = circle.workspace
    code = code_of(source.read, circle.project.folder)
    contract = source.contract.digest

    def compute(key: str) -> dict[str, Any]:
        with workspace.ledger.record(
            event="contract.used", subject=contract, actor=workspace.actor, reason=f"source {source.name}"
        ) as tx:
            documents.put_document(
                tx, Document(digest=contract, kind="contract", name=source.name, body=source.contract.text)
            )
        collected = collect(
            source,
            until=circle.as_of,
            lake=workspace.lake,
            actor=workspace.actor,
            run=circle.run,
            step=key,
            generation=digest_of_document([code.digest, contract]),
            afresh=circle.memory.computes_anew("collection"),
        )
        if not collected.report.passed or collected.table is None:
            raise _BrokenError(collected.report)
        return {
            "table": collected.table.table,
            "version": collected.table.version,
            "fingerprint": collected.table.fingerprint,
            "rows": collected.table.rows,
            "contract": contract,
            "quarantined": 0 if collected.quarantine is None else collected.quarantine.rows,
            "report": msgspec.to_builtins(collected.report),
        }

    return circle.memory.step(
        "collection",
        source.name,
        code=code,
        parameters={"until": circle.moment, "contract": contract, "known_at": source.known_at},
        inputs={"outside": source.version() if source.version is not None else ""},
        compute=compute,
    )
