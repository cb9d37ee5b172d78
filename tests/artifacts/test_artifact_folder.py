from __future__ import annotations

import random
from pathlib import Path

import pytest

from kreis.artifacts.folder import ArtifactFolder
from kreis.digests import digest_of
from kreis.errors import CorruptionError, StoreError


@pytest.fixture
def store(tmp_path: Path) -> ArtifactFolder:
    return ArtifactFolder(tmp_path / "artifacts")


def file_of(tmp_path: Path, digest: str) -> Path:
    return tmp_path / "artifacts" / digest[:2] / digest[2:]


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)


def test_put_get_round_trip(store: ArtifactFolder, tmp_path: Path) -> None:
    digest = store.put(b"model")
    assert digest == digest_of(b"model")
    assert store.get(digest) == b"model"
    assert store.has(digest)
    assert file_of(tmp_path, digest).read_bytes() == b"model"


def test_put_twice_is_one_file(store: ArtifactFolder, tmp_path: Path) -> None:
    assert store.put(b"x") == store.put(b"x")
    assert len([path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]) == 1


def test_put_repairs_a_corrupt_file(store: ArtifactFolder, tmp_path: Path) -> None:
    digest = store.put(b"model")
    flip(file_of(tmp_path, digest), 3)
    store.put(b"model")
    assert store.get(digest) == b"model"


def test_put_into_a_file_as_root_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "artifacts").write_bytes(b"")
    with pytest.raises(StoreError):
        ArtifactFolder(tmp_path / "artifacts").put(b"x")


def test_check_names_leftovers_and_strays(store: ArtifactFolder, tmp_path: Path) -> None:
    store.put(b"x")
    leftover = tmp_path / "artifacts" / ".0123.tmp"
    stray = tmp_path / "artifacts" / "ab" / "notes.txt"
    stray.parent.mkdir(exist_ok=True)
    leftover.write_bytes(b"")
    stray.write_bytes(b"")
    assert {(problem.where, problem.kind) for problem in store.check()} == {
        (str(leftover), "leftover"),
        (str(stray), "stray"),
    }


def test_every_single_bit_flip_is_reported_by_name(store: ArtifactFolder, tmp_path: Path) -> None:
    pick = random.Random(7)
    digests = [store.put(pick.randbytes(pick.randrange(1, 2_000))) for _ in range(10)]
    for _ in range(100):
        path = file_of(tmp_path, pick.choice(digests))
        bit = pick.randrange(path.stat().st_size * 8)
        flip(path, bit)
        digest = path.parent.name + path.name
        with pytest.raises(CorruptionError, match=path.name):
            store.get(digest)
        assert [(problem.where, problem.kind) for problem in store.check()] == [(str(path), "corrupt")]
        flip(path, bit)
    assert store.check() == []
