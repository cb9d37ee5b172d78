"""What the lake asks of every storage."""

from __future__ import annotations

import threading
from collections.abc import Callable
from io import BytesIO

import polars as pl
import pytest

from kreis.lake.storage import LakeStorage
from kreis.locks import holding, holding_if_free

KEY = "bronze/x/_delta_log/00000000000000000001.json"
Open = Callable[[], LakeStorage]


def test_it_is_a_storage(storage: LakeStorage) -> None:
    assert isinstance(storage, LakeStorage)


@pytest.mark.parametrize("data", [b"", b"text", bytes(range(256)) * 5000])
def test_what_is_put_is_got_by_everyone(open_storage: Open, data: bytes) -> None:
    open_storage().put(KEY, data)
    assert open_storage().get(KEY) == data


def test_put_replaces(storage: LakeStorage) -> None:
    storage.put(KEY, b"one")
    storage.put(KEY, b"two")
    assert storage.get(KEY) == b"two"


def test_put_if_absent_refuses_a_second(storage: LakeStorage) -> None:
    storage.put_if_absent(KEY, b"one")
    with pytest.raises(FileExistsError):
        storage.put_if_absent(KEY, b"two")
    assert storage.get(KEY) == b"one"
    assert [each.name for each in storage.entries("bronze/x/_delta_log")] == ["00000000000000000001.json"]


def test_of_many_writers_at_once_one_succeeds(open_storage: Open) -> None:
    won: list[int] = []
    gate = threading.Barrier(8)

    def write(number: int) -> None:
        storage = open_storage()
        gate.wait()
        try:
            storage.put_if_absent(KEY, str(number).encode())
        except FileExistsError:
            return
        won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [open_storage().get(KEY)] == [str(number).encode() for number in won]


def test_what_is_not_there(storage: LakeStorage) -> None:
    assert storage.stat(KEY) is None
    assert storage.entries("bronze/x") == []
    assert storage.folders("bronze") == storage.folders("") == []
    storage.delete([KEY])
    with pytest.raises(FileNotFoundError):
        storage.get(KEY)


def test_entries_are_those_of_one_folder_in_order(storage: LakeStorage) -> None:
    for name in ("b", "a", "c", "sub/d"):
        storage.put(f"bronze/x/{name}", name.encode())
    storage.put("bronze/xy/e", b"")
    found = storage.entries("bronze/x")
    assert [(each.name, each.size) for each in found] == [("a", 1), ("b", 1), ("c", 1)]
    assert [each.name for each in storage.entries("bronze/x", after="a")] == ["b", "c"]
    assert [each.name for each in storage.entries("bronze/x", after="aa")] == ["b", "c"]
    assert storage.folders("bronze") == ["x", "xy"]
    assert storage.folders("bronze/x") == ["sub"]
    assert storage.folders("") == ["bronze"]


def test_a_mark_stays_as_long_as_the_bytes(open_storage: Open) -> None:
    open_storage().put(KEY, b"one")
    first = open_storage().stat(KEY)
    assert first is not None
    assert open_storage().stat(KEY) == first
    assert open_storage().entries("bronze/x/_delta_log") == [first]
    open_storage().put(KEY, b"two")
    assert open_storage().stat(KEY) != first


def test_delete_removes_what_is_there(storage: LakeStorage) -> None:
    storage.put(KEY, b"one")
    storage.put("bronze/x/a", b"two")
    storage.delete([KEY, "bronze/x/missing", "bronze/x/a"])
    assert storage.stat(KEY) is None
    assert storage.entries("bronze/x") == []


def test_polars_reads_what_source_gives(storage: LakeStorage) -> None:
    for number in range(3):
        buffer = BytesIO()
        pl.DataFrame({"n": [number]}).write_parquet(buffer)
        storage.put(f"bronze/x/{number}.parquet", buffer.getvalue())
    sources = [storage.source(f"bronze/x/{number}.parquet") for number in range(3)]
    assert pl.scan_parquet(sources).collect()["n"].to_list() == [0, 1, 2]  # type: ignore[arg-type]


def test_place_names_the_object(storage: LakeStorage) -> None:
    assert storage.place(KEY).endswith(KEY)


def test_a_lock_keeps_others_out(open_storage: Open) -> None:
    first, second = open_storage(), open_storage()
    with holding(first.lock("bronze/x")):
        with holding_if_free(second.lock("bronze/x")) as again:
            assert not again
        with holding_if_free(second.lock("bronze/y")) as other:
            assert other
    with holding_if_free(second.lock("bronze/x")) as free:
        assert free


def test_a_lock_is_waited_for(open_storage: Open) -> None:
    first, second, order = open_storage(), open_storage(), []
    entered = threading.Event()

    def wait() -> None:
        entered.set()
        with holding(second.lock("bronze/x")):
            order.append("second")

    thread = threading.Thread(target=wait)
    with holding(first.lock("bronze/x")):
        thread.start()
        entered.wait()
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_lock_is_let_go_of_after_an_error(storage: LakeStorage) -> None:
    with pytest.raises(ValueError, match="inside"), holding(storage.lock("bronze/x")):
        raise ValueError("inside")
    with holding_if_free(storage.lock("bronze/x")) as held:
        assert held
