"""Contract.load: what it reads, what it refuses, and whether it says where and what to do."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kreis.collection.contracts import document
from kreis.collection.contracts.contract import Contract
from kreis.errors import KreisError, ProjectError

Write = Callable[[str], Path]

HEAD = """\
apiVersion: v3.2.0
kind: DataContract
id: shop
version: 1.0.0
"""
TABLE = (
    HEAD
    + """\
schema:
  - name: orders
    properties:
      - name: id
        logicalType: integer
"""
)


def test_a_minimal_contract_gives_types_in_order(write_contract: Write) -> None:
    contract = Contract.load(write_contract(TABLE + "      - {name: at, logicalType: timestamp}\n"))
    assert contract.schema == pl.Schema({"id": pl.Int64(), "at": pl.Datetime("us", "UTC")})
    assert contract.name == "orders"
    assert contract.primary_key == ()


def test_the_key_follows_its_declared_positions(write_contract: Write) -> None:
    text = TABLE.replace(
        "logicalType: integer", "logicalType: integer\n        primaryKey: true\n        primaryKeyPosition: 2"
    )
    text += "      - {name: shop, logicalType: string, primaryKey: true, primaryKeyPosition: 1}\n"
    assert Contract.load(write_contract(text)).primary_key == ("shop", "id")


def test_comments_and_layout_leave_the_digest_alone(write_contract: Write) -> None:
    plain = Contract.load(write_contract(TABLE)).digest
    assert (
        Contract.load(
            write_contract("# ours\n" + TABLE.replace("\n        logical", "   # key\n        logical"))
        ).digest
        == plain
    )
    assert Contract.load(write_contract(TABLE.replace("integer", "number"))).digest != plain


def test_one_of_several_tables_is_chosen_by_name(write_contract: Write) -> None:
    path = write_contract(TABLE + "  - name: refunds\n    properties: [{name: id, logicalType: string}]\n")
    assert Contract.load(path, table="refunds").schema == pl.Schema({"id": pl.String()})
    with pytest.raises(ProjectError, match="several tables"):
        Contract.load(path)
    with pytest.raises(ProjectError, match="did you mean 'refunds'"):
        Contract.load(path, table="refund")
    assert Contract.load(path, table="refunds").digest != Contract.load(path, table="orders").digest


def test_sections_for_people_are_accepted(write_contract: Write) -> None:
    people = """\
team: {name: data, members: [{username: ada}]}
price: {priceAmount: 1}
support: [{channel: mail}]
servers: [{server: local, type: local, path: data}]
roles: [{role: reader}]
tags: [a]
description: {purpose: test}
"""
    Contract.load(write_contract(TABLE + people))


LISTED = TABLE.replace("integer", "array") + "        items: {logicalType: string}\n"

REFUSED = {
    "an unknown key": (TABLE + "        requird: true\n", 10, "'required'"),
    "an unknown key at the top": (TABLE + "scema: []\n", 10, "'schema'"),
    "an unknown option": (TABLE + "        logicalTypeOptions: {minimun: 1}\n", 10, "'minimum'"),
    "an option of another type": (TABLE + "        logicalTypeOptions: {pattern: a}\n", 10, "known"),
    "an unknown type": (TABLE.replace("integer", "integr"), 9, "'integer'"),
    "a number for a text": (TABLE.replace("1.0.0", "1.0"), 4, "quotes"),
    "a nested type": (TABLE.replace("integer", "object"), 9, "flat columns"),
    "a list of what": (TABLE.replace("integer", "array"), 9, "items: {logicalType: string}"),
    "a list of numbers": (LISTED.replace("string", "number"), 9, "known: string, integer"),
    "a list of a size that is none": (LISTED + "        logicalTypeOptions: {minItems: few}\n", 11, "whole number"),
    "items that are unique perhaps": (LISTED + "        logicalTypeOptions: {uniqueItems: 1}\n", 11, "true or false"),
    "more items at least than at most": (
        LISTED + "        logicalTypeOptions: {minItems: 2, maxItems: 1}\n",
        11,
        "exchange",
    ),
    "a pattern of a list": (
        LISTED + "        quality: [{metric: invalidValues, mustBe: 0, arguments: {pattern: a}}]\n",
        11,
        "uniqueItems",
    ),
    "no type": (TABLE.replace("        logicalType: integer\n", ""), 8, "string"),
    "no kind": (TABLE.replace("kind: DataContract\n", ""), 1, "needs this key"),
    "an old standard": (TABLE.replace("v3.2.0", "v2.2.2"), 1, "version 3"),
    "a key given twice": (TABLE + "        logicalType: number\n", 10, "keep one"),
    "a column declared twice": (TABLE + "      - {name: id, logicalType: string}\n", 10, "keep one"),
    "a reserved name": (TABLE + "      - {name: reasons, logicalType: string}\n", 10, "physicalName"),
    "a pattern with look-ahead": (
        TABLE.replace("integer", "string") + "        logicalTypeOptions: {pattern: '(?=a)b'}\n",
        10,
        "look-around",
    ),
    "an unknown text format": (
        TABLE.replace("integer", "string") + "        logicalTypeOptions: {format: emial}\n",
        10,
        "'email'",
    ),
    "a bound that is no number": (TABLE + "        logicalTypeOptions: {minimum: low}\n", 10, "number"),
    "an unsigned integer": (TABLE + "        logicalTypeOptions: {format: u8}\n", 10, "minimum: 0"),
    "an unknown zone": (
        TABLE.replace("integer", "timestamp") + "        logicalTypeOptions: {defaultTimezone: Berlin}\n",
        10,
        "Europe/Berlin",
    ),
    "a format of times that it cannot read": (
        TABLE.replace("integer", "date") + "        logicalTypeOptions: {format: 'YYYY-ww'}\n",
        10,
        "yyyy",
    ),
    "SQL": (TABLE + "        quality: [{type: sql, query: select 1, mustBe: 0}]\n", 10, "library metric"),
    "another engine": (
        TABLE + "        quality: [{type: custom, engine: soda, implementation: x}]\n",
        10,
        "library metric",
    ),
    "an unknown metric": (TABLE + "        quality: [{metric: nullValue, mustBe: 0}]\n", 10, "'nullValues'"),
    "a metric of the table on a column": (TABLE + "        quality: [{metric: rowCount, mustBe: 0}]\n", 10, "known"),
    "no operator": (TABLE + "        quality: [{metric: nullValues}]\n", 10, "mustBe: 0"),
    "two operators": (TABLE + "        quality: [{metric: nullValues, mustBe: 0, mustNotBe: 1}]\n", 10, "mustBe: 0"),
    "a misspelt operator": (TABLE + "        quality: [{metric: nullValues, mustbe: 0}]\n", 10, "'mustBe'"),
    "a bound that is text": (TABLE + "        quality: [{metric: nullValues, mustBe: none}]\n", 10, ""),
    "an unknown unit": (TABLE + "        quality: [{metric: nullValues, mustBe: 0, unit: share}]\n", 10, "percent"),
    "an argument that does not exist": (
        TABLE + "        quality: [{metric: invalidValues, mustBe: 0, arguments: {validValue: [1]}}]\n",
        10,
        "'validValues'",
    ),
    "valid values of another type": (
        TABLE + "        quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [a]}}]\n",
        10,
        "remove",
    ),
    "duplicates of an unknown column": (
        TABLE + "    quality: [{metric: duplicateValues, mustBe: 0, arguments: {properties: [idd]}}]\n",
        10,
        "'id'",
    ),
    "a kreis setting that does not exist": (
        TABLE + "    customProperties: [{property: kreis.quarantine.atmost, value: 1}]\n",
        10,
        "kreis.quarantine.at_most",
    ),
    "a share above one": (
        TABLE + "    customProperties: [{property: kreis.quarantine.at_most, value: 5}]\n",
        10,
        "0.05",
    ),
    "latency of an unknown column": (
        TABLE + "slaProperties: [{property: latency, value: 1, unit: d, element: orders.att}]\n",
        10,
        "known",
    ),
    "latency of nothing": (
        TABLE + "slaProperties: [{property: latency, value: 1, unit: d}]\n",
        10,
        "slaDefaultElement",
    ),
    "latency of an unknown table": (
        TABLE + "slaDefaultElement: order.id\nslaProperties: [{property: latency, value: 1, unit: d}]\n",
        10,
        "did you mean 'orders'",
    ),
    "latency without a unit": (
        TABLE + "slaProperties: [{property: latency, value: 1, element: orders.id}]\n",
        10,
        "unit: d",
    ),
    "a bound that no number type holds": (
        TABLE + "        logicalTypeOptions: {minimum: 1%s}\n" % ("0" * 40),
        10,
        "64",
    ),
    "an infinite bound": (TABLE + "        logicalTypeOptions: {minimum: .inf}\n", 10, "finite"),
    "a range without values": (TABLE + "        logicalTypeOptions: {minimum: 2, maximum: 1}\n", 10, "exchange"),
    "a list for a pattern": (
        TABLE.replace("integer", "string") + "        logicalTypeOptions: {pattern: [a]}\n",
        10,
        "quotes",
    ),
    "a list for a format": (TABLE + "        logicalTypeOptions: {format: [a]}\n", 10, "i64"),
    "a value for a list": (
        TABLE + "        quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: 5}}]\n",
        10,
        "[a, b]",
    ),
    "an allowed value that does not fit": (TABLE + "        enum: [{value: %s}]\n" % ("9" * 20), 10, "remove"),
    "a promise for all eternity": (
        TABLE + "slaProperties: [{property: latency, value: 1.0e+300, unit: d, element: id}]\n",
        10,
        "unit: d",
    ),
    "a key that is no name": (TABLE + "team: {1: a}\n", 10, "quotes"),
    "a number of endless digits": (TABLE + "team: 1%s\n" % ("0" * 5000), None, "quote"),
    "bad indentation": (TABLE + "   x: 1\n", 10, "indentation"),
    "a list": ("- 1\n", 1, "apiVersion"),
    "nothing": ("", 1, "apiVersion"),
    "a Python object": (TABLE + "tags: !!python/object/apply:os.system [true]\n", 10, ""),
    "an alias of itself": (TABLE + "team: &a [*a]\n", 10, ""),
    "too deep": (TABLE + "team: " + "[" * 50 + "]" * 50 + "\n", 10, "flat"),
    "aliases that unfold to much": (
        TABLE
        + "team:\n  - &a [1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"  - &{b} [{', '.join(['*' + a] * 9)}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)),
        None,
        "out",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_load_refuses(what: str, write_contract: Write) -> None:
    text, line, hint = REFUSED[what]
    path = write_contract(text)
    with pytest.raises(ProjectError) as refused:
        Contract.load(path)
    error = refused.value
    assert error.where is not None
    assert error.where.startswith(str(path))
    if line is not None:
        assert error.where == f"{path}:{line}", str(error)
    assert hint in str(error)


def test_a_missing_file_names_its_neighbour(write_contract: Write) -> None:
    path = write_contract(TABLE)
    with pytest.raises(ProjectError, match=r"did you mean 'contract\.yaml'"):
        Contract.load(path.with_name("contrat.yaml"))
    with pytest.raises(ProjectError, match="no YAML files"):
        Contract.load(path.parent / "nowhere" / "contract.yaml")


def test_a_file_that_is_too_large_or_no_text_is_refused(tmp_path: Path) -> None:
    large, binary = tmp_path / "large.yaml", tmp_path / "binary.yaml"
    large.write_bytes(b"#" * (1 << 20) + b"\n#")
    binary.write_bytes(b"\xff\xfe\x00id: 1")
    with pytest.raises(ProjectError, match="too many"):
        Contract.load(large)
    with pytest.raises(ProjectError, match="UTF-8"):
        Contract.load(binary)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_edit_of_a_contract_makes_load_crash(write_contract: Write, data: st.DataObject) -> None:
    """One piece of a valid contract is cut, doubled or replaced: it loads, or a KreisError says why not."""
    text = TABLE + "        quality: [{metric: nullValues, mustBe: 0}]\n        logicalTypeOptions: {minimum: 1}\n"
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 12)))
    piece = data.draw(st.one_of(st.just(""), st.just(text[start:end] * 2), st.text(max_size=6)))
    with suppress(KreisError):
        Contract.load(write_contract(text[:start] + piece + text[end:]))


STANDARD: dict[type[msgspec.Struct], str] = {
    document.DataContract: "",
    document.SchemaObject: "SchemaObject",
    document.SchemaProperty: "SchemaProperty",
    document.QualityRule: "DataQuality",
    document.ServiceLevel: "ServiceLevelAgreementProperty",
    document.CustomProperty: "CustomProperty",
    document.EnumValue: "EnumValue",
}
"""What each struct is called in the standard's JSON schema; a whole contract is the schema itself."""


def standard() -> dict[str, Any]:
    """The standard's JSON schema, as its own Python package brings it (too slow to import in `kreis run`)."""
    folder = importlib.util.find_spec("open_data_contract_standard")
    assert folder is not None
    assert folder.origin is not None
    whole: dict[str, Any] = json.loads((Path(folder.origin).parent / "schema.json").read_text())
    return whole


def fields_in(schema: dict[str, Any], whole: dict[str, Any]) -> set[str]:
    """The fields that a schema lets an object have, in whichever branch."""
    found = set(schema.get("properties", ()))
    branches = [each for word in ("allOf", "anyOf", "oneOf") for each in schema.get(word, ())]
    branches += [schema[word] for word in ("then", "else") if word in schema]
    if "$ref" in schema:
        branches.append(whole["$defs"][schema["$ref"].removeprefix("#/$defs/")])
    return found.union(*(fields_in(each, whole) for each in branches))


@pytest.mark.parametrize("ours", STANDARD, ids=lambda ours: ours.__name__)
def test_fields_are_those_of_the_standards_json_schema(ours: type[msgspec.Struct]) -> None:
    whole = standard()
    schema = whole["$defs"].get(STANDARD[ours], whole)
    names = {field.encode_name for field in msgspec.structs.fields(ours)}
    missing = fields_in(schema, whole) - names
    assert not missing, f"a new version of the standard has fields that `{ours.__name__}` has not"
    # Every element may have these here; the standard leaves some out.
    assert names - fields_in(schema, whole) <= {"description", "tags", "authoritativeDefinitions", "id"}


def test_kinds_of_values_are_those_of_the_standard() -> None:
    kinds = standard()["$defs"]["SchemaBaseProperty"]["properties"]["logicalType"]["enum"]
    assert set(get_args(document.LogicalType)) == set(kinds)
