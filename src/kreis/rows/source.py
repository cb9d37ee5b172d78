"""Where rows without times come from, read as a source: all of them, whenever it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl

from kreis.collection.connectors.delta import read_delta
from kreis.collection.connectors.files import note
from kreis.collection.connectors.table import read_table
from kreis.collection.contracts.columns import Column, read
from kreis.collection.sources import Window
from kreis.digests import digest_of, digest_of_document, digest_of_file
from kreis.errors import ProjectError
from kreis.texts import counted
from kreis.training.splits.given_test import PART

__all__ = ["ID", "MOMENT", "Opened", "Place", "RowsOf"]

Place: TypeAlias = "str | Path | pl.DataFrame | pl.LazyFrame | Callable[[], pl.DataFrame | pl.LazyFrame]"
"""Where a table is: a file, a frame, or a function that gives one."""

ID = "row_id"
"""The column with the names that kreis gives rows which have none."""
MOMENT = "fixed_moment"
"""The column that holds the same moment for every row: such rows have no time, and this is nobody's date."""
_FIXED = datetime(1970, 1, 1, tzinfo=UTC)
_DIGEST = 8


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A table that was named, and how its file is read."""

    place: Any
    """See `Place`; a file's path is a `Path`, so that its bytes belong to the identity of what reads it."""
    separator: str | None = None
    header: bool | None = None
    quotes: bool | None = None
    missing: tuple[str, ...] | None = None
    sheet: str | None = None

    @classmethod
    def of(cls, place: Place, folder: Path, options: Mapping[str, Any]) -> Opened:
        """As declared.

        Args:
            place: A path is relative to the project's folder.
            folder: The project's.
            options: How a file is read, as `read_table` takes it.
        """
        found: Any = place
        if isinstance(place, str | Path):
            found = (folder / place).resolve()
        elif isinstance(place, pl.LazyFrame):
            found = place.collect()
        return cls(place=found, **options)

    def frame(self, rows: int | None = None) -> pl.DataFrame:
        """Its rows, or so many from the beginning.

        Raises:
            ProjectError: a file cannot be read, or a function gave no frame.
        """
        if isinstance(self.place, Path):
            return self._read(self.place, rows).collect()
        found = self.place if isinstance(self.place, pl.DataFrame) else self.place()
        frame = found.collect() if isinstance(found, pl.LazyFrame) else found
        if not isinstance(frame, pl.DataFrame):
            kind = f"{type(frame).__module__}.{type(frame).__name__}"
            hint = "pl.from_pandas(frame)" if kind.startswith("pandas") else "return a polars DataFrame or LazyFrame"
            raise ProjectError(f"the rows are a {kind}, not a Polars frame", where="project.rows", hint=hint)
        return frame if rows is None else frame.head(rows)

    def _read(self, path: Path, rows: int | None) -> pl.LazyFrame:
        if path.is_dir():
            frame = read_delta(path)
            return frame if rows is None else frame.head(rows)
        options: dict[str, Any] = {name: getattr(self, name) for name in ("separator", "header", "quotes", "missing")}
        return read_table(path, **options, sheet=self.sheet, rows=rows)

    def identity(self) -> str:
        """A digest of its content, where nothing else tells it; empty for a file, whose bytes are looked at."""
        if isinstance(self.place, Path):
            if not self.place.is_dir():
                return ""
            return digest_of_document({each.name: _told(each) for each in sorted(self.place.rglob("*.*"))})
        return digest_of(self.frame().write_ipc(None).getvalue())


def _told(file: Path) -> str:
    return digest_of_file(file) if file.is_file() else ""


@dataclass(frozen=True, kw_only=True)
class RowsOf:
    """Reads a table, and what it is judged by, as a source: gives the rows of a window."""

    table: Opened
    test: Opened | None
    id: str | None
    """The table's own column that names a row; without one, content and place do."""
    outcome: str | None
    """The table's own column with what happened: a row stays the same when that becomes known."""
    time: Column | None
    """The column with the moment of each row; without one all have the same, fixed one."""

    def __call__(self, window: Window) -> pl.LazyFrame:
        """The rows of a window: of rows without times all, or none."""
        frame = self._named(self.table.frame())
        if self.test is not None:
            judging = self._named(self.test.frame())
            if self.id is None and (seen := int(judging[ID].is_in(frame[ID].implode()).sum())):
                note(
                    f"{counted(seen, 'row of the test table holds', 'rows of the test table hold')} the"
                    " same as a row that teaches"
                )
            named = pl.concat_str(pl.lit("test/"), pl.col(self.key)).alias(self.key)
            judging = judging.with_columns(named)
            parts = [frame.with_columns(pl.lit("train").alias(PART)), judging.with_columns(pl.lit("test").alias(PART))]
            frame = pl.concat(parts, how="diagonal_relaxed")
        if self.time is not None:
            if frame.schema[self.time.source_name] == pl.Date():
                frame = frame.with_columns(pl.col(self.time.source_name).cast(pl.Datetime("us")))
            moment = read(self.time, frame.schema[self.time.source_name], self.time.name).value
            return frame.lazy().filter(window.contains(moment))
        return (
            frame.lazy()
            .with_columns(pl.lit(_FIXED, dtype=pl.Datetime("us", "UTC")).alias(MOMENT))
            .filter(window.contains(MOMENT))
        )

    @property
    def key(self) -> str:
        """The column that names a row, as the table calls it."""
        return ID if self.id is None else self.id

    def identity(self) -> str:
        """A digest of what no file tells."""
        return "".join(each.identity() for each in (self.table, self.test) if each is not None)

    def _named(self, frame: pl.DataFrame) -> pl.DataFrame:
        if self.id is not None:
            return frame.with_columns(pl.col(self.id).cast(pl.String))
        names = _names_of(frame.drop([] if self.outcome is None else [self.outcome], strict=False))
        if repeated := int(names.str.contains("-", literal=True).sum()):
            said = counted(repeated, "row holds", "rows hold")
            note(f"{said} the same as another; they are kept together when rows are drawn by chance")
        return frame.with_columns(names.alias(ID))


def _names_of(frame: pl.DataFrame) -> pl.Series:
    """A name for each row: of its content, and of its place among the rows that hold the same."""
    texts = frame.select(pl.all().cast(pl.String, strict=False).fill_null("\x00"))
    joined = texts.select(pl.concat_str(pl.all(), separator="\x1f")).to_series()
    names = pl.Series([blake2b(each.encode(), digest_size=_DIGEST).hexdigest() for each in joined], dtype=pl.String)
    again = pl.int_range(pl.len()).over("name")
    numbered = pl.when(again > 0).then(pl.concat_str("name", pl.lit("-"), again + 1)).otherwise("name")
    return pl.DataFrame({"name": names}).select(numbered).to_series()
