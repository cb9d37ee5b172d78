"""Checking a table against the ledger, and clearing away what no commit names."""

from __future__ import annotations

from pathlib import Path

from kreis.durable import fsync_directory
from kreis.errors import CorruptionError
from kreis.lake.files import Verifier
from kreis.lake.layout import TableFolder
from kreis.lake.recovery import damaged_checkpoints, damaged_commits, unacknowledged
from kreis.lake.report import FindingKind, LakeFinding
from kreis.ledger.records import LakeFile, TableVersion

__all__ = ["inspect_files", "inspect_log", "inspect_rest", "sweep"]


def inspect_log(folder: TableFolder, versions: list[TableVersion]) -> list[LakeFinding]:
    """Compare every commit file with the ledger; changes nothing."""
    findings = []
    for version in damaged_commits(folder, versions, all_of_them=True):
        path = folder.commit(version.version)
        findings.append(_found(folder, path, "commit damaged" if path.exists() else "commit lost", version.version))
    findings += [_found(folder, path, "checkpoint damaged") for path in damaged_checkpoints(folder, versions)]
    for number in unacknowledged(folder, versions):
        findings.append(_found(folder, folder.commit(number), "commit unacknowledged", number))
    return findings


def inspect_files(
    folder: TableFolder, versions: list[TableVersion], verifier: Verifier, *, deep: bool
) -> list[LakeFinding]:
    """Compare the acknowledged data files of all versions with their sizes or, if deep, with their digests."""
    findings = []
    for version in versions:
        for file in version.added:
            path = folder.path / file.path
            if not path.is_file():
                findings.append(_found(folder, path, "file gone", version.version))
            elif path.stat().st_size != file.size or (deep and not _whole(path, file, verifier)):
                findings.append(_found(folder, path, "file damaged", version.version))
    return findings


def inspect_rest(folder: TableFolder, versions: list[TableVersion]) -> list[LakeFinding]:
    """What interrupted writes left behind: data files that no commit names, a commit without a name."""
    findings = [_found(folder, path, "orphan") for path in _orphans(folder, versions)]
    if folder.pending.exists():
        findings.append(_found(folder, folder.pending, "leftover"))
    return findings


def sweep(folder: TableFolder, versions: list[TableVersion]) -> list[LakeFinding]:
    """Delete what interrupted writes left behind; the caller holds the table's lock and has settled its log."""
    findings = []
    for finding in inspect_rest(folder, versions):
        Path(finding.path).unlink()
        findings.append(_found(folder, Path(finding.path), finding.kind, done="deleted"))
    if findings:
        fsync_directory(folder.path)
    return findings


def _orphans(folder: TableFolder, versions: list[TableVersion]) -> list[Path]:
    named = {file.path for version in versions for file in version.added}
    pending = b"".join(folder.commit(number).read_bytes() for number in unacknowledged(folder, versions))
    return sorted(
        path for name, path in folder.data_files().items() if name not in named and name.encode() not in pending
    )


def _whole(path: Path, file: LakeFile, verifier: Verifier) -> bool:
    try:
        verifier.verify(path, file, where="", anew=True)
    except CorruptionError:
        return False
    return True


def _found(
    folder: TableFolder, path: Path, kind: FindingKind, version: int | None = None, *, done: str | None = None
) -> LakeFinding:
    return LakeFinding(table=folder.table, path=str(path), kind=kind, version=version, done=done)
