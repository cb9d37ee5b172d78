"""Formats: what is left out, what is always written, and what another format says."""

from __future__ import annotations

import msgspec
import pytest

from kreis.errors import ProjectError
from kreis.formats import always, canonical, check_format, document_of


class Inner(msgspec.Struct, frozen=True, tag="inner", tag_field="node"):
    name: str
    options: dict[str, int] = always({})


class Outer(msgspec.Struct, frozen=True, kw_only=True):
    inner: dict[str, Inner]
    first: str | None = always(None)
    later: str = "binary"
    share: float = 0.5
    many: list[str] = []
    flag: bool = False


def test_a_later_field_is_left_out_where_it_says_its_default() -> None:
    first = b'{"first":null,"inner":{"a":{"name":"x","node":"inner","options":{}}}}'
    inner = {"a": Inner("x")}
    assert canonical(Outer(inner=inner)) == first
    equal = Outer(inner=inner, later="".join(["bin", "ary"]), share=float("0.5"), many=[])
    assert canonical(equal) == first
    assert canonical(msgspec.json.decode(first, type=Outer)) == first


def test_a_later_field_is_written_where_it_says_something() -> None:
    said = document_of(Outer(inner={}, later="text", many=["x"], flag=True))
    assert said == {"first": None, "inner": {}, "later": "text", "many": ["x"], "flag": True}


def test_each_value_has_a_default_of_its_own() -> None:
    assert Inner("a").options is not Inner("b").options


def test_another_type_is_no_default() -> None:
    class Flag(msgspec.Struct):
        value: bool | int = False

    assert document_of(Flag(0)) == {"value": 0}


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b'{"format":"kreis.package/2"}', r"later format 'kreis.package/2'; kreis .+ reads kreis.package up to 1"),
        (b'{"format":"kreis.release/1"}', "is no kreis.package: its format is 'kreis.release/1'"),
        (b"{}", "its format is ''"),
        (b"[]", "its format is ''"),
        (b"\xff", "its format is ''"),
    ],
)
def test_another_format_is_refused_in_a_sentence(document: bytes, says: str) -> None:
    with pytest.raises(ProjectError, match=says):
        check_format(document, "kreis.package/1", where="package")
    check_format(b'{"format":"kreis.package/1","more":1}', "kreis.package/1", where="package")
