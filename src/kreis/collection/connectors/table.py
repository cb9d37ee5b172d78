"""A table in a file of any kind: CSV in every form, Parquet, JSON Lines, Excel. What is done to it is noted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from kreis.collection.connectors.csv import content, lines_of, read_csv
from kreis.collection.connectors.excel import read_excel
from kreis.collection.connectors.files import checked_file, note
from kreis.collection.connectors.json_lines import read_json_lines
from kreis.collection.connectors.parquet import read_parquet
from kreis.collection.connectors.sniffing import SEPARATORS, Dialect, sniff
from kreis.collection.connectors.text_columns import (
    MISSING_AMONG_NUMBERS,
    MISSING_AMONG_TEXTS,
    TextColumn,
    look_at,
    read_as,
)
from kreis.errors import ProjectError

__all__ = ["read_table"]

_LINES = 5_000
"""So many first lines tell the form of a text table."""
_PARQUET = {".parquet", ".pq"}
_JSON = {".jsonl", ".ndjson", ".json"}
_EXCEL = {".xlsx", ".xls", ".xlsb", ".xlsm", ".ods"}
_SMALL = 32 << 20
_WESTERN = "windows-1252"
_PACKED = {".gz", ".zst", ".zip"}


def read_table(
    path: str | Path,
    *,
    columns: Mapping[str, pl.DataType] | None = None,
    separator: str | None = None,
    header: bool | None = None,
    quotes: bool | None = None,
    missing: Sequence[str] | None = None,
    sheet: str | None = None,
    rows: int | None = None,
    within: str | Path | None = None,
) -> pl.LazyFrame:
    r"""Read a table: CSV with any separator (plain, gzip, zstd or ZIP), Parquet, JSON Lines or Excel.

    What is not given is found out from the file, and noted. Text columns become what all of their values are: numbers,
    moments, true and false; blanks around values go, and what stands for a missing value becomes null.

    Args:
        path: The file; the end of its name says which kind it is, everything unknown is taken for CSV.
        columns: Types that are known, from a contract: nothing is guessed of these, and their values come as texts
            where the file has texts, for the contract to judge.
        separator: Between the fields of a CSV file.
        header: Whether the first line names the columns.
        quotes: Whether a field may stand in double quotes.
        missing: The texts that stand for a missing value, in every column, in place of those that are usual.
        sheet: Of a workbook.
        rows: Only so many rows from the beginning, which then decide alone what is found out.
        within: The folder that the file must lie in, links resolved.

    Raises:
        ProjectError: no such file, nothing in it, or it is not what its name says.
        ModuleNotFoundError: a workbook, and the extra `kreis[excel]` is not installed.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> orders = Path(tempfile.mkdtemp()) / "orders.csv"
    >>> _ = orders.write_text("id;paid;amount\n042;yes;59,9\n043;?;7,5\n")
    >>> read_table(orders).collect().rows()
    [('042', 'yes', 59.9), ('043', None, 7.5)]
    """
    file = checked_file(path, within=within)
    if file.stat().st_size == 0:
        raise ProjectError("the file is empty", where=str(file), hint="name the file that holds the rows")
    kind = next((each for each in reversed(file.suffixes) if each.lower() not in _PACKED), "").lower()
    wanted = _Wanted(dict(columns or {}), None if missing is None else tuple(missing), rows)
    if kind in _PARQUET or kind in _JSON or kind in _EXCEL:
        frame = _plain(_other(file, kind, sheet, header=header is not False))
        return _meant(_named(frame), wanted, decimal_comma=False)
    given = {"separator": separator, "header": header, "quotes": quotes}
    try:
        return _text_table(file, wanted, given, "utf-8")
    except pl.exceptions.ComputeError as error:
        if "utf" not in str(error).lower():
            first = str(error).splitlines()[0]
            raise ProjectError(f"not readable as CSV: {first}", where=str(file)) from error
    note(f"the text is not UTF-8; it is read as {_WESTERN}")
    try:
        return _text_table(file, wanted, given, _WESTERN)
    except ProjectError as error:
        if not isinstance(error.__cause__, UnicodeDecodeError):
            raise
        hint = f"a table is a text, or its name ends in {', '.join(sorted(_PARQUET | _JSON | _EXCEL))}"
        raise ProjectError("it is not a text", where=str(file), hint=hint) from error


class _Wanted(msgspec.Struct, frozen=True):
    """What is asked of the values."""

    types: dict[str, pl.DataType]
    """Of columns whose values nobody need look at."""
    missing: tuple[str, ...] | None
    rows: int | None


def _other(file: Path, kind: str, sheet: str | None, *, header: bool) -> pl.LazyFrame:
    if kind in _PARQUET:
        return read_parquet(file)
    if kind in _JSON:
        return read_json_lines(file)
    return read_excel(file, sheet=sheet, header=header)


def _text_table(file: Path, wanted: _Wanted, given: Mapping[str, Any], encoding: str) -> pl.LazyFrame:
    first = lines_of(content(file, encoding=encoding)).head(_LINES).collect()["line"].fill_null("").to_list()
    if not any(line.strip() for line in first):
        raise ProjectError("the file is empty", where=str(file), hint="name the file that holds the rows")
    dialect = sniff(first, **given)
    _tell(dialect, given)
    options: dict[str, Any] = {"separator": dialect.separator, "header": dialect.header, "quotes": dialect.quotes}
    # Of a small file all is looked at: a record without end would break the reading of what comes before it.
    beginning = wanted.rows if file.stat().st_size > _SMALL else None
    frame = read_csv(file, **options, encoding=encoding, rows=beginning)
    return _meant(_named(frame), wanted, decimal_comma=dialect.separator != ",")


def _tell(dialect: Dialect, given: Mapping[str, Any]) -> None:
    """Note what was found out and is not as usual."""
    if given["separator"] is None and dialect.separator != ",":
        note(f"fields are separated by {SEPARATORS[dialect.separator]}")
    if given["quotes"] is None and not dialect.quotes:
        note("quotes belong to the texts: some have no counterpart")
    if given["header"] is None and not dialect.header:
        note("the first line is a row, not a header: the columns are called column_1, column_2, …")


def _named(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Each column with a name of its own, without blanks around it."""
    names: dict[str, str] = {}
    for place, name in enumerate(frame.collect_schema().names(), 1):
        repeated = re.fullmatch(r"(.*)_duplicated_\d+", name)
        plain = (repeated[1] if repeated else name).strip() or f"column_{place}"
        while plain in names.values():
            plain = f"{plain}_{place}"
        names[name] = plain
        if repeated or not name.strip():
            what = "has no name" if not (repeated[1] if repeated else name).strip() else "has the name of another"
            note(f"column {place} {what}; it is called {plain!r}")
    return frame.rename({old: new for old, new in names.items() if old != new})


def _meant(frame: pl.LazyFrame, wanted: _Wanted, *, decimal_comma: bool) -> pl.LazyFrame:
    """Text columns as what their values mean; what stands for a missing value as null."""
    frame = frame if wanted.rows is None else frame.head(wanted.rows)
    texts = [name for name, dtype in frame.collect_schema().items() if dtype == pl.String()]
    unknown = [name for name in texts if name not in wanted.types]
    found = look_at(frame, unknown, decimal_comma=decimal_comma, missing=wanted.missing)
    read = [read_as(name, each).alias(name) for name, each in found.items()]
    for name in (name for name in texts if name in wanted.types):
        usual = MISSING_AMONG_TEXTS if wanted.types[name] == pl.String() else MISSING_AMONG_NUMBERS
        column = TextColumn(kind="text", missing=usual if wanted.missing is None else wanted.missing)
        read.append(read_as(name, column).alias(name))
    return frame.with_columns(read)


def _plain(frame: pl.LazyFrame) -> pl.LazyFrame:
    """The columns as a contract can name their types; what has no such type is made one, or noted and left out."""
    columns = []
    for name, dtype in frame.collect_schema().items():
        column = _plain_column(name, dtype)
        if column is None:
            note(f"column {name!r} is left out: kreis reads no values of type {dtype}")
        else:
            columns.append(column)
    return frame.select(columns)


def _plain_column(name: str, dtype: pl.DataType) -> pl.Expr | None:
    column = pl.col(name)
    if isinstance(dtype, pl.Categorical | pl.Enum | pl.Time):
        return column.cast(pl.String)
    if isinstance(dtype, pl.Decimal | pl.Float32):
        return column.cast(pl.Float64)
    if isinstance(dtype, pl.Duration):
        note(f"{name}: spans of time are read as seconds")
        return column.dt.total_microseconds() / 1e6
    if dtype.is_integer():
        return column.cast(pl.Int64)
    if isinstance(dtype, pl.Datetime):
        moment = column if dtype.time_zone is None else column.dt.convert_time_zone("UTC")
        return moment.dt.cast_time_unit("us")
    if dtype == pl.List(pl.String):
        note(f"{name}: lists are read as texts, with | between their items")
        return column.list.join("|")
    if isinstance(dtype, pl.Struct):
        note(f"{name}: nested values are read as JSON text")
        return pl.struct(name).struct.json_encode()
    if isinstance(dtype, pl.List | pl.Array | pl.Object) or dtype == pl.Binary():
        return None
    return column
