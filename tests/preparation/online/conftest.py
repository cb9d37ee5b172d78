"""Online stores to test with: one behaviour suite runs over LMDB and over a toy in a dict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from kreis.errors import StoreError
from kreis.preparation.online import updates
from kreis.preparation.online.layout import Layout
from kreis.preparation.online.places import open_online
from kreis.preparation.online.store import OnlinePlace, OnlineStore, Read, Rows, Source, Value


class Changes:
    """A transaction of the toy: on a copy, which takes the place of what was there when it has ended well."""

    def __init__(self, values: dict[bytes, bytes]) -> None:
        self.values = dict(values)
        self.put, self.delete = self.values.__setitem__, self.values.pop

    def read(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.values.get(key) for key in keys]

    def under(self, prefix: bytes) -> list[bytes]:
        return [key for key in self.values if key.startswith(prefix)]


class ToyStore:
    """An `OnlineStore` in a dict."""

    def __init__(self, place: ToyPlace, *, readonly: bool) -> None:
        self._place, self._readonly = place, readonly

    @contextmanager
    def snapshot(self) -> Iterator[Read]:
        values = self._place.values
        yield lambda keys: [values.get(key) for key in keys]

    def append(self, batches: Sequence[Rows], *, position: int) -> int:
        return self._change(lambda changes, version: updates.append(changes, batches, position, version))

    def expire(self, layout: Layout, before: int) -> int:
        return self._change(lambda changes, version: updates.expire(changes, layout, before, version))

    def clear(self, layout: Layout) -> None:
        self._change(lambda changes, _: updates.clear(changes, layout) or 0)

    def position(self, layout: Layout) -> int | None:
        value = self._place.values.get(layout.view_key)
        return None if value is None else updates.reading_of(layout, value)[0]

    def source(self, layout: Layout) -> Source:
        value = self._place.values.get(layout.view_key)
        return Source() if value is None else updates.reading_of(layout, value)[1]

    def close(self) -> None:
        self._place.fed = self._place.fed and self._readonly

    def _change(self, work: Callable[[Changes, int], int]) -> int:
        self._place.version += 1
        changes = Changes(self._place.values)
        done = work(changes, self._place.version)
        self._place.values = changes.values
        return done


class ToyPlace:
    """An `OnlinePlace` in memory."""

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.made, self.fed, self.version = False, False, 0

    def open(self, *, readonly: bool = False, checked: bool = False) -> ToyStore:
        if readonly and not self.made:
            raise StoreError("there is no online store that can be read")
        if not readonly and self.fed:
            raise StoreError("another process feeds this online store")
        self.made, self.fed = True, self.fed or not readonly
        return ToyStore(self, readonly=readonly)

    def exists(self) -> bool:
        return self.made

    def problems(self) -> list[str]:
        return []

    def discard(self) -> None:
        self.made, self.values = False, {}


class Counted:
    """A store of which every read is counted, as if each were a trip over a network."""

    def __init__(self, store: OnlineStore) -> None:
        self._store = store
        self.trips: list[int] = []
        """How many keys each asked for."""
        self.hide = b""
        """Keys that start so are answered as if they were gone."""
        self.position, self.source = store.position, store.source
        self.append, self.expire, self.clear, self.close = store.append, store.expire, store.clear, store.close

    @contextmanager
    def snapshot(self) -> Iterator[Read]:
        with self._store.snapshot() as read:

            def counted(keys: Sequence[bytes]) -> Iterable[Value | None]:
                self.trips.append(len(keys))
                hidden = [bool(self.hide) and key.startswith(self.hide) for key in keys]
                return [None if gone else value for gone, value in zip(hidden, read(keys), strict=True)]

            yield counted


@pytest.fixture(params=["lmdb", "toy"])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], OnlinePlace]:
    """Makes places where an online store may be made."""
    numbers = count()
    if request.param == "toy":
        return ToyPlace
    return lambda: open_online(f"lmdb:online-{next(numbers)}", tmp_path)


@pytest.fixture
def place(new_place: Callable[[], OnlinePlace]) -> OnlinePlace:
    """Where an online store may be made."""
    return new_place()


@pytest.fixture
def store(place: OnlinePlace) -> Iterator[Counted]:
    """A new store, open for writing, that counts its reads."""
    opened = Counted(place.open())
    yield opened
    opened.close()
