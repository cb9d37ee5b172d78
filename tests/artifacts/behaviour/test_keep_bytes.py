"""What every artifact store does. A new one is done when it is a row of the fixture `store` and this passes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kreis.artifacts.store import ArtifactProblem, ArtifactStore
from kreis.digests import digest_of
from kreis.errors import CorruptionError, StoreError


def test_gives_back_what_was_put_by_its_digest(store: ArtifactStore) -> None:
    for data in (b"model", b"", bytes(range(256)) * 5000):
        assert not store.has(digest_of(data))
        digest = store.put(data)
        assert digest == digest_of(data)
        assert store.has(digest)
        assert store.get(digest) == data
        assert digest[2:] in store.where(digest)


def test_puts_the_same_bytes_twice_as_one(store: ArtifactStore) -> None:
    assert store.put(b"x") == store.put(b"x")
    assert store.check() == []


def test_says_that_an_artifact_is_not_there(store: ArtifactStore) -> None:
    with pytest.raises(StoreError, match="no such artifact"):
        store.get("0" * 64)
    assert not store.has("0" * 64)


@pytest.mark.parametrize("name", ["", "../x", "A" * 64, "0" * 63, "0" * 65, "/etc/passwd", "0" * 64 + "\n", "٣" * 64])
def test_refuses_a_name_that_is_no_digest(store: ArtifactStore, name: str) -> None:
    for ask in (store.get, store.has, store.where, store.forget):
        with pytest.raises(StoreError, match="64 hexadecimal digits"):
            ask(name)


def test_never_gives_damaged_bytes_names_them_and_takes_whole_ones(
    store: ArtifactStore, damage: Callable[[str], None]
) -> None:
    digest, other = store.put(b"model"), store.put(b"other")
    damage(digest)
    with pytest.raises(CorruptionError, match="differ from those that were stored") as caught:
        store.get(digest)
    assert caught.value.where == store.where(digest)
    assert store.check() == [ArtifactProblem(store.where(digest), "corrupt")]
    assert store.get(other) == b"other"
    assert store.put(b"model") == digest
    assert store.get(digest) == b"model"
    assert store.check() == []


def test_sweeps_nothing_that_was_put(store: ArtifactStore) -> None:
    digest = store.put(b"model")
    assert list(store.sweep()) == []
    assert store.get(digest) == b"model"


def test_forgets_one_for_good_and_takes_it_again(store: ArtifactStore) -> None:
    digest, other = store.put(b"model"), store.put(b"other")
    assert store.forget(digest)
    assert not store.has(digest)
    with pytest.raises(StoreError, match="no such artifact"):
        store.get(digest)
    assert store.get(other) == b"other"
    assert store.check() == []
    assert not store.forget(digest)
    assert store.put(b"model") == digest
    assert store.get(digest) == b"model"


def test_forgets_damaged_bytes_too(store: ArtifactStore, damage: Callable[[str], None]) -> None:
    digest = store.put(b"model")
    damage(digest)
    assert store.forget(digest)
    assert store.check() == []
