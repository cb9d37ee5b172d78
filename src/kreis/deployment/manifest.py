"""What a package says of itself: one canonical JSON document, whose SHA-256 names the model.

It holds nothing that differs between two runs of the same inputs (no time of day, no run id, no host), so
the same inputs give the same digest. The run that made it is found through the ledger.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from kreis.collection.contracts.inputs import InputRule
from kreis.digests import canonical_json, digest_of
from kreis.errors import ProjectError
from kreis.formats import always, check_format, document_of
from kreis.generative.pipeline import Pipeline
from kreis.models.answer_parts.kinds import AnswerPartKind
from kreis.models.explanations.explainer import Explanation
from kreis.models.form import Form
from kreis.preparation.views import FeatureView, FieldType, RequestView, text_fields
from kreis.tasks.decisions import Decision
from kreis.tasks.outcomes import OutcomeForm, YesNo
from kreis.training.reference import Histogram

__all__ = ["Histogram", "Inputs", "Manifest", "decode_manifest"]


class Inputs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What requests may hold: all that a project declares, whatever one model makes of it."""

    keys: list[str] = []
    fields: dict[str, FieldType] = {}
    features: list[str] = []


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model and all that the service needs to answer with it. Data, never code.

    A field may be added with a default, here and in every struct inside (docs/decisions/0010-formats.md).
    """

    format: Literal["kreis.package/2"] = always("kreis.package/2")
    project: str
    candidate: str
    model: Form | Pipeline
    """What turns features into scores, or what answers questions; `stored`."""
    features: list[str]
    """The model's input, in order; of what answers questions, what is logged of each answer."""
    views: list[FeatureView]
    request_views: list[RequestView]
    decision: Decision
    """How a score becomes a decision."""
    goal: str
    """The goal's digest."""
    metric: dict[str, Any]
    """The business metric as a document."""
    outcome: str
    """What is predicted: "returned", or "status = 'returned'" where the value that means yes was declared."""
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
    outcomes: OutcomeForm = YesNo()
    """What an outcome may be."""
    categories: dict[str, list[str]] = {}
    """Of each feature that is a category the texts that the model knows, in the order in which it takes them."""
    explanation: Explanation | None = None
    """From which it can be told what each feature adds to a score; `stored`."""
    parts: list[AnswerPartKind] = []
    """What goes with an answer beside score and decision."""

    @property
    def text_fields(self) -> dict[str, str]:
        """The features that are read as texts, in order, and the field of a request that each is."""
        return text_fields(self.request_views, self.features)

    def canonical(self) -> bytes:
        """The bytes that are stored, signed and digested; in the first format, where that can say it."""
        document = document_of(self)
        return canonical_json(_in_format_1(document) or document)

    @property
    def digest(self) -> str:
        """The model's name: the SHA-256 of the canonical manifest."""
        return digest_of(self.canonical())


def decode_manifest(payload: bytes, *, where: str) -> Manifest:
    """Read the bytes of a manifest, in either format; nothing is verified.

    Raises:
        ProjectError: this version of kreis does not take what it says.
    """
    found = check_format(payload, "kreis.package/2", _FIRST, where=where)
    try:
        if found == _FIRST:
            return msgspec.convert(_in_format_2(msgspec.json.decode(payload)), type=Manifest)
        return msgspec.json.decode(payload, type=Manifest)
    except (msgspec.MsgspecError, UnicodeError, RecursionError, KeyError, TypeError, ValueError) as error:
        raise ProjectError(
            f"the manifest says something that this version does not read: {error}",
            where=where,
            hint="a later version of kreis packaged it: pip install --upgrade kreis",
        ) from error


_FIRST = "kreis.package/1"
_FORMULA = {"form": "formula", "low": 0.0, "high": 1.0}
"""What a rule was in format 1."""


def _in_format_2(document: dict[str, Any]) -> dict[str, Any]:
    """A manifest of format 1, which knew yes and no alone.

    Raises:
        KeyError: it lacks something.
        ValueError: a rule is packaged with files, or ONNX without.
    """
    kept = {name: each for name, each in document.items() if name not in ("kind", "files", "rule", "threshold")}
    kind, files, rule = document["kind"], document["files"], document.get("rule")
    if (kind, set(files), rule is None) not in (("onnx", {"model.onnx"}, True), ("rule", set(), False)):
        holds = f"{sorted(files)} and {'no' if rule is None else 'a'} rule"
        raise ValueError(f"a package of kind {kind!r} that holds {holds}")
    model = {**_FORMULA, "expression": rule} if rule is not None else {"form": "onnx", **files["model.onnx"]}
    decision = {"rule": "cut", "at": document["threshold"]}
    return {**kept, "format": "kreis.package/2", "model": model, "decision": decision}


def _in_format_1(document: dict[str, Any]) -> dict[str, Any] | None:
    """The inverse, where all that a manifest says can be said so: its bytes, and the model's name, stay what an
    earlier version would have written.
    """
    model, decision = dict(document["model"]), document["decision"]
    rule = model.pop("expression", None)
    if set(decision) != {"rule", "at"} or decision["rule"] != "cut" or "outcomes" in document:
        return None
    if (rule is not None and model != _FORMULA) or model["form"] not in ("formula", "onnx"):
        return None
    kept = {name: each for name, each in document.items() if name not in ("model", "decision")}
    kind: dict[str, Any] = {"kind": "rule", "files": {}}
    if rule is None:
        kind = {"kind": "onnx", "files": {"model.onnx": {name: model[name] for name in model if name != "form"}}}
    return {**kept, "format": _FIRST, **kind, "rule": rule, "threshold": decision["at"]}
