"""Checking a table against the ledger, and clearing away what no commit names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kreis.errors import CorruptionError
from kreis.lake.files import Verifier
from kreis.lake.folder import UNFINISHED
from kreis.lake.layout import TableFolder
from kreis.lake.recovery import Log
from kreis.lake.report import FindingKind, LakeFinding
from kreis.ledger.records import LakeFile, Removal, TableVersion

__all__ = ["inspect_files", "inspect_log", "inspect_rest", "sweep"]


def inspect_log(log: Log) -> list[LakeFinding]:
    """Compare every commit and checkpoint with the ledger; changes nothing."""
    folder, findings = log.folder, []
    for version in log.damaged_commits():
        kind: FindingKind = "commit damaged" if version.version in log.commits else "commit lost"
        findings.append(_found(folder, folder.commit(version.version), kind, version.version))
    bad = log.damaged_checkpoints()
    if (
        log.lost_checkpoint()
        and log.recorded is not None
        and (key := folder.checkpoint(log.recorded.version)) not in bad
    ):
        bad.append(key)
    findings += [_found(folder, key, "checkpoint damaged") for key in bad]
    for number in log.unacknowledged():
        findings.append(_found(folder, folder.commit(number), "commit unacknowledged", number))
    return findings


def inspect_files(
    folder: TableFolder,
    versions: Sequence[TableVersion],
    removals: Iterable[Removal],
    verifier: Verifier,
    *,
    deep: bool,
) -> list[LakeFinding]:
    """Compare the acknowledged data files of all versions, less those that were removed on record, with their sizes
    or, if deep, with their digests.
    """
    gone = {name for removal in removals for name in removal.files}
    there = {entry.name: entry.size for entry in folder.storage.entries(folder.table)}
    findings = []
    for version in versions:
        for file in version.added:
            if file.path in gone:
                continue
            if file.path not in there:
                findings.append(_found(folder, folder.file(file.path), "file gone", version.version))
            elif there[file.path] != file.size or (deep and not _whole(folder, file, verifier)):
                findings.append(_found(folder, folder.file(file.path), "file damaged", version.version))
    return findings


def inspect_rest(log: Log, removals: Iterable[Removal]) -> list[LakeFinding]:
    """What interrupted work left behind: data files that no version names any longer, writes without a name."""
    folder, storage = log.folder, log.folder.storage
    gone = {name for removal in removals for name in removal.files}
    named = {file.path for version in log.versions for file in version.added} - gone
    pending = b"".join(storage.get(folder.commit(number)) for number in log.unacknowledged())
    findings = [
        _found(folder, folder.file(name), "leftover" if name in gone else "orphan")
        for name in folder.data_files()
        if name not in named and name.encode() not in pending
    ]
    findings += [
        _found(folder, folder.commit(number), "leftover", number) for number in sorted(log.gone & log.commits.keys())
    ]
    for place in (folder.table, folder.log):
        for entry in storage.entries(place):
            if entry.name.endswith(UNFINISHED):
                findings.append(_found(folder, f"{place}/{entry.name}", "leftover"))
    return findings


def sweep(log: Log, removals: Iterable[Removal]) -> list[LakeFinding]:
    """Delete what interrupted work left behind; the caller holds the table's lock and has settled its log."""
    rest = inspect_rest(log, removals)
    log.folder.storage.delete(finding.key for finding in rest)
    return [_found(log.folder, finding.key, finding.kind, finding.version, done="deleted") for finding in rest]


def _whole(folder: TableFolder, file: LakeFile, verifier: Verifier) -> bool:
    try:
        verifier.verify(folder, file, where="", anew=True)
    except CorruptionError:
        return False
    return True


def _found(
    folder: TableFolder, key: str, kind: FindingKind, version: int | None = None, *, done: str | None = None
) -> LakeFinding:
    return LakeFinding(
        table=folder.table, path=folder.storage.place(key), kind=kind, version=version, done=done, key=key
    )
