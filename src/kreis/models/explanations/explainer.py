"""What tells each feature's part in an answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np

from kreis.arrays import Floats
from kreis.digests import digest_of
from kreis.errors import ProjectError, RefusalError
from kreis.models.explanations.additive import Additive, Link
from kreis.models.explanations.layers import Layers
from kreis.models.explanations.tree_shap import TreeShap
from kreis.models.explanations.trees import Trees
from kreis.models.scoring import Matrix, OnnxScorer, Texts

__all__ = ["Contributions", "Explainer", "Explanation", "linked"]

_ROUNDED = 1e-9
"""Less is left of a margin by rounding alone."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Contributions:
    """Of n rows and k numbers what each of f features adds: `base`, they and what is `left` add up to `margin`."""

    base: Floats
    """What is said where nothing is known: the mean over the training rows, shape (n, k)."""
    features: Floats
    """Shape (n, k, f)."""
    columns: Floats
    """The same by the w columns that are made of the features, shape (n, k, w)."""
    left: Floats | float = 0.0
    """What they miss of the margin, shape (n, k): a sum's parts miss nothing."""

    @property
    def margin(self) -> Floats:
        """What the model says before its link, shape (n, k)."""
        total: Floats = self.base + self.columns.sum(axis=2) + self.left
        return total


class Explainer:
    """Exact contributions of a model's features. Prepared once; safe to share between threads."""

    def __init__(self, model: Additive) -> None:
        """Prepare.

        Raises:
            RefusalError: the operations in front of it cannot be loaded.
        """
        self.model = model
        self.link: Link = model.link
        width, outputs = len(model.columns), model.outputs
        self._fronts = [OnnxScorer.from_onnx(each) for each in model.fronts]
        self._parts = [
            TreeShap(part, columns=width, outputs=outputs) if isinstance(part, Trees) else part for part in model.parts
        ]
        self.by_gradients = any(isinstance(part, Layers) for part in self._parts)
        """Whether its parts are integrated gradients from the mean row."""
        self._base = sum((part.base for part in self._parts), model.offset)
        self._origins = np.array(model.origins, dtype=np.intp)
        self._starts = np.flatnonzero(np.diff(self._origins, prepend=-1))
        """The first column of each feature that has some."""
        self._as_they_are = model.origins == tuple(range(model.features))

    @property
    def mapped(self) -> bool:
        """Whether a rising map of the score stands behind the link."""
        return self.model.mapped

    def explain(self, matrix: Matrix, texts: Texts | None = None) -> Contributions:
        """What each feature adds.

        Args:
            matrix: The features as the model takes them, float32 of shape (n, f), NaN where missing.
            texts: What those say that are read as texts.

        Raises:
            RefusalError: the operations in front of it give other columns.
        """
        given = matrix
        for front in self._fronts:
            given = front.score(given, texts if front.texts else None).reshape(len(matrix), -1)
        if given.shape[1] != len(self.model.columns):
            width = len(self.model.columns)
            raise RefusalError(f"{given.shape[1]} columns come from its front, not {width}", where="explanation")
        if self.model.finite and not np.isfinite(given).all():
            given = np.where(np.isfinite(given), given, np.float32(np.nan))
        columns = self._parts[0].contributions(given) if self._parts else self._nothing(given)
        for part in self._parts[1:]:
            columns = columns + part.contributions(given)
        base = np.broadcast_to(self._base, columns.shape[:2])
        left = self._left(given, columns) if self.by_gradients else 0.0
        if self.model.ascending:
            order = np.argsort(base + columns.sum(axis=2) + left, axis=1, kind="stable")
            base = np.take_along_axis(base, order, axis=1)
            columns = np.take_along_axis(columns, order[:, :, None], axis=1)
            left = left if isinstance(left, float) else np.take_along_axis(left, order, axis=1)
        return Contributions(base=base, features=self._by_feature(columns), columns=columns, left=left)

    def _left(self, given: Matrix, columns: Floats) -> Floats | float:
        """What the parts miss of the sums, shape (n, k); 0 where that is no more than a rounding."""
        others = [part for part in self._parts if not isinstance(part, Layers)]
        exact = sum((part.says(given) for part in self._parts if isinstance(part, Layers)), self.model.offset)
        exact = exact + sum(part.base + part.contributions(given).sum(axis=2) for part in others)
        left: Floats = exact - self._base - columns.sum(axis=2)
        told = np.abs(left) > _ROUNDED * np.maximum(1.0, np.abs(exact))
        return np.where(told, left, 0.0) if told.any() else 0.0

    def _nothing(self, given: Matrix) -> Floats:
        return np.zeros((len(given), self.model.outputs, given.shape[1]))

    def _by_feature(self, columns: Floats) -> Floats:
        if self._as_they_are:
            return columns
        found = np.zeros((*columns.shape[:2], self.model.features))
        if len(self._starts):
            found[:, :, self._origins[self._starts]] = np.add.reduceat(columns, self._starts, axis=2)
        return found


def linked(margin: Floats, link: Link) -> Floats:
    """What the model says, from what its sums are, shape (n, k).

    >>> import numpy as np
    >>> linked(np.array([[0.0]]), "sigmoid").tolist()
    [[0.5]]
    """
    if link == "softmax":
        powers = np.exp(margin - margin.max(axis=1, keepdims=True))
        shares: Floats = powers / powers.sum(axis=1, keepdims=True)
        return shares
    with np.errstate(over="ignore"):
        said: Floats = 1 / (1 + np.exp(-margin)) if link == "sigmoid" else np.exp(margin) if link == "exp" else margin
    return said


class Explanation(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A model as a sum, as bytes: what its features add can be told from them."""

    sha256: str
    size: int
    content: bytes | None = None
    """Only in memory: a document names them by their digest."""

    @classmethod
    def of(cls, model: Additive) -> Explanation:
        """From the sum."""
        content = model.to_bytes()
        return cls(digest_of(content), len(content), content)

    @property
    def stored(self) -> Explanation:
        """As a document has it: without the bytes."""
        return Explanation(self.sha256, self.size)

    def opened(self, get: Callable[[str], bytes]) -> Explanation:
        """Ready; `get` gives the bytes of a digest."""
        return Explanation(self.sha256, self.size, get(self.sha256))

    def explainer(self, features: int) -> Explainer:
        """What tells each feature's part.

        Args:
            features: How many features the model takes.

        Raises:
            ProjectError: it is not opened.
            RefusalError: the bytes are no such sum, or one of other features.
        """
        where = f"explanation {self.sha256[:12]}"
        if self.content is None:
            raise ProjectError("its bytes are not there", where=where, hint="open it first")
        model = Additive.from_bytes(self.content)
        if model.features != features:
            raise RefusalError(f"it explains {model.features} features, the model takes {features}", where=where)
        return Explainer(model)
