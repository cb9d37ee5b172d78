"""Templates without logic: named slots, and parts that stand only where a slot is filled.

Own, because what is there does too much: Mustache's libraries look up attributes and call what they find, and Jinja is
a language. Here a value is text, is put in once, and is never read as a template.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from kreis.errors import ProjectError, nearest

__all__ = ["Template"]

_TAG = re.compile(r"^[ \t]*\{\{([#^/])\s*(\w+)\s*\}\}[ \t]*\n|\{\{([#^/]?)\s*(\w+)\s*\}\}|\{\{", re.MULTILINE)


class _Slot(str):
    """A name that is replaced."""


class _Part(tuple[str, bool, "_Tree"]):
    """What stands between `{{#name}}` (or `{{^name}}`: False) and `{{/name}}`."""


_Tree: TypeAlias = Sequence["str | _Slot | _Part"]


class Template:
    """`{{name}}` is replaced; `{{#name}}…{{/name}}` stands where the slot is filled, `{{^name}}…{{/name}}` where not.

    Example:

    >>> template = Template("{{#today}}It is {{today}}. {{/today}}{{question}}", slots=("question", "today"))
    >>> template.render({"question": "What is {{today}}?", "today": ""})
    'What is {{today}}?'

    Args:
        text: The template.
        slots: Names that it may use.
        where: Says in errors which file it is.

    Raises:
        ProjectError: a name is unknown, a part is not closed, or there are braces that are no slot.
    """

    def __init__(self, text: str, *, slots: Iterable[str], where: str = "template") -> None:
        self._known, self._where, self._text = tuple(slots), where, text
        self.used: set[str] = set()
        """The slots that stand in it."""
        self._tree = self._parsed()

    def render(self, values: Mapping[str, str]) -> str:
        """The text with its slots filled.

        Args:
            values: By name; a slot that is not among them is empty.
        """
        return "".join(_rendered(self._tree, values))

    def _parsed(self) -> _Tree:
        stack: list[tuple[str, bool, list[str | _Slot | _Part]]] = [("", True, [])]
        end = 0
        for match in _TAG.finditer(self._text):
            stack[-1][2].append(self._text[end : match.start()])
            end = match.end()
            sign, name = match[1] or match[3] or "", match[2] or match[4]
            if name not in self._known:
                raise self._error(match, name)
            self.used.add(name)
            if sign == "":
                stack[-1][2].append(_Slot(name))
            elif sign == "/":
                if stack[-1][0] != name:
                    raise self._error(match, f"/{name}")
                _, filled, tree = stack.pop()
                stack[-1][2].append(_Part((name, filled, tree)))
            else:
                stack.append((name, sign == "#", []))
        if len(stack) > 1:
            raise ProjectError(
                f"{{{{#{stack[-1][0]}}}}} is not closed", where=self._where, hint=f"write {{{{/{stack[-1][0]}}}}}"
            )
        return [*stack[0][2], self._text[end:]]

    def _error(self, match: re.Match[str], name: str | None) -> ProjectError:
        line = self._text.count("\n", 0, match.start()) + 1
        if name is None:
            said, hint = "braces that are no slot", "a slot is {{name}}: " + ", ".join(self._known)
        elif name.startswith("/"):
            said, hint = f"{{{{{name}}}}} closes nothing that is open", "parts are closed in the order of their opening"
        else:
            said, hint = f"unknown slot {name!r}", nearest(name, self._known)
        return ProjectError(said, where=f"{self._where}, line {line}", hint=hint)


def _rendered(tree: _Tree, values: Mapping[str, str]) -> Iterable[str]:
    for node in tree:
        if isinstance(node, _Slot):
            yield values.get(node, "")
        elif isinstance(node, _Part):
            name, filled, inner = node
            if bool(values.get(name)) == filled:
                yield from _rendered(inner, values)
        else:
            yield node
