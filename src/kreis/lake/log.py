"""Commits of the Delta log: composed, brought to disk and read back (Delta protocol, "Actions").

kreis writes them itself: the stock writer makes no fsync, replays the whole log at each commit, and overwrites
through a stale handle without removing the rows of others (seen in deltalake 1.6.6). Nothing that a person
could be known by goes into the log: statistics hold the number of rows only, as minima and maxima would
outlive an erasure.
"""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from typing import Any, Literal

import msgspec
import polars as pl

from kreis.clock import microseconds
from kreis.digests import canonical_json, digest_of
from kreis.lake.layout import TableFolder
from kreis.lake.schema import from_delta, to_delta
from kreis.ledger.records import LakeFile

__all__ = ["CONFIGURATION", "PROTOCOL", "Commit", "Mode", "compose", "parse", "publish", "removed_in", "schema_in"]

Mode = Literal["append", "overwrite", "rewrite"]
_ENGINE = "kreis"
_SIMPLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.parquet")
PROTOCOL = {"minReaderVersion": 1, "minWriterVersion": 2}
CONFIGURATION = {
    "delta.checkpointInterval": "1000000000",
    "delta.enableExpiredLogCleanup": "false",
    "delta.logRetentionDuration": "interval 36500 days",
}
"""Other writers shall not write checkpoints or clean the log up: the ledger knows every commit file."""


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """What a commit file says."""

    added: list[LakeFile]
    removed: frozenset[str] = frozenset()
    schema: pl.Schema | None = None
    """The table's schema from here on, if the commit sets it."""
    mode: Mode = "append"
    step: str | None = None
    run: str | None = None
    known_until: datetime | None = None
    data_change: bool = True
    """Whether rows come or go; a compaction only puts them into other files."""


def compose(commit: Commit, *, at: datetime, first: bool, table_id: str | None = None) -> str:
    """The text of a commit file: one JSON action a line.

    Args:
        commit: what it adds and removes. A file's digest goes into its `tags`.
        at: when, by kreis's clock.
        first: whether it makes the table (and so says the protocol).
        table_id: the table's id, for a new schema of an existing table.
    """
    milliseconds = microseconds(at) // 1000
    actions: list[dict[str, Any]] = []
    if first:
        actions.append({"protocol": PROTOCOL})
    if commit.schema is not None:
        actions.append({"metaData": _metadata(commit.schema, table_id, milliseconds)})
    actions += [{"remove": _remove(path, milliseconds, commit)} for path in sorted(commit.removed)]
    actions += [{"add": _add(file, milliseconds, commit)} for file in commit.added]
    rest = "".join(msgspec.json.encode(action).decode() + "\n" for action in actions)
    info = _info(commit, milliseconds)
    info["kreis.seal"] = _seal(info, rest)
    return msgspec.json.encode({"commitInfo": info}).decode() + "\n" + rest


def _seal(info: dict[str, Any], rest: str) -> str:
    """A digest over the commit, so that one that was never acknowledged can be told to be whole."""
    return digest_of(canonical_json(info) + rest.encode())


def _info(commit: Commit, milliseconds: int) -> dict[str, Any]:
    return {
        "timestamp": milliseconds,
        "operation": "WRITE" if commit.data_change else "OPTIMIZE",
        "operationParameters": {"mode": commit.mode.capitalize(), "partitionBy": "[]"},
        "engineInfo": _ENGINE,
        "kreis.step": commit.step,
        "kreis.run": commit.run,
        "kreis.known_until": commit.known_until,
    }


def _metadata(schema: pl.Schema, table_id: str | None, milliseconds: int) -> dict[str, Any]:
    return {
        "id": table_id or str(uuid.uuid4()),
        "format": {"provider": "parquet", "options": {}},
        "schemaString": to_delta(schema),
        "partitionColumns": [],
        "createdTime": milliseconds,
        "configuration": CONFIGURATION,
    }


def _add(file: LakeFile, milliseconds: int, commit: Commit) -> dict[str, Any]:
    said = {"day": file.day, "order": file.order, "known_until": file.known_until and file.known_until.isoformat()}
    return {
        "path": file.path,
        "partitionValues": {},
        "size": file.size,
        "modificationTime": milliseconds,
        "dataChange": commit.data_change,
        "stats": f'{{"numRecords":{file.rows}}}',
        "tags": {"kreis.sha256": file.sha256}
        | {f"kreis.{n}": str(each) for n, each in said.items() if each is not None},
    }


def _remove(path: str, milliseconds: int, commit: Commit) -> dict[str, Any]:
    return {
        "path": path,
        "deletionTimestamp": milliseconds,
        "dataChange": commit.data_change,
        "partitionValues": {},
    }


def publish(folder: TableFolder, version: int, text: str) -> None:
    """Bring a commit to disk under its name. The caller holds the table's lock.

    Raises:
        FileExistsError: another writer has taken that version.
    """
    folder.storage.put_if_absent(folder.commit(version), text.encode())


def parse(text: str) -> Commit:
    """Read a commit file. A file that another writer added has an empty digest and -1 rows if it says none.

    Raises:
        ValueError: it is not whole, or does what kreis's tables do not know (partitions, deletion vectors,
            column mapping, paths into other folders).
    """
    added: list[LakeFile] = []
    removed: set[str] = set()
    schema: pl.Schema | None = None
    info: dict[str, Any] = {}
    for line in text.splitlines():
        match _action(line):
            case "add", body:
                added.append(_added(body))
            case "remove", {"path": str(path)}:
                removed.add(path)
            case "metaData", body:
                schema = _schema(body)
            case "commitInfo", body:
                info = body
            case ("protocol", {"minReaderVersion": 1}) | ("txn", _):
                pass
            case kind, _:
                raise ValueError(f"a commit with {kind!r} that kreis does not know")
    seal = info.pop("kreis.seal", None)
    if seal is not None and seal != _seal(info, text.partition("\n")[2]):
        raise ValueError("the commit is not as it was written")
    mode = info.get("operationParameters", {}).get("mode")
    rewrite = seal is not None and mode == "Rewrite"
    overwrite = removed or mode == "Overwrite"
    return Commit(
        added=added,
        removed=frozenset(removed),
        schema=schema,
        mode="rewrite" if rewrite else "overwrite" if overwrite else "append",
        step=info.get("kreis.step"),
        run=info.get("kreis.run"),
        known_until=msgspec.convert(info.get("kreis.known_until"), datetime | None),
        data_change=info.get("operation") != "OPTIMIZE",
    )


def _action(line: str) -> tuple[str, dict[str, Any]]:
    try:
        ((kind, body),) = msgspec.json.decode(line, type=dict[str, dict[str, Any]]).items()
    except msgspec.DecodeError as error:
        raise ValueError(f"a line is not a JSON object: {error}") from error
    return kind, body


def _added(body: dict[str, Any]) -> LakeFile:
    path, size = body.get("path"), body.get("size")
    if not isinstance(path, str) or not _SIMPLE.fullmatch(path) or not isinstance(size, int):
        raise ValueError(f"a file that kreis does not know: {path!r}")
    if body.get("partitionValues") or body.get("deletionVector"):
        raise ValueError(f"partitions or deletion vectors: {path!r}")
    tags = body.get("tags") or {}
    said = {name: tags[f"kreis.{name}"] for name in ("day", "order", "known_until") if f"kreis.{name}" in tags}
    file = {"path": path, "sha256": tags.get("kreis.sha256", ""), "size": size, "rows": -1, **said}
    return msgspec.convert(file, LakeFile, strict=False)


def _schema(body: dict[str, Any]) -> pl.Schema:
    if body.get("partitionColumns") or "delta.columnMapping.mode" in body.get("configuration", {}):
        raise ValueError("partitions or column mapping")
    return from_delta(str(body.get("schemaString")))


def removed_in(text: str) -> frozenset[str]:
    """The files that an acknowledged commit's text takes away."""
    actions = (_action(line) for line in text.splitlines())
    return frozenset(body["path"] for kind, body in actions if kind == "remove")


def schema_in(text: str) -> tuple[pl.Schema, str] | None:
    """The schema, and the table's id, that an acknowledged commit's text sets, if it does."""
    if '"metaData"' not in text:
        return None
    for line in text.splitlines():
        kind, body = _action(line)
        if kind == "metaData":
            return from_delta(body["schemaString"]), body["id"]
    return None
