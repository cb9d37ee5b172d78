"""A prompt at a version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from kreis.digests import digest_of_document
from kreis.formats import document_of
from kreis.generative.output.kinds import ValidatorKind
from kreis.generative.output.schema import OpenSchema, schema_of
from kreis.generative.prompts.sections import templates_of

__all__ = ["Example", "Prompt", "prompt_of"]


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A question that was answered well: shown to a model whose question is like it."""

    question: str
    answer: str
    tenant: str = ""
    """Whose it is, as of a document: it is shown to no other tenant."""
    groups: tuple[str, ...] = ()
    """Who may read what it was answered from: a person of any of these groups; empty: everybody."""


class Prompt(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a model is told beside passages and question, as data in a package. `prompt_of` makes one from a file."""

    name: str
    text: str
    """The file as it was written."""
    schema: dict[str, Any] | None = None
    """JSON Schema of the answer; None: free text."""
    validators: Sequence[ValidatorKind] = ()
    """What the answer must satisfy beyond its schema."""
    examples: Sequence[Example] = ()
    """Answered questions from which those nearest to a question are shown."""
    shots: int = 2
    """How many of them."""
    most_tokens: int = 512
    """Of an answer."""
    retries: int = 1
    """How often a model is asked again, with what was wrong, before the fallback answers."""

    @property
    def digest(self) -> str:
        """Names this version."""
        return digest_of_document(document_of(self))


def prompt_of(
    name: str,
    text: str,
    *,
    output: type | None = None,
    validators: Sequence[ValidatorKind] = (),
    where: str = "",
    **fields: Any,
) -> Prompt:
    """A prompt from its file, checked.

    Example:

    >>> prompt_of("answer", "# Instructions\\nBe short.\\n# Never\\nGuess.").shots
    2

    Args:
        name: Names it over all its versions.
        text: The file: Markdown with the sections of `SECTIONS`.
        output: The type of an answer, whose JSON Schema the model is given; None: free text.
        validators: What an answer must satisfy beyond its schema.
        where: Says in errors which file it is.
        fields: Others of `Prompt`.

    Raises:
        ProjectError: a section, a slot or the schema is wrong.
        MissingLibraryError: there is a schema, and jsonschema is not installed.
    """
    where = where or f"prompt {name!r}"
    templates_of(text, where=where)
    schema = schema_of(output) if output is not None else None
    if schema is not None:
        OpenSchema(schema, where=where)
    return Prompt(name=name, text=text, schema=schema, validators=validators, **fields)
