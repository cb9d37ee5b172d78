"""What an error says to whoever has to mend it."""

from __future__ import annotations

import time

import pytest

from kreis.errors import nearest


def test_the_nearest_names_are_told_or_what_is_known() -> None:
    assert nearest("Delay", ["delay", "day"]) == "did you mean 'delay'?"
    assert nearest("dela", ["delay", "other"]) == "did you mean 'delay'?"
    assert nearest("x" * 300, ["delay", "x" * 301]) == f"known: delay, {'x' * 301}"


@pytest.mark.parametrize("name", ["x" * 900_000, "an answer to question 0000x"])
def test_whoever_chooses_the_name_cannot_let_others_wait(name: str) -> None:
    known = [f"an answer to question {n:05}" for n in range(20_000)]
    began = time.process_time()
    nearest(name, known)
    assert time.process_time() - began < 0.3
