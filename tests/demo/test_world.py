"""Traffic: what is asked at one moment is one request."""

from __future__ import annotations

import msgspec
import numpy as np

from kreis.demo.world import Traffic

TRAFFIC = Traffic(asked_at=np.array([10, 10, 20, 30, 30, 30]), rows=[b'{"reference":"%d"}' % each for each in range(6)])


def references(bodies: list[bytes]) -> list[list[str]]:
    documents = [msgspec.json.decode(body) for body in bodies]
    return [[row["reference"] for row in document.get("rows", [document])] for document in documents]


def test_requests_gather_what_is_asked_at_one_moment() -> None:
    bodies, times = TRAFFIC.requests(0, 40)
    assert references(bodies) == [["0", "1"], ["2"], ["3", "4", "5"]]
    assert times == [10, 20, 30]


def test_requests_begin_with_their_start_and_end_before_their_end() -> None:
    bodies, times = TRAFFIC.requests(20, 30)
    assert references(bodies) == [["2"]]
    assert times == [20]
    assert TRAFFIC.requests(21, 30) == ([], [])
