"""What a package says of itself: one canonical JSON document, whose SHA-256 names the model.

It holds nothing that differs between two runs of the same inputs (no time of day, no run id, no host), so
the same inputs give the same digest. The run that made it is found through the ledger.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from kreis.collection.contracts.inputs import InputRule
from kreis.digests import digest_of
from kreis.expressions.tree import Expression
from kreis.formats import always, canonical
from kreis.preparation.views import FeatureView, FieldType, RequestView
from kreis.training.reference import Histogram

__all__ = ["Histogram", "Inputs", "Manifest", "PackagedFile"]


class PackagedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a package, by content."""

    sha256: str
    size: int


class Inputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What requests may hold: all that a project declares, whatever one model makes of it."""

    keys: list[str] = []
    fields: dict[str, FieldType] = {}
    features: list[str] = []


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model and all that the service needs to answer with it. Data, never code.

    A field may be added with a default, here and in every struct inside (docs/decisions/0010-formats.md).
    """

    format: Literal["kreis.package/1"] = always("kreis.package/1")
    project: str
    candidate: str
    kind: Literal["onnx", "rule"]
    files: dict[str, PackagedFile]
    rule: Expression | None = always(None)
    """For kind "rule": an expression over feature names; its value is the score in [0, 1]."""
    features: list[str]
    """The model's input, in order."""
    views: list[FeatureView]
    request_views: list[RequestView]
    threshold: float
    """Decide positively where score >= threshold."""
    goal: str
    """The goal's digest."""
    metric: dict[str, Any]
    """The business metric as a document."""
    outcome: str
    """What a positive answer says: "returned", or "status = 'returned'" where the value was declared."""
    inputs: dict[str, str]
    """Table name to "version@fingerprint" of what it was trained on."""
    training: dict[str, Any]
    """Rows, time range, seed, parameters."""
    reference: dict[str, Histogram]
    accepts: Inputs = Inputs()
    """What its project declares as input: accepted, and ignored where the model does not read it."""
    rules: dict[str, InputRule] = {}
    """What contracts demand of keys and fields, by name; the request views say what happens if it is not so."""
    score_reference: Histogram | None = None
    """How the scores were distributed on rows that the model had not seen."""

    def canonical(self) -> bytes:
        """The bytes that are stored, signed and digested."""
        return canonical(self)

    @property
    def digest(self) -> str:
        """The model's name: the SHA-256 of the canonical manifest."""
        return digest_of(self.canonical())
