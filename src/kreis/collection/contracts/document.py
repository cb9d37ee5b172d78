"""The parts of the Open Data Contract Standard (ODCS, version 3) that kreis acts on, under the standard's names.

Source: https://bitol-io.github.io/open-data-contract-standard/v3.2.0/ and its JSON schema. Sections that are there
for people (team, price, support, servers, …) are accepted and kept in the digest, not interpreted. Field names
are the standard's, in snake case here and in camel case in the file.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

__all__ = [
    "NESTED",
    "OPERATORS",
    "CustomProperty",
    "DataContract",
    "EnumValue",
    "LogicalType",
    "QualityRule",
    "SchemaObject",
    "SchemaProperty",
    "ServiceLevel",
    "custom_value",
]

LogicalType = Literal[
    "string", "date", "timestamp", "time", "number", "integer", "object", "array", "boolean", "map", "vector"
]
Number = int | float

OPERATORS = {
    "must_be": "mustBe",
    "must_not_be": "mustNotBe",
    "must_be_greater_than": "mustBeGreaterThan",
    "must_be_greater_or_equal_to": "mustBeGreaterOrEqualTo",
    "must_be_less_than": "mustBeLessThan",
    "must_be_less_or_equal_to": "mustBeLessOrEqualTo",
    "must_be_between": "mustBeBetween",
    "must_not_be_between": "mustNotBeBetween",
}
"""The operators of a quality rule: field of `QualityRule` to the standard's name."""


class _Element(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str | None = None
    description: Any = None
    tags: list[str] = []
    authoritative_definitions: list[dict[str, Any]] = []


class CustomProperty(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A setting outside the standard; kreis reads those whose name starts with `kreis.`."""

    property: str
    value: Any
    id: str | None = None
    description: str | None = None
    vendor: str | None = None


class EnumValue(_Element, frozen=True, kw_only=True, rename="camel"):
    """One allowed value of a property."""

    value: str | int | float | bool
    label: str | None = None
    custom_properties: list[CustomProperty] = []


class QualityRule(_Element, frozen=True, kw_only=True, rename="camel"):
    """A data quality rule: a metric compared with a bound."""

    name: str | None = None
    type: Literal["text", "library", "sql", "custom"] | None = None
    metric: str | None = None
    rule: str | None = None
    arguments: dict[str, Any] = {}
    unit: str | None = None
    must_be: Any = None
    must_not_be: Any = None
    must_be_greater_than: Number | None = None
    must_be_greater_or_equal_to: Number | None = None
    must_be_less_than: Number | None = None
    must_be_less_or_equal_to: Number | None = None
    must_be_between: tuple[Number, Number] | None = None
    must_not_be_between: tuple[Number, Number] | None = None
    severity: str | None = None
    dimension: str | None = None
    method: str | None = None
    business_impact: str | None = None
    scheduler: str | None = None
    schedule: str | None = None
    query: str | None = None
    engine: str | None = None
    implementation: Any = None
    custom_properties: list[CustomProperty] = []


class SchemaProperty(_Element, frozen=True, kw_only=True, rename="camel"):
    """A column."""

    name: str
    logical_type: LogicalType | None = None
    logical_type_options: dict[str, Any] = {}
    physical_type: str | None = None
    physical_name: str | None = None
    required: bool = False
    unique: bool = False
    primary_key: bool = False
    primary_key_position: int = -1
    quality: list[QualityRule] = []
    enum: list[EnumValue] = []
    custom_properties: list[CustomProperty] = []
    properties: list[Any] = []
    items: Any = None
    map: Any = None
    business_name: str | None = None
    deprecated: bool = False
    synonyms: list[Any] = []
    semantic_type: Literal["column", "measure", "dimension"] = "column"
    partitioned: bool = False
    partition_key_position: int = -1
    classification: str | None = None
    encrypted_name: str | None = None
    transform_source_objects: list[str] = []
    transform_logic: str | None = None
    transform_description: str | None = None
    examples: list[Any] = []
    critical_data_element: bool = False
    relationships: list[Any] = []


class SchemaObject(_Element, frozen=True, kw_only=True, rename="camel"):
    """A table."""

    name: str
    properties: list[SchemaProperty] = []
    quality: list[QualityRule] = []
    custom_properties: list[CustomProperty] = []
    logical_type: Literal["object"] = "object"
    physical_type: str | None = None
    physical_name: str | None = None
    business_name: str | None = None
    deprecated: bool = False
    synonyms: list[Any] = []
    data_granularity_description: str | None = None
    relationships: list[Any] = []
    context: Any = None


class ServiceLevel(_Element, frozen=True, kw_only=True, rename="camel"):
    """A promise about delivery; kreis checks `latency`."""

    property: str
    value: Any
    value_ext: Any = None
    unit: str | None = None
    element: str | None = None
    driver: str | None = None
    scheduler: str | None = None
    schedule: str | None = None
    custom_properties: list[CustomProperty] = []


class DataContract(_Element, frozen=True, kw_only=True, rename="camel"):
    """A whole contract."""

    api_version: str
    kind: Literal["DataContract"]
    id: str
    version: str
    schema: list[SchemaObject]
    status: str | None = None
    name: str | None = None
    sla_properties: list[ServiceLevel] = []
    sla_default_element: str | None = None
    custom_properties: list[CustomProperty] = []
    tenant: str | None = None
    servers: Any = None
    data_product: str | None = None
    domain: str | None = None
    context: Any = None
    support: Any = None
    price: Any = None
    team: Any = None
    roles: Any = None
    contract_created_ts: Any = None


NESTED: dict[type[msgspec.Struct], dict[str, type[msgspec.Struct]]] = {
    DataContract: {"schema": SchemaObject, "slaProperties": ServiceLevel, "customProperties": CustomProperty},
    SchemaObject: {"properties": SchemaProperty, "quality": QualityRule, "customProperties": CustomProperty},
    SchemaProperty: {"quality": QualityRule, "enum": EnumValue, "customProperties": CustomProperty},
    QualityRule: {"customProperties": CustomProperty},
    ServiceLevel: {"customProperties": CustomProperty},
    EnumValue: {"customProperties": CustomProperty},
    CustomProperty: {},
}
"""For each part, which of its keys hold lists of which other part."""


def custom_value(properties: list[CustomProperty], name: str, default: Any) -> Any:
    """The value of a custom property, or the default where it is not set."""
    return next((each.value for each in properties if each.property == name), default)
