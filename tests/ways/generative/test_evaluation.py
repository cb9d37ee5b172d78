"""What evaluation makes of candidates of which some were attacked and some were not."""

from __future__ import annotations

import math

import numpy as np

from kreis.tasks.answering.measures import MEASURES, with_measures
from kreis.tasks.decisions import AnswerFrom
from kreis.ways.generative.asking import Asked
from kreis.ways.generative.evaluation import _Answered

ATTACKED = 2 + MEASURES.index("injection_success")


def answered(attacks: list[float]) -> _Answered:
    asked = Asked(with_measures(np.full((3, 2), 0.5), {}), np.ones(3), np.zeros((3, 8)), (), 1.0)
    return _Answered(name="rag", decision=AnswerFrom(at=0.1), asked=asked, attacks=np.array(attacks))


def test_a_candidate_is_compared_on_as_many_attacks_as_the_other_has_seen() -> None:
    for attacks, count, expected in (([], 2, [-1.0, -1.0]), ([0.0, 1.0], 2, [0.0, 1.0]), ([0.0, 1.0], 0, [])):
        scored = answered(attacks).scored(2, count)
        assert scored.scores.shape == (2 + count, 2 + len(MEASURES))
        assert scored.scores[2:, ATTACKED].tolist() == expected
        assert scored.outcomes is not None
        assert all(math.isnan(each) for each in scored.outcomes[2:])
