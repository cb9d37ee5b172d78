"""The service's description, OpenAPI 3.1, true for the release that answers at the moment."""

from __future__ import annotations

from typing import Any

import msgspec

from kreis.deployment.server.config import Limits
from kreis.deployment.server.door import Door
from kreis.deployment.server.explaining import Explain, Explanations
from kreis.deployment.server.http.openapi_questions import narrow, question_paths, question_schemas
from kreis.deployment.server.messages import Asked, Outcomes, Replies, Reply
from kreis.deployment.server.models import LoadedRelease
from kreis.deployment.server.questions.models import QuestionRelease
from kreis.deployment.server.reviews.messages import AskItems, Labels, OpenItems
from kreis.deployment.server.reviews.reviewing import MOST_COMMENT, MOST_ITEMS

__all__ = ["describe"]

_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": ["string", "null"], "maxLength": 1000},
    "integer": {"type": ["integer", "null"], "format": "int64"},
    "number": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "datetime": {"type": ["string", "integer", "null"], "description": "ISO 8601, or microseconds since 1970 UTC"},
}
_REFERENCE = "#/components/schemas/{name}"
_KEY: dict[str, Any] = {"type": "string", "maxLength": 1000}
_ID = {"type": "string", "format": "uuid"}
_NAME = {"type": ["string", "null"], "maxLength": 1000}


def describe(release: LoadedRelease | QuestionRelease | None, project: str, limits: Limits) -> bytes:
    """The document as JSON."""
    number = 0 if release is None else release.number
    document = {
        "openapi": "3.1.0",
        "info": {"title": f"kreis: {project}", "version": f"release-{number}"},
        "paths": _paths(release),
        "components": {"schemas": _schemas(release, limits)},
    }
    return msgspec.json.encode(document)


def _schemas(release: LoadedRelease | QuestionRelease | None, limits: Limits) -> dict[str, Any]:
    """The schemas of the messages, from the structs that are decoded and encoded, narrowed to this release."""
    if isinstance(release, QuestionRelease):
        return {**question_schemas(release), **_review_schemas(limits), "Error": _errors()}
    _, schemas = msgspec.json.schema_components(
        [Asked, Reply, Replies, Outcomes, Explain, Explanations], ref_template=_REFERENCE
    )
    for name, narrowed in _narrowed(release, limits).items():
        narrow(schemas, name, **narrowed)
    if not _names(release):
        del schemas["Reply"]["properties"]["scores"]
    if not _parts(release):
        del schemas["Reply"]["properties"]["parts"]
    rows = schemas.pop("Asked")["properties"]["rows"]
    return {**schemas, "Batch": _object({"rows": rows}, ["rows"]), **_review_schemas(limits), "Error": _errors()}


def _errors() -> dict[str, Any]:
    texts = {"code": {"type": "string"}, "message": {"type": "string"}, "id": {"type": "string"}}
    return _object({"error": _object(texts, list(texts))}, ["error"])


def _narrowed(release: LoadedRelease | None, limits: Limits) -> dict[str, dict[str, dict[str, Any]]]:
    """What is known of fields beyond the struct: a type or values replace what it says, the rest is added."""
    door = release.door if release else None
    keys = sorted(door.keys) if door else []
    fields = door.fields if door else {}
    features = sorted(door.features) if door else []
    ask = {
        "keys": _object({name: _demanded(name, _KEY, door) for name in keys}, _needed(door, "keys")),
        "fields": _object(
            {name: _demanded(name, _TYPES[kind], door) for name, kind in sorted(fields.items())},
            _needed(door, "fields"),
        ),
        "reference": _NAME,
        "features": _object({name: {"type": ["number", "null"]} for name in features}),
    }
    return {
        "Ask": ask,
        "Asked": {"rows": {"minItems": 1, "maxItems": limits.rows}},
        "Reply": {
            "id": _ID,
            "decision": _decision(release),
            "release": _ID,
            "at": {"format": "date-time"},
            "scores": _object({name: {"type": "number"} for name in _names(release)}),
            "parts": _object(_parts(release)),
        },
        "Explain": {**ask, "most": {"type": ["integer", "null"], "minimum": 1}, "prediction": _NAME},
        "Explanations": {"decision": _decision(release)},
        "Outcomes": {"outcomes": {"maxItems": limits.rows}},
        "Outcome": {
            "outcome": {} if release is None else release.outcomes.schema(),
            "reference": _NAME,
            "known_at": {"type": ["string", "null"], "format": "date-time"},
        },
    }


_DEMANDS = {
    "allowed": "enum",
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusive_minimum": "exclusiveMinimum",
    "exclusive_maximum": "exclusiveMaximum",
    "min_length": "minLength",
    "max_length": "maxLength",
    "multiple_of": "multipleOf",
}


def _demanded(name: str, schema: dict[str, Any], door: Door | None) -> dict[str, Any]:
    """A key's or field's schema with what its contract demands: as the schema's own words where others are refused,
    in a note where they are answered and flagged.
    """
    rule = door.rules.get(name) if door is not None else None
    if rule is None or door is None or "description" in schema:  # a moment: its bounds are not JSON Schema's
        return schema
    demands: dict[str, Any] = {
        word: said for field, word in _DEMANDS.items() if (said := getattr(rule, field)) not in (None, [])
    }
    if rule.patterns:
        demands["allOf"] = [{"pattern": each.replace(r"\Z", "$")} for each in rule.patterns.values()]
    if not demands:
        return schema
    if door.policies.get(name, ("flag", "flag"))[1] == "refuse":
        if rule.allowed and "null" in list(schema["type"]):
            demands["enum"] = [*rule.allowed, None]
        return {**schema, **demands}
    told = ", ".join(f"{word} {said}" for word, said in demands.items())
    return {**schema, "description": f"expected: {told}; other values are answered and flagged"}


def _needed(door: Door | None, what: str) -> list[str] | None:
    """What a request is refused without, unless it brings all features that are made of it."""
    if door is None:
        return None
    required = door.required_keys if what == "keys" else door.required_fields
    return [name for name, _, policy in required if policy == "refuse"] or None


def _decision(release: LoadedRelease | None) -> dict[str, Any]:
    """Of a decision: what the models in service say with it."""
    if release is None:
        return {}
    manifests = [each.manifest for each in release.models.values()]
    return manifests[0].decision.schema(" or ".join(sorted({each.outcome for each in manifests})))


def _names(release: LoadedRelease | None) -> list[str]:
    """What the raw outputs of the models in service are about, where they are several numbers."""
    models = [] if release is None else release.models.values()
    return list(dict.fromkeys(name for model in models for name in model.names))


def _parts(release: LoadedRelease | None) -> dict[str, Any]:
    """What goes with the answers of the models in service, by name; anything where two models differ."""
    found: dict[str, Any] = {}
    for part in (part for model in (release.models.values() if release else ()) for part in model.manifest.parts):
        schema = part.schema()
        found[part.name] = schema if found.get(part.name, schema) == schema else {}
    return found


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _review_schemas(limits: Limits) -> dict[str, Any]:
    """The schemas of the messages about reviews."""
    _, schemas = msgspec.json.schema_components([AskItems, OpenItems, Labels], ref_template=_REFERENCE)
    schemas["AskItems"]["properties"]["count"] |= {"minimum": 1, "maximum": MOST_ITEMS}
    schemas["Labels"]["properties"]["labels"]["maxItems"] = limits.rows
    schemas["Label"]["properties"]["comment"]["maxLength"] = MOST_COMMENT
    return schemas


def _paths(release: LoadedRelease | QuestionRelease | None) -> dict[str, Any]:
    if isinstance(release, QuestionRelease):
        answers = question_paths(_post, _ok)
    else:
        answers = {
            "/v1/predict": _post("Answer one thing, or a batch.", ["Ask", "Batch"], ["Reply", "Replies"], ["422"]),
            "/v1/explain": _post("Why an answer is as it is.", ["Explain"], ["Explanations"], ["422"]),
        }
    outcomes = _post("Say what really happened.", ["Outcomes"], [], ["422"])
    flush = {"post": {"summary": "Close the prediction log's segment, so that it can be shipped.", "responses": _ok()}}
    return {
        **answers,
        "/v1/reviews/next": _post("What you may label next.", ["AskItems"], ["OpenItems"], ["422"]),
        "/v1/reviews/labels": _post("Say what items are.", ["Labels"], [], ["422"]),
        "/v1/outcomes": outcomes,
        "/v1/flush": flush,
        "/healthz": {"get": {"summary": "Whether the process lives.", "responses": _ok()}},
        "/readyz": {"get": {"summary": "Whether it can answer.", "responses": {**_ok(), "503": _error("Not ready.")}}},
        "/metrics": {"get": {"summary": "Prometheus metrics.", "responses": _ok()}},
        "/openapi.json": {"get": {"summary": "This document.", "responses": _ok()}},
    }


def _post(summary: str, asks: list[str], replies: list[str], refusals: list[str]) -> dict[str, Any]:
    def content(names: list[str]) -> dict[str, Any]:
        return {"application/json": {"schema": {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]}}}

    done = {"description": "Done.", **({"content": content(replies)} if replies else {})}
    errors = {status: _error("Refused.") for status in ("400", "401", "403", "408", "413", "415", "503", *refusals)}
    body = {"required": True, "content": content(asks)}
    return {"post": {"summary": summary, "requestBody": body, "responses": {"200": done, **errors}}}


def _ok() -> dict[str, Any]:
    return {"200": {"description": "Done."}}


def _error(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
