"""Training curves of boosters, by themselves: callbacks that log a loss every few rounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kreis.tracking.here import is_tracked, log

__all__ = ["lightgbm_curve", "xgboost_curve"]

_POINTS = 20
"""On a curve, about."""
_APART = 5
"""Rounds between two of them at least: a loss takes an eighth of a round's time (100,000 rows, 63 leaves)."""


def lightgbm_curve(rounds: int) -> list[Callable[[Any], None]]:
    """The callback that logs LightGBM's losses; none where nobody keeps them.

    The losses on the validation sets that training looks at anyway; without any, that on the training rows, which
    LightGBM works out from scores that it holds. Neither changes what is learned.

    Args:
        rounds: That will be trained.
    """
    if not is_tracked():
        return []

    def note(now: Any) -> None:
        done = now.iteration + 1
        if not _is_on_curve(done, rounds):
            return
        found = now.evaluation_result_list or now.model.eval_train()
        log(done, **{f"{data}_{metric}": value for data, metric, value, *_ in found})

    return [note]


def xgboost_curve(rounds: int, data: Any) -> list[Any]:
    """The same for XGBoost.

    Args:
        rounds: That will be trained.
        data: The training rows, of which XGBoost holds the scores.
    """
    if not is_tracked():
        return []
    from xgboost.callback import TrainingCallback

    class Curve(TrainingCallback):  # type: ignore[misc]  # it has no types
        """Logs."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            """After a round; never ends the training."""
            if not _is_on_curve(epoch + 1, rounds):
                return False
            losses = {f"{name}_{metric}": values[-1] for name, of in evals_log.items() for metric, values in of.items()}
            if not losses:  # "[3]\ttraining-logloss:0.55"
                found = [each.rpartition(":") for each in model.eval(data, "training").split("\t")[1:]]
                losses = {name.replace("-", "_"): float(value) for name, _, value in found}
            log(epoch + 1, **losses)
            return False

    return [Curve()]


def _is_on_curve(done: int, rounds: int) -> bool:
    return done % max(_APART, rounds // _POINTS) == 0 or done in (1, rounds)
