"""A data contract: read from Open Data Contract Standard YAML, compiled once, applied to batches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from kreis.collection.contracts.checking import check
from kreis.collection.contracts.columns import compile_column
from kreis.collection.contracts.document import (
    CustomProperty,
    DataContract,
    SchemaObject,
    SchemaProperty,
    ServiceLevel,
    custom_value,
)
from kreis.collection.contracts.keys import Held
from kreis.collection.contracts.options import option_rules
from kreis.collection.contracts.quality import compile_property_rule, compile_table_rule
from kreis.collection.contracts.reading import PathInFile, Places, decode, read_yaml
from kreis.collection.contracts.report import CheckResult, ContractBrokenError
from kreis.collection.contracts.rules import BatchRule, KeyRule, LatencyRule, Plan, RowRule, TableRule
from kreis.digests import canonical_json, digest_of
from kreis.errors import ProjectError

__all__ = ["Contract"]

AT_MOST = "kreis.quarantine.at_most"
CHANGES = "kreis.changes.at_most"
EXTRA = "kreis.columns.extra"
NAN = "kreis.nan.means_null"
AHEAD = "kreis.ahead.at_most_days"
EMPTY = "kreis.empty"
_RESERVED = ("reasons", "contract")
_CENTURY = 100 * 366 * 86_400
_SPANS = {
    "s": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "minute": 60, "minutes": 60, "h": 3600, "hour": 3600,
    "hours": 3600, "d": 86_400, "day": 86_400, "days": 86_400,
}  # fmt: skip


@dataclass(frozen=True)
class Contract:
    """What a source promises about one table."""

    file: str
    document: DataContract
    plan: Plan
    digest: str
    """Of what the contract says: comments and layout do not change it."""
    text: str
    """What the digest is of: the contract and its table's name, as canonical JSON."""

    @classmethod
    def load(cls, path: str | Path, *, table: str | None = None) -> Contract:
        """Read a contract; `table` names which, where it describes several.

        Raises:
            ProjectError: the file cannot be read, departs from the standard, or demands what kreis cannot check.
                Says where (file and line) and what to do.
        """
        plain, places = read_yaml(Path(path))
        return cls.of(plain, str(path), table=table, places=places)

    @classmethod
    def of(
        cls, plain: dict[str, Any], file: str, *, table: str | None = None, places: Places | None = None
    ) -> Contract:
        """A contract from plain data, as its YAML would give them; `file` says where it comes from.

        Raises:
            ProjectError: as for `load`.
        """
        places = Places(Path(file)) if places is None else places
        document = decode(plain, DataContract, (), places)
        if not document.api_version.startswith("v3."):
            hint = "write apiVersion: v3.2.0 and follow version 3 of the standard"
            message = f"kreis reads version 3 of the standard, not {document.api_version!r}"
            raise ProjectError(message, where=places.at("apiVersion"), hint=hint)
        position = _position(document, table, places)
        plan = _compile(document, position, places)
        text = canonical_json([plain, plan.table]).decode()
        return cls(file, document, plan, digest_of(text.encode()), text)

    @property
    def name(self) -> str:
        """The table's name."""
        return self.plan.table

    @property
    def schema(self) -> pl.Schema:
        """Names and types of the good rows."""
        return pl.Schema({column.name: column.dtype for column in self.plan.columns})

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns of the primary key, in their declared order; empty where there is none."""
        return self.plan.primary_key

    def check(
        self,
        frame: pl.LazyFrame,
        *,
        at: datetime | None = None,
        known_at: str | None = None,
        held: Held | None = None,
        strict: bool = False,
    ) -> CheckResult:
        """Part a batch into good rows and quarantined ones with reasons.

        Args:
            frame: The batch. Columns are cast to the contract's types; extra ones are dropped and reported, unless
                the contract says `kreis.columns.extra: keep`.
            at: The moment that latency, and what lies far in the future, is judged at; without it neither is.
            known_at: The column that orders the versions of a primary key: a later one with other values is a
                correction. Without it a key comes once, and what comes after the first is quarantined.
            held: What was collected before. Rows that are held as they came are left out.
            strict: Raise instead of returning bad rows.

        Raises:
            ContractBrokenError: only if `strict`: a row or the batch breaks the contract.
        """
        result = check(self.plan, self.digest, frame, at=at, known_at=known_at, held=held)
        if strict and (result.report.quarantined or not result.report.passed):
            raise ContractBrokenError(result, where=self.file)
        return result


def _position(document: DataContract, table: str | None, places: Places) -> int:
    names = [each.name for each in document.schema]
    if not names:
        raise ProjectError("the contract describes no table", where=places.at("schema"), hint="add one under schema")
    if table is None and len(names) > 1:
        hint = "say which with table=: " + ", ".join(names)
        raise ProjectError("the contract describes several tables", where=places.at("schema"), hint=hint)
    if table is not None and table not in names:
        raise ProjectError.unknown_name("table", table, names, where=places.at("schema"))
    return names.index(table) if table is not None else 0


def _compile(document: DataContract, position: int, places: Places) -> Plan:
    table = document.schema[position]
    path: PathInFile = ("schema", position)
    _check_names(table, path, places)
    _check_settings(document.custom_properties, (AT_MOST, CHANGES, EXTRA, EMPTY), ("customProperties",), places)
    _check_settings(table.custom_properties, (AT_MOST, CHANGES, EXTRA, EMPTY), (*path, "customProperties"), places)
    columns = {
        each.name: compile_column(each, (*path, "properties", i), places) for i, each in enumerate(table.properties)
    }
    rules: list[RowRule | KeyRule | TableRule | BatchRule | None] = []
    for i, each in enumerate(table.properties):
        at = (*path, "properties", i)
        _check_settings(each.custom_properties, (NAN, AHEAD), (*at, "customProperties"), places)
        rules += option_rules(each, columns[each.name], at, places)
        rules += [
            compile_property_rule(rule, columns[each.name], (*at, "quality", j), places)
            for j, rule in enumerate(each.quality)
        ]
    rules += [compile_table_rule(rule, columns, (*path, "quality", j), places) for j, rule in enumerate(table.quality)]
    primary = _primary_key(table.properties)
    keys = [KeyRule((each.name,), primary=False) for each in table.properties if each.unique]
    keys += [rule for rule in rules if isinstance(rule, KeyRule)]
    first = [KeyRule(primary, primary=True)] if primary else []
    return Plan(
        table=table.name,
        columns=tuple(columns.values()),
        row_rules=_once(rule for rule in rules if isinstance(rule, RowRule)),
        key_rules=(*first, *_distinct(keys, primary)),
        table_rules=tuple(rule for rule in rules if isinstance(rule, TableRule)),
        batch_rules=tuple(rule for rule in rules if isinstance(rule, BatchRule)),
        latency=tuple(_latency(document, table, set(columns), places)),
        at_most=_share(document, table, AT_MOST, 0.05, places.at(*path, "customProperties")),
        changes_at_most=_share(document, table, CHANGES, 0.1, places.at(*path, "customProperties")),
        keep_extra=_choice(document, table, EXTRA, ("drop", "keep"), places.at(*path, "customProperties")) == "keep",
        may_be_empty=_choice(document, table, EMPTY, ("refuse", "allow"), places.at(*path, "customProperties"))
        == "allow",
        primary_key=primary,
    )


def _once(rules: Iterable[RowRule]) -> tuple[RowRule, ...]:
    """Without rules that are declared twice under the same words (an enum and the same validValues are not)."""
    return tuple({rule.reason: rule for rule in rules}.values())


def _distinct(rules: list[KeyRule], primary: tuple[str, ...]) -> list[KeyRule]:
    by_columns = {frozenset(rule.columns): rule for rule in rules}
    by_columns.pop(frozenset(primary), None)
    return list(by_columns.values())


def _check_names(table: SchemaObject, path: PathInFile, places: Places) -> None:
    if not table.properties:
        raise ProjectError(f"table {table.name!r} has no properties", where=places.at(*path), hint="list its columns")
    seen: set[str] = set()
    for i, each in enumerate(table.properties):
        where = places.at(*path, "properties", i, "name")
        if each.name in seen:
            raise ProjectError(f"the property {each.name!r} is declared twice", where=where, hint="keep one")
        if each.name in _RESERVED or each.name.startswith("__") or not each.name:
            hint = "rename it, and give the source's name as physicalName"
            raise ProjectError(f"the name {each.name!r} is reserved", where=where, hint=hint)
        seen.add(each.name)


def _check_settings(given: list[CustomProperty], known: tuple[str, ...], path: PathInFile, places: Places) -> None:
    for i, each in enumerate(given):
        if each.property.startswith("kreis.") and each.property not in known:
            where = places.at(*path, i)
            raise ProjectError.unknown_name("kreis setting at this level", each.property, known, where=where)


def _primary_key(properties: list[SchemaProperty]) -> tuple[str, ...]:
    keyed = [(each.primary_key_position, i, each.name) for i, each in enumerate(properties) if each.primary_key]
    return tuple(name for _, _, name in sorted(keyed))


def _setting(document: DataContract, table: SchemaObject, name: str, default: Any) -> Any:
    return custom_value(table.custom_properties, name, custom_value(document.custom_properties, name, default))


def _share(document: DataContract, table: SchemaObject, name: str, default: float, where: str) -> float:
    share = _setting(document, table, name, default)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ProjectError(f"{name} is a share, not {share!r}", where=where, hint="write 0.05 for 5%")
    return float(share)


def _choice(document: DataContract, table: SchemaObject, name: str, choices: tuple[str, ...], where: str) -> str:
    """The value of a setting; the first of its choices where it is not set."""
    choice = str(_setting(document, table, name, choices[0]))
    if choice not in choices:
        raise ProjectError.unknown_name(f"value of {name}", choice, choices, where=where)
    return choice


def _latency(document: DataContract, table: SchemaObject, columns: set[str], places: Places) -> list[LatencyRule]:
    rules = []
    for i, each in enumerate(document.sla_properties):
        if each.property.lower() not in ("latency", "ly", "freshness"):
            continue
        elements = each.element or document.sla_default_element
        if elements is None:
            hint = f"element: {table.name}.COLUMN, or slaDefaultElement for all of them"
            raise ProjectError("the latency names no column", where=places.at("slaProperties", i), hint=hint)
        key = ("slaProperties", i, "element") if each.element else ("slaDefaultElement",)
        for element in elements.split(","):
            holder, _, name = element.strip().rpartition(".")
            tables = [other.name for other in document.schema]
            if holder and holder not in tables:
                raise ProjectError.unknown_name("table", holder, tables, where=places.at(*key))
            if holder not in ("", table.name):
                continue
            if name not in columns:
                raise ProjectError.unknown_name("property", name, columns, where=places.at(*key))
            rules.append(LatencyRule(name, _span(each, places.at("slaProperties", i))))
    return rules


def _span(promise: ServiceLevel, where: str) -> timedelta:
    unit, value = (promise.unit or "").lower(), promise.value
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if unit not in _SPANS or not number or not 0 < value * _SPANS[unit] < _CENTURY:
        hint = "value: 1, unit: d (or s, m, h)"
        raise ProjectError(f"{value!r} {promise.unit!r} is not a valid duration", where=where, hint=hint)
    return timedelta(seconds=value * _SPANS[unit])
