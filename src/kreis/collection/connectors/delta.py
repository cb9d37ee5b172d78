"""Delta tables that another program wrote."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from kreis.errors import ProjectError

__all__ = ["read_delta"]


def read_delta(folder: str | Path) -> pl.LazyFrame:
    """Read the newest version of a Delta table.

    Args:
        folder: The one that holds `_delta_log`.

    Raises:
        ProjectError: it holds none.
        ModuleNotFoundError: the extra `kreis[delta]` is not installed.
    """
    import deltalake  # noqa: F401 (Polars' own message names no extra)

    if not (Path(folder) / "_delta_log").is_dir():
        hint = "name a file, or the folder of a Delta table"
        raise ProjectError("the folder holds no Delta table", where=str(folder), hint=hint)
    return pl.scan_delta(str(folder))
