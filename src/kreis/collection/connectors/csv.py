"""CSV files, plain, compressed (gzip, zlib, zstd) or as the one member of a ZIP archive.

A line with too many or too few fields costs that line, not the file: it is noted with its number and comes as a row
without values, which the contract sets aside.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from kreis.collection.connectors.files import checked_file, note
from kreis.errors import ProjectError, nearest
from kreis.texts import counted

__all__ = ["content", "lines_of", "read_csv"]

_MOST_BYTES = 4 << 30
_MOST_RATIO = 200
_GZIP = b"\x1f\x8b"
_TOLD = 5
"""Malformed lines that are named one by one."""
_NOWHERE = "\x1f"
"""A separator that no line has: each line is one field."""


def read_csv(
    path: str | Path,
    *,
    columns: Mapping[str, pl.DataType | type[pl.DataType]] | None = None,
    missing: Sequence[str] = ("",),
    separator: str = ",",
    header: bool = True,
    quotes: bool = True,
    encoding: str = "utf-8",
    member: str | None = None,
    rows: int | None = None,
    within: str | Path | None = None,
) -> pl.LazyFrame:
    r"""Read a CSV file whose form is known; `read_table` finds it out.

    Args:
        path: The file.
        columns: The columns to read and their types. Without it all are read as text, for the contract to cast;
            nothing is guessed from the first rows.
        missing: The texts that stand for a missing value.
        separator: Between fields.
        header: Whether the first line names the columns; they are `column_1`, `column_2`, … otherwise.
        quotes: Whether a field may stand in double quotes; without it, a quote is a letter as any other.
        encoding: How its text is written: "utf-8", "windows-1252", or another that Python knows.
        member: Which file of a ZIP archive, where it holds several.
        rows: Only so many rows from the beginning; what is malformed among them is cut or filled up.
        within: The folder that the file must lie in, links resolved.

    Raises:
        ProjectError: no such file or member, another separator, a column that the file lacks, or an archive that
            unfolds to too much.

    Example:

    >>> import tempfile
    >>> from pathlib import Path
    >>> orders = Path(tempfile.mkdtemp()) / "orders.csv"
    >>> _ = orders.write_text("id,amount\n042,59.9\n")
    >>> read_csv(orders).collect().rows()
    [('042', '59.9')]
    """
    file = checked_file(path, within=within)
    data = content(file, member, encoding)
    malformed = _malformed_lines(data, separator, quotes=quotes) if rows is None else {}
    if malformed:
        for number, text in list(malformed.items())[:_TOLD]:
            note(f"{file.name}, line {number} is malformed and was set aside: {text[:80]!r}")
        if len(malformed) > _TOLD:
            note(f"{file.name}: {len(malformed) - _TOLD:,} more lines are malformed and were set aside")
        data = _without(data, set(malformed), separator, quotes=quotes)
    types = dict(columns or {})
    frame = pl.scan_csv(
        data, schema_overrides=types, null_values=list(missing), separator=separator, infer_schema=False, glob=False,
        has_header=header, quote_char='"' if quotes else None,
        n_rows=rows, truncate_ragged_lines=rows is not None,
    )  # fmt: skip
    if not header:
        names = frame.collect_schema().names()
        frame = frame.rename({name: f"column_{place}" for place, name in enumerate(names, 1)}, strict=True)
    present = frame.collect_schema()
    if header and len(present) == 1 and (others := [each for each in ";\t|," if each in next(iter(present))]):
        said = f"its header is one column, {next(iter(present))[:60]!r}"
        raise ProjectError(said, where=str(file), hint=f"read_csv(…, separator={others[0]!r})")
    for name in types:
        if name not in present:
            raise ProjectError(f"the file has no column {name!r}", where=str(file), hint=nearest(name, list(present)))
    if malformed:
        first = next(iter(present))
        texts = list(malformed.values()) if present[first] == pl.String() else [None] * len(malformed)
        empty = pl.LazyFrame({first: texts}, schema={first: present[first]})
        frame = pl.concat([frame, empty], how="diagonal")
    return frame if columns is None else frame.select(list(columns))


def content(file: Path, member: str | None = None, encoding: str = "utf-8") -> Path | bytes:
    """What Polars reads: the file, or as bytes what it does not read by itself.

    Raises:
        ProjectError: no readable archive, no such member, one that unfolds to too much, or not so encoded.
    """
    data = _member(file, member) if file.suffix == ".zip" else file
    if encoding == "utf-8":
        return data
    raw = file.read_bytes() if isinstance(data, Path) else data
    raw = gzip.decompress(raw) if raw.startswith(_GZIP) else raw
    try:
        return raw.decode(encoding).encode()
    except (UnicodeDecodeError, LookupError) as error:
        hint = 'say how it is written: encoding="windows-1252"'
        raise ProjectError(f"not readable as {encoding}: {error}", where=str(file), hint=hint) from error


def lines_of(data: Path | bytes) -> pl.LazyFrame:
    """The column `line`: each line of a text as it is, null where it is empty."""
    return pl.scan_csv(
        data, has_header=False, separator=_NOWHERE, quote_char=None, infer_schema=False, glob=False,
        new_columns=["line"],
    )  # fmt: skip


def _malformed_lines(data: Path | bytes, separator: str, *, quotes: bool) -> dict[int, str]:
    """The lines that have not as many fields as the first: number (the first is 1) and text."""
    lines = lines_of(data).with_row_index("number", offset=1)
    fields = pl.col("line").str.count_matches(separator, literal=True)
    odd = lines.filter(pl.col("line").is_not_null() & (fields != fields.first())).collect(engine="streaming")
    if not odd.height:
        return {}
    if not quotes:
        return dict(odd.select("number", "line").iter_rows())
    header = lines.head(1).collect()["line"][0]
    wanted = len(next(csv.reader([header], delimiter=separator)))
    if (odd["line"].str.count_matches('"', literal=True) % 2 == 1).any():
        # A field goes over several lines, or a quote is missing: only a reading of all of it can tell.
        records = _records(lines.collect()["line"].fill_null("").to_list(), separator)
        return {number: text for number, count, text in records if count not in (0, wanted)}
    return {
        number: line for number, line in odd.iter_rows() if len(next(csv.reader([line], delimiter=separator))) != wanted
    }


def _records(lines: list[str], separator: str) -> Iterator[tuple[int, int, str]]:
    """The number of its first line, the number of fields (-1: it has no end) and the text of each record."""
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=separator)
    begin = 0
    for record in reader:
        text = "\n".join(lines[begin : reader.line_num])
        cut_off = reader.line_num == len(lines) and text.count('"') % 2 == 1
        yield begin + 1, -1 if cut_off else len(record), text
        begin = reader.line_num


def _without(data: Path | bytes, malformed: set[int], separator: str, *, quotes: bool) -> bytes:
    """The file's text without some records, by the number of their first line."""
    lines = lines_of(data).collect()["line"].fill_null("").to_list()
    text = io.StringIO()
    records = _records(lines, separator) if quotes else ((at, len(line), line) for at, line in enumerate(lines, 1))
    for number, count, record in records:
        if number not in malformed and count:
            text.write(f"{record}\n")
    return text.getvalue().encode()


def _member(file: Path, member: str | None) -> bytes:
    try:
        with zipfile.ZipFile(file) as archive:
            entries = [each for each in archive.infolist() if not each.is_dir() and not each.filename.startswith("__")]
            names = [each.filename for each in entries]
            if member is None and len(names) != 1:
                hint = "say which with member=: " + ", ".join(names[:12])
                raise ProjectError(f"the archive holds {counted(len(names), 'file')}", where=str(file), hint=hint)
            if member is not None and member not in names:
                raise ProjectError.unknown_name("member", member, names, where=str(file))
            entry = entries[names.index(member)] if member is not None else entries[0]
            if entry.file_size > min(_MOST_BYTES, max(entry.compress_size, 1 << 16) * _MOST_RATIO):
                message = f"{entry.filename} unfolds from {entry.compress_size:,} to {entry.file_size:,} bytes"
                raise ProjectError(message, where=str(file), hint="unpack it yourself if you trust it")
            return archive.read(entry)
    except zipfile.BadZipFile as error:
        raise ProjectError(f"not a readable ZIP archive: {error}", where=str(file), hint="fetch it again") from error
