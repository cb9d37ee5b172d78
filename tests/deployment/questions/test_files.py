"""The folder of fetched files: verified, read-only, shared by workers, emptied of what nobody names."""

from __future__ import annotations

from pathlib import Path

import pytest

from kreis.artifacts.folder import ArtifactFolder
from kreis.deployment.server.questions.files import FileCache
from kreis.errors import CorruptionError, StoreError
from kreis.generative.stored import StoredFile

DATA = b"an index" * 1_000


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactFolder:
    return ArtifactFolder(tmp_path / "artifacts")


@pytest.fixture
def stored(artifacts: ArtifactFolder) -> StoredFile:
    return StoredFile(artifacts.put(DATA), len(DATA))


def test_a_file_is_fetched_once_and_read_only(tmp_path: Path, artifacts: ArtifactFolder, stored: StoredFile) -> None:
    cache = FileCache(tmp_path / "files", artifacts)
    path = cache.path(stored)
    assert path.read_bytes() == DATA
    assert path.stat().st_mode & 0o777 == 0o444
    Path(artifacts.where(stored.sha256)).unlink()
    assert cache.path(stored) == path


def test_a_damaged_file_is_fetched_again(tmp_path: Path, artifacts: ArtifactFolder, stored: StoredFile) -> None:
    path = FileCache(tmp_path / "files", artifacts).path(stored)
    path.chmod(0o600)
    path.write_bytes(DATA[:-1] + b"?")
    assert FileCache(tmp_path / "files", artifacts).path(stored).read_bytes() == DATA


def test_what_is_not_as_the_package_says_is_refused(
    tmp_path: Path, artifacts: ArtifactFolder, stored: StoredFile
) -> None:
    cache = FileCache(tmp_path / "files", artifacts)
    with pytest.raises(CorruptionError, match="the package says 5"):
        cache.path(StoredFile(stored.sha256, 5))
    with pytest.raises(StoreError, match="no such artifact"):
        cache.path(StoredFile("a" * 64, 5))


def test_what_another_worker_holds_stays(tmp_path: Path, artifacts: ArtifactFolder, stored: StoredFile) -> None:
    one, other = FileCache(tmp_path / "files", artifacts), FileCache(tmp_path / "files", artifacts)
    path = one.path(stored)
    assert other.path(stored) == path
    one.keep_only(())
    assert path.is_file()
    other.keep_only((stored.sha256,))
    assert path.is_file()
    other.keep_only(())
    assert not path.exists()


def test_what_an_interrupted_fetch_left_is_removed(
    tmp_path: Path, artifacts: ArtifactFolder, stored: StoredFile
) -> None:
    cache = FileCache(tmp_path / "files", artifacts)
    path = cache.path(stored)
    (path.parent / f".{stored.sha256}.0123456789ab.tmp").write_bytes(b"half")
    cache.keep_only((stored.sha256,))
    assert sorted(each.name for each in path.parent.iterdir()) == [".lock", stored.sha256]


def test_where_nothing_was_fetched_nothing_is_removed(tmp_path: Path, artifacts: ArtifactFolder) -> None:
    FileCache(tmp_path / "files", artifacts).keep_only(())
    assert not (tmp_path / "files").exists()
