"""What a check of the lake found, and what a repair did about it."""

from __future__ import annotations

from typing import Literal

import msgspec

from kreis.ledger.records import Removal

__all__ = ["FindingKind", "LakeFinding", "LakeReport"]

FindingKind = Literal[
    "commit lost",
    "commit damaged",
    "commit unacknowledged",
    "checkpoint damaged",
    "file gone",
    "file damaged",
    "orphan",
    "leftover",
    "busy",
]
_HARMLESS = frozenset({"commit unacknowledged", "orphan", "leftover", "busy"})


class LakeFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as acknowledged.

    "orphan": a data file that no commit names. "leftover": a write that was never given its name, or a file that
    was removed on record and is there still.
    "commit unacknowledged": in the log, not in the ledger; a crash left it, or a writer is at work.
    "busy": a writer held the table, so its orphans were not looked at.
    """

    table: str
    path: str
    kind: FindingKind
    version: int | None = None
    done: str | None = None
    """What was done about it: "restored from the ledger", "written again", "adopted", "set aside", "deleted"."""
    key: str = ""
    """Where it lies in the lake's storage."""

    @property
    def harmful(self) -> bool:
        """Whether acknowledged data, or its log, is damaged and not repaired."""
        return self.done is None and self.kind not in _HARMLESS


class LakeReport(msgspec.Struct, frozen=True, kw_only=True):
    """The state of all tables."""

    findings: list[LakeFinding]
    tables: int
    files: int
    """Acknowledged data files that were looked at."""
    removals: list[Removal] = []
    """What is no longer there, and why, as the record has it."""

    @property
    def ok(self) -> bool:
        """Whether all that was acknowledged is there and whole."""
        return not any(finding.harmful for finding in self.findings)
