"""Checkpoints: one Parquet file that sums up a table's log so far, for kreis and every other reader of Delta.

The format is Delta's ("Checkpoints", V1); what only kreis wants to know of a file stands in a column of its own, which
others leave unread. The ledger holds a checkpoint's digest: it is believed as the ledger is, or not at all.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import msgspec
import polars as pl
from sqlalchemy import Connection

from kreis.clock import microseconds
from kreis.digests import digest_of
from kreis.errors import StoreError
from kreis.lake.layout import TableFolder
from kreis.lake.log import CONFIGURATION, PROTOCOL
from kreis.lake.schema import from_delta, to_delta
from kreis.lake.state import DataFile, TableState
from kreis.ledger.records import Checkpoint, LakeFile
from kreis.ledger.store import Ledger
from kreis.ledger.tables import checkpoint_of, get_version, put_checkpoint

__all__ = ["compose_checkpoint", "is_due", "point_at", "read_checkpoint", "recorded_state", "write_checkpoint"]

_EVERY = 100
"""So many commits are summed up at once; of a table with many files more, as a checkpoint names them all."""
_FILES_FOR_ONE = 50
_TEXTS = pl.Map(pl.String, pl.String)
_PROTOCOL = pl.Struct({"minReaderVersion": pl.Int32, "minWriterVersion": pl.Int32})
_METADATA = pl.Struct(
    {
        "id": pl.String,
        "format": pl.Struct({"provider": pl.String, "options": _TEXTS}),
        "schemaString": pl.String,
        "partitionColumns": pl.List(pl.String),
        "createdTime": pl.Int64,
        "configuration": _TEXTS,
    }
)
_OURS: dict[str, pl.DataType | type[pl.DataType]] = {
    "sha256": pl.String,
    "rows": pl.Int64,
    "version": pl.Int64,
    "known_until": pl.Datetime("us", "UTC"),
    "day": pl.String,
    "order": pl.Int64,
}


def is_due(state: TableState) -> bool:
    """Whether so much has come since the last checkpoint that the next opening would feel it."""
    return state.version.version - state.checkpoint >= max(_EVERY, len(state.files) // _FILES_FOR_ONE)


def compose_checkpoint(state: TableState) -> bytes:
    """The bytes of the checkpoint of a table's state; the same state gives the same bytes."""
    milliseconds = microseconds(state.version.at) // 1000
    metadata = {
        "id": state.table_id,
        "format": {"provider": "parquet", "options": {}},
        "schemaString": to_delta(state.schema),
        "partitionColumns": [],
        "createdTime": milliseconds,
        "configuration": CONFIGURATION,
    }
    head = pl.DataFrame(
        {"protocol": [PROTOCOL, None], "metaData": [None, metadata]},
        schema={"protocol": _PROTOCOL, "metaData": _METADATA},
    )
    buffer = BytesIO()
    pl.concat([head, _files(state, milliseconds)], how="diagonal").write_parquet(
        buffer, compression="zstd", compression_level=1, statistics=False
    )
    return buffer.getvalue()


def _files(state: TableState, milliseconds: int) -> pl.DataFrame:
    files = [data.file for data in state.files]
    rows = pl.Series("rows", [file.rows for file in files], dtype=pl.Int64)
    empty = pl.Series("partitionValues", [{}], dtype=_TEXTS)
    columns = pl.DataFrame(
        {
            "path": pl.Series([file.path for file in files], dtype=pl.String),
            "partitionValues": empty.gather([0] * len(files)),
            "size": pl.Series([file.size for file in files], dtype=pl.Int64),
            "modificationTime": pl.repeat(milliseconds, len(files), dtype=pl.Int64, eager=True),
            "dataChange": pl.repeat(False, len(files), dtype=pl.Boolean, eager=True),
            "stats": '{"numRecords":' + rows.cast(pl.String) + "}",
            "sha256": pl.Series([file.sha256 for file in files], dtype=pl.String),
            "rows": rows,
            "version": pl.Series([data.version for data in state.files], dtype=pl.Int64),
            "known_until": pl.Series([data.known_until for data in state.files], dtype=_OURS["known_until"]),
            "day": pl.Series([file.day for file in files], dtype=pl.String),
            "order": pl.Series([file.order for file in files], dtype=pl.Int64),
        }
    )
    theirs = [name for name in columns.columns if name not in _OURS]
    return columns.select(add=pl.struct(theirs), kreis=pl.struct(list(_OURS)))


def read_checkpoint(data: bytes) -> tuple[tuple[DataFile, ...], pl.Schema, str]:
    """The files, the schema and the id of the table that a checkpoint of kreis holds.

    Raises:
        ValueError: it is none.
    """
    try:
        frame = pl.read_parquet(data)
        metadata = frame.get_column("metaData").drop_nulls().to_list()[0]
        named = frame.filter(pl.col("add").is_not_null())
        theirs = named.get_column("add").struct.unnest()
        ours = named.get_column("kreis").struct.unnest().select(list(_OURS))
        columns = [theirs.get_column("path"), theirs.get_column("size"), *ours.get_columns()]
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, IndexError) as error:
        raise ValueError(f"no checkpoint of kreis: {error}") from error
    files = tuple(
        DataFile(LakeFile(path=path, size=size, sha256=digest, rows=rows, day=day, order=order), version, known)
        for path, size, digest, rows, version, known, day, order in zip(*map(pl.Series.to_list, columns), strict=True)
    )
    return files, from_delta(metadata["schemaString"]), metadata["id"]


def recorded_state(connection: Connection, folder: TableFolder) -> TableState | None:
    """The table at its checkpoint on record; None where it has none, or the bytes are not those on record."""
    recorded = checkpoint_of(connection, folder.table)
    if recorded is None:
        return None
    try:
        data = folder.storage.get(folder.checkpoint(recorded.version))
        if digest_of(data) != recorded.digest:
            return None
        files, schema, table_id = read_checkpoint(data)
    except (OSError, ValueError):
        return None
    version = get_version(connection, folder.table, recorded.version)
    return TableState(version=version, files=files, schema=schema, table_id=table_id, checkpoint=recorded.version)


def write_checkpoint(folder: TableFolder, ledger: Ledger, state: TableState, *, reason: str) -> bool:
    """Sum up a table's log, on record. The caller holds the table's lock.

    What a checkpoint says stands in the ledger too, so one that cannot be written takes nothing away.

    Args:
        folder: the table's.
        ledger: where its digest is recorded.
        state: the table now.
        reason: why, for the record.

    Returns:
        Whether it was written.
    """
    data, number = compose_checkpoint(state), state.version.version
    try:
        with ledger.read() as connection:
            before = checkpoint_of(connection, folder.table)
        folder.storage.put(folder.checkpoint(number), data)
        point_at(folder, number, len(state.files))
        previous = before.version if before is not None and before.version != number else None
        digest = digest_of(data)
        said = {"version": number, "digest": digest, "size": len(data), "files": len(state.files)}
        with ledger.record(
            event="lake.checkpointed", subject=folder.table, actor="kreis", reason=reason, outputs=said
        ) as tx:
            checkpoint = Checkpoint(
                table=folder.table, version=number, digest=digest, size=len(data), previous=previous, at=tx.now
            )
            put_checkpoint(tx, checkpoint)
        if before is not None and before.previous is not None and before.previous not in (number, previous):
            folder.storage.delete([folder.checkpoint(before.previous)])
    except (OSError, StoreError):
        return False
    return True


def point_at(folder: TableFolder, number: int, files: int) -> None:
    """Say which checkpoint is the last."""
    said: dict[str, Any] = {"version": number, "size": files + 2}
    folder.storage.put(folder.pointer, msgspec.json.encode(said))
