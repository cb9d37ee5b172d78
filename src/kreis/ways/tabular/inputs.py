"""What requests may hold, and what holds for their values: read off the project's views and its sources' contracts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import polars as pl

from kreis.collection.contracts.contract import Contract
from kreis.collection.contracts.inputs import InputRule, input_rules, is_multiple, patterns_left_out
from kreis.deployment.manifest import Inputs
from kreis.preparation.views import FieldType
from kreis.project import Project

__all__ = ["accepted_inputs", "contracts_of_inputs", "rules_of_inputs", "unheld_patterns"]

_FITTING: dict[FieldType, tuple[str, ...]] = {
    "string": ("string",),
    "integer": ("integer", "number"),
    "number": ("integer", "number"),
    "boolean": ("boolean",),
    "datetime": ("timestamp", "date"),
}
"""A field's type, and the logical types of a contract's column that can be it."""


def accepted_inputs(project: Project) -> Inputs:
    """Every key, field and feature that the project declares, whatever one model reads of it."""
    spine = project.spine_declaration
    fields: dict[str, FieldType] = {}
    for view in project.request_views.values():
        fields.update(view.fields)
    return Inputs(
        keys=sorted(spine.keys) if spine is not None else [],
        fields=dict(sorted(fields.items())),
        features=sorted(project.feature_names),
    )


def contracts_of_inputs(project: Project) -> dict[str, Contract]:
    """The contracts of the sources that the spine is made of, by source, those that it names first before others."""
    spine = project.spine_declaration
    return {} if spine is None else {name: project.sources[name].contract for name in _reach(project, spine.table.name)}


def rules_of_inputs(project: Project, rows: pl.DataFrame) -> dict[str, InputRule]:
    """What the contracts demand of keys and fields, by name.

    A key or field is a column of the spine, and takes the demands of the first contract that has a column of its name
    and type. Whatever the spine's own rows break (a join made the column null, a table changed its unit) is not
    demanded of requests: there the column is no longer the contract's.

    Args:
        project: Whose.
        rows: The spine's.
    """
    accepted = accepted_inputs(project)
    wanted: dict[str, FieldType] = {**dict.fromkeys(accepted.keys, "string"), **accepted.fields}
    found = [input_rules(contract) for contract in contracts_of_inputs(project).values()]
    rules = {}
    for name, kind in wanted.items():
        declared = next((each[name] for each in found if name in each and _fits(name, kind, each, accepted)), None)
        if declared is None or name not in rows.columns:
            continue
        rule = declared[1]
        if declared[0] not in _FITTING[kind]:  # a key that is a number in the tables is a text in a request
            rule = InputRule(required=rule.required, contract=rule.contract)
        rule = _as_the_rows(rule, rows[name])
        if rule != InputRule(contract=rule.contract):
            rules[name] = rule
    return rules


def unheld_patterns(project: Project) -> list[str]:
    """What to say of patterns that are checked where rows are collected, and not where requests come in."""
    accepted = accepted_inputs(project)
    return [
        f"{contract.file}: requests are not held to the pattern of {name!r}, {pattern}: the service would read it"
        " differently, or could take long over a hostile text; write it without repeats inside repeats and look-ahead"
        for contract in contracts_of_inputs(project).values()
        for name, pattern in patterns_left_out(contract).items()
        if name in accepted.keys or name in accepted.fields
    ]


def _fits(name: str, kind: FieldType, columns: dict[str, tuple[str, InputRule]], accepted: Inputs) -> bool:
    return name in accepted.keys or columns[name][0] in _FITTING[kind]


def _reach(project: Project, table: str) -> Iterator[str]:
    """The sources that a table reads, directly or through others, each once."""
    seen: set[str] = set()
    waiting = [table]
    while waiting:
        name = waiting.pop(0)
        if name in seen:
            continue
        seen.add(name)
        if name in project.sources:
            yield name
        elif name in project.tables:
            waiting += project.tables[name].inputs


_KEEPS: dict[str, Callable[[pl.Series, float], pl.Series]] = {
    "minimum": lambda values, bound: values >= bound,
    "exclusive_minimum": lambda values, bound: values > bound,
    "maximum": lambda values, bound: values <= bound,
    "exclusive_maximum": lambda values, bound: values < bound,
}


def _as_the_rows(rule: InputRule, values: pl.Series) -> InputRule:
    """The demands that the rows themselves keep."""
    given = values.drop_nulls()
    changes: dict[str, Any] = {}
    if rule.required and values.null_count():
        changes["required"] = False
    if rule.allowed and not given.is_in(pl.Series(rule.allowed, strict=False).cast(given.dtype).implode()).all():
        changes["allowed"] = []
    numbers = given.dt.timestamp("us") if isinstance(given.dtype, pl.Datetime) else given
    if numbers.dtype.is_numeric():
        for name, keeps in _KEEPS.items():
            bound = getattr(rule, name)
            if bound is not None and not keeps(numbers, bound).all():
                changes[name] = None
    if given.dtype == pl.String():
        lengths = given.str.len_chars()
        if rule.min_length is not None and not (lengths >= rule.min_length).all():
            changes["min_length"] = None
        if rule.max_length is not None and not (lengths <= rule.max_length).all():
            changes["max_length"] = None
        changes["patterns"] = {
            phrase: pattern
            for phrase, pattern in rule.patterns.items()
            if given.str.contains(pattern.replace(r"\Z", "$")).all()
        }
    if rule.multiple_of is not None and not all(is_multiple(each, rule.multiple_of) for each in given.unique()):
        changes["multiple_of"] = None
    return msgspec.structs.replace(rule, **changes)
