"""Artifact stores to test with: one behaviour suite runs over a folder and over a toy in a dict."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from kreis.artifacts.places import open_artifacts
from kreis.artifacts.store import ArtifactProblem, ArtifactStore
from kreis.digests import digest_of
from kreis.errors import CorruptionError, StoreError


class ToyArtifacts:
    """An `ArtifactStore` in a dict."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        self.held[digest_of(data)] = data
        return digest_of(data)

    def get(self, digest: str) -> bytes:
        if not self.has(digest):
            raise StoreError("there is no such artifact", where=self.where(digest))
        if digest_of(self.held[digest]) != digest:
            raise CorruptionError("the bytes differ from those that were stored", where=self.where(digest))
        return self.held[digest]

    def has(self, digest: str) -> bool:
        return bool(self.where(digest)) and digest in self.held

    def where(self, digest: str) -> str:
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise StoreError("an artifact's name is 64 hexadecimal digits")
        return f"toy:{digest}"

    def forget(self, digest: str) -> bool:
        return bool(self.where(digest)) and self.held.pop(digest, None) is not None

    def check(self) -> list[ArtifactProblem]:
        damaged = sorted(name for name, data in self.held.items() if digest_of(data) != name)
        return [ArtifactProblem(f"toy:{name}", "corrupt") for name in damaged]

    def sweep(self) -> list[str]:
        return []


@pytest.fixture(params=["folder", "toy"])
def kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def store(kind: str, tmp_path: Path) -> ArtifactStore:
    """A new store."""
    return open_artifacts("file:artifacts", tmp_path) if kind == "folder" else ToyArtifacts()


@pytest.fixture
def damage(kind: str, store: ArtifactStore) -> Callable[[str], None]:
    """Changes one bit of an artifact, behind the store's back."""

    def flip(data: bytes) -> bytes:
        return bytes([data[0] ^ 1]) + data[1:]

    def change(digest: str) -> None:
        if isinstance(store, ToyArtifacts):
            store.held[digest] = flip(store.held[digest])
        else:
            path = Path(store.where(digest))
            path.write_bytes(flip(path.read_bytes()))

    return change
