"""Excel workbooks (and OpenDocument sheets): one sheet is a table, its first row names the columns."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from kreis.collection.connectors.files import note
from kreis.errors import ProjectError
from kreis.texts import counted

__all__ = ["read_excel"]


def read_excel(file: Path, *, sheet: str | None = None, header: bool = True) -> pl.LazyFrame:
    """Read a sheet of a workbook. Needs the extra `kreis[excel]`.

    Args:
        file: A path that was checked.
        sheet: Its name; the first sheet if not given, and which that was is noted.
        header: Whether its first row names the columns.

    Raises:
        ProjectError: no readable workbook, or no such sheet.
    """
    import fastexcel

    try:
        book = fastexcel.read_excel(file)
        names = book.sheet_names
        if sheet is not None and sheet not in names:
            raise ProjectError.unknown_name("sheet", sheet, names, where=str(file))
        if sheet is None and len(names) > 1:
            note(f"the workbook has {counted(len(names), 'sheet')}; {names[0]!r} is read")
        frame: pl.DataFrame = book.load_sheet(sheet or 0, header_row=0 if header else None).to_polars()
    except fastexcel.FastExcelError as error:
        first = str(error).splitlines()[0]
        raise ProjectError(f"not a readable workbook: {first}", where=str(file), hint="save it as .xlsx") from error
    return frame.lazy()
