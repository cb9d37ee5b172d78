"""How rows are handed to a candidate: which encoder each category goes through; and the fit that holds to it."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias, get_args

import numpy as np

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.models.explanations.additive import Additive
from kreis.models.form import Onnx
from kreis.tasks.task import Labels, Task
from kreis.training.candidate import Candidate, Fitted, Watch, require
from kreis.training.data import TrainingData
from kreis.training.encoders.encoded import EncodedFeatures
from kreis.training.encoders.encoder import Column, Encoder, Encoding
from kreis.training.encoders.left_out import LeftOut
from kreis.training.encoders.mean_order import MeanOrder
from kreis.training.encoders.native import Native
from kreis.training.encoders.one_hot import OneHot
from kreis.training.encoders.ordinal import Ordinal
from kreis.training.encoders.target_mean import TargetMean
from kreis.training.encoders.targets import Targets
from kreis.training.encoders.tf_idf import TfIdf
from kreis.training.fidelity import prove_same
from kreis.training.mitigations.mitigation import Mitigation
from kreis.training.mitigations.reweighed import Reweighed
from kreis.training.mitigations.thresholds_by_group import ThresholdsByGroup
from kreis.training.nodes import behind
from kreis.training.precision import FEWEST, Precision, with_weights
from kreis.training.recalibration import Calibrate
from kreis.training.several import fit_outputs
from kreis.training.weighing import ByClass, ClassWeight, check_by_class, corrected, undone, weigh

__all__ = ["ENCODERS", "Encode", "Preprocessing", "fit_candidate"]

Encode: TypeAlias = "str | TfIdf | Mapping[str, str | Sequence[str] | TfIdf]"
"""The name of an encoder for all categories, or what all texts go through; or by feature one of these, or the texts
of a category in their order.
"""

ENCODERS: dict[str, Callable[[], Encoder]] = {
    each.name: each for each in (MeanOrder, Native, OneHot, Ordinal, TargetMean)
}

EXCUSED = 1e-3
"""Share of the checked texts that may differ: tables of letters are of other years in Python and ONNX Runtime."""
WIDEST = 50
"""Of more categories, a candidate that takes one-hot columns by default is given means of the target instead."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What the user says of how a candidate is given its rows; else it is given them as suits its kind."""

    encode: Encode | None = None
    class_weight: ClassWeight | None = None
    """What the rows of each outcome weigh; "balanced": those of one as much together as those of another."""
    sample: ByClass | None = None
    """The share of the rows of each outcome that teach, drawn by chance."""
    precision: Precision = "float32"
    """How large arrays of the model's weights are kept."""
    mitigate: Mitigation | None = None
    """What makes it treat groups more alike."""
    calibrate: Calibrate | None = None
    """What makes its probabilities truer; None: a temperature for those of classes where it is shown to help."""

    def __post_init__(self) -> None:
        if self.calibrate is not None and self.calibrate not in get_args(Calibrate):
            raise ProjectError.unknown_name("method", self.calibrate, get_args(Calibrate), where="calibrate")
        if self.calibrate not in (None, "none") and isinstance(self.mitigate, ThresholdsByGroup):
            hint = "leave calibrate out"
            raise ProjectError("thresholds by group move the probabilities", where="calibrate", hint=hint)
        check_by_class(self.class_weight, where="class_weight")
        check_by_class(self.sample, where="sample", most=1.0)
        if self.precision not in get_args(Precision):
            raise ProjectError.unknown_name("precision", self.precision, get_args(Precision), where="precision")
        for kind in self._said.values():
            if isinstance(kind, TfIdf):
                continue
            if isinstance(kind, str) and kind not in ENCODERS:
                raise ProjectError.unknown_name("encoder", kind, ENCODERS, where="encode")
            texts = (kind,) if isinstance(kind, str) else tuple(kind)
            distinct = len(texts) == len(set(texts)) > 0 and all(isinstance(each, str) for each in texts)
            hint = 'write encode={"row__size": ["small", "large"]}'
            require(distinct, "the order of a category holds texts, each once", where="encode", hint=hint)

    @property
    def _said(self) -> Mapping[str, str | Sequence[str] | TfIdf]:
        """By feature; under "" what is said of all."""
        if self.encode is None or isinstance(self.encode, Mapping):
            return self.encode or {}
        return {"": self.encode}

    @property
    def parameters(self) -> dict[str, Any]:
        """What is said, as a JSON document; empty where nothing is."""
        said = {name: _document(each) for name, each in self._said.items()}
        document: dict[str, Any] = {"encode": said.get("", said)} if said else {}
        for name, by_class in (("class_weight", self.class_weight), ("sample", self.sample)):
            if isinstance(by_class, Mapping):
                document[name] = {str(outcome): value for outcome, value in by_class.items()}
            elif by_class is not None:
                document[name] = by_class
        document |= {} if self.mitigate is None else {"mitigate": self.mitigate.parameters}
        document |= {} if self.calibrate is None else {"calibrate": self.calibrate}
        return document | ({} if self.precision == "float32" else {"precision": self.precision})

    def check(
        self, candidate: Candidate, features: Collection[str], categories: Collection[str], texts: Collection[str]
    ) -> None:
        """See that what is said fits the features and the candidate.

        Args:
            candidate: What learns.
            features: Those that it uses.
            categories: All features that are categories.
            texts: All features that are read as texts.

        Raises:
            ProjectError: it names what is no category or text, or an encoder that the candidate has no use for.
        """
        weighs = self.class_weight is not None or self.sample is not None
        if (self._said or weighs) and usual_encoder(candidate) is None:
            learns = "is the same for all rows, or written down" if weighs else "learns nothing of categories and texts"
            where = "encode" if self._said else "class_weight" if self.class_weight is not None else "sample"
            raise ProjectError(f"{type(candidate).__name__} {learns}", where=where, hint=f"leave {where} out")
        for name, kind in self._said.items():
            if name and name not in features:
                raise ProjectError.unknown_name("feature", name, features, where="encode")
            if name and name not in (texts if isinstance(kind, TfIdf) else categories):
                what, cast = ("text", "String") if isinstance(kind, TfIdf) else ("category", "Categorical")
                hint = f"a {what} is written .cast(pl.{cast})"
                raise ProjectError(f"{name!r} is no {what}", where="encode", hint=hint)
        if Native.name in self._said.values() and not getattr(candidate, "splits_categories", False):
            raise ProjectError(
                f"{type(candidate).__name__} does not split categories by itself",
                where='encode="native"',
                hint='take GradientBoosting(), or encode="order"',
            )

    def check_outcomes(self, candidate: Candidate, task: Task) -> None:
        """See that what is said of outcomes fits the goal, and that the candidate weighs rows where it is to.

        Raises:
            ProjectError: the outcomes are no classes, one is named that is none, or the candidate weighs no rows.
        """
        if self.calibrate not in (None, "none", "auto") and task.labels(np.empty(0)).dtype != np.bool_:
            hint = "leave calibrate out: classes have a temperature where it helps"
            raise ProjectError(
                "only the probability of yes is mapped", where=f"calibrate={self.calibrate!r}", hint=hint
            )
        if self.class_weight is None and self.sample is None:
            return
        none = task.labels(np.empty(0))
        weighing = weigh(
            none, task.plain.names, weights=None, class_weight=self.class_weight, sample=self.sample, seed=0
        )
        if weighing.weights is not None:
            _check_weighs(candidate)

    def check_mitigation(
        self, candidate: Candidate, features: Collection[str], categories: Collection[str], task: Task
    ) -> None:
        """See that what makes groups more alike fits the candidate, its features and the goal.

        Args:
            candidate: What learns.
            features: Those that it uses.
            categories: All features that are categories.
            task: What is asked.

        Raises:
            ProjectError: it does not.
        """
        if self.mitigate is None:
            return
        if usual_encoder(candidate) is None:
            said = f"{type(candidate).__name__} is the same for all rows, or written down"
            raise ProjectError(said, where="mitigate", hint="leave mitigate out")
        self.mitigate.check(task, features, categories)
        if isinstance(self.mitigate, Reweighed):
            _check_weighs(candidate)

    def encoder(self, feature: str) -> Encoder | None:
        """What encodes a category; None where the user says nothing."""
        if isinstance(self.mitigate, ThresholdsByGroup) and feature == self.mitigate.by:
            return LeftOut()
        said = self._said.get(feature, self._said.get(""))
        if said is None or isinstance(said, TfIdf):
            return None
        return ENCODERS[said]() if isinstance(said, str) else Ordinal(tuple(said))

    def text_encoder(self, feature: str) -> TfIdf:
        """What encodes a text."""
        said = self._said.get(feature, self._said.get(""))
        return said if isinstance(said, TfIdf) else TfIdf()


def _check_weighs(candidate: Candidate) -> None:
    if "weights" not in inspect.signature(candidate.fit).parameters:
        hint = "leave weights out for it, or take GradientBoosting(), Logistic() or Linear()"
        raise ProjectError("it does not weigh rows", where=type(candidate).__name__, hint=hint)


def _document(said: str | Sequence[str] | TfIdf) -> Any:
    if isinstance(said, TfIdf):
        return {"kind": TfIdf.name, **dataclasses.asdict(said)}
    return said if isinstance(said, str) else list(said)


PLAIN = Preprocessing()


def usual_encoder(candidate: Candidate) -> str | None:
    """The encoder that a kind of candidate takes where the user says nothing; None where it needs none."""
    usual: str | None = getattr(candidate, "encode", MeanOrder.name)
    return usual


def fit_candidate(
    candidate: Candidate,
    rows: TrainingData,
    task: Task,
    *,
    seed: int,
    threads: int,
    preprocessing: Preprocessing = PLAIN,
    watch: Watch | None = None,
) -> Fitted:
    """Fit a candidate on rows, drawn, weighed and encoded; what leaves takes the features as they come, and gives
    probabilities as they are among all rows.

    Args:
        candidate: What learns.
        rows: What it learns from.
        task: What kind of question is asked.
        seed: All chance derives from it.
        threads: How many may compute at once.
        preprocessing: What the user says of how it is given its rows.
        watch: Told how the fit goes, by candidates that tell; not where several models make one.

    Raises:
        ProjectError: as for `Candidate.fit`; or an encoder cannot learn from these rows.
    """
    weighing = weigh(
        task.labels(rows.outcomes),
        task.plain.names,
        weights=_weights(rows, task, preprocessing),
        class_weight=preprocessing.class_weight,
        sample=preprocessing.sample,
        seed=seed,
    )
    teaching = rows if weighing.kept is None else rows.take(weighing.kept)
    options: dict[str, Any] = {"loss": task.loss, "seed": seed, "threads": threads}
    if task.loss.name == "rank":
        options["groups"] = teaching.groups
    takes = inspect.signature(candidate.fit).parameters
    if watch is not None and "watch" in takes and (task.loss.outputs == 1 or task.loss.name == "softmax"):
        options["watch"] = _undoing(watch, weighing.factors)
    if weighing.weights is not None:
        options["weights"] = weighing.weights
        _check_weighs(candidate)
    fitted = _fit(candidate, teaching, task.labels(teaching.outcomes), preprocessing, options)
    if preprocessing.precision != "float32":
        fitted = _smaller(fitted, preprocessing.precision)
    if weighing.factors is None or fitted.form.content is None:
        return fitted
    learned, factors = fitted.scorer(), weighing.factors
    content = behind(fitted.form.content, corrected(factors, outputs=task.loss.outputs))
    where = "the correction of probabilities"
    prove_same(
        content, lambda *given: undone(learned.score(*given), factors), rows.matrix, where=where, texts=rows.texts
    )
    lower = np.log(factors)
    return fitted.then(Onnx.of(content), Additive.plus, -lower if task.loss.outputs > 1 else lower[0] - lower[1])


def _smaller(fitted: Fitted, precision: Precision) -> Fitted:
    """With weights of fewer bits; what each feature adds would be that of the larger model, so it is not kept.

    Raises:
        ProjectError: it has no large array of weights.
    """
    content = None if fitted.form.content is None else with_weights(fitted.form.content, precision)
    if content is None:
        message = f"it has no array of {FEWEST:,} weights or more: it would not become smaller"
        raise ProjectError(
            message, where=f"precision={precision!r}", hint="leave precision out (trees have no weights)"
        )
    return dataclasses.replace(fitted, form=Onnx.of(content), explains=None)


def _weights(rows: TrainingData, task: Task, preprocessing: Preprocessing) -> Floats | None:
    """What rows weigh: as their column says, and so that groups are more alike."""
    if not isinstance(preprocessing.mitigate, Reweighed):
        return rows.weights
    fair = preprocessing.mitigate.weights(rows, task.labels(rows.outcomes))
    return fair if rows.weights is None else rows.weights * fair


def _undoing(watch: Watch, factors: Floats | None) -> Watch:
    """What is told of scores as they are among all rows."""
    if factors is None:
        return watch
    return lambda done, score: watch(done, lambda *at: undone(score(*at), factors).astype(np.float32))


def _fit(
    candidate: Candidate, rows: TrainingData, labels: Labels, preprocessing: Preprocessing, options: dict[str, Any]
) -> Fitted:
    """Fit a candidate on encoded rows; what leaves takes the features as they come."""
    usual = usual_encoder(candidate)
    watch: Watch | None = options.get("watch")
    if not (rows.categories or rows.text_fields) or usual is None:
        return fit_outputs(candidate, rows.matrix, labels, rows.features, **options)
    encodings = _encodings(usual, rows, labels, preprocessing, options["seed"])
    encoded = EncodedFeatures(rows.features, encodings, list(rows.text_fields))
    matrix = encoded.encode(rows.matrix, rows.texts, teaching=True)
    if set(encoded.kinds) != {"number"} and "kinds" in inspect.signature(candidate.fit).parameters:
        options = {**options, "kinds": encoded.kinds}
    if watch is not None:
        options = {**options, "watch": lambda done, score: watch(done, lambda *at: score(encoded.encode(*at)))}
    fitted = fit_outputs(candidate, matrix, labels, encoded.names, **options)
    if fitted.form.content is None:  # a formula learns nothing of categories
        return dataclasses.replace(fitted, features=rows.features)
    inner = fitted.scorer()
    content = encoded.in_front_of(fitted.form.content)
    prove_same(
        content,
        lambda *given: inner.score(encoded.encode(*given)),
        rows.matrix,
        where="the encoding of categories and texts",
        excused=EXCUSED if rows.text_fields else 0.0,
        texts=rows.texts,
    )
    orders = {name: encodings[name].numbers.tolist() for name in rows.categories}
    gain = None if fitted.gain is None else _by_feature(fitted.gain, encoded)
    fitted = dataclasses.replace(fitted, features=rows.features, orders=orders, gain=gain)
    return fitted.then(Onnx.of(content), encoded.explained)


def _encodings(
    usual: str, rows: TrainingData, labels: Labels, preprocessing: Preprocessing, seed: int
) -> dict[str, Encoding]:
    targets = Targets(labels)
    encodings: dict[str, Encoding] = {}
    for feature in rows.categories:
        column = Column(numbers=rows.matrix[:, rows.features.index(feature)], names=rows.categories[feature])
        said = preprocessing.encoder(feature)
        encodings[feature] = (said or ENCODERS[usual]()).fit(column, targets, seed=seed)
        if said is None and len(encodings[feature].names) > WIDEST and targets.known:
            encodings[feature] = TargetMean().fit(column, targets, seed=seed)
    for place, feature in enumerate(rows.text_fields):
        at = rows.features.index(feature)
        column = Column(numbers=rows.matrix[:, at], texts=None if rows.texts is None else rows.texts[:, place])
        encodings[feature] = preprocessing.text_encoder(feature).fit(column, targets, seed=seed)
    return encodings


def _by_feature(gain: Mapping[str, float], encoded: EncodedFeatures) -> dict[str, float]:
    found = dict.fromkeys(encoded.features, 0.0)
    for name, origin in zip(encoded.names, encoded.origins, strict=True):
        found[origin] += gain[name]
    return found
