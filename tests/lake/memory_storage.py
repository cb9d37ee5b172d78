"""A storage of the lake in this process's memory: the smallest that passes, for tests and as an example."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import count

from kreis.lake.storage import Entry
from kreis.locks import Lock


class MemoryStorage:
    """Objects in a dictionary; several of it over one dictionary see the same objects, as processes would."""

    def __init__(self, shared: MemoryStorage | None = None) -> None:
        self._objects: dict[str, tuple[bytes, int]] = {} if shared is None else shared._objects
        self._marks = count() if shared is None else shared._marks
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock) if shared is None else shared._locks
        self._gate = threading.Lock() if shared is None else shared._gate

    def entries(self, folder: str, after: str = "") -> list[Entry]:
        found = []
        for key, (data, mark) in list(self._objects.items()):
            parent, _, name = key.rpartition("/")
            if parent == folder and name > after:
                found.append(Entry(name, len(data), mark))
        return sorted(found)

    def folders(self, folder: str) -> list[str]:
        start = f"{folder}/" if folder else ""
        rest = [key.removeprefix(start) for key in list(self._objects) if key.startswith(start)]
        return sorted({each.partition("/")[0] for each in rest if "/" in each})

    def stat(self, key: str) -> Entry | None:
        found = self._objects.get(key)
        return None if found is None else Entry(key.rpartition("/")[2], len(found[0]), found[1])

    def get(self, key: str) -> bytes:
        if key not in self._objects:
            raise FileNotFoundError(key)
        return self._objects[key][0]

    def put(self, key: str, data: bytes) -> None:
        self._objects[key] = (bytes(data), next(self._marks))

    def put_if_absent(self, key: str, data: bytes) -> None:
        with self._gate:
            if key in self._objects:
                raise FileExistsError(key)
            self.put(key, data)

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._objects.pop(key, None)

    def source(self, key: str) -> bytes:
        return self.get(key)

    def place(self, key: str) -> str:
        return f"memory:{key}"

    def lock(self, table: str) -> Lock:
        return MemoryLock(self._locks[table])


class MemoryLock:
    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    def take(self, *, wait: bool) -> Callable[[], None] | None:
        return self._lock.release if self._lock.acquire(blocking=wait) else None
