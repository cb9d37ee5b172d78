"""Pools to test with: one behaviour suite runs over threads and over a toy that does one item after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from typing import TypeVar

import pytest

from kreis.compute.places import open_pool
from kreis.compute.pool import Pool

T = TypeVar("T")
R = TypeVar("R")


class Serial:
    """A `Pool` that does one item after the other."""

    def map(
        self,
        work: Callable[[T], R],
        items: Sequence[T],
        *,
        at_once: int,
        on_done: Callable[[int], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> list[R]:
        results: list[R] = []
        for item in items:
            if stop is not None and results and stop():
                raise CancelledError
            results.append(work(item))
            if on_done is not None:
                on_done(len(results))
        return results


@pytest.fixture(params=["threads", "toy"])
def pool(request: pytest.FixtureRequest) -> Pool:
    return open_pool("threads:") if request.param == "threads" else Serial()
