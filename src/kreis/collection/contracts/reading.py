"""Reads a contract's YAML: safe loader, bounded, every complaint with file and line.

The file may come from outside, so it is read for structure before anything is built from it: size, nesting, aliases
and the size after aliases are bounded (a few lines of YAML can otherwise unfold to gigabytes), and a key given
twice, which YAML loaders silently overwrite, is refused.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec
import yaml

from kreis.collection.contracts.document import NESTED
from kreis.errors import ProjectError, nearest

__all__ = ["Places", "decode", "read_yaml"]

MOST_BYTES = 1 << 20
MOST_NESTING = 32
MOST_ALIASES = 100
MOST_NODES = 50_000

_NAMES = ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge")

T = TypeVar("T", bound=msgspec.Struct)
PathInFile = tuple[str | int, ...]

try:
    from yaml import CSafeLoader as _Loader
except ImportError:  # PyYAML built without libyaml
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]


class Places:
    """Where each part of a YAML document stands: `at("schema", 0, "name")` is "contracts/x.yaml:12"."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lines: dict[PathInFile, int] = {}

    def mark(self, path: PathInFile, line: int) -> None:
        """Remember the line (from 1) of a part."""
        self._lines[path] = line

    def at(self, *path: str | int) -> str:
        """File and line of a part, or of the nearest part that holds it."""
        while path and path not in self._lines:
            path = path[:-1]
        return f"{self._file}:{self._lines.get(path, 1)}"


def read_yaml(file: Path) -> tuple[dict[str, Any], Places]:
    """The document of a YAML file as plain dicts and lists, and where its parts stand.

    Raises:
        ProjectError: no such file, not UTF-8, not YAML, not a mapping, too large, too deep, too many aliases, or a
            key given twice.
    """
    text = _text(file)
    try:
        _refuse_excess(text, file)
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            places = Places(file)
            if not isinstance(root, yaml.MappingNode):
                raise ProjectError("a contract is a mapping of keys to values", where=f"{file}:1", hint=_START)
            _visit(root, (), places, _Budget(file))
            document = loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}:{mark.line + 1}" if mark else str(file)
        problem = getattr(error, "problem", None) or str(error)
        raise ProjectError(
            f"not readable as YAML: {problem}", where=where, hint="check indentation and quotes"
        ) from error
    except ValueError as error:  # an impossible date such as 2013-02-31
        raise ProjectError(f"a value cannot be read: {error}", where=str(file), hint="quote it") from error
    return document, places


_START = "start with `apiVersion: v3.2.0`, `kind: DataContract`, `id`, `version`, `schema`"


def _text(file: Path) -> str:
    if not file.is_file():
        siblings = [each.name for each in file.parent.glob("*.y*ml")] if file.parent.is_dir() else []
        hint = nearest(file.name, siblings) if siblings else f"no YAML files in {file.parent}"
        raise ProjectError("no such contract file", where=str(file), hint=hint)
    if (size := file.stat().st_size) > MOST_BYTES:
        raise ProjectError(
            f"{size:,} bytes are too many for a contract", where=str(file), hint=f"at most {MOST_BYTES:,} bytes"
        )
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProjectError(f"not UTF-8: {error.reason} at byte {error.start}", where=str(file)) from error


def _refuse_excess(text: str, file: Path) -> None:
    """Bound nesting and aliases on the stream of events, before any recursion."""
    depth = aliases = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            aliases += 1
        if depth > MOST_NESTING or aliases > MOST_ALIASES:
            what = f"nested deeper than {MOST_NESTING}" if depth > MOST_NESTING else f"over {MOST_ALIASES} aliases"
            raise ProjectError(what, where=f"{file}:{_line(event)}", hint="write it out flat")


def _line(part: yaml.Node | yaml.Event) -> int:
    return part.start_mark.line + 1 if part.start_mark else 1


class _Budget:
    """Counts nodes as they are met, those behind an alias each time anew."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.left = MOST_NODES

    def spend(self, node: yaml.Node, depth: int) -> None:
        self.left -= 1
        if self.left < 0 or depth > MOST_NESTING:
            raise ProjectError(
                "its aliases unfold to too much", where=f"{self.file}:{_line(node)}", hint="write it out"
            )


def _visit(node: yaml.Node, path: PathInFile, places: Places, budget: _Budget) -> None:
    budget.spend(node, len(path))
    if isinstance(node, yaml.SequenceNode):
        for position, each in enumerate(node.value):
            places.mark((*path, position), _line(each))
            _visit(each, (*path, position), places, budget)
    elif isinstance(node, yaml.MappingNode):
        seen: set[Hashable] = set()
        for key, value in node.value:
            name = key.value
            where = f"{budget.file}:{_line(key)}"
            if key.tag not in _NAMES:
                raise ProjectError("a key must be a name", where=where, hint="put it in quotes")
            if name in seen:
                raise ProjectError(f"the key {name!r} is given twice", where=where, hint="keep one of them")
            seen.add(name)
            places.mark((*path, name), _line(key))
            _visit(value, (*path, name), places, budget)


def decode(value: Any, kind: type[T], path: PathInFile, places: Places) -> T:
    """Build a part of a contract from plain data, checking names and types.

    Raises:
        ProjectError: a key that the standard does not know (with the nearest that it does), or a value of the
            wrong type.
    """
    if not isinstance(value, dict):
        raise ProjectError(f"expected keys and values, got {type(value).__name__}", where=places.at(*path))
    known = {field.encode_name for field in msgspec.structs.fields(kind)}
    for key in value:
        if key not in known:
            raise ProjectError.unknown_name("key", str(key), known, where=places.at(*path, str(key)))
    built = dict(value)
    for key, part in NESTED[kind].items():
        if key in value:
            if not isinstance(value[key], list):
                raise ProjectError(
                    f"{key!r} must be a list", where=places.at(*path, key), hint="begin its items with -"
                )
            built[key] = [decode(each, part, (*path, key, i), places) for i, each in enumerate(value[key])]
    try:
        return msgspec.convert(built, type=kind)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at `$")
        key = at.strip("`.").split(".")[0].split("[")[0]
        where = places.at(*path, key) if key else places.at(*path)
        subject = f"{key}: " if key else ""
        raise ProjectError(f"{subject}{message}", where=where, hint=_hint(message, kind, key)) from error


def _hint(message: str, kind: type[msgspec.Struct], key: str) -> str | None:
    if message.startswith("Invalid enum value"):
        declared = next(field for field in msgspec.structs.fields(kind) if field.encode_name == key)
        wrong = message.partition("'")[2].rstrip("'")
        return nearest(wrong, _choices(declared.type))
    if "missing required field" in message:
        return "the standard, or kreis, needs this key"
    if "Expected `str" in message:
        return "put the value in quotes"
    return None


def _choices(declared: Any) -> list[str]:
    """The texts of a Literal, alone or in a union."""
    parts = get_args(declared)
    return [each for part in parts for each in ([part] if isinstance(part, str) else _choices(part))]
