"""How a view's rows lie in an online store: their keys, the tiles that they are gathered in, and the bytes.

A *tile* holds the rows of one entity whose event times fall into one span (an eighth of how far the view looks
back), in order of arrival. An entity's *record* holds its newest row and a header per tile, so that a window
needs the rows only of the tile that it cuts through. All numbers are little-endian, eight bytes each.

| key | value |
|---|---|
| `v` view | position (int), digest of the rows known by then (8 bytes), mark of their table (8 bytes), name (UTF-8) |
| `e` view entity | version (int), horizon (int), newest row, headers by tile number |
| `t` view entity tile | rows |

Every value ends with the CRC-32 of its key and itself.

A row is event time, known at (µs since 1970 UTC), then a float per row expression. A header is tile number,
rows, earliest and latest event time, latest known at, then (windowed views) per row expression: count of values,
sum, min, max, sum of squared deviations from their mean, and what the sum lacks of the exact one. The horizon is the
latest event time or known at. Format 1, which is read but no longer written, has neither checksums nor what sums lack.
"""

from __future__ import annotations

import hashlib
import struct
import zlib

from kreis.digests import digest_of_document
from kreis.errors import CorruptionError
from kreis.expressions.tree import encode
from kreis.preparation.point_in_time_plan import Plan, plan_of
from kreis.preparation.views import FeatureView

__all__ = ["FORMAT", "HEADER_TIMES", "RECORD_START", "RESIDUE", "Layout", "sealed"]

FORMAT = 2

RECORD_START = struct.Struct("<2q")
HEADER_TIMES = 5
RESIDUE = 0x2144DF1C
"""The CRC-32 of anything that is followed by its own CRC-32, whatever it was begun with."""
_SEAL_BYTES = 4
_LONGEST_ENTITY = 448
"""In bytes; LMDB's keys end at 511. A longer one is hashed, behind a byte that UTF-8 never holds."""
_SURELY_SHORT = _LONGEST_ENTITY // 4
"""In characters, of which UTF-8 makes four bytes at most."""
_DAY = 86_400_000_000
_TILES_PER_REACH = 8


class Layout:
    """The layout of one view. Views that keep the same rows under the same name share an `identity`."""

    def __init__(self, view: FeatureView, *, format: int = FORMAT) -> None:  # noqa: A002 (as in the table above)
        self.view = view
        self.format = format
        self.per_column = 5 if format == 1 else 6
        """Numbers of a header per row expression."""
        self.seal = 0 if format == 1 else _SEAL_BYTES
        """Bytes of the checksum at the end of a value."""
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
        self.header = struct.Struct(f"<{HEADER_TIMES}q{self.per_column * self.columns if self.windowed else 0}d")
        self.headers_at = RECORD_START.size + self.row.size
        self.identity = bytes.fromhex(digest_of_document(self._document()))[:8]
        self._start = b"e" + self.identity

    def entity_key(self, entity: str) -> bytes:
        """The key of an entity's record."""
        return self._start + (entity.encode() if len(entity) <= _SURELY_SHORT else _entity(entity))

    def tile_key(self, entity_key: bytes, tile: int) -> bytes:
        """The key of a tile, from that of its entity's record."""
        return b"t" + entity_key[1:] + (tile + 2**63).to_bytes(8, "big")

    @property
    def view_key(self) -> bytes:
        """The key of what the store says of the view."""
        return b"v" + self.identity

    def check(self, key: bytes, value: memoryview | bytes) -> None:
        """See that a value is what was written under its key.

        Raises:
            CorruptionError: it is not.
        """
        if self.seal and zlib.crc32(value, zlib.crc32(key)) != RESIDUE:
            raise CorruptionError(
                f"a record of view {self.view.name!r} is not what was written",
                where=f"online store, {key!r}",
                hint="delete the folder of the online store; `kreis run` feeds it again from the tables",
            )

    def _document(self) -> dict[str, object]:
        view = self.view
        rows = [encode(expression) for expression in self.plan.rows]
        source = [view.name, view.entity, view.table, view.event_time, view.known_at]
        document = {"source": source, "rows": rows, "tile": self.tile, "windowed": self.windowed}
        return document if self.format == 1 else {**document, "format": self.format}


def sealed(key: bytes, value: bytes) -> bytes:
    """A value with its checksum: of its key and itself, so that a value under a wrong key is seen."""
    return value + zlib.crc32(value, zlib.crc32(key)).to_bytes(_SEAL_BYTES, "little")


def _entity(entity: str) -> bytes:
    text = entity.encode()
    return text if len(text) <= _LONGEST_ENTITY else b"\xff" + hashlib.sha256(text).digest()
