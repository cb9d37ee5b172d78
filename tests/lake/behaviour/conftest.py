"""The storages that the functions of this folder run over. A new implementation is one entry more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.lake.memory_storage import MemoryStorage

from kreis.lake.folder import FolderStorage
from kreis.lake.storage import LakeStorage

Open = Callable[[], LakeStorage]


def folder(tmp_path: Path) -> Open:
    return lambda: FolderStorage(tmp_path / "lake")


def memory(tmp_path: Path) -> Open:
    first = MemoryStorage()
    return lambda: MemoryStorage(first)


@pytest.fixture(params=[folder, memory], ids=lambda make: make.__name__)
def open_storage(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """The same storage as another process would open it."""
    made: Open = request.param(tmp_path)
    return made


@pytest.fixture
def storage(open_storage: Open) -> LakeStorage:
    return open_storage()
