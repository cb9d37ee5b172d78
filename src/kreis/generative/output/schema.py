"""Answers that are objects: their JSON Schema, and whether an answer is one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from kreis.errors import ProjectError
from kreis.generative.output.patterns import check_pattern

__all__ = ["OpenSchema", "schema_of", "without_fence"]

_FENCE = re.compile(r"^\s*```(?:json)?\s*\n(.*)\n\s*```\s*$", re.DOTALL)
_TEXTS = ("answer", "text")
_LONGEST = 100_000


def schema_of(output: type) -> dict[str, Any]:
    """The JSON Schema of a type: a msgspec struct, a dataclass, a typed dict, or a Pydantic model.

    Raises:
        ProjectError: it has no schema.
    """
    if hasattr(output, "model_json_schema"):
        schema: dict[str, Any] = output.model_json_schema()
        return schema
    try:
        return msgspec.json.schema(output)
    except (TypeError, msgspec.MsgspecError) as error:
        raise ProjectError(
            f"{output!r} has no JSON Schema: {error}", where="prompt", hint="output= is a msgspec struct, say"
        ) from None


class OpenSchema:
    """A schema, read.

    Args:
        schema: JSON Schema, draft 2020-12.
        where: Says in errors whose it is.

    Raises:
        ProjectError: it is no JSON Schema, names one from elsewhere, or holds a pattern that may take too long.
        MissingLibraryError: jsonschema is not installed.
    """

    def __init__(self, schema: dict[str, Any], *, where: str) -> None:
        import jsonschema

        try:
            jsonschema.Draft202012Validator.check_schema(schema)
        except jsonschema.SchemaError as error:
            raise ProjectError(f"its schema is none: {error.message}", where=where) from None
        for key, value in _keywords(schema):
            if key in ("pattern", "patternProperties"):
                for pattern in [value] if isinstance(value, str) else value:
                    check_pattern(pattern, where=where)
            elif key in ("$ref", "$dynamicRef") and not str(value).startswith("#"):
                raise ProjectError(f"its schema names {value!r}", where=where, hint="put it under $defs")
        self._validator = jsonschema.Draft202012Validator(schema)
        self._best = jsonschema.exceptions.best_match
        properties = _resolved(schema, schema).get("properties", {})
        self.text_field = next((name for name in _TEXTS if name in properties), "")
        """The property that people read: "answer" or "text"; empty where there is none."""

    def read(self, text: str) -> tuple[Any, str | None]:
        """An answer as the object that it says, and what is wrong with it.

        Args:
            text: What a model said; a fence around it is left out.

        Returns:
            The object, and None; or None, and the problem with its place: "$.days: 'x' is not of type 'integer'".
        """
        if len(text) > _LONGEST:
            return None, f"it has more than {_LONGEST} characters"
        try:
            value = msgspec.json.decode(without_fence(text))
        except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
            return None, f"it is no JSON: {error}"
        wrong = self._best(self._validator.iter_errors(value))
        if wrong is None:
            return value, None
        message = wrong.message if len(wrong.message) <= 300 else f"{wrong.message[:300]}…"
        return None, f"{wrong.json_path}: {message}"

    def shown(self, value: Any) -> str:
        """What a person reads of an answer: its text, or all of it as JSON."""
        return str(value[self.text_field]) if self.text_field else msgspec.json.encode(value).decode()


def without_fence(text: str) -> str:
    """A text without the fence of a block of code around it."""
    fenced = _FENCE.match(text)
    return fenced[1] if fenced else text


def _keywords(schema: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key, value
            yield from _keywords(value)
    elif isinstance(schema, list):
        for each in schema:
            yield from _keywords(each)


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """The object behind a reference at the top, as msgspec writes it."""
    name = schema.get("$ref", "").removeprefix("#/$defs/")
    found: dict[str, Any] = whole.get("$defs", {}).get(name, {}) if name else schema
    return found
