"""How what is written down outlives the version that wrote it (docs/decisions/0010-formats.md).

A format grows by fields with a default. Such a field is not written where it says only its default: so a new field
changes no byte, and no digest, of what says nothing new. What an older kreis could misread has an unknown field, or
another number, and is refused there.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import msgspec

from kreis.digests import canonical_json
from kreis.errors import ProjectError

__all__ = ["always", "canonical", "check_format", "document_of"]

_T = TypeVar("_T")
_EMPTY = (list, dict, set)


def always(default: _T) -> _T:
    """The default of a field that stood in its format's first version: it is written even where it says nothing."""
    field: _T = msgspec.field(default_factory=lambda: copy.copy(default))
    return field


def document_of(value: Any) -> Any:
    """Structs as plain data, without the fields that say only their default (`always` fields are kept).

    It compares by value, where msgspec's `omit_defaults` compares identities, so that equal structs always give
    the same document.
    """
    if isinstance(value, msgspec.Struct):
        config = value.__struct_config__
        document = {} if config.tag is None or config.tag_field is None else {config.tag_field: config.tag}
        for field in msgspec.structs.fields(value):
            said = getattr(value, field.name)
            if not _is_default(field, said):
                document[field.encode_name] = document_of(said)
        return document
    if isinstance(value, dict):
        return {key: document_of(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [document_of(each) for each in value]
    return msgspec.to_builtins(value)


def canonical(value: msgspec.Struct) -> bytes:
    """The canonical JSON of `document_of`: what is stored, signed and digested."""
    return canonical_json(document_of(value))


def check_format(document: bytes, known: str, *older: str, where: str) -> str:
    """The `format` of a JSON document: refused unless it is `known` ("kreis.package/2"), or one of the `older` ones.

    Raises:
        ProjectError: it is of another format; says which version of kreis reads it.
    """

    class Head(msgspec.Struct):
        format: str = ""

    try:
        found = msgspec.json.decode(document, type=Head).format
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        found = ""
    if found == known or found in older:
        return found
    kind, _, number = known.partition("/")
    if found.startswith(f"{kind}/") and found.removeprefix(f"{kind}/").isdecimal():
        raise ProjectError(
            f"is of the later format {found!r}; kreis {_version()} reads {kind} up to {number}",
            where=where,
            hint="pip install --upgrade kreis: the version that wrote it reads it, and so does every later one",
        )
    raise ProjectError(f"is no {kind}: its format is {found!r}, not {known!r}", where=where)


def _is_default(field: msgspec.structs.FieldInfo, value: Any) -> bool:
    if field.default is not msgspec.NODEFAULT:
        return type(value) is type(field.default) and bool(value == field.default)
    return field.default_factory in _EMPTY and value == field.default_factory()


def _version() -> str:
    from importlib.metadata import version

    return version("kreis")
