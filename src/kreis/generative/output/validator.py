"""What a validator is: a condition on an answer, as data in a package. A function of the user's would be code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from kreis.generative.index.index import Hit
from kreis.generative.output.marks import without_marks

__all__ = ["Said", "Validator", "leaves"]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is looked at, and what it rests on."""

    value: Any
    """A text, or the object that the schema asks for."""
    question: str
    passages: Sequence[Hit] = ()


class Validator(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="is"):
    """What an answer must satisfy: each kind has a tag, and is one of `ValidatorKind`. Its tests:
    `tests/generative/output/test_validators.py`.
    """

    field: str = ""
    """Which property of an answer it looks at: "sum.currency"; empty: all of the answer."""

    def problem(self, said: Said) -> str | None:
        """What is wrong, in a sentence that a model and a person understand; None where nothing is.

        Args:
            said: The answer, with question and passages.
        """
        raise NotImplementedError

    def texts(self, said: Said) -> Iterator[str]:
        """What it looks at."""
        return leaves(said.value, self.field)

    @property
    def named(self) -> str:
        """What it looks at, as a problem calls it."""
        return self.field or "the answer"


def leaves(value: Any, field: str) -> Iterator[str]:
    """The texts and numbers of an answer, or of one of its properties, without marks of citations; of lists each item.

    Args:
        value: The answer.
        field: "sum.currency"; empty: all of it.
    """
    if field and isinstance(value, dict):
        name, _, rest = field.partition(".")
        if name in value:
            yield from leaves(value[name], rest)
    elif isinstance(value, dict):
        for each in value.values():
            yield from leaves(each, field)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, field)
    elif not field and value is not None and not isinstance(value, bool):
        yield without_marks(str(value))
