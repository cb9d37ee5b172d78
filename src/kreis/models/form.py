"""What a model is made of once it is data: ONNX bytes, or an expression that someone wrote down.

Documents name bytes by their digest (`stored`); to score, they are fetched (`opened`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import msgspec

from kreis.digests import digest_of
from kreis.errors import ProjectError
from kreis.expressions.tree import Expression
from kreis.models.scoring import FormulaScorer, OnnxScorer, Scorer

__all__ = ["Form", "Formula", "Onnx", "old_form"]


class Formula(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="form", tag="formula"):
    """An expression over features; its value is the score."""

    expression: Expression
    missing: float = 0.0
    """The score where the value is missing."""
    low: float | None = None
    high: float | None = None
    """Scores beyond these ends are set to them."""

    @property
    def content(self) -> None:
        """It has no bytes beside its document."""

    @property
    def stored(self) -> Formula:
        """As a document has it."""
        return self

    def opened(self, get: Callable[[str], bytes]) -> Formula:
        """Ready to score."""
        return self

    def scorer(self, features: Sequence[str], *, threads: int = 1) -> Scorer:
        """What turns features into scores.

        Raises:
            ProjectError: it reads a feature that is not among them.
        """
        return FormulaScorer(self.expression, features, missing=self.missing, low=self.low, high=self.high)


class Onnx(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="form", tag="onnx"):
    """A model as ONNX bytes."""

    sha256: str
    size: int
    content: bytes | None = None
    """Only in memory: a document names them by their digest."""

    @classmethod
    def of(cls, content: bytes) -> Onnx:
        """From its bytes."""
        return cls(digest_of(content), len(content), content)

    @property
    def stored(self) -> Onnx:
        """As a document has it: without the bytes."""
        return Onnx(self.sha256, self.size)

    def opened(self, get: Callable[[str], bytes]) -> Onnx:
        """Ready to score; `get` gives the bytes of a digest."""
        return Onnx.of(get(self.sha256))

    def scorer(self, features: Sequence[str], *, threads: int = 1) -> Scorer:
        """What turns features into scores.

        Raises:
            ProjectError: it is not opened.
            RefusalError: ONNX Runtime cannot load it, or it does not take so many features.
        """
        if self.content is None:
            raise ProjectError("its bytes are not there", where=f"ONNX model {self.sha256[:12]}", hint="open it first")
        return OnnxScorer.from_onnx(self.content, width=len(features), threads=threads)


Form: TypeAlias = Onnx | Formula


def old_form(rule: Any, onnx: str | None) -> dict[str, Any]:
    """The document of a form that a version before 0.2 wrote as a rule, or a digest of ONNX bytes."""
    if onnx is not None:
        return {"form": "onnx", "sha256": onnx, "size": 0}
    return {"form": "formula", "expression": rule, "low": 0.0, "high": 1.0}
