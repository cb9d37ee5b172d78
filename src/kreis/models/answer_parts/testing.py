"""What every part of an answer must do. A new one is done when each of these passes:

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_part_behaves(check):
    check(Sample(part=..., features=..., matrix=..., scores=..., asked=...))
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from kreis.digests import canonical_json
from kreis.formats import document_of
from kreis.models.answer_parts.kinds import AnswerPartKind
from kreis.models.answer_parts.part import AnswerPart, OpenedPart, Scores
from kreis.models.scoring import Matrix

__all__ = ["CHECKS", "Asked", "Sample"]


@dataclass(frozen=True)
class Asked:
    """A row as it was asked about."""

    keys: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A packaged part, and rows that its model answers."""

    part: AnswerPart
    features: Sequence[str]
    matrix: Matrix
    """float32 of shape (n, f), some of them NaN; n at least 3."""
    scores: Scores
    asked: Sequence[Asked]
    """Of these rows, some without keys and fields."""
    contents: Mapping[str, bytes] = field(default_factory=dict)
    """The bytes of its files, by digest."""

    @property
    def opened(self) -> OpenedPart:
        """Ready to answer."""
        return self.part.open(self.contents.__getitem__, self.features)


def says_its_name(sample: Sample) -> None:
    """It is a field of an answer, described by a schema."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", sample.part.name)
    assert sample.part.schema().keys() & {"type", "anyOf", "enum"}


def says_alike_alone_and_among_others(sample: Sample) -> None:
    """A row's value does not depend on what is asked with it."""
    opened, scores = sample.opened, sample.scores
    together = opened.many(sample.matrix, scores, sample.asked)
    alone = [opened.one(row, scores[n].tolist(), sample.asked[n]) for n, row in enumerate(sample.matrix)]
    assert together == alone
    assert opened.many(sample.matrix[:1], scores[:1], sample.asked[:1]) == alone[:1]


def says_plain_json(sample: Sample) -> None:
    """Numbers are finite, and a value comes back from the log as it was."""
    for value in sample.opened.many(sample.matrix, sample.scores, sample.asked):
        assert msgspec.json.decode(canonical_json(value)) == value
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(value)) == value


def says_it_in_words(sample: Sample) -> None:
    """What it said of each row, for a person."""
    for value in sample.opened.many(sample.matrix, sample.scores, sample.asked):
        said = sample.part.said(value)
        assert said.strip()
        assert "\n" not in said


def answers_no_rows(sample: Sample) -> None:
    """A batch of none gives none."""
    assert sample.opened.many(sample.matrix[:0], sample.scores[:0], []) == []


def answers_a_row_of_which_nothing_is_known(sample: Sample) -> None:
    """All features missing, no key, no field."""
    sample.opened.one(np.full(len(sample.features), np.nan, dtype=np.float32), sample.scores[0].tolist(), Asked())


def is_data(sample: Sample) -> None:
    """It goes into a manifest and comes back, and what it does not know is refused."""
    document = document_of(sample.part)
    assert msgspec.convert(msgspec.json.decode(canonical_json(document)), type=AnswerPartKind) == sample.part
    try:
        msgspec.convert({**document, "unheard of": 1}, type=AnswerPartKind)
    except msgspec.ValidationError:
        return
    raise AssertionError("it takes what it does not know")


CHECKS: tuple[Callable[[Sample], None], ...] = (
    says_its_name,
    says_alike_alone_and_among_others,
    says_plain_json,
    says_it_in_words,
    answers_no_rows,
    answers_a_row_of_which_nothing_is_known,
    is_data,
)
"""What a part must pass."""
