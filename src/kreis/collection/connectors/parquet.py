"""Parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from kreis.collection.connectors.files import checked_file
from kreis.errors import ProjectError, nearest

__all__ = ["read_parquet"]


def read_parquet(
    path: str | Path, *, columns: Sequence[str] | None = None, within: str | Path | None = None
) -> pl.LazyFrame:
    """Read a Parquet file, lazily: only the columns and row groups that a query needs.

    Args:
        path: The file.
        columns: The columns to read; all without it.
        within: The folder that the file must lie in, links resolved.

    Raises:
        ProjectError: no such file, not Parquet, or a column that it lacks.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> import polars as pl
    >>> orders = Path(tempfile.mkdtemp()) / "orders.parquet"
    >>> pl.DataFrame({"id": ["042"], "amount": [59.9]}).write_parquet(orders)
    >>> read_parquet(orders, columns=["amount"]).collect().rows()
    [(59.9,)]
    """
    file = checked_file(path, within=within)
    frame = pl.scan_parquet(file, glob=False)
    try:
        present = frame.collect_schema().names()
    except pl.exceptions.PolarsError as error:
        first = str(error).splitlines()[0]
        raise ProjectError(f"not a readable Parquet file: {first}", where=str(file), hint="fetch it again") from error
    for name in columns or ():
        if name not in present:
            raise ProjectError(f"the file has no column {name!r}", where=str(file), hint=nearest(name, present))
    return frame if columns is None else frame.select(list(columns))
