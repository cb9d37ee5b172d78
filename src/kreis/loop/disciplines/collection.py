"""Collection: each source up to the run's moment, checked against its contract, into bronze."""

from __future__ import annotations

from typing import Any

import msgspec

from kreis.collection.collect import collect
from kreis.collection.sources import Source
from kreis.digests import digest_of_document
from kreis.ledger import documents
from kreis.ledger.records import Document
from kreis.loop.code import code_digest
from kreis.loop.state import Circle
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import Advance, SendBack, Verdict

__all__ = ["perform"]


def perform(circle: Circle) -> Verdict:
    """Collect every source; a broken contract sends the work back to the owner of the source."""
    for source in circle.project.sources.values():
        circle.tables[source.name] = _collect(circle, source)
    broken = {
        name: circle.tables[name].outputs
        for name in circle.project.sources
        if not circle.tables[name].outputs["passed"]
    }
    if broken:
        name, outputs = next(iter(broken.items()))
        return SendBack(
            to="collection",
            reason=f"source {name!r} broke its contract: {outputs['explanation']}",
            detail={each: found["report"] for each, found in broken.items()},
        )
    rows = sum(circle.tables[name].outputs["rows"] for name in circle.project.sources)
    bad = sum(circle.tables[name].outputs["quarantined"] for name in circle.project.sources)
    return Advance(summary=f"{rows:,} rows from {len(circle.project.sources)} sources, {bad:,} in quarantine")


def _collect(circle: Circle, source: Source) -> StepResult:
    workspace = circle.workspace
    code = code_digest(source.read, circle.project.folder)
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
            generation=digest_of_document([code, contract]),
        )
        report = collected.report
        return {
            "table": collected.table.table,
            "version": collected.table.version,
            "fingerprint": collected.table.fingerprint,
            "rows": collected.table.rows,
            "contract": contract,
            "quarantined": report.quarantined,
            "passed": report.passed,
            "explanation": report.verdict,
            "report": msgspec.to_builtins(report),
        }

    return circle.memory.step(
        "collection",
        source.name,
        code=code,
        parameters={"until": circle.moment, "contract": contract, "known_at": source.known_at},
        inputs={"outside": source.version() if source.version is not None else ""},
        compute=compute,
    )
