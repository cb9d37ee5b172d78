"""A tool: a typed function that a model may ask for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

import msgspec

from kreis.declarations import place_of
from kreis.errors import ProjectError
from kreis.generative.tools.spec import ToolSpec

__all__ = ["Caller", "Tool", "changes_state"]

F = TypeVar("F", bound=Callable[..., Any])

_MARK = "__kreis_changes_state__"


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """On whose behalf a tool runs. A function with a parameter of this type is told; no model can choose it.

    Example:

    >>> Caller(person="ann", tenant="north").person
    'ann'
    """

    person: str = ""
    """Empty: nobody is known to ask."""
    tenant: str = ""
    groups: frozenset[str] = frozenset()


def changes_state(function: F) -> F:
    """Mark a tool that changes something: each call waits until the person who asked has confirmed it.

    Example:

    >>> @changes_state
    ... def cancel(order: str) -> str:
    ...     \"\"\"Cancel an order.\"\"\"
    ...     return f"{order} is cancelled"
    >>> Tool.of(cancel).spec.changes_state
    True
    """
    setattr(function, _MARK, True)
    return function


@dataclass(frozen=True)
class Tool:
    """A function, and what a model is told of it."""

    spec: ToolSpec
    function: Callable[..., Any]
    arguments: type[msgspec.Struct]
    """What a call's arguments must be."""
    caller: str | None
    """The parameter that is told on whose behalf it runs."""

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Tool:
        """Read a function: its name, its docstring, and the types of its parameters.

        Args:
            function: Of keyword arguments, each with a type. Bounds stand in the type:
                `Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$")]`.

        Raises:
            ProjectError: it has no name or docstring, or a parameter without a type or of one that JSON has not.
        """
        place, name = place_of(function), function.__name__
        if not name.isidentifier():
            raise ProjectError("a tool needs a name", where=place, hint="write it with def")
        description = inspect.cleandoc(function.__doc__ or "")
        if not description:
            raise ProjectError(f"{name} has no docstring", where=place, hint="write one: models read it")
        hints = get_type_hints(function, include_extras=True)
        fields: list[Any] = []
        caller = None
        for parameter in inspect.signature(function).parameters.values():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise ProjectError(f"{name} takes *{parameter.name}", where=place, hint="name each parameter")
            if parameter.name not in hints:
                raise ProjectError(
                    f"parameter {parameter.name!r} of {name} has no type", where=place, hint="give it one"
                )
            if hints[parameter.name] is Caller:
                caller = parameter.name
            elif parameter.default is parameter.empty:
                fields.append((parameter.name, hints[parameter.name]))
            else:
                fields.append((parameter.name, hints[parameter.name], parameter.default))
        try:
            arguments = msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)
            schema = _schema(arguments, name)
        except TypeError as error:
            raise ProjectError(f"the parameters of {name} cannot be JSON: {error}", where=place) from error
        spec = ToolSpec(
            name=name, description=description, schema=schema, changes_state=getattr(function, _MARK, False)
        )
        return cls(spec, function, arguments, caller)

    def run(self, arguments: bytes, caller: Caller) -> bytes:
        """One call.

        Args:
            arguments: JSON.
            caller: On whose behalf.

        Returns:
            What it returned, as JSON.

        Raises:
            msgspec.ValidationError: the arguments are not of their types.
        """
        decoded = msgspec.json.decode(arguments, type=self.arguments)
        given = {name: getattr(decoded, name) for name in decoded.__struct_fields__}
        if self.caller is not None:
            given[self.caller] = caller
        result = self.function(**given)
        if inspect.iscoroutine(result):
            import asyncio

            result = asyncio.run(result)
        return msgspec.json.encode(result)


def _schema(arguments: type[msgspec.Struct], name: str) -> dict[str, Any]:
    """The object itself, with what it refers to beside it."""
    (_,), parts = msgspec.json.schema_components([arguments], ref_template="#/$defs/{name}")
    schema = dict(parts.pop(name))
    schema.pop("title", None)
    return schema | ({"$defs": parts} if parts else {})
