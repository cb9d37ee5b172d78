"""The world of a replay: what was asked when, what became known when. The project may see none of it early."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from kreis.errors import ProjectError
from kreis.project import Project
from kreis.ways.tabular.feeding import frames_from_sources

__all__ = ["Traffic", "World"]


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What is asked, in order of time."""

    asked_at: npt.NDArray[np.int64]
    """Of each row, microseconds since 1970 UTC, ascending."""
    rows: list[bytes]
    """Each as the service takes it, JSON."""

    def requests(self, start: int, end: int) -> tuple[list[bytes], list[int]]:
        """Requests with `start <= time < end`, and their times: what is asked at one moment is one request."""
        low, high = np.searchsorted(self.asked_at, [start, end])
        times, rows = self.asked_at[low:high], self.rows[low:high]
        firsts = np.flatnonzero(np.diff(times, prepend=-1)).tolist()
        groups = [rows[first:last] for first, last in pairwise([*firsts, len(rows)])]
        bodies = [group[0] if len(group) == 1 else b'{"rows":[%b]}' % b",".join(group) for group in groups]
        return bodies, times[firsts].tolist()


class World:
    """Everything that will happen, held by the replay alone."""

    def __init__(self, project: Project, until: datetime) -> None:
        spine = project.spine_declaration
        if spine is None:
            raise ProjectError("no spine is declared", where=str(project.folder))
        self._project = project
        self._spine = spine
        self.frames: Mapping[str, pl.DataFrame] = frames_from_sources(project, until)
        self._rows = self.frames[spine.table.name]

    def traffic(self, start: datetime, end: datetime) -> Traffic:
        """What is asked with `start <= decision time < end`."""
        spine = self._spine
        within = (pl.col(spine.time) >= start) & (pl.col(spine.time) < end)
        rows = self._rows.filter(within).sort(spine.time, spine.id)
        return Traffic(asked_at=_times(rows[spine.time]), rows=self._rows_asked(rows))

    def known_between(self, start: datetime, end: datetime, *, asked_from: datetime) -> list[dict[str, Any]]:
        """Outcomes known at `start <= time < end` of what was asked since `asked_from`, as the service takes them."""
        spine = self._spine
        at = pl.col(spine.outcome_known_at)
        within = (at >= start) & (at < end) & (pl.col(spine.time) >= asked_from)
        rows = self._rows.filter(within & pl.col(spine.outcome).is_not_null())
        known = rows.sort(spine.outcome_known_at, spine.id).select(
            reference=pl.col(spine.id).cast(pl.String),
            outcome=pl.col(spine.outcome).cast(pl.Float64),
            known_at=at,
        )
        return known.to_dicts()

    def _rows_asked(self, rows: pl.DataFrame) -> list[bytes]:
        spine, encode = self._spine, msgspec.json.Encoder().encode
        fields = {name for view in self._project.request_views.values() for name in view.fields}
        keys = rows.select(pl.col(key).cast(pl.String) for key in spine.keys).to_dicts()
        values = rows.select(sorted(fields)).to_dicts() if fields else [{} for _ in keys]
        return [
            encode(
                {
                    "keys": {name: key for name, key in row.items() if key is not None},
                    "fields": value,
                    "reference": str(reference),
                }
            )
            for row, value, reference in zip(keys, values, rows[spine.id], strict=True)
        ]


def _times(column: pl.Series) -> npt.NDArray[np.int64]:
    return column.dt.epoch("us").to_numpy().astype(np.int64, copy=False)
