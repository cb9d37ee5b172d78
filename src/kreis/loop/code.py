"""The hash of a function's code and of what it reaches inside the project.

Taken over syntax trees: a comment, a docstring or a reformatting changes nothing; another constant, another
helper, another default does. What lies outside the project's folder is pinned by the versions of libraries.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import lru_cache
from pathlib import Path, PurePath
from types import CodeType, FunctionType, ModuleType
from typing import Any
from uuid import UUID

from kreis.digests import digest_of_document

__all__ = ["code_digest"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_PRINTED = (date, time, timedelta, Decimal, Fraction, UUID, re.Pattern)
"""Constants whose `repr` tells all of them, in every process the same."""


def code_digest(function: Callable[..., Any], folder: Path) -> str:
    """The SHA-256 over a function, and over functions and constants of the project that it reaches."""
    found: dict[str, str] = {}
    _visit_function(inspect.unwrap(function), folder.resolve(), found)
    return digest_of_document(found)


def _visit_function(function: Any, folder: Path, found: dict[str, str]) -> None:
    if not isinstance(function, FunctionType):
        return
    name = f"{function.__module__}.{function.__qualname__}"
    if name in found:
        return
    found[name] = _tree_of(function)
    found[f"{name}()"] = repr((_plain(function.__defaults__, folder), _plain(function.__kwdefaults__, folder)))
    names = set(_names(function.__code__))
    for free, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        _visit_value(f"{name}.{free}", cell.cell_contents, names, folder, found)
    for global_name in sorted(names & function.__globals__.keys()):
        _visit_value(f"{function.__module__}.{global_name}", function.__globals__[global_name], names, folder, found)


def _visit_value(name: str, value: Any, names: set[str], folder: Path, found: dict[str, str]) -> None:
    if isinstance(value, ModuleType):
        if _inside(getattr(value, "__file__", None), folder):
            for attribute in sorted(names & vars(value).keys()):
                _visit_value(f"{value.__name__}.{attribute}", vars(value)[attribute], names, folder, found)
    elif inspect.isclass(value):
        if _inside(_file_of(value), folder):
            found.setdefault(name, _tree_of(value))
    elif callable(value) and isinstance(inspect.unwrap(value), FunctionType):
        inner = inspect.unwrap(value)
        if _inside(inner.__code__.co_filename, folder):
            _visit_function(inner, folder, found)
    else:
        found.setdefault(name, repr(_plain(value, folder)))


def _plain(value: Any, folder: Path) -> Any:
    """A form of a constant that prints the same in every process and wherever the project lies; of other objects,
    the type alone counts.
    """
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, Enum):
        return [type(value).__qualname__, value.name, _plain(value.value, folder)]
    if isinstance(value, _PRINTED):
        return repr(value)
    if isinstance(value, PurePath):
        return ["path", str(value.relative_to(folder) if value.is_relative_to(folder) else value)]
    if isinstance(value, (list, tuple)):
        return [_plain(each, folder) for each in value]
    if isinstance(value, (set, frozenset)):
        return sorted(repr(_plain(each, folder)) for each in value)
    if isinstance(value, dict):
        return sorted((repr(_plain(key, folder)), _plain(each, folder)) for key, each in value.items())
    if is_dataclass(value) and not isinstance(value, type):
        fields = {each.name: _plain(getattr(value, each.name), folder) for each in dataclass_fields(value)}
        return [type(value).__qualname__, fields]
    meta = getattr(value, "meta", None)
    if meta is not None and hasattr(meta, "serialize"):
        return meta.serialize(format="json")
    return type(value).__qualname__


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _inside(file: str | None, folder: Path) -> bool:
    return file is not None and Path(file).resolve().is_relative_to(folder)


def _file_of(value: Any) -> str | None:
    try:
        return inspect.getfile(value)
    except (TypeError, OSError):
        return None


def _tree_of(value: Any) -> str:
    try:
        source = inspect.getsource(value)
    except (OSError, TypeError):  # typed into a prompt: no source to read, so the bytecode stands in
        code = getattr(value, "__code__", None)
        return repr((code.co_code, code.co_names)) if code else repr(value)
    return _dump(textwrap.dedent(source))


@lru_cache(maxsize=512)
def _dump(source: str) -> str:
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a lambda inside a larger expression
        return source
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            node.decorator_list = []
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree, annotate_fields=False)
