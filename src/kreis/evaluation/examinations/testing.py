"""What every examination must do. A new one is done when each of these passes for each kind of subject:

@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_examination_behaves(check):
    check(examination, subject)
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import fields

import msgspec

from kreis.digests import canonical_json
from kreis.evaluation.examinations.examination import Examination, Examined, Subject
from kreis.evaluation.examinations.kinds import examine

__all__ = ["CHECKS"]


def _ask(examination: Examination, subject: Subject) -> Examined:
    (found,) = examine([examination], subject, lambda stage, done, total: None)
    return found


def asks_a_question_in_words(examination: Examination, subject: Subject) -> None:
    """It has a name to be written down by, a question, and measures that a gate may name."""
    assert re.fullmatch(r"[a-z][a-z0-9_]*", examination.name), examination.name
    assert examination.asks.endswith("?"), examination.asks
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", each) for each in examination.measures)
    assert len(set(examination.measures)) == len(examination.measures)


def says_how_it_is_asked_as_data(examination: Examination, subject: Subject) -> None:
    """Its parameters are part of a step's key, so they are plain data, and it cannot be changed afterwards."""
    from kreis.evaluation.examinations.kinds import parameters

    canonical_json(parameters([examination]))
    for each in fields(examination):  # type: ignore[arg-type]  # a protocol of dataclasses
        try:
            setattr(examination, each.name, None)
        except AttributeError:
            continue
        raise AssertionError(f"{each.name} can be changed")


def answers_alike_each_time(examination: Examination, subject: Subject) -> None:
    """The same rows give the same findings, to the last bit; measured times aside."""

    def lasting() -> bytes:
        found = _ask(examination, subject)
        kept = [each for each in found.findings if not each.timed]
        return msgspec.json.encode(msgspec.structs.replace(found, findings=kept))

    assert lasting() == lasting()


def finds_what_it_says_that_it_measures(examination: Examination, subject: Subject) -> None:
    """Each finding is one of its measures, said in a sentence, with an interval that holds its value; or it says why
    there is nothing.
    """
    found = _ask(examination, subject)
    assert found.examination == examination.name
    assert found.findings or found.lacks or found.notes, "it found nothing, and does not say why"
    assert not (found.findings and found.lacks)
    for each in found.findings:
        assert each.measure in examination.measures, each.measure
        assert each.said.strip()
        assert "\n" not in each.said
        if each.estimate is not None and each.estimate.defined:
            slack = 1e-9 * max(1.0, abs(each.estimate.value))
            assert each.estimate.low - slack <= each.estimate.value <= each.estimate.high + slack, each


def can_be_kept(examination: Examination, subject: Subject) -> None:
    """It goes into the record and comes back as it was."""
    found = _ask(examination, subject)
    kept = msgspec.json.decode(msgspec.json.encode(found))
    assert canonical_json(kept) == canonical_json(msgspec.json.decode(msgspec.json.encode(kept)))
    for table in found.tables.values():
        for row in table:
            assert all(not isinstance(value, float) or math.isfinite(value) for value in row.values()), row


CHECKS: tuple[Callable[[Examination, Subject], None], ...] = (
    asks_a_question_in_words,
    says_how_it_is_asked_as_data,
    answers_alike_each_time,
    finds_what_it_says_that_it_measures,
    can_be_kept,
)
"""What an examination must pass."""
