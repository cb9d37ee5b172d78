"""How sure probabilities may be taken to be: fitted on the validation rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kreis.arrays import Floats
from kreis.tasks.decisions import Cheapest, Scores
from kreis.tasks.metrics.counts import FEW
from kreis.tasks.multiclass.cost_matrix import CostMatrix
from kreis.tasks.task import FittedDecision

__all__ = ["choose_temperature"]

_TRIED = (0.5, 0.71, 1.41, 2.0, 2.83, 4.0)
"""Each half an octave from the next; 1 is what the model says."""


def choose_temperature(
    make: Callable[[float], Cheapest], scores: Scores, outcomes: Floats, metric: CostMatrix, *, evidence: int
) -> FittedDecision:
    """The rule of least expected cost, from scores of rows that the model was not fitted on.

    For calibrated probabilities the plain rule is the best there is (Elkan 2001, equation 1). Boosters are often too
    sure; one temperature mends most of that (Guo et al. 2017), and is all that is fitted: a weight for each class would
    be as many chances to fit noise. Another temperature than 1 stands where its gain over the plain rule, row by row,
    exceeds one standard error (Breiman et al. 1984, section 3.4.3). Where all errors cost alike it changes nothing.

    Args:
        make: Gives the rule of a temperature.
        scores: Probabilities, shape (n, k).
        outcomes: What happened, shape (n,).
        metric: What a decision is worth.
        evidence: Rows of other classes than the most frequent; with few of them the plain rule stands.
    """
    plain = make(1.0)
    if evidence < FEW or scores.ndim == 1:
        return FittedDecision(decision=plain, source="plain")
    value = metric.values(outcomes, plain.many(scores))
    gains = {each: metric.values(outcomes, make(each).many(scores)) - value for each in _TRIED}
    best = max(gains, key=lambda each: float(gains[each].mean()))
    gain, error = float(gains[best].mean()), float(gains[best].std() / np.sqrt(len(value)))
    if gain <= error:
        return FittedDecision(decision=plain, source="plain", gain=gain, error=error)
    return FittedDecision(decision=make(best), source="validation", gain=gain, error=error)
