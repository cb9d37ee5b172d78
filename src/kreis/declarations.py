"""Declarations: what a user's file declares, each with its line, and what the parts of a project share."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from kreis.errors import KreisError, ProjectError

__all__ = ["Declared", "Named", "ProjectPart", "at", "once", "place_of", "users_line"]

T = TypeVar("T")

_KREIS = str(Path(__file__).parent) + os.sep


@dataclass(frozen=True)
class Declared(Generic[T]):
    """Something that was declared, and where."""

    value: T
    place: str
    """File and line."""


class Named(Mapping[str, T]):
    """Declarations of one kind, by name, in order."""

    def __init__(self, kinds: str) -> None:
        """None so far.

        Args:
            kinds: What they are called together: "candidates".
        """
        self._kinds = kinds
        self._declared: dict[str, Declared[T]] = {}

    def add(self, name: str, value: T, place: str) -> None:
        """Add one.

        Raises:
            ProjectError: there is one of this name.
        """
        if name in self._declared:
            raise ProjectError(f"there are two {self._kinds} called {name!r}", where=place, hint="rename one")
        self._declared[name] = Declared(value, place)

    def place(self, name: str) -> str:
        """Where one was declared."""
        return self._declared[name].place

    def __getitem__(self, name: str) -> T:
        return self._declared[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._declared)

    def __len__(self) -> int:
        return len(self._declared)


class ProjectPart:
    """What one discipline lets a user declare. A project inherits from the parts of all disciplines, so that each
    method is seen with its signature where a project is written.

    A part holds what was declared, refuses at the user's line what is wrong in itself, and checks in `check`, once all
    is declared, what takes more to be known.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._file = users_line().rpartition(":")[0]
        self._folder = Path(self._file).resolve().parent
        self.notes: list[str] = []
        """What kreis chose while the project was declared, for a person to know: each run says it."""

    @property
    def folder(self) -> Path:
        """The folder of the file that declared the project; contracts are found relative to it."""
        return self._folder

    def check(self) -> None:
        """Check what can only be checked when all is declared; each part after those that it rests on.

        Raises:
            ProjectError: the first thing that is wrong, with place and remedy.
        """


def once(before: Declared[T] | None, value: T, what: str) -> Declared[T]:
    """Something of which a project has one, declared at the user's line.

    Args:
        before: What was declared before.
        value: What is declared.
        what: What it is called: "split".

    Raises:
        ProjectError: there is one: it would be replaced in silence.
    """
    place = users_line()
    if before is not None:
        raise ProjectError(f"a project has one {what}", where=place, hint=f"another one is at {before.place}")
    return Declared(value, place)


@contextmanager
def at(place: str) -> Iterator[None]:
    """Say where in the user's file an error arose, before where in the declaration."""
    try:
        yield
    except KreisError as error:
        error.where = f"{place}, {error.where}" if error.where else place
        raise


def users_line() -> str:
    """The line of the user's file that called, as "file:line": the innermost one outside kreis."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename.startswith(_KREIS) and frame.f_back is not None:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def place_of(function: Callable[..., Any]) -> str:
    """Where a function stands, as "file:line"."""
    code = inspect.unwrap(function).__code__
    return f"{code.co_filename}:{code.co_firstlineno}"
