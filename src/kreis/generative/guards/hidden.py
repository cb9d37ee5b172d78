"""Characters that a reader does not see: they carry orders and data, and hide words from other guards."""

from __future__ import annotations

import re
from collections.abc import Sequence

from kreis.generative.guards.guard import Where
from kreis.generative.index.index import Hit
from kreis.generative.questions import Verdict

__all__ = ["HiddenCharacters"]

_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d"
    "\ufeff\uffa0\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
    "|(?<=[\x21-\x7e])[\u200c\u200d]+|[\u200c\u200d]+(?=[\x21-\x7e])"
)
"""Soft hyphens, blanks without width, directions, tags and variation selectors (which can spell whole texts), controls;
joiners only beside ASCII, where no script needs them. \ufe0f, which makes signs into pictures, stays."""


class HiddenCharacters:
    """Removes them."""

    name = "hidden characters"
    places: frozenset[Where] = frozenset({"passage", "tool result", "answer"})

    def act(self, text: str, where: Where, passages: Sequence[Hit] = ()) -> tuple[str, list[Verdict]]:
        """Take them out."""
        if text.isascii() and text.isprintable():
            return text, []
        shown, count = _HIDDEN.subn("", text)
        if not count:
            return text, []
        return shown, [Verdict(guard=self.name, where=where, did="removed", count=count, said="characters nobody sees")]
