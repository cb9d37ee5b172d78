"""Training curves of boosters, by themselves: callbacks that log a loss every few rounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kreis.tracking.here import is_tracked, log

__all__ = ["lightgbm_curve"]

_POINTS = 20
"""On a curve, about."""


def lightgbm_curve(rounds: int) -> list[Callable[[Any], None]]:
    """The callback that logs LightGBM's losses; none where nobody keeps them.

    The losses on the validation sets that training looks at anyway; without any, that on the training rows, which
    LightGBM works out from scores that it holds. Neither changes what is learned.

    Args:
        rounds: That will be trained.
    """
    if not is_tracked():
        return []
    every = max(1, rounds // _POINTS)

    def note(now: Any) -> None:
        done = now.iteration + 1
        if done % every and done not in (1, rounds):
            return
        found = now.evaluation_result_list or now.model.eval_train()
        log(done, **{f"{data}_{metric}": value for data, metric, value, *_ in found})

    return [note]
