"""The features that added most to an answer, and what they added, exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.models.answer_parts.part import Asking, Get, Raw, Scores
from kreis.models.explanations.explainer import Explainer, Explanation
from kreis.models.explanations.reasons import MARGINS, Spoken, explained
from kreis.models.scoring import Matrix

__all__ = ["FeatureReasons"]

_NUMBER = {"type": "number"}


class FeatureReasons(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="part", tag="reasons"
):
    """The reasons of each answer: of the number that it is decided by."""

    name: ClassVar[str] = "reasons"
    most: int
    """Features that are named; the rest together."""
    explanation: Explanation
    categories: dict[str, list[str]] = {}
    """Of each feature that is a category the texts that the model knows."""
    texts: dict[str, str] = {}
    """Of the features that are read as texts the field of a request, in order."""
    names: tuple[str, ...] = ()
    """Of the model's numbers, where it gives several."""
    at: int | None = None
    """Which of them is explained; the one by `costs`, or the largest, where it is none in particular."""
    costs: tuple[tuple[float, ...], ...] = ()
    """Of deciding for each class while it is another: the cheapest is explained."""
    immutable: tuple[str, ...] = ()
    """Features, or fields of a request, that nobody can change: they stay where another decision is looked for."""

    @property
    def files(self) -> Sequence[str]:
        """The explanation."""
        return (self.explanation.sha256,)

    def schema(self) -> dict[str, Any]:
        """Of its value, as JSON Schema."""
        reason = {
            "feature": {"type": "string"},
            "value": {},
            "adds": _NUMBER,
            "share": _NUMBER,
            "words": {"type": "object"},
        }
        return {
            "type": "object",
            "properties": {
                "base": {"type": "number", "description": "what is said on average, where no feature is known"},
                "margin": {"type": "number", "description": "base, what reasons add, and others"},
                "measured": {"enum": list(MARGINS.values())},
                "map": {"type": "string", "description": "how the score follows from margin"},
                "reasons": {"type": "array", "items": {"type": "object", "properties": reason}},
                "others": _NUMBER,
                "of": {"type": "string", "description": "the class, label or quantile that is explained"},
                "threshold": {"type": "string", "description": "by which threshold its group is decided"},
            },
        }

    def said(self, value: Any) -> str:
        """A value of its own in words, for a person who asks why."""
        named = [f"{each['feature']} {_said(each['value'])} adds {each['adds']:+.3g}" for each in value["reasons"]]
        of = f" of {value['of']}" if value.get("of") else ""
        rest = f", the others {value['others']:+.3g}" if value.get("others") else ""
        average = f"{value['base']:.3g} on average{of} ({value['measured']})"
        decided = f"; {value['threshold']}" if value.get("threshold") else ""
        return f"{', '.join(named) or 'nothing adds anything'}{rest}, to {average}{decided}"

    def open(self, get: Get, features: Sequence[str]) -> OpenedReasons:
        """Ready to answer."""
        explainer = self.explanation.opened(get).explainer(len(features))
        return OpenedReasons(self, explainer, Spoken(features, self.categories, self.texts))

    def place(self, score: Raw) -> int:
        """Which of several numbers is explained."""
        if not isinstance(score, list) or self.at is not None:
            return self.at or 0
        if self.costs:
            return int((np.array(score) * np.array(self.costs)).sum(axis=1).argmin())
        return int(np.argmax(score))


class OpenedReasons:
    """Ready to say its part."""

    def __init__(self, part: FeatureReasons, explainer: Explainer, spoken: Spoken) -> None:
        self._part, self._explainer, self._spoken = part, explainer, spoken

    def one(self, values: npt.NDArray[np.float32], score: Raw, asked: Asking) -> Any:
        """The reasons of one answer."""
        part = self._part
        (found,) = explained(
            self._explainer,
            self._spoken,
            [float(str(each)) for each in values],  # the shortest number that is this float32: as it was written
            asked.fields,
            names=part.names,
            places=(part.place(score),),
            most=part.most,
        )
        return msgspec.to_builtins(found)

    def many(self, matrix: Matrix, scores: Scores, asked: Sequence[Asking]) -> list[Any]:
        """The reasons of some answers."""
        return [self.one(row, score.tolist(), each) for row, score, each in zip(matrix, scores, asked, strict=True)]


def _said(value: float | str | None) -> str:
    return "(missing)" if value is None else f"{value:.4g}" if isinstance(value, float) else f"{value!r}"
