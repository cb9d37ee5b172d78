"""The door: what a request may hold, and what its contract demands of it. Compiled once for each release."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kreis.clock import moment
from kreis.collection.contracts.inputs import InputRule, is_multiple
from kreis.deployment.manifest import Inputs, Manifest
from kreis.deployment.server.messages import Ask, Refusal
from kreis.errors import nearest
from kreis.expressions.readers import READERS
from kreis.expressions.tree import columns
from kreis.preparation.views import FieldType, Policy

__all__ = ["Door"]

LARGEST_FLOAT = 3.4028234e38
"""Of 32 bits, which is what a model takes."""
_LARGEST_INTEGER = 2**63
_TEXT = 1_000
_READ = 20_000
"""Of a text that a model reads."""
_SHOWN = 12
Problem = Callable[[Any], str | None]
_Required = tuple[str, frozenset[str], Policy]


class Door:
    """What a release lets in. `check` is on the hot path."""

    def __init__(self, manifests: Sequence[Manifest], live: Sequence[Manifest], accepted: Sequence[Inputs]) -> None:
        """Compile.

        Args:
            manifests: of all models of the release, the newest last: its demands win.
            live: of those that answer: what only others read is not required.
            accepted: what may be sent beyond that, and is ignored.
        """
        known = [*(each.accepts for each in manifests), *accepted]
        self.fields: dict[str, FieldType] = {}
        """By name: all that may be sent."""
        for inputs in known:
            self.fields.update(inputs.fields)
        self.read: dict[str, FieldType] = {}
        """By name: what a model of the release reads."""
        self.rules: dict[str, InputRule] = {}
        self.policies: dict[str, tuple[Policy, Policy]] = {}
        """By field: what becomes of a missing one, and of an unexpected value."""
        for manifest in manifests:
            self.rules.update(manifest.rules)
            for view in manifest.request_views:
                self.read.update(view.fields)
                for name in view.fields:
                    missing, unexpected = self.policies.get(name, ("flag", "flag"))
                    self.policies[name] = (
                        "refuse" if "refuse" in (view.missing, missing) else "flag",
                        "refuse" if "refuse" in (view.unexpected, unexpected) else "flag",
                    )
        self.fields.update(self.read)
        self.keys = frozenset(view.entity for each in manifests for view in each.views).union(
            *(inputs.keys for inputs in known)
        )
        self.features = frozenset(name for each in manifests for name in each.features).union(
            *(inputs.features for inputs in known)
        )
        self._lengths = dict.fromkeys((field for each in manifests for field in each.text_fields.values()), _READ)
        self._checks = {name: self._compile(name, kind) for name, kind in self.read.items()}
        self._key_checks = {
            name: problem
            for name in self.keys - self.read.keys()
            if (problem := _problem(self.rules.get(name, InputRule()), "string")) is not None
        }
        self.required_keys, self.required_fields = self._required(live)

    def check(self, row: Ask) -> list[str]:
        """Refuse what must not come in; say what is unusual about the rest: `"FIELD: PROBLEM"`.

        Raises:
            Refusal: nothing to answer from, an unknown name (with the nearest), a value beyond bounds or of
                another type, or what the contract demands where the policy is to refuse.
        """
        keys, fields, features = row.keys, row.fields, row.features
        if not (keys or fields or features):
            raise Refusal("missing", "there is nothing to answer from: send keys and fields")
        if row.reference is not None and len(row.reference) > _TEXT:
            raise Refusal("too_long", f"the reference is longer than {_TEXT} characters")
        if not keys.keys() <= self.keys:
            raise _unknown("key", keys, self.keys)
        if not fields.keys() <= self.fields.keys():
            raise _unknown("field", fields, self.fields)
        flags: list[str] = []
        if features:
            self._check_features(features)
        self._check_required(row, flags)
        if keys:
            self._check_keys(keys, flags)
        if fields:
            self._check_fields(fields, flags)
        return flags

    def _check_required(self, row: Ask, flags: list[str]) -> None:
        features = row.features
        for need in self.required_keys:
            if need[0] not in row.keys and not (features and need[1] <= features.keys()):
                self._missing("key", need, flags)
        for need in self.required_fields:
            if row.fields.get(need[0]) is None and not (features and need[1] <= features.keys()):
                self._missing("field", need, flags)

    def _check_features(self, features: Mapping[str, float | None]) -> None:
        if not features.keys() <= self.features:
            raise _unknown("feature", features, self.features)
        for name, number in features.items():
            if number is not None and not -LARGEST_FLOAT <= number <= LARGEST_FLOAT:
                raise Refusal("out_of_range", f"feature {name!r} does not fit into 32 bits")

    def _check_keys(self, keys: Mapping[str, str], flags: list[str]) -> None:
        for name, key in keys.items():
            if len(key) > _TEXT:
                raise Refusal("too_long", f"a key is longer than {_TEXT} characters")
            if name in self._key_checks:
                problem = self._key_checks[name](key)
                if problem is not None:
                    flags.append(f"{name}: {problem}")

    def _check_fields(self, fields: Mapping[str, Any], flags: list[str]) -> None:
        checks = self._checks
        for name, value in fields.items():
            try:
                if value.__class__ is str and len(value) > _TEXT and len(value) > self._lengths.get(name, _TEXT):
                    raise ValueError(f"it is longer than {self._lengths.get(name, _TEXT)} characters")
                if value.__class__ is int and not -_LARGEST_INTEGER <= value < _LARGEST_INTEGER:
                    raise ValueError("it does not fit into 64 bits")
                check = checks.get(name)
                if check is None:
                    continue
                problem = check(value)
            except (TypeError, ValueError, OverflowError) as error:
                raise Refusal("wrong_type", f"field {name!r}: {str(error)[:200]}") from error
            if problem is not None:
                if self.policies[name][1] == "refuse":
                    raise Refusal("not_allowed", f"field {name!r}: {value!r:.80} is {problem}{self._said(name)}")
                flags.append(f"{name}: {problem}")

    def _compile(self, name: str, kind: FieldType) -> Problem:
        read = READERS[kind]
        problem = _problem(self.rules.get(name, InputRule()), kind)
        if kind == "number":
            read = _read_number

        def check(value: Any) -> str | None:
            found = read(value)
            return None if found is None or problem is None else problem(found)

        return check

    def _required(self, live: Sequence[Manifest]) -> tuple[list[_Required], list[_Required]]:
        """Keys and fields that must be sent, unless the client sends all features that are made of them."""
        keys: list[_Required] = []
        fields: list[_Required] = []
        for name, rule in sorted(self.rules.items()):
            if not rule.required:
                continue
            by_key = [
                feature
                for each in live
                for view in each.views
                if view.entity == name
                for feature in view.feature_names
                if feature in each.features
            ]
            by_field = [
                f"{view.name}__{feature}"
                for each in live
                for view in each.request_views
                for feature, expression in view.features.items()
                if f"{view.name}__{feature}" in each.features and name in columns(expression)
            ]
            if by_key:
                keys.append((name, frozenset(by_key), "refuse"))
            if by_field:
                fields.append((name, frozenset(by_field), self.policies[name][0]))
        return keys, fields

    def _missing(self, what: str, need: _Required, flags: list[str]) -> None:
        name, _, policy = need
        if policy == "refuse":
            contract = self.rules[name].contract
            raise Refusal("missing", f"{what} {name!r} is missing; the contract {contract!r} requires it")
        flags.append(f"{name}: missing")

    def _said(self, name: str) -> str:
        allowed = self.rules[name].allowed
        if not allowed:
            return f"; see the contract {self.rules[name].contract!r}"
        more = ", …" if len(allowed) > _SHOWN else ""
        return f": {', '.join(map(repr, allowed[:_SHOWN]))}{more}"


def _read_number(value: Any) -> float | None:
    if value.__class__ is not float:
        value = READERS["number"](value)
    if value is not None and not -LARGEST_FLOAT <= value <= LARGEST_FLOAT:
        raise ValueError("it does not fit into 32 bits")
    number: float | None = value
    return number


def _problem(rule: InputRule, kind: FieldType) -> Problem | None:
    """What is wrong with a value that has been read, by a rule; None where the rule demands nothing."""
    tests = list(_tests(rule, kind))
    if not tests:
        return None
    if len(tests) == 1:
        ((only, broken),) = tests
        return lambda value: only if broken(value) else None

    def problem(value: Any) -> str | None:
        for phrase, broken in tests:
            if broken(value):
                return phrase
        return None

    if len(tests) == 2 and rule.minimum is not None and rule.maximum is not None and kind in ("integer", "number"):
        low, high = rule.minimum, rule.maximum  # the usual case, in one comparison
        return lambda value: None if low <= value <= high else problem(value)
    return problem


def _tests(rule: InputRule, kind: FieldType) -> Iterator[tuple[str, Callable[[Any], bool]]]:
    """Each demand of a rule: what a value is that breaks it, and whether one does."""
    if rule.allowed:
        allowed = frozenset(rule.allowed)
        yield "not among the allowed values", lambda value: value not in allowed
    for name, phrase, breaks in _BOUNDS:
        bound = getattr(rule, name)
        if bound is not None:
            limit = moment(int(bound)) if kind == "datetime" else bound
            yield f"{phrase} {limit}", breaks(limit)
    for phrase, pattern in rule.patterns.items():
        yield phrase, _unlike(re.compile(pattern))
    of = rule.multiple_of
    if of is not None:
        yield f"not a multiple of {of}", lambda value: not is_multiple(value, of)


def _unlike(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    matches = pattern.search
    return lambda value: matches(value) is None


_BOUNDS: tuple[tuple[str, str, Callable[[Any], Callable[[Any], bool]]], ...] = (
    ("minimum", "below", lambda limit: lambda value: bool(value < limit)),
    ("maximum", "above", lambda limit: lambda value: bool(value > limit)),
    ("exclusive_minimum", "not above", lambda limit: lambda value: bool(value <= limit)),
    ("exclusive_maximum", "not below", lambda limit: lambda value: bool(value >= limit)),
    ("min_length", "shorter in characters than", lambda limit: lambda value: len(value) < limit),
    ("max_length", "longer in characters than", lambda limit: lambda value: len(value) > limit),
)


def _unknown(kind: str, given: Mapping[str, Any], known: Any) -> Refusal:
    name = min(given.keys() - known)
    return Refusal(f"unknown_{kind}", f"unknown {kind} {name[:80]!r}; {nearest(name[:80], known)}")
