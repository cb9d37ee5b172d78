"""How data is marked in a prompt, so that it can't pass for anything else."""

from __future__ import annotations

import re

from kreis.generative.index.index import Hit

__all__ = ["MARKS", "mark", "mark_passage", "neutral", "without_tags"]

MARKS = ("passage", "question", "history", "example", "tool_result", "answer", "problem")
"""What data may stand in: `<passage number="1">…</passage>`."""

_OPENS = "[<＜﹤‹〈⟨]"
_NAMES = "|".join((*MARKS, "system", "user", "assistant", "start_of_turn", "end_of_turn", "bos", "eos", "s", "sys"))
_FORGED = re.compile(
    rf"{_OPENS}(?=[\s/]*(?:{_NAMES})\b|{_OPENS}|\|)|(?<=\|)[>＞﹥›〉⟩]|\[(?=\s*/?\s*INST\b)", re.IGNORECASE
)
"""Brackets of our own marks, and of the turns in models' own templates: "<|im_end|>", "[/INST]", "<<SYS>>"."""
_TAG = re.compile(rf"</?(?:{'|'.join(MARKS)})\b[^<>]{{0,200}}>")
_HIDDEN = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u2064\\ufeff\\U000e0000-\\U000e007f]"
)


def neutral(text: str) -> str:
    """Data as a model is shown it: nothing in it opens or closes a mark, or a turn of a model's own template.

    Brackets that would are written as "(": the text stays readable, the same text always gives the same prompt (so a
    prompt can be repeated and cached, which random marks would not allow), and no text can undo it. What has no width
    is left out first, so that it hides nothing.
    """
    return _FORGED.sub("(", _HIDDEN.sub("", text))


def without_tags(text: str) -> str:
    """An answer without marks of ours, which small models repeat."""
    return _TAG.sub("", text)


def mark(name: str, text: str, **attributes: str | int) -> str:
    """A text as data of a kind.

    Args:
        name: One of `MARKS`.
        text: As it came.
        attributes: What is said of it.
    """
    said = "".join(f' {key}="{_attribute(value)}"' for key, value in attributes.items() if value != "")
    return f"<{name}{said}>\n{neutral(text)}\n</{name}>"


def mark_passage(number: int, hit: Hit) -> str:
    """A passage, numbered from 1 for citation."""
    title = " > ".join(each for each in (hit.title, hit.heading) if each)
    return mark("passage", hit.shown, number=number, title=title)


def _attribute(value: str | int) -> str:
    return " ".join(neutral(str(value)).replace('"', "'").replace(">", "›").replace("<", "‹").split())
