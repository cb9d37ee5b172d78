"""CSV files, plain, compressed (gzip, zlib, zstd) or as the one member of a ZIP archive."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from kreis.collection.connectors.files import checked_file
from kreis.errors import ProjectError, nearest

__all__ = ["read_csv"]

_MOST_BYTES = 4 << 30
_MOST_RATIO = 200


def read_csv(
    path: str | Path,
    *,
    columns: Mapping[str, pl.DataType | type[pl.DataType]] | None = None,
    missing: Sequence[str] = ("",),
    separator: str = ",",
    member: str | None = None,
    within: str | Path | None = None,
) -> pl.LazyFrame:
    """Read a CSV file with a header.

    Args:
        path: The file.
        columns: The columns to read and their types. Without it all are read as text, for the contract to cast;
            nothing is guessed from the first rows.
        missing: The texts that stand for a missing value.
        separator: Between fields.
        member: Which file of a ZIP archive, where it holds several.
        within: The folder that the file must lie in, links resolved.

    Raises:
        ProjectError: no such file or member, a column that the file lacks, or an archive that unfolds to too much.
    """
    file = checked_file(path, within=within)
    data = _member(file, member) if file.suffix == ".zip" else file
    options = {"null_values": list(missing), "separator": separator}
    if columns is None:
        return pl.scan_csv(data, infer_schema=False, **options)  # type: ignore[arg-type]
    frame = pl.scan_csv(data, infer_schema=False, schema_overrides=dict(columns), **options)  # type: ignore[arg-type]
    present = frame.collect_schema().names()
    for name in columns:
        if name not in present:
            raise ProjectError(f"the file has no column {name!r}", where=str(file), hint=nearest(name, present))
    return frame.select(list(columns))


def _member(file: Path, member: str | None) -> bytes:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = [each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith("__")]
            names = [each.filename for each in entries]
            if member is None and len(names) != 1:
                hint = "say which with member=: " + ", ".join(names[:12])
                raise ProjectError(f"the archive holds {len(names)} files", where=str(file), hint=hint)
            if member is not None and member not in names:
                raise ProjectError.unknown_name("member", member, names, where=str(file))
            entry = entries[names.index(member)] if member is not None else entries[0]
            if entry.file_size > min(_MOST_BYTES, max(entry.compress_size, 1 << 16) * _MOST_RATIO):
                message = f"{entry.filename} unfolds from {entry.compress_size:,} to {entry.file_size:,} bytes"
                raise ProjectError(message, where=str(file), hint="unpack it yourself if you trust it")
            return archive.read(entry)
    except zipfile.BadZipFile as error:
        raise ProjectError(f"not a readable ZIP archive: {error}", where=str(file), hint="fetch it anew") from error
