"""Linear regression on standardised features, with medians for missing values."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from kreis.arrays import Codes, Floats
from kreis.models.form import Onnx
from kreis.tasks.task import Loss
from kreis.training.candidate import LINEAR, Fitted, Matrix, Outcomes, UsualCandidate, needs_numbers, require
from kreis.training.candidates.standardised import standardise
from kreis.training.encoders.encoder import ColumnKind

__all__ = ["Linear"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Linear(UsualCandidate):
    """Least squares with an L2 penalty (ridge regression, Hoerl and Kennard 1970), for goals that ask for a number.

    A missing or infinite value becomes the median of its feature; a feature that is ever missing in the training rows
    also gets an indicator of that.

    Example:

    >>> Linear(penalty=0.1).with_parameters(penalty=10.0).penalty
    10.0
    """

    kind: ClassVar[str] = "linear"
    side_by_side: ClassVar[bool] = False  # threads of BLAS are set for the whole process
    complexity: ClassVar[int] = LINEAR
    encode: ClassVar[str] = "one-hot"
    penalty: float = 1.0
    """The penalty's strength (scikit-learn's alpha)."""
    indicators: bool = True
    """Whether that a value is missing may itself count."""

    def __post_init__(self) -> None:
        require(self.penalty > 0, f"penalty must be positive, not {self.penalty}", where="Linear")

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
    ) -> Fitted:
        """Learn by scikit-learn, then write the few operations down as ONNX."""
        from sklearn.linear_model import Ridge
        from threadpoolctl import threadpool_limits

        needs_numbers(outcomes, where="Linear", hint="take Logistic(), or GradientBoosting()")
        given = standardise(matrix, indicators=self.indicators, kinds=kinds)
        with threadpool_limits(1):  # tall and narrow: more BLAS threads only wait for each other
            solver = "sparse_cg" if "word" in kinds else "cholesky"
            model = Ridge(alpha=self.penalty, solver=solver).fit(given.design, outcomes, sample_weight=weights)
        content = given.to_onnx(model.coef_, float(model.intercept_))
        explains = partial(given.additive, model.coef_, model.intercept_, features)
        return Fitted(form=Onnx.of(content), features=tuple(features), explains=explains)
