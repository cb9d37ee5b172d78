"""Any scikit-learn-compatible classifier or regressor that converts to ONNX; LightGBM's and XGBoost's among them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Codes, Floats
from kreis.errors import ProjectError
from kreis.models.explanations.additive import Additive
from kreis.models.form import Onnx
from kreis.tasks.task import Loss
from kreis.tracking.curves import lightgbm_curve
from kreis.training.candidate import (
    CONSTANT,
    LINEAR,
    NETWORK,
    TREES,
    Fitted,
    Matrix,
    Outcomes,
    needs_classes,
    needs_numbers,
)
from kreis.training.encoders.encoder import ColumnKind
from kreis.training.fidelity import prove_same

__all__ = ["Estimator"]

EXCUSED = 1e-3
"""Share of the checked rows that may differ, for converted trees (see `prove_same`)."""

_MISSING_HINT = "put an imputer first: Estimator(make_pipeline(SimpleImputer(), ...))"


class Estimator:
    """A scikit-learn-compatible classifier or regressor, left as it is until training; the object given is never
    fitted itself.

    An infinite value counts as missing, in training and, by two operations put in front of the graph, in production.

    Example:

    >>> from sklearn.naive_bayes import GaussianNB
    >>> Estimator(GaussianNB()).parameters()["kind"]
    'estimator'
    """

    side_by_side: ClassVar[bool] = False  # threads of BLAS and warnings are set for the whole process

    def __init__(self, estimator: Any) -> None:
        """Declare an instance of a classifier with probabilities, or of a regressor.

        Raises:
            ProjectError: it is no instance with `fit`, `get_params`, and `predict_proba` or `predict`.
        """
        needed = ["fit", "get_params", "set_params"]
        if not _is_regressor(estimator):
            needed.insert(1, "predict_proba")
        absent = [name for name in needed if not hasattr(estimator, name)]
        if absent or isinstance(estimator, type):
            raise ProjectError(
                "it has no " + " or ".join(absent) if absent else "this is a class, not an instance",
                where=f"Estimator({_class_name(estimator)})",
                hint="give an instance of a regressor, or of a classifier with probabilities: LogisticRegression()",
            )
        self.estimator = estimator

    @property
    def encode(self) -> str:
        """Trees take categories in their order, all others as columns of 0 and 1."""
        trees = ("sklearn.ensemble", "sklearn.tree", "lightgbm", "xgboost")
        parts = [self.estimator, *self.estimator.get_params(deep=True).values()]
        return "order" if any(type(each).__module__.startswith(trees) for each in parts) else "one-hot"

    def parameters(self) -> dict[str, Any]:
        """Its class and `get_params`; what is no JSON value stands as its class's name."""
        parameters = {name: _as_json(value) for name, value in sorted(self.estimator.get_params(deep=True).items())}
        return {"kind": "estimator", "class": _class_name(self.estimator), "parameters": parameters}

    def with_parameters(self, **values: Any) -> Estimator:
        """A copy with some of the estimator's parameters changed."""
        from sklearn.base import clone

        known = self.estimator.get_params(deep=True)
        for name in values:
            if name not in known:
                raise ProjectError.unknown_name("parameter", name, known, where=self._where)
        return Estimator(clone(self.estimator).set_params(**values))

    @property
    def complexity(self) -> int:
        """By the module of the last step: linear models and naive Bayes, networks; all else counts as trees do."""
        last = self.estimator
        while getattr(last, "steps", None):
            last = last.steps[-1][1]
        return _COMPLEXITY.get(
            type(last).__module__.split(".")[1] if "sklearn." in type(last).__module__ else "", TREES
        )

    @property
    def _where(self) -> str:
        return f"Estimator({type(self.estimator).__name__})"

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
        """Fit a seeded copy, convert it, and prove on rows that both score alike.

        Raises:
            ProjectError: it cannot be fitted, cannot be converted, scores otherwise after conversion, or gives no
                score when a feature is missing.
        """
        from sklearn.base import clone
        from threadpoolctl import threadpool_limits

        regressor = _is_regressor(self.estimator)
        needs = needs_numbers if regressor else needs_classes
        needs(outcomes, where=self._where, hint="give a classifier" if regressor else "give a regressor")
        model = clone(self.estimator)
        model.set_params(**_pinned(model, seed, threads))
        # Some estimators take classes only as 0, 1, 2 …: those that no row has are put back in afterwards.
        seen, labels = (None, outcomes) if regressor else np.unique(outcomes, return_inverse=True)
        matrix = np.where(np.isfinite(matrix), matrix, np.float32(np.nan))
        with threadpool_limits(threads):
            try:
                model.fit(_bearable(model, matrix), labels, **_curve(model), **_weighed(model, weights, self._where))
            except ValueError as error:
                hint = _MISSING_HINT if np.isnan(matrix).any() else None
                raise ProjectError(f"cannot be fitted: {error}", where=self._where, hint=hint) from error
            content = self._convert(model, matrix, loss.outputs, seen)

            def native(rows: Matrix) -> Any:
                if regressor:
                    return model.predict(rows)
                return _in_places(model.predict_proba(rows), seen, loss.outputs)

            prove_same(content, native, matrix, where=self._where, excused=EXCUSED, kinds=kinds)
        explains = partial(_as_sum, model, matrix, features, loss.outputs, seen)
        return Fitted(form=Onnx.of(content), features=tuple(features), explains=explains)

    def _convert(self, model: Any, matrix: Matrix, outputs: int, seen: npt.NDArray[Any] | None) -> bytes:
        from kreis.training.graph import single_score

        places = None if outputs == 1 or seen is None else seen.tolist()

        try:
            if type(model).__module__.startswith("lightgbm"):
                from kreis.training.candidates.gradient_boosting import booster_to_onnx

                return booster_to_onnx(model.booster_, matrix.shape[1], outputs=outputs, places=places, finite=True)
            if type(model).__module__.startswith("xgboost"):
                from kreis.training.candidates.xgboost import xgboost_to_onnx

                return xgboost_to_onnx(model.get_booster(), matrix.shape[1], outputs=outputs, places=places)
            converted = _by_skl2onnx(model, matrix)
            return single_score(converted, matrix.shape[1], outputs=outputs, places=places, clip=True, finite=True)
        except Exception as error:  # each converter raises classes of its own
            raise ProjectError(
                f"{_spoken(model)} cannot be converted to ONNX: {_first_line(error)}",
                where=self._where,
                hint=_convertible(model),
            ) from error


def _as_sum(
    model: Any, matrix: Matrix, features: Sequence[str], outputs: int, seen: npt.NDArray[Any] | None
) -> Additive | None:
    from kreis.training.explaining.lightgbm import lightgbm_sum
    from kreis.training.explaining.scikit_learn import estimator_sum
    from kreis.training.explaining.xgboost import xgboost_sum

    places = None if outputs == 1 or seen is None else seen.tolist()
    if type(model).__module__.startswith("lightgbm"):
        return lightgbm_sum(model.booster_, features, outputs=outputs, places=places, finite=True)
    if type(model).__module__.startswith("xgboost"):
        return xgboost_sum(model.get_booster(), features, outputs=outputs, places=places)
    return estimator_sum(model, matrix, features, outputs=outputs, seen=seen)


def _weighed(model: Any, weights: Floats | None, where: str) -> dict[str, Floats]:
    """The keyword by which an estimator's `fit`, or that of a pipeline's last step, takes weights.

    Raises:
        ProjectError: it takes none.
    """
    from sklearn.utils.validation import has_fit_parameter

    if weights is None:
        return {}
    steps: list[tuple[str, Any]] = getattr(model, "steps", [("", model)])
    name, last = steps[-1]
    if not has_fit_parameter(last, "sample_weight"):
        hint = "leave weights out for this candidate, or take another estimator"
        raise ProjectError(f"{type(last).__name__} does not weigh rows", where=where, hint=hint)
    return {f"{name}__sample_weight" if name else "sample_weight": weights}


def _in_places(chances: Floats, classes: Any, outputs: int) -> Floats:
    """Probabilities of the classes that a model saw as those of all, 0 for the others; of yes and no that of yes."""
    if outputs == 1:
        return chances[:, 1]
    found = np.zeros((len(chances), outputs))
    found[:, classes] = chances
    return found


_INSTEAD = {
    "KBinsDiscretizer": 'KBinsDiscretizer(encode="onehot-dense") or encode="ordinal" converts',
    "VotingClassifier": "VotingClassifier(flatten_transform=False) converts where its members do",
}
_COMPLEXITY = {"dummy": CONSTANT, "linear_model": LINEAR, "naive_bayes": LINEAR, "neural_network": NETWORK}
_CONVERTS = (
    "kreis ships data, never code; among those that convert are LogisticRegression, SGDClassifier, RandomForest,"
    " ExtraTrees, GradientBoosting, HistGradientBoosting, AdaBoost, Bagging, SVC, GaussianNB and MLP classifiers, and"
    " LightGBM's and XGBoost's"
)


def _bearable(model: Any, matrix: Matrix) -> Matrix:
    """Rows to fit: scikit-learn 1.9's histogram trees break on a feature that is never there, and ignore a constant."""
    absent = np.isnan(matrix).all(axis=0)
    if not absent.any() or not any(name.startswith("HistGradientBoosting") for name in _parts(model)):
        return matrix
    return np.where(absent, np.float32(0), matrix)


def _is_regressor(estimator: Any) -> bool:
    """Whether it predicts numbers, by its own word (`_estimator_type` before scikit-learn 1.6)."""
    tags = getattr(estimator, "__sklearn_tags__", None)
    if callable(tags) and not isinstance(estimator, type):
        return bool(tags().estimator_type == "regressor")
    return getattr(estimator, "_estimator_type", None) == "regressor"


def _parts(model: Any) -> list[str]:
    """The classes that a model is made of, itself first."""
    found = [type(each).__name__ for each in model.get_params(deep=True).values() if hasattr(each, "get_params")]
    return [type(model).__name__, *dict.fromkeys(found)]


def _spoken(model: Any) -> str:
    name, *parts = _parts(model)
    return f"{name} of {', '.join(parts)}" if parts else name


def _convertible(model: Any) -> str:
    return next((_INSTEAD[each] for each in _parts(model) if each in _INSTEAD), _CONVERTS)


def _by_skl2onnx(model: Any, matrix: Matrix) -> Any:
    from lightgbm import LGBMClassifier
    from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
    from skl2onnx import convert_sklearn, update_registered_converter
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes

    update_registered_converter(
        LGBMClassifier,
        "LightGbmLGBMClassifier",
        calculate_linear_classifier_output_shapes,
        convert_lightgbm,
        options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
    )
    versions = {"": 17, "ai.onnx.ml": 3}
    converted = convert_sklearn(
        model,
        initial_types=[("X", FloatTensorType([None, matrix.shape[1]]))],
        target_opset=versions,
        options={} if _is_regressor(model) else {"zipmap": False},
        custom_conversion_functions=_histogram_trees(),
    )
    for each in converted.opset_import:
        if each.domain == "":
            each.version = versions[""]  # it may have found that an older one does
    return converted


def _histogram_trees() -> dict[type, Any]:
    """Converters of scikit-learn's HistGradientBoosting that make integers of the booleans among them.

    skl2onnx 1.20 says with both, in one list, where missing values go, which onnx from 1.23 on refuses.
    """
    from skl2onnx.common import _registration
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    def converter(kind: type) -> Any:
        convert = _registration.get_converter(f"Sklearn{kind.__name__}")
        return lambda scope, operator, container: convert(scope, operator, _WholeNumbers(container))

    return {kind: converter(kind) for kind in (HistGradientBoostingClassifier, HistGradientBoostingRegressor)}


class _WholeNumbers:
    """A container of skl2onnx that takes booleans among a node's integers for integers."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, *given: Any, **attributes: Any) -> None:
        """Hand a node on."""
        whole = attributes.get("nodes_missing_value_tracks_true")
        if whole is not None:
            attributes["nodes_missing_value_tracks_true"] = [int(each) for each in whole]
        self._container.add_node(*given, **attributes)


def _pinned(model: Any, seed: int, threads: int) -> dict[str, Any]:
    """Settings that make a fit repeatable: seeds where none is given, and the number of threads."""
    parameters = model.get_params(deep=True)
    settings: dict[str, Any] = {}
    for name, value in sorted(parameters.items()):
        last = name.rpartition("__")[2]
        if last == "random_state" and value is None:
            settings[name] = seed % 2**31
        elif last == "n_jobs" and value is not None:
            settings[name] = threads
    boosters = {"": model} | {f"{name}__": value for name, value in parameters.items()}
    for prefix, part in boosters.items():
        if type(part).__module__.startswith("lightgbm"):
            fixed = {"n_jobs": threads, "deterministic": True, "force_row_wise": True, "verbosity": -1}
            settings |= {prefix + name: value for name, value in fixed.items()}
        elif type(part).__module__.startswith("xgboost"):
            settings[f"{prefix}n_jobs"] = threads
    return settings


def _curve(model: Any) -> dict[str, Any]:
    """What has a booster log its training curve."""
    boosts = type(model).__module__.startswith("lightgbm")
    return {"callbacks": lightgbm_curve(model.n_estimators)} if boosts else {}


def _class_name(thing: Any) -> str:
    kind = thing if isinstance(thing, type) else type(thing)
    return f"{kind.__module__}.{kind.__qualname__}"


def _as_json(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    if isinstance(value, (list, tuple)):
        return [_as_json(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _as_json(each) for key, each in value.items()}
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return _class_name(value)


def _first_line(error: BaseException) -> str:
    """The first line of what an error came from: converters put whole models into the outer message."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
