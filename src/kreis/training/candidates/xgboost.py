"""Gradient-boosted trees by XGBoost, which the extra `kreis[xgboost]` brings."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, get_args

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.errors import ProjectError
from kreis.models.form import Onnx
from kreis.tasks.task import Loss
from kreis.tracking.curves import xgboost_curve
from kreis.training.candidate import (
    Fitted,
    Matrix,
    NumberLoss,
    Outcomes,
    Watch,
    changed,
    loss_for,
    quarters_of,
    ranked,
    require,
    require_whole,
    varied,
    version_of,
)
from kreis.training.explaining.xgboost import xgboost_sum
from kreis.training.fidelity import prove_same

__all__ = ["XGBoost", "xgboost_to_onnx"]

_DISTRIBUTIONS = ("xgboost-cpu", "xgboost")


@dataclasses.dataclass(frozen=True, kw_only=True)
class XGBoost:
    """Gradient-boosted trees (XGBoost, Chen and Guestrin 2016), grown leaf by leaf from histograms. Missing values take
    the branch that fits them best.

    Needs the extra `kreis[xgboost]`, which brings the build without GPU libraries.

    Example:

    >>> XGBoost(trees=60, leaves=7).with_parameters(leaves=15).leaves
    15
    """

    side_by_side: ClassVar[bool] = True
    trees: int = 200
    learning_rate: float = 0.05
    leaves: int = 63
    """At most so many leaves in a tree."""
    weight_per_leaf: float = 1.0
    """At least so large a sum of second derivatives of the loss in a leaf (`min_child_weight`)."""
    l2: float = 1.0
    """Penalty on the values of leaves."""
    column_share: float = 1.0
    """Share of the features that each tree sees."""
    row_share: float = 1.0
    """Share of the rows that each tree sees."""
    bins: int = 255
    """A feature is cut into at most so many bins."""
    loss: NumberLoss | None = None
    """What it minimises, where the goal asks for a number; what the goal asks for, if not given."""

    def __post_init__(self) -> None:
        where = "XGBoost"
        if self.loss is not None and self.loss not in get_args(NumberLoss):
            raise ProjectError.unknown_name("loss", self.loss, get_args(NumberLoss), where=where)
        require_whole(self, where=where, trees=1, leaves=2, bins=2)
        require(self.learning_rate > 0, f"learning_rate must be positive, not {self.learning_rate}", where=where)
        for name in ("l2", "weight_per_leaf"):
            require(getattr(self, name) >= 0, f"{name} must not be negative, as {getattr(self, name)} is", where=where)
        for name in ("column_share", "row_share"):
            share = getattr(self, name)
            require(0 < share <= 1, f"{name} must be above 0 and at most 1, not {share}", where=where)

    def parameters(self) -> dict[str, Any]:
        """Its fields, and the library's version: no other candidate's result depends on it."""
        return {"kind": "xgboost", "version": version_of(*_DISTRIBUTIONS), **dataclasses.asdict(self)}

    @property
    def quantiles(self) -> bool:
        """Whether, asked for a quantile, it learns that one."""
        return self.loss in (None, "quantile")

    def with_parameters(self, **values: Any) -> XGBoost:
        """A copy with some fields changed."""
        return changed(self, values)

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
        gain = _gains(booster, features)
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


def _gains(booster: Any, features: Sequence[str]) -> dict[str, float]:
    """Each feature's share of the gain of all splits."""
    found = booster.get_score(importance_type="total_gain")
    gains = np.array([found.get(f"f{place}", 0.0) for place in range(len(features))], dtype=np.float64)
    return dict(zip(features, (gains / max(gains.sum(), 1e-300)).tolist(), strict=True))
