"""The service's description, OpenAPI 3.1, true for the release that answers at the moment."""

from __future__ import annotations

from typing import Any

import msgspec

from kreis.deployment.server.config import Limits
from kreis.deployment.server.models import LoadedRelease

__all__ = ["describe"]

_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": ["string", "null"], "maxLength": 1000},
    "integer": {"type": ["integer", "null"], "format": "int64"},
    "number": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "datetime": {"type": ["string", "integer", "null"], "description": "ISO 8601, or microseconds since 1970 UTC"},
}
_ID = {"type": "string", "format": "uuid"}
_NAME = {"type": ["string", "null"], "maxLength": 1000}


def describe(release: LoadedRelease | None, project: str, limits: Limits) -> bytes:
    """The document as JSON."""
    number = 0 if release is None else release.number
    document = {
        "openapi": "3.1.0",
        "info": {"title": f"kreis: {project}", "version": f"release-{number}"},
        "paths": _paths(),
        "components": {"schemas": _schemas(release, limits)},
    }
    return msgspec.json.encode(document)


def _schemas(release: LoadedRelease | None, limits: Limits) -> dict[str, Any]:
    keys = sorted(release.keys) if release else []
    fields = release.fields if release else {}
    features = sorted(release.features) if release else []
    ask = {
        "keys": _object({name: {"type": "string", "maxLength": 1000} for name in keys}),
        "fields": _object({name: _TYPES[kind] for name, kind in sorted(fields.items())}),
        "reference": _NAME,
        "features": _object({name: {"type": ["number", "null"]} for name in features}),
    }
    rows = {"type": "array", "items": {"$ref": "#/components/schemas/Ask"}, "minItems": 1, "maxItems": limits.rows}
    reply = {
        "id": _ID,
        "score": {"type": "number"},
        "decision": {"type": "boolean"},
        "model": {"type": "string"},
        "version": {"type": "integer"},
        "release": _ID,
        "at": {"type": "string", "format": "date-time"},
        "fallback": {"type": "boolean", "default": False},
    }
    outcome = {
        "outcome": {"type": "number"},
        "prediction": {"type": ["string", "null"]},
        "reference": _NAME,
        "known_at": {"type": ["string", "null"], "format": "date-time"},
    }
    texts = {"code": {"type": "string"}, "message": {"type": "string"}, "id": {"type": "string"}}
    return {
        "Ask": _object(ask),
        "Batch": _object({"rows": rows}, ["rows"]),
        "Reply": _object(reply, [name for name in reply if name != "fallback"]),
        "Replies": _object({"predictions": {"type": "array", "items": {"$ref": "#/components/schemas/Reply"}}}),
        "Outcome": _object(outcome, ["outcome"]),
        "Outcomes": _object(
            {"outcomes": {"type": "array", "items": {"$ref": "#/components/schemas/Outcome"}, "maxItems": limits.rows}},
            ["outcomes"],
        ),
        "Error": _object({"error": _object(texts, list(texts))}, ["error"]),
    }


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _paths() -> dict[str, Any]:
    predict = _post("Answer one thing, or a batch.", ["Ask", "Batch"], ["Reply", "Replies"], ["422", "503"])
    outcomes = _post("Say what really happened.", ["Outcomes"], [], ["422"])
    flush = {"post": {"summary": "Close the prediction log's segment, so that it can be shipped.", "responses": _ok()}}
    return {
        "/v1/predict": predict,
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
    errors = {status: _error("Refused.") for status in ("400", "401", "403", "413", "415", *refusals)}
    body = {"required": True, "content": content(asks)}
    return {"post": {"summary": summary, "requestBody": body, "responses": {"200": done, **errors}}}


def _ok() -> dict[str, Any]:
    return {"200": {"description": "Done."}}


def _error(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
