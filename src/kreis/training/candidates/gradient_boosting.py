"""Gradient-boosted trees by LightGBM."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from kreis.arrays import Codes, Floats
from kreis.models.form import Onnx
from kreis.tasks.task import Loss
from kreis.tracking.curves import lightgbm_curve
from kreis.training.candidate import (
    Fitted,
    Matrix,
    Outcomes,
    Watch,
    loss_for,
    quarters_of,
    ranked,
    require_whole,
    varied,
)
from kreis.training.candidates.boosted import Boosted
from kreis.training.encoders.encoder import ColumnKind
from kreis.training.explaining.lightgbm import lightgbm_sum
from kreis.training.fidelity import prove_same
from kreis.training.float32 import float32_at_most

__all__ = ["GradientBoosting", "booster_to_onnx"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientBoosting(Boosted):
    """Gradient-boosted trees (LightGBM, Ke et al. 2017). Missing values take the branch that fits them best.

    Example:

    >>> GradientBoosting(trees=60, leaves=7).with_parameters(leaves=15).leaves
    15
    """

    kind: ClassVar[str] = "gradient_boosting"
    encode: ClassVar[str] = "order"
    splits_categories: ClassVar[bool] = True
    rows_per_leaf: int = 50
    """At least so many training rows in a leaf."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole(self, where="GradientBoosting", rows_per_leaf=1)

    def parameters(self) -> dict[str, Any]:
        """Its kind and its fields."""
        document = super().parameters()
        if self.loss is None:  # a later field: unsaid, it changes no key
            del document["loss"]
        return document

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
        kinds: Sequence[ColumnKind] = (),
        weights: Floats | None = None,
        watch: Watch | None = None,
    ) -> Fitted:
        """Learn by LightGBM, deterministically, and convert.

        Raises:
            ProjectError: outcomes do not differ, or are none that the loss takes.
        """
        import lightgbm

        where = "GradientBoosting"
        varied(outcomes, where=where)
        settings = self._settings(loss_for(self.loss, loss, outcomes, where=where), seed, threads)
        label, rows, sizes = outcomes.astype(np.float32), matrix, None
        if loss.name == "rank":
            order, sizes = ranked(outcomes, groups, where=where)
            label, rows = label[order], matrix[order]
            weights = None if weights is None else weights[order]
        data = lightgbm.Dataset(
            rows,
            label=label,
            weight=weights,
            group=sizes,
            params=settings,
            categorical_feature=[place for place, kind in enumerate(kinds) if kind == "category"],
            free_raw_data=True,
        )
        callbacks = lightgbm_curve(self.trees)
        if watch is not None:
            callbacks.append(_watched(watch, self.trees, threads))
        booster = lightgbm.train(settings, data, num_boost_round=self.trees, callbacks=callbacks)
        content = booster_to_onnx(booster, len(features), outputs=loss.outputs)

        def native(rows: Matrix) -> Any:
            return booster.predict(rows, num_threads=threads)

        prove_same(content, native, matrix, where=where)
        gain = self.shares_of(booster.feature_importance("gain"), features)
        explains = partial(lightgbm_sum, booster, features, outputs=loss.outputs)
        return Fitted(form=Onnx.of(content), features=tuple(features), gain=gain, explains=explains)

    def _settings(self, loss: Loss, seed: int, threads: int) -> dict[str, Any]:
        return {
            **_OBJECTIVES[loss.name],
            **({} if loss.level is None else {"alpha": loss.level}),
            **({} if loss.outputs == 1 else {"num_class": loss.outputs}),
            "learning_rate": self.learning_rate,
            "num_leaves": self.leaves,
            "min_data_in_leaf": self.rows_per_leaf,
            "lambda_l2": self.l2,
            "feature_fraction": self.column_share,
            "bagging_fraction": self.row_share,
            "bagging_freq": 0 if self.row_share == 1 else 1,
            "max_bin": self.bins,
            "seed": seed % 2**31,
            "num_threads": threads,
            "deterministic": True,
            "force_row_wise": True,
            "feature_pre_filter": False,
            "verbosity": -1,
        }


_OBJECTIVES: dict[str, dict[str, Any]] = {
    "log": {"objective": "binary"},
    "squared": {"objective": "regression"},
    "absolute": {"objective": "regression_l1"},
    "quantile": {"objective": "quantile"},
    "poisson": {"objective": "poisson"},
    "tweedie": {"objective": "tweedie"},
    "rank": {"objective": "lambdarank"},
    "softmax": {"objective": "multiclass"},
}
"""What LightGBM calls a loss."""


def _watched(watch: Watch, trees: int, threads: int) -> Callable[[Any], None]:
    """The callback that tells of each quarter."""
    quarters = quarters_of(trees)

    def tell(now: Any) -> None:
        done = now.iteration + 1
        if done in quarters:
            watch(quarters[done], lambda rows, texts=None: now.model.predict(rows, num_threads=threads))

    return tell


def booster_to_onnx(
    booster: Any, width: int, *, outputs: int = 1, places: Sequence[int] | None = None, finite: bool = False
) -> bytes:
    """Convert a LightGBM Booster so that every row of float32 features falls into the same leaves.

    Args:
        booster: As LightGBM gives it.
        width: How many features there are.
        outputs: As `single_score`.
        places: As `single_score`.
        finite: Let an infinite feature count as missing.
    """
    import lightgbm
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    from kreis.training.graph import single_score

    exact = lightgbm.Booster(model_str=_float32_thresholds(booster.model_to_string()))
    model = convert_lightgbm(
        exact, initial_types=[("features", FloatTensorType([None, width]))], zipmap=False, target_opset=15
    )
    return single_score(model, width, outputs=outputs, places=places, finite=finite)


def _float32_thresholds(text: str) -> str:
    """Replace each threshold, a double, by the largest float32 not above it.

    For a float32 x, `x <= threshold` stays as it was. ONNX holds thresholds as float32, and the converter rounds to
    the nearest, which sends a row that lies between the two to the other side. `tree_sizes`, byte counts that only
    speed up reading, no longer hold and go.
    """
    lines = []
    for line in text.splitlines():
        if line.startswith("threshold="):
            doubles = np.array(line.removeprefix("threshold=").split(), dtype=np.float64)
            lines.append("threshold=" + " ".join(repr(float(each)) for each in float32_at_most(doubles)))
        elif not line.startswith("tree_sizes="):
            lines.append(line)
    return "\n".join(lines) + "\n"
