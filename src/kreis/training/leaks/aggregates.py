"""A feature made of the whole table: it looks into rows that come later, and into the row's own outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kreis.arrays import Booleans, Codes, Floats
from kreis.training.leaks.leak import Leak, Searched
from kreis.training.leaks.relations import holds, unusual

__all__ = ["WholeTable"]

_GROUPS = 10
_MOST = 12


@dataclass(frozen=True)
class WholeTable:
    """A feature that equals the mean or the sum of an entity's outcomes over all rows, past and future."""

    name: ClassVar[str] = "made of later rows"

    def find(self, searched: Searched) -> list[Leak]:
        """Features that equal such an aggregate, in nearly all rows."""
        known = searched.known
        outcomes = searched.data.outcomes
        found: dict[str, Leak] = {}
        for column, codes in self._groups(searched).items():
            rows = known[codes[known] >= 0]
            if not len(rows):
                continue
            count = np.bincount(codes[rows], minlength=int(codes.max()) + 1)
            if (count > 0).sum() < _GROUPS or count.max() < 3 or (np.ptp(count) == 0 and np.ptp(outcomes[rows]) == 0):
                continue
            sums = np.bincount(codes[rows], outcomes[rows], len(count)).astype(np.float64)
            own = {"mean": sums / np.maximum(count, 1), "sum": sums}
            for what, each in own.items():
                telling = unusual(each[codes[rows]])
                for name, values in searched.numbers.items():
                    if name not in found and name != column and _same(values[rows], each[codes[rows]], telling):
                        found[name] = self._leak(searched, name, column, what, values, rows)
        return list(found.values())

    def _groups(self, searched: Searched) -> dict[str, Codes]:
        """Entities and features with few values, by which an aggregate may have been made."""
        found = dict(searched.entities)
        for place, name in enumerate(searched.data.features):
            if name in searched.data.categories and len(found) < _MOST:
                found[name] = np.unique(searched.matrix[:, place], return_inverse=True)[1].astype(np.int64)
        return found

    def _leak(self, searched: Searched, name: str, column: str, what: str, values: Floats, rows: Codes) -> Leak:
        return Leak(
            kind=self.name,
            column=name,
            said=(
                f"the feature {name!r} is the {what} of all outcomes of its {column!r}: those of later rows and the"
                " row's own are among them"
            ),
            instead="let it see only what was known by then: project.feature_view(…, known_at=…)",
            rows=searched.table(rows, {name: values}),
        )


def _same(values: Floats, aggregate: Floats, telling: Booleans) -> bool:
    """Whether a feature is an aggregate, in nearly all rows, and that is no coincidence of few values."""
    given = ~np.isnan(values)
    if given.sum() < 30 or len(np.unique(aggregate[given].round(9))) < _GROUPS:
        return False
    close = np.abs(values[given] - aggregate[given]) <= 1e-4 * (1e-3 + np.abs(aggregate[given]))
    return holds(close, telling[given])
