"""Schemas: read from types, and answers held against them with exact messages."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest

from kreis.errors import ProjectError
from kreis.generative.output.schema import OpenSchema, schema_of


class Place(msgspec.Struct):
    """Where it is."""

    city: Annotated[str, msgspec.Meta(pattern="^[A-Z]+$")]


class Reply(msgspec.Struct):
    """An answer."""

    answer: str
    days: Annotated[int, msgspec.Meta(ge=0, le=366)]
    place: Place | None = None


REPLY = OpenSchema(schema_of(Reply), where="prompt")


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ('{"answer": "a", "days": 3}', None),
        ('```json\n{"answer": "a", "days": 3, "place": {"city": "ROM"}}\n```', None),
        ('{"answer": "a", "days": 3.5}', "$.days: 3.5 is not of type 'integer'"),
        ('{"answer": "a", "days": 400}', "$.days: 400 is greater than the maximum of 366"),
        ('{"answer": "a"}', "$: 'days' is a required property"),
        ('{"answer": "a", "days": 3, "place": {"city": "Rom"}}', "$.place.city: 'Rom' does not match '^[A-Z]+$'"),
        ('{"answer": "a", "days": 3', "it is no JSON: Input data was truncated"),
        ("[" * 50_000, "it is no JSON: "),
        ("x" * 100_001, "it has more than 100000 characters"),
    ],
    ids=lambda text: str(text)[:30],
)
def test_says_what_is_wrong(said: str, problem: str | None) -> None:
    value, found = REPLY.read(said)
    if problem is None:
        assert (found, value["days"]) == (None, 3)
    else:
        assert found is not None
        assert found.startswith(problem)
        assert value is None


def test_knows_what_people_read() -> None:
    assert REPLY.text_field == "answer"
    assert OpenSchema(schema_of(Place), where="prompt").text_field == ""


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "text"}, "its schema is none"),
        ({"$ref": "https://elsewhere.example/schema"}, "its schema names 'https://elsewhere.example/schema'"),
        ({"type": "string", "pattern": "(a+)+"}, "may take too long"),
    ],
)
def test_refuses_a_schema_that_is_none_or_dangerous(schema: dict[str, Any], why: str) -> None:
    with pytest.raises(ProjectError, match=why):
        OpenSchema(schema, where="prompt")


def test_refuses_a_type_without_one() -> None:
    with pytest.raises(ProjectError, match="has no JSON Schema"):
        schema_of(object)
