"""How rows are handed to a candidate: which encoder each category goes through; and the fit that holds to it."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeAlias

from kreis.errors import ProjectError
from kreis.models.form import Onnx
from kreis.tasks.task import Labels, Task
from kreis.training.candidate import Candidate, Fitted, require
from kreis.training.data import TrainingData
from kreis.training.encoders.encoded import EncodedFeatures
from kreis.training.encoders.encoder import Column, Encoder, Encoding
from kreis.training.encoders.mean_order import MeanOrder
from kreis.training.encoders.native import Native
from kreis.training.encoders.one_hot import OneHot
from kreis.training.encoders.ordinal import Ordinal
from kreis.training.encoders.target_mean import TargetMean
from kreis.training.encoders.targets import Targets
from kreis.training.fidelity import prove_same

__all__ = ["ENCODERS", "Encode", "Preprocessing", "fit_candidate"]

Encode: TypeAlias = "str | Mapping[str, str | Sequence[str]]"
"""The name of an encoder for all categories; or by feature a name, or the texts of a category in their order."""

ENCODERS: dict[str, Callable[[], Encoder]] = {
    each.name: each for each in (MeanOrder, Native, OneHot, Ordinal, TargetMean)
}

WIDEST = 50
"""Of more categories, a candidate that takes one-hot columns by default is given means of the target instead."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """What the user says of how a candidate is given its rows; else it is given them as suits its kind."""

    encode: Encode | None = None

    def __post_init__(self) -> None:
        said = self.encode
        kinds = [] if said is None else [said] if isinstance(said, str) else list(said.values())
        for kind in kinds:
            if isinstance(kind, str) and kind not in ENCODERS:
                raise ProjectError.unknown_name("encoder", kind, ENCODERS, where="encode")
            texts = (kind,) if isinstance(kind, str) else tuple(kind)
            distinct = len(texts) == len(set(texts)) > 0 and all(isinstance(each, str) for each in texts)
            hint = 'write encode={"row__size": ["small", "large"]}'
            require(distinct, "the order of a category holds texts, each once", where="encode", hint=hint)

    @property
    def parameters(self) -> dict[str, Any]:
        """What is said, as a JSON document; empty where nothing is."""
        if self.encode is None or isinstance(self.encode, str):
            return {} if self.encode is None else {"encode": self.encode}
        return {"encode": {name: each if isinstance(each, str) else list(each) for name, each in self.encode.items()}}

    def check(self, candidate: Candidate, features: Collection[str], categories: Collection[str]) -> None:
        """See that what is said fits the features and the candidate.

        Raises:
            ProjectError: it names what is no category, or an encoder that the candidate has no use for.
        """
        if self.encode is None:
            return
        if usual_encoder(candidate) is None:
            raise ProjectError(f"{type(candidate).__name__} learns nothing of categories", where="encode")
        for name in self.encode if isinstance(self.encode, Mapping) else ():
            if name not in features:
                raise ProjectError.unknown_name("feature", name, features, where="encode")
            if name not in categories:
                hint = "a category is written .cast(pl.Categorical)"
                raise ProjectError(f"{name!r} is a number and needs no encoder", where="encode", hint=hint)
        said = self.encode.values() if isinstance(self.encode, Mapping) else [self.encode]
        if Native.name in said and not getattr(candidate, "splits_categories", False):
            raise ProjectError(
                f"{type(candidate).__name__} does not split categories by itself",
                where='encode="native"',
                hint='take GradientBoosting(), or encode="order"',
            )

    def encoder(self, feature: str) -> Encoder | None:
        """What encodes a category; None where the user says nothing."""
        said = self.encode.get(feature) if isinstance(self.encode, Mapping) else self.encode
        if said is None:
            return None
        return ENCODERS[said]() if isinstance(said, str) else Ordinal(tuple(said))


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
) -> Fitted:
    """Fit a candidate on rows, categories encoded; what leaves takes the categories as they come.

    Args:
        candidate: What learns.
        rows: What it learns from.
        task: What kind of question is asked.
        seed: All chance derives from it.
        threads: How many may compute at once.
        preprocessing: What the user says of how it is given its rows.

    Raises:
        ProjectError: as for `Candidate.fit`; or an encoder cannot learn from these rows.
    """
    labels = task.labels(rows.outcomes)
    usual = usual_encoder(candidate)
    if not rows.categories or usual is None:
        return candidate.fit(rows.matrix, labels, rows.features, loss=task.loss, seed=seed, threads=threads)
    encoded = EncodedFeatures(rows.features, _encodings(usual, rows, labels, preprocessing, seed))
    matrix = encoded.encode(rows.matrix, teaching=True)
    more: dict[str, Any] = {} if set(encoded.kinds) == {"number"} else {"kinds": encoded.kinds}
    if "kinds" not in inspect.signature(candidate.fit).parameters:
        more = {}
    fitted = candidate.fit(matrix, labels, encoded.names, loss=task.loss, seed=seed, threads=threads, **more)
    if fitted.form.content is None:  # a formula learns nothing of categories
        return dataclasses.replace(fitted, features=rows.features)
    inner = fitted.scorer()
    content = encoded.in_front_of(fitted.form.content)
    where = "the encoding of categories"
    prove_same(content, lambda given: inner.score(encoded.encode(given)), rows.matrix, where=where)
    orders = {rows.features[place]: each.numbers.tolist() for place, each in encoded.encodings.items()}
    gain = None if fitted.gain is None else _by_feature(fitted.gain, encoded)
    return dataclasses.replace(fitted, form=Onnx.of(content), features=rows.features, orders=orders, gain=gain)


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
    return encodings


def _by_feature(gain: Mapping[str, float], encoded: EncodedFeatures) -> dict[str, float]:
    found = dict.fromkeys(encoded.features, 0.0)
    for name, origin in zip(encoded.names, encoded.origins, strict=True):
        found[origin] += gain[name]
    return found
