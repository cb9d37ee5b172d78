"""Identifiers that sort by time."""

import uuid
from datetime import UTC, datetime

from kreis.identifiers import microseconds_of, new_id, time_of

AT = datetime(2013, 5, 1, 12, 0, 0, 123456, tzinfo=UTC)


def test_are_uuids_of_version_7():
    made = uuid.UUID(new_id(AT))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


def test_hold_their_moment_to_the_millisecond():
    assert time_of(new_id(AT)) == AT.replace(microsecond=123000)
    assert microseconds_of(new_id(1_000_000)) == 1_000_000


def test_sort_in_the_order_in_which_they_were_made_within_one_microsecond():
    made = [new_id(AT) for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == 1000


def test_sort_by_microsecond():
    made = [new_id(1_000_000 + each) for each in range(2000)]
    assert made == sorted(made)
