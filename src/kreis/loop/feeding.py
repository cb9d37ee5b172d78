"""From the project's definitions to the rows that the online store holds."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from kreis.collection.sources import Window
from kreis.preparation.tables import build
from kreis.project import Project

__all__ = ["frames_from_sources"]


def frames_from_sources(project: Project, until: datetime) -> dict[str, pl.DataFrame]:
    """All tables as they would be at `until`, straight from the sources, without the lake.

    Contracts hold here as they do in collection: bad rows are left out. Used where rows are needed ahead of
    the circle: to feed the online store as rows become known, and to replay traffic.

    Returns:
        Source and table names to frames.
    """
    frames: dict[str, pl.DataFrame] = {}
    for source in project.sources.values():
        rows = source.read(Window(after=None, until=until))
        frames[source.name] = source.contract.check(rows).good
    for table in project.ordered_tables():
        frames[table.name] = build(table, {name: frames[name].lazy() for name in table.inputs})
    return frames
