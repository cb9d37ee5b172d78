"""Gradient-boosted trees by XGBoost, which the extra `kreis[xgboost]` brings."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.models.form import Onnx
from kreis.tasks.task import Loss
from kreis.tracking.curves import xgboost_curve
from kreis.training.candidate import (
    Fitted,
    Matrix,
    Outcomes,
    Watch,
    loss_for,
    quarters_of,
    ranked,
    require,
    varied,
    version_of,
)
from kreis.training.candidates.boosted import Boosted
from kreis.training.explaining.xgboost import xgboost_sum
from kreis.training.fidelity import prove_same

__all__ = ["XGBoost", "xgboost_to_onnx"]

_DISTRIBUTIONS = ("xgboost-cpu", "xgboost")


@dataclasses.dataclass(frozen=True, kw_only=True)
class XGBoost(Boosted):
    """Gradient-boosted trees (XGBoost, Chen and Guestrin 2016), grown leaf by leaf from histograms. Missing values take
    the branch that fits them best.

    Needs the extra `kreis[xgboost]`, which brings the build without GPU libraries.

    Example:

    >>> XGBoost(trees=60, leaves=7).with_parameters(leaves=15).leaves
    15
    """

    kind: ClassVar[str] = "xgboost"
    weight_per_leaf: float = 1.0
    """At least so large a sum of second derivatives of the loss in a leaf (`min_child_weight`)."""

    def __post_init__(self) -> None:
        super().__post_init__()
        message = f"weight_per_leaf must not be negative, as {self.weight_per_leaf} is"
        require(self.weight_per_leaf >= 0, message, where="XGBoost")

    def parameters(self) -> dict[str, Any]:
        """Its kind and its fields, and the library's version: no other candidate's result depends on it."""
        return {**super().parameters(), "version": version_of(*_DISTRIBUTIONS)}

    def fit(
        self,
        matrix: Matrix,
        outcomes: Outcomes,
        features: Sequence[str],
        *,
        loss: Loss,
        seed: int,
        threads: int,
        groups: Codes | None = None,
        weights: Floats | None = None,
        watch: Watch | None = None,
    ) -> Fitted:
        """Learn by XGBoost and convert.

        Raises:
            ProjectError: outcomes do not differ, or are none that the loss takes.
        """
        import xgboost

        where = "XGBoost"
        varied(outcomes, where=where)
        settings = self._settings(loss_for(self.loss, loss, outcomes, where=where), seed, threads)
        rows = np.where(np.isfinite(matrix), matrix, np.float32(np.nan))
        label, given, sizes = outcomes.astype(np.float32), rows, None
        if loss.name == "rank":
            order, sizes = ranked(outcomes, groups, where=where)
            label, given = label[order], rows[order]
            require(weights is None, "it does not weigh rows that are ranked", where=where)
        data = xgboost.QuantileDMatrix(given, label=label, weight=weights, max_bin=self.bins, nthread=threads)
        if sizes is not None:
            data.set_group(sizes)
        callbacks = xgboost_curve(self.trees, data)
        if watch is not None:
            callbacks.append(_watched(watch, self.trees))
        booster = xgboost.train(settings, data, num_boost_round=self.trees, callbacks=callbacks)
        content = xgboost_to_onnx(booster, len(features), outputs=loss.outputs)
        prove_same(content, lambda given: booster.inplace_predict(_finite(given)), rows, where=where)
        explains = partial(xgboost_sum, booster, features, outputs=loss.outputs)
        found = booster.get_score(importance_type="total_gain")
        gains = np.array([found.get(f"f{place}", 0.0) for place in range(len(features))], dtype=np.float64)
        gain = self.shares_of(gains, features)
        return Fitted(form=Onnx.of(content), features=tuple(features), gain=gain, explains=explains)

    def _settings(self, loss: Loss, seed: int, threads: int) -> dict[str, Any]:
        return {
            **_OBJECTIVES[loss.name],
            **({} if loss.level is None else {"quantile_alpha": loss.level}),
            **({} if loss.outputs == 1 else {"num_class": loss.outputs}),
            "eta": self.learning_rate,
            "max_leaves": self.leaves,
            "max_depth": 0,
            "grow_policy": "lossguide",
            "tree_method": "hist",
            "min_child_weight": self.weight_per_leaf,
            "lambda": self.l2,
            "colsample_bytree": self.column_share,
            "subsample": self.row_share,
            "max_bin": self.bins,
            "seed": seed % 2**31,
            "nthread": threads,
            "verbosity": 0,
        }


_OBJECTIVES: dict[str, dict[str, Any]] = {
    "log": {"objective": "binary:logistic"},
    "squared": {"objective": "reg:squarederror"},
    "absolute": {"objective": "reg:absoluteerror"},
    "quantile": {"objective": "reg:quantileerror"},
    "poisson": {"objective": "count:poisson"},
    "tweedie": {"objective": "reg:tweedie"},
    "rank": {"objective": "rank:ndcg"},
    "softmax": {"objective": "multi:softprob"},
}
"""What XGBoost calls a loss."""


def _watched(watch: Watch, trees: int) -> Any:
    """The callback that tells of each quarter."""
    from xgboost.callback import TrainingCallback

    quarters = quarters_of(trees)

    class Told(TrainingCallback):  # type: ignore[misc]  # it has no types
        """Tells."""

        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
            """After a round; what `watch` raises ends the training."""
            if epoch + 1 in quarters:
                watch(quarters[epoch + 1], lambda rows, texts=None: model.inplace_predict(_finite(rows)))
            return False

    return Told()


def xgboost_to_onnx(booster: Any, width: int, *, outputs: int = 1, places: Sequence[int] | None = None) -> bytes:
    """Convert a Booster; an infinite feature counts as missing; `outputs` and `places` as for `single_score`."""
    import xgboost
    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    from kreis.training.graph import single_score

    if json.loads(booster.save_config())["learner"]["objective"]["name"].startswith("rank:"):
        # onnxmltools 1.16 takes a ranking for a classification; its score is the plain sum of the trees.
        document = json.loads(booster.save_raw("json"))
        document["learner"]["objective"] = {"name": "reg:squarederror", "reg_loss_param": {"scale_pos_weight": "1"}}
        booster = xgboost.Booster(model_file=bytearray(json.dumps(document).encode()))
    types = [("features", FloatTensorType([None, width]))]
    model = convert_xgboost(booster, initial_types=types, target_opset=15)
    return single_score(model, width, outputs=outputs, places=places, clip=True, finite=True)


def _finite(rows: Matrix) -> Matrix:
    return np.where(np.isfinite(rows), rows, np.float32(np.nan))
