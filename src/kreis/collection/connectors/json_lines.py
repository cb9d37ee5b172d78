"""JSON Lines: one object a line, plain or compressed; or one array of objects."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from kreis.errors import ProjectError

__all__ = ["read_json_lines"]

_SPACE = 1_024
"""Bytes at the beginning that may be blank."""


def read_json_lines(file: Path) -> pl.LazyFrame:
    """Read a file of JSON objects, one a line or all in one array; the columns are all names that any of them has.

    Args:
        file: A path that was checked.

    Raises:
        ProjectError: a line is no JSON object.
    """
    try:
        with file.open("rb") as opened:
            if opened.read(_SPACE).lstrip()[:1] == b"[":
                return pl.read_json(file, infer_schema_length=None).lazy()
        frame = pl.scan_ndjson(file, infer_schema_length=None)
        frame.collect_schema()
    except pl.exceptions.PolarsError as error:
        first = str(error).splitlines()[0]
        hint = "one JSON object a line, or one array of objects"
        raise ProjectError(f"not readable as JSON Lines: {first}", where=str(file), hint=hint) from error
    return frame
