"""How a view's rows lie in an online store: their keys, the tiles that they are gathered in, and the bytes.

A *tile* holds the rows of one entity whose event times fall into one span (an eighth of how far the view looks
back), in order of arrival. An entity's *record* holds its newest row and a header per tile, so that a window
needs the rows only of the tile that it cuts through. All numbers are little-endian, eight bytes each.

| key | value |
|---|---|
| `v` view | position (int), name (UTF-8) |
| `e` view entity | version (int), horizon (int), newest row, headers by tile number |
| `t` view entity tile | rows |

A row is event time, known at (µs since 1970 UTC), then a float per row expression. A header is tile number,
rows, earliest and latest event time, latest known at, then (windowed views) per row expression: count of values,
sum, min, max, sum of squared deviations from their mean. The horizon is the latest event time or known at.
"""

from __future__ import annotations

import hashlib
import struct

from kreis.digests import digest_of_document
from kreis.preparation.expressions.tree import encode
from kreis.preparation.point_in_time_plan import Plan, plan_of
from kreis.preparation.views import FeatureView

__all__ = ["HEADER_TIMES", "PER_COLUMN", "RECORD_START", "Layout"]

RECORD_START = struct.Struct("<2q")
HEADER_TIMES = 5
PER_COLUMN = 5
_LONGEST_ENTITY = 448
"""In bytes; LMDB's keys end at 511. A longer one is hashed, behind a byte that UTF-8 never holds."""
_DAY = 86_400_000_000
_TILES_PER_REACH = 8


class Layout:
    """The layout of one view. Views that keep the same rows under the same name share an `identity`."""

    def __init__(self, view: FeatureView) -> None:
        self.view = view
        self.plan: Plan = plan_of(view)
        self.columns = len(self.plan.rows)
        self.windowed = bool(self.plan.windows)
        self.reach: int | None = max(self.plan.windows) if self.windowed else self.plan.ttl
        """How far back it looks, in µs; None for a latest view without a ttl."""
        if self.windowed:
            self.tile = max(max(self.plan.windows) // _TILES_PER_REACH, 1_000_000)
        else:
            self.tile = max(self.plan.ttl or 30 * _DAY, _DAY)
        self.row = struct.Struct(f"<2q{self.columns}d")
        self.header = struct.Struct(f"<{HEADER_TIMES}q{PER_COLUMN * self.columns if self.windowed else 0}d")
        self.headers_at = RECORD_START.size + self.row.size
        self.identity = bytes.fromhex(digest_of_document(self._document()))[:8]

    def entity_key(self, entity: str) -> bytes:
        """The key of an entity's record."""
        return b"e" + self.identity + _entity(entity)

    def tile_key(self, entity_key: bytes, tile: int) -> bytes:
        """The key of a tile, from that of its entity's record."""
        return b"t" + entity_key[1:] + (tile + 2**63).to_bytes(8, "big")

    @property
    def view_key(self) -> bytes:
        """The key of what the store says of the view."""
        return b"v" + self.identity

    def _document(self) -> dict[str, object]:
        view = self.view
        rows = [encode(expression) for expression in self.plan.rows]
        source = [view.name, view.entity, view.table, view.event_time, view.known_at]
        return {"source": source, "rows": rows, "tile": self.tile, "windowed": self.windowed}


def _entity(entity: str) -> bytes:
    text = entity.encode()
    return text if len(text) <= _LONGEST_ENTITY else b"\xff" + hashlib.sha256(text).digest()
