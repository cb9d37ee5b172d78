"""How sure probabilities may be taken to be: fitted on the validation rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.models.temperature import at_temperature
from kreis.tasks.decisions import Scores

__all__ = ["choose_temperature"]

_TRIED = np.geomspace(0.1, 10.0, 41).round(3)
"""Each an eighth above the one before; 1 is what the model says."""
_LEAST = 1e-15


def choose_temperature(scores: Scores, places: npt.NDArray[np.integer]) -> float | None:
    """The temperature at which the outcomes are likeliest, from scores of rows that the model was not fitted on.

    Boosters are often too sure, and penalised linear models of many classes not sure enough; one number mends most of
    that (Guo et al. 2017, section 4.2). It stands where the gain in log-likelihood over what the model says, row by
    row, exceeds one standard error (Breiman et al. 1984, section 3.4.3); None else.

    Args:
        scores: Probabilities, shape (n, k).
        places: The place of the class that it was, shape (n,).
    """
    plain = _likelihoods(scores, places, 1.0)
    gains = {float(each): _likelihoods(scores, places, float(each)) - plain for each in _TRIED}
    best = max(gains, key=lambda each: float(gains[each].mean()))
    gain, error = float(gains[best].mean()), float(gains[best].std() / np.sqrt(len(places)))
    return best if gain > error else None


def _likelihoods(scores: Scores, places: npt.NDArray[np.integer], temperature: float) -> Floats:
    tempered = at_temperature(scores, temperature)
    return np.log(np.maximum(np.take_along_axis(tempered, places[:, None], axis=1)[:, 0], _LEAST))
