"""The reasons of one answer: what each feature adds to it, with its value as the user wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import numpy as np

from kreis.arrays import Floats
from kreis.expressions.scalars import category
from kreis.models.explanations.additive import Link
from kreis.models.explanations.along_path import AlongPath
from kreis.models.explanations.explainer import Contributions, Explainer
from kreis.models.scoring import Matrix, Texts

__all__ = ["ANOTHER", "MAPS", "MARGINS", "Explained", "Reason", "Spoken", "explained", "place_of"]

ANOTHER = "another category"
"""What a category is called that the model does not know, where nobody kept its text."""
MARGINS: dict[Link, str] = {
    "identity": "in units of the score",
    "sigmoid": "log-odds",
    "softmax": "logits",
    "exp": "natural logarithm of the score",
}
"""What the parts are measured in."""
MAPS: dict[Link, str] = {
    "identity": "score = margin",
    "sigmoid": "score = 1 / (1 + exp(-margin))",
    "softmax": "score = exp(margin), over the sum of that for all classes",
    "exp": "score = exp(margin)",
}
"""How the score follows from their sum."""
_GRADIENTS = "; from the {} training row, by integrated gradients"
_WORDS = 5
"""Words of a text that are shown."""


class Reason(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one feature adds."""

    feature: str
    value: float | str | None
    """As the user wrote it: a category's text, not its number; None where missing."""
    adds: float
    """To the margin."""
    share: float
    """Of all that features add, each taken without its sign."""
    words: dict[str, float] = {}
    """Of a text, the words that add most."""


class Explained(msgspec.Struct, frozen=True, omit_defaults=True):
    """Why one number came out as it did: `base`, all that features add, and so the margin."""

    base: float
    """What is said on average over the training rows; by integrated gradients, what is said where their way begins."""
    margin: float
    """The sum, before its link."""
    measured: str
    """What these are measured in."""
    map: str
    """How the score follows from the margin."""
    reasons: list[Reason]
    """Those that add most first."""
    others: float = 0.0
    """What the features add together that are not shown."""
    left: float = 0.0
    """What the parts miss of the margin, where the model is no sum."""
    of: str = ""
    """Which number, where the model gives several."""
    threshold: str = ""
    """By which threshold it was decided, where groups have their own: of the score before it is moved by group."""


@dataclass(frozen=True)
class Spoken:
    """What a model's features are called, and how their values are said."""

    features: Sequence[str]
    categories: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Of each feature that is a category the texts that the model knows."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Of those that are read as texts the field of a request, in order."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """Of those that are a field of a request as it is, the field."""

    def values(self, row: Sequence[float | None], fields: Mapping[str, Any]) -> list[float | str | None]:
        """The values of one row as its user wrote them.

        Args:
            row: The features' numbers, in order.
            fields: What the request brought.
        """
        found: list[float | str | None] = []
        for name, number in zip(self.features, row, strict=True):
            said = fields.get(self.texts.get(name) or self.fields.get(name) or "")
            missing = number is None or number != number
            if name in self.texts:
                found.append(said if isinstance(said, str) else None)
            elif name in self.categories and not missing:
                found.append(said if isinstance(said, str) else self._text(name, number))
            else:
                found.append(None if missing else float(number or 0.0))
        return found

    def _text(self, name: str, number: float | None) -> str:
        return self._known[name].get(number or 0.0, ANOTHER)

    @cached_property
    def _known(self) -> dict[str, dict[float, str]]:
        return {name: {category(text): text for text in texts} for name, texts in self.categories.items()}

    def matrix(self, row: Sequence[float | None]) -> Matrix:
        """One row as the model takes it, shape (1, f)."""
        return np.array([[np.nan if each is None else each for each in row]], dtype=np.float32)

    def said(self, fields: Mapping[str, Any]) -> Texts | None:
        """What the texts of one row say, shape (1, t); None where the model reads none."""
        if not self.texts:
            return None
        given = [fields.get(name) for name in self.texts.values()]
        return np.array([[each if isinstance(each, str) else "" for each in given]], dtype=np.object_)


def place_of(names: Sequence[str], decided: Any, scores: Sequence[float]) -> int:
    """Which of several numbers an answer is about: the class that was decided, a given label, or the largest.

    Args:
        names: Of the numbers.
        decided: As the answer shows it.
        scores: The numbers.
    """
    for each in decided if isinstance(decided, list) else [decided]:
        if each in names:
            return list(names).index(each)
    shown = [place for place, each in enumerate(scores) if each == decided]
    return shown[0] if shown else int(np.argmax(scores))


def explained(
    explainer: Explainer | AlongPath,
    spoken: Spoken,
    row: Sequence[float | None],
    fields: Mapping[str, Any],
    *,
    names: Sequence[str] = (),
    places: Sequence[int] = (0,),
    most: int | None = None,
) -> list[Explained]:
    """The reasons of one row.

    Args:
        explainer: Of the model.
        spoken: How its features are called.
        row: Their numbers, in order.
        fields: What the request brought.
        names: Of the model's numbers, where it gives several.
        places: Those of them that are explained.
        most: How many features are shown; all, if not given.
    """
    found = explainer.explain(spoken.matrix(row), spoken.said(fields))
    values = spoken.values(row, fields)
    says = MAPS[explainer.link] + (", then recalibrated" if explainer.mapped else "")
    threshold = _threshold(explainer, row)
    says += ", then moved by group" if threshold else ""
    if isinstance(explainer, AlongPath) or explainer.by_gradients:
        says += _GRADIENTS.format("typical" if isinstance(explainer, AlongPath) else "mean")
    told = [
        _one(explainer, spoken, values, found, place, says, most, names[place] if names else "") for place in places
    ]
    return [msgspec.structs.replace(each, threshold=threshold) for each in told] if threshold else told


def _threshold(explainer: Explainer | AlongPath, row: Sequence[float | None]) -> str:
    """By which threshold its group is decided; empty where all have the same."""
    if isinstance(explainer, AlongPath) or (by_group := explainer.model.by_group) is None:
        return ""
    return by_group.said(row[explainer.model.group_at or 0])


def _one(
    explainer: Explainer | AlongPath,
    spoken: Spoken,
    values: Sequence[float | str | None],
    found: Contributions,
    place: int,
    says: str,
    most: int | None,
    name: str,
) -> Explained:
    adds = found.features[0, place]
    sizes = np.abs(adds)
    order = np.argsort(-sizes, kind="stable")[: most or len(adds)]
    total = float(sizes.sum()) or 1.0
    shown = [
        Reason(
            feature=spoken.features[at],
            value=values[at],
            adds=float(adds[at]),
            share=float(sizes[at] / total),
            words=_words(explainer, found.columns[0, place], at, spoken.features[at])
            if isinstance(explainer, Explainer) and spoken.features[at] in spoken.texts
            else {},
        )
        for at in order.tolist()
    ]
    return Explained(
        base=float(found.base[0, place]),
        margin=float(found.margin[0, place]),
        measured=MARGINS[explainer.link],
        map=says,
        reasons=shown,
        others=float(adds.sum() - adds[order].sum()) if len(order) < len(adds) else 0.0,
        left=0.0 if isinstance(found.left, float) else float(found.left[0, place]),
        of=name,
    )


def _words(explainer: Explainer, columns: Floats, feature: int, name: str) -> dict[str, float]:
    """The words of a text that add most."""
    own = np.flatnonzero(np.array(explainer.model.origins) == feature)
    most = own[np.argsort(-np.abs(columns[own]), kind="stable")][:_WORDS]
    called = explainer.model.columns
    return {called[at].removeprefix(f"{name} has "): float(columns[at]) for at in most.tolist() if columns[at]}
