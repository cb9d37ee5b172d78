"""The hash of a function's code and of what it reaches inside the project.

Taken over syntax trees: a comment, a docstring or a reformatting changes nothing; another constant, another
helper, another default does. What lies outside the project's folder is pinned by the versions of libraries. What
cannot be followed is named, so that whoever remembers results can compute them again instead.
"""

from __future__ import annotations

import ast
import copyreg
import dis
import importlib
import inspect
import linecache
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property, lru_cache
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, resolve_name
from pathlib import Path, PurePath
from types import BuiltinFunctionType, CodeType, FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

from kreis.digests import digest_of, digest_of_document, digest_of_file

__all__ = ["Code", "code_of"]

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_CACHES = (WeakKeyDictionary, WeakValueDictionary)
"""What they hold is computed from something else."""
_DYNAMIC = frozenset({"eval", "exec", "globals", "__import__"})
_IMPORTING = frozenset({"import_module"})
"""Calls that can reach anything: built in, and of importlib."""
_BY_NAME = frozenset({"getattr", "vars", "attrgetter", "methodcaller", "__dict__"})
"""Calls that can reach every name of a module that is given to them."""


@dataclass(frozen=True, kw_only=True)
class Code:
    """What a function's results depend on, as far as it can be told."""

    digest: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    """Files that a constant is the path of, and their digests. Not part of `digest`."""
    unknown: tuple[str, ...] = ()
    """What could not be followed, and why."""


def code_of(function: Callable[..., Any], folder: Path) -> Code:
    """Follow a function to all functions, classes and constants of the project that it reaches.

    A constant counts by its value; an object by its class and by what a copy of it would be made from. Not followed:
    files whose path is put together inside a function, and what lies in a folder.

    Args:
        function: Any callable.
        folder: The project's; what is defined elsewhere is not followed.
    """
    reach = _Reach(folder.resolve())
    reach.found[""] = reach.form("", function, frozenset())
    return Code(digest=digest_of_document(reach.found), files=reach.files, unknown=tuple(sorted(reach.unknown)))


class _Reach:
    """What was reached so far: the form of each function and class by name, and what could not be followed."""

    def __init__(self, folder: Path) -> None:
        self.found: dict[str, Any] = {}
        self.files: dict[str, str] = {}
        self.unknown: set[str] = set()
        self._folder = folder
        self._open: set[tuple[int, AbstractSet[str] | None]] = set()
        self._followed: set[CodeType] = set()

    def form(self, name: str, value: Any, names: AbstractSet[str]) -> Any:
        """A form of a value that is the same in every process and wherever the project lies.

        Args:
            name: Where it was found.
            value: Anything.
            names: The attributes that are used of it, should it be a module.
        """
        if isinstance(value, _PLAIN):
            return digest_of(value) if isinstance(value, bytes) else repr(value)
        mark = (id(value), names if isinstance(value, ModuleType) else None)
        if mark in self._open:
            return "again"
        self._open.add(mark)
        try:
            if isinstance(value, (ModuleType, type, FunctionType, BuiltinFunctionType, MethodType)):
                return self._code(name, value, names)
            return self._data(name, value, names)
        finally:
            self._open.discard(mark)

    def _code(self, name: str, value: Any, names: AbstractSet[str]) -> Any:
        match value:
            case ModuleType():
                return self._module(value, names)
            case type():
                return self._class(value)
            case FunctionType():
                return self._function(value)
            case MethodType():
                return [self.form(name, value.__func__, names), self.form(name, value.__self__, names)]
        bound = value.__self__
        return [value.__qualname__, None if isinstance(bound, ModuleType) else self.form(name, bound, names)]

    def _data(self, name: str, value: Any, names: AbstractSet[str]) -> Any:
        match value:
            case Enum():
                return [self._class(type(value)), value.name]
            case PurePath():
                return self._path(value)
            case list() | tuple():
                return [type(value).__name__, self._forms(name, value)]
            case set() | frozenset():
                return [type(value).__name__, sorted(map(repr, self._forms(name, value)))]
            case dict() | MappingProxyType():
                items = [(repr(self.form(name, key, names)), self.form(name, value[key], names)) for key in value]
                return ["dict", sorted(items, key=lambda item: item[0])]
        return self._object(name, value, names)

    def _forms(self, name: str, values: Iterable[Any]) -> list[Any]:
        return [self.form(name, each, frozenset()) for each in values]

    def _module(self, module: ModuleType, names: AbstractSet[str]) -> Any:
        if not self._inside(_place_of(module.__spec__) or getattr(module, "__file__", None)):
            return ["module", module.__name__]
        used = vars(module).keys() if names & _BY_NAME else names & vars(module).keys()
        for each in sorted(used):
            if not each.startswith("__"):
                self._global(module.__name__, vars(module), each, names)
        return ["module", module.__name__]

    def _global(self, module: str, variables: Mapping[str, Any], name: str, names: AbstractSet[str]) -> None:
        """Put what a module's name stands for among what was found."""
        key = f"{module}.{name}"
        value = variables[name]
        if isinstance(value, ModuleType):
            self.form(key, value, names)
        elif key not in self.found:
            self.found[key] = None  # while it is being followed
            self.found[key] = self.form(key, value, names)

    def _function(self, function: FunctionType) -> Any:
        name = f"{function.__module__}.{function.__qualname__}"
        inside = self._inside(function.__code__.co_filename)
        if not inside and "<locals>" not in function.__code__.co_qualname:
            return ["library", name]
        if inside and function.__code__ not in self._followed:
            self._followed.add(function.__code__)
            self._follow(name, function)
        return [
            _tree_of(function) if inside else name,
            self.form(name, function.__defaults__, frozenset()),
            self.form(name, function.__kwdefaults__, frozenset()),
            self._closure(name, function),
            # What is hung on a function, the one that a decorator wrapped among it.
            [[key, self.form(f"{name}.{key}", each, frozenset())] for key, each in sorted(vars(function).items())],
        ]

    def _closure(self, name: str, function: FunctionType) -> list[Any]:
        names = frozenset(_names(function.__code__))
        found = []
        for free, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                found.append([free, self.form(f"{name}.{free}", cell.cell_contents, names)])
            except ValueError:  # not yet assigned
                found.append([free, None])
        return found

    def _follow(self, name: str, function: FunctionType) -> None:
        """Visit the globals and the imports of a function's body."""
        code, variables = function.__code__, function.__globals__
        names, used = frozenset(_names(code)), set(_globals(code))
        for each in sorted(used & variables.keys()):
            self._global(function.__module__, variables, each, names)
        dynamic = (_DYNAMIC & used - variables.keys()) | (_IMPORTING & names)
        self.unknown |= {f"{name} calls {found}(), which can reach anything" for found in dynamic}
        for module, wanted in _imports(code):
            self._import(name, module, wanted, names, str(variables.get("__package__") or ""))

    def _import(self, name: str, module: str, wanted: tuple[str, ...], names: AbstractSet[str], package: str) -> None:
        try:
            full = resolve_name(module, package or None)
            if not self._inside(_place_of(find_spec(full.partition(".")[0]))):
                return
            loaded = importlib.import_module(full)
            for each in wanted:
                if not hasattr(loaded, each):
                    importlib.import_module(f"{full}.{each}")
        except Exception as error:
            self.unknown.add(f"{name} imports {module}, which fails: {error}")
            return
        self.form(module, loaded, names | set(wanted))

    def _class(self, kind: type) -> Any:
        name = f"{kind.__module__}.{kind.__qualname__}"
        file = _file_of(kind)
        if file is None or not self._inside(file):
            return ["class", name]
        key = f"class {name}"
        if key not in self.found:
            self.found[key] = None  # while it is being followed
            bases = [self.form(f"{name} base", each, frozenset()) for each in (type(kind), *kind.__bases__)]
            self.found[key] = [_tree_of(kind), bases, self._parts(name, kind)]
        return key

    def _parts(self, name: str, kind: type) -> list[Any]:
        if issubclass(kind, Enum):
            return [[each.name, self.form(f"{name}.{each.name}", each.value, frozenset())] for each in kind]
        return [
            [attribute, self._part(f"{name}.{attribute}", each)]
            for attribute, each in sorted(vars(kind).items())
            if isinstance(each, FunctionType) or not attribute.startswith(("__", "_abc_"))
        ]

    def _part(self, name: str, value: Any) -> Any:
        """The form of a class's attribute; slots and generated methods are told by the class's own text."""
        if inspect.ismemberdescriptor(value) or inspect.isgetsetdescriptor(value):
            return type(value).__name__
        if isinstance(value, FunctionType) and not self._inside(value.__code__.co_filename):
            return "generated"
        return self.form(name, value, frozenset())

    def _path(self, path: PurePath) -> Any:
        inside = path.is_relative_to(self._folder)
        told = str(path.relative_to(self._folder) if inside else path)
        if isinstance(path, Path) and path.is_file():
            status = path.stat()
            self.files[told] = _file_digest(path, status.st_size, status.st_mtime_ns)
        return ["path", told]

    def _object(self, name: str, value: Any, names: AbstractSet[str]) -> Any:
        if (inner := _wrapped(value)) is not None:
            return [self._class(type(value)), self._forms(name, inner)]
        kind = self._class(type(value))
        package = type(value).__module__.partition(".")[0]
        if isinstance(kind, str):  # a class of the project
            return [kind, self.form(name, _state(value), names)]
        if package == "polars":
            return [kind, self._polars(name, value)]
        if package == "logging" or isinstance(value, _CACHES):
            return kind
        try:
            reduce = copyreg.dispatch_table.get(type(value))
            parts = value.__reduce_ex__(4) if reduce is None else reduce(value)  # as `copy` does; nothing is rebuilt
        except Exception:
            self.unknown.add(f"{name} is of {type(value).__module__}.{type(value).__qualname__}")
            return kind
        listed = [list(each) if isinstance(each, Iterator) else each for each in parts]
        return [kind, parts if isinstance(parts, str) else self.form(name, listed, names)]

    def _polars(self, name: str, value: Any) -> Any:
        import polars as pl

        if isinstance(value, pl.Expr):
            text = value.meta.serialize(format="json")
            if "AnonymousFunction" in text or "PythonUdf" in text:
                self.unknown.add(f"{name} is a Polars expression that calls a Python function")
            return text
        if isinstance(value, pl.Series):
            value = value.to_frame()
        if isinstance(value, pl.DataFrame):
            return digest_of(value.write_ipc(None).getvalue())
        if isinstance(value, pl.LazyFrame):
            self.unknown.add(f"{name} is a LazyFrame, whose files may have changed")
            return None
        return repr(value)

    def _inside(self, file: str | None) -> bool:
        return file is not None and _resolved(file).is_relative_to(self._folder)


def _wrapped(value: Any) -> list[Any] | None:
    """The functions in what Python wraps around functions; None for anything else."""
    match value:
        case staticmethod() | classmethod():
            return [value.__func__]
        case property():
            return [value.fget, value.fset]
        case cached_property():
            return [value.func]
    return [value.__wrapped__] if hasattr(value, "__wrapped__") else None


def _place_of(spec: ModuleSpec | None) -> str | None:
    """The file of a module, or the folder of a package without one."""
    if spec is None:
        return None
    return spec.origin or next(iter(spec.submodule_search_locations or ()), None)


def _state(value: Any) -> dict[str, Any]:
    """The attributes of an object, in slots or not."""
    slots = [each for kind in type(value).__mro__ for each in _as_names(vars(kind).get("__slots__", ()))]
    names = [*slots, *getattr(value, "__struct_fields__", ())]
    return {**{name: getattr(value, name) for name in names if hasattr(value, name)}, **getattr(value, "__dict__", {})}


def _as_names(slots: str | Iterable[str]) -> Iterable[str]:
    return (slots,) if isinstance(slots, str) else slots


def _names(code: CodeType) -> Iterator[str]:
    """Every name that a body uses: globals, attributes and imports."""
    yield from code.co_names
    for inner in _inner(code):
        yield from _names(inner)


def _globals(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for inner in _inner(code):
        yield from _globals(inner)


def _imports(code: CodeType) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The modules that a body imports, relative ones with their dots, and the names that it takes from each."""
    before: list[Any] = [None, None]
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            level, wanted = before
            yield "." * (level or 0) + instruction.argval, wanted or ()
        before = [before[1], instruction.argval]
    for inner in _inner(code):
        yield from _imports(inner)


def _inner(code: CodeType) -> Iterator[CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, CodeType))


@lru_cache(maxsize=1024)
def _resolved(file: str) -> Path:
    return Path(file).resolve()


@lru_cache(maxsize=256)
def _file_digest(path: Path, size: int, changed_ns: int) -> str:
    """The digest of a file, read again when its size or its time of change is another."""
    return digest_of_file(path)


def _file_of(kind: type) -> str | None:
    try:
        return inspect.getfile(kind)
    except (TypeError, OSError):
        codes = (each.__code__.co_filename for each in vars(kind).values() if isinstance(each, FunctionType))
        return next(codes, None)


def _tree_of(value: FunctionType | type) -> Any:
    code = getattr(value, "__code__", None)
    try:
        tree = _dump(textwrap.dedent(_source(code) if code else inspect.getsource(value)))
    except (OSError, TypeError):  # typed into a prompt: no source to read
        tree = None
    if code is None or (tree is not None and code.co_name != "<lambda>"):
        return tree
    return [tree, _bytecode(code)]  # several lambdas may share the lines that inspect finds


def _source(code: CodeType) -> str:
    """As `inspect.getsource`, which looks through all loaded modules for the one that it belongs to: 30 ms."""
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename)[code.co_firstlineno - 1 :]
    if not lines:
        raise OSError("no source")
    return "".join(inspect.getblock(lines))


def _bytecode(code: CodeType) -> list[Any]:
    constants = [_bytecode(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts]
    return [digest_of(code.co_code), list(code.co_names), constants]


@lru_cache(maxsize=512)
def _dump(source: str) -> str | None:
    try:
        tree = ast.parse(source)
    except SyntaxError:  # a lambda inside a larger expression
        return None
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            node.decorator_list = []
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree, annotate_fields=False)
