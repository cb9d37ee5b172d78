"""When an endpoint is left alone, and when it is tried again."""

import pytest

from kreis.generative.language_models.breaker import Breaker


class Time:
    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def time() -> Time:
    return Time()


def failing(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        assert breaker.enter() is None
        breaker.failed()


def test_it_opens_after_failures_in_a_row(time: Time) -> None:
    breaker = Breaker(failures=3, pause_s=10, now=time)
    failing(breaker, 2)
    assert breaker.enter() is None
    breaker.succeeded()
    failing(breaker, 2)
    assert breaker.state == "closed"
    failing(breaker, 1)
    assert breaker.state == "open"
    time.at = 4
    assert breaker.enter() == 6


def test_one_tries_while_it_is_half_open(time: Time) -> None:
    breaker = Breaker(failures=1, pause_s=10, now=time)
    failing(breaker, 1)
    time.at = 10
    assert breaker.state == "half-open"
    assert breaker.enter() is None
    assert breaker.enter() is not None, "another one waits until it is known how that went"
    breaker.gave_up()
    assert breaker.enter() is None, "nothing is known: the next one tries"
    breaker.succeeded()
    assert breaker.state == "closed"


def test_each_trial_that_fails_doubles_the_pause(time: Time) -> None:
    breaker = Breaker(failures=1, pause_s=10, longest_s=30, now=time)
    pauses = []
    for _ in range(4):
        failing(breaker, 1)
        pause = breaker.enter()
        assert pause is not None
        pauses.append(pause)
        time.at += pause
    assert pauses == [10, 20, 30, 30]
    assert breaker.enter() is None
    breaker.succeeded()
    failing(breaker, 1)
    assert breaker.enter() == 10, "once it was well, it begins anew"


def test_who_was_let_in_before_does_not_lengthen_the_pause(time: Time) -> None:
    breaker = Breaker(failures=1, pause_s=10, now=time)
    for _ in range(3):
        assert breaker.enter() is None
    for at in (0, 5, 9):
        time.at = at
        breaker.failed()
    assert breaker.enter() == 1
