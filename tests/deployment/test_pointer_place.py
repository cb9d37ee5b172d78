"""What every place of the service's pointer does: one behaviour suite over a folder and over a toy in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kreis.deployment.pointer import PointerPlace, open_pointer


class ToyPointer:
    """A `PointerPlace` in memory."""

    where = "toy"

    def __init__(self) -> None:
        self._held: list[bytes] = []
        self._lock = threading.Lock()

    def read(self) -> bytes | None:
        return self._held[-1] if self._held else None

    def write(self, envelope: bytes) -> None:
        self._held.append(envelope)

    def version(self) -> int | None:
        return len(self._held) or None

    @contextmanager
    def publishing(self) -> Iterator[None]:
        with self._lock:
            yield


@pytest.fixture(params=["folder", "toy"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> PointerPlace:
    return open_pointer("file:service", tmp_path) if request.param == "folder" else ToyPointer()


def test_holds_what_was_written_last(place: PointerPlace) -> None:
    assert place.read() is None
    for envelope in (b"one", b"two" * 100_000, b""):
        with place.publishing():
            place.write(envelope)
        assert place.read() == envelope


def test_a_version_differs_after_every_write(place: PointerPlace) -> None:
    versions = [place.version()]
    for _ in range(3):
        with place.publishing():
            place.write(b"the same")
        versions.append(place.version())
        assert place.version() == versions[-1]
    assert versions[0] is None
    assert len(set(versions)) == 4


def test_one_publishes_at_a_time(place: PointerPlace) -> None:
    order: list[str] = []

    def publish() -> None:
        with place.publishing():
            order.append("second")

    with place.publishing():
        other = threading.Thread(target=publish)
        other.start()
        other.join(0.1)
        order.append("first")
    other.join(10)
    assert order == ["first", "second"]


def test_who_fails_to_publish_lets_others(place: PointerPlace) -> None:
    with pytest.raises(KeyError), place.publishing():
        raise KeyError
    with place.publishing():
        place.write(b"it")
    assert place.read() == b"it"
