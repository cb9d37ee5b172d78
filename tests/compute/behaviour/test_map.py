"""What every compute pool does. A new one is done when it is a row of the fixture `pool` and this passes."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError

import pytest

from kreis.compute.pool import Pool


def test_results_stand_in_the_order_of_the_items(pool: Pool) -> None:
    first = threading.Event()

    def slow_first(item: int) -> int:
        if item == 0:
            first.wait(0.05)
        return item * item

    assert pool.map(slow_first, range(20), at_once=4) == [item * item for item in range(20)]


def test_no_items_give_no_results(pool: Pool) -> None:
    assert pool.map(abs, [], at_once=2) == []


def test_no_more_run_at_once_than_asked(pool: Pool) -> None:
    lock, running, most = threading.Lock(), 0, 0

    def work(item: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.002)
        with lock:
            running -= 1
        return item

    pool.map(work, range(12), at_once=3)
    assert 1 <= most <= 3


def test_progress_is_told_in_the_callers_thread(pool: Pool) -> None:
    told: list[tuple[int, bool]] = []
    here = threading.get_ident()
    pool.map(abs, [1, 2, 3], at_once=2, on_done=lambda done: told.append((done, threading.get_ident() == here)))
    assert told == [(1, True), (2, True), (3, True)]


def test_the_first_error_in_the_order_of_the_items_is_raised(pool: Pool) -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        if item == 1:
            threading.Event().wait(0.05)
        if item in (1, 2):
            raise ValueError(f"item {item}")
        return item

    with pytest.raises(ValueError, match="item 1"):
        pool.map(work, range(100), at_once=2)
    assert len(begun) < 100


def test_a_stop_leaves_the_rest_undone(pool: Pool) -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        threading.Event().wait(0.005)
        return item

    with pytest.raises(CancelledError):
        pool.map(work, range(100), at_once=2, stop=lambda: len(begun) >= 3)
    assert 3 <= len(begun) < 100


def test_a_stop_that_never_comes_changes_nothing(pool: Pool) -> None:
    assert pool.map(str, [1, 2, 3], at_once=2, stop=lambda: False) == ["1", "2", "3"]
