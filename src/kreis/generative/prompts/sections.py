"""The sections of a prompt's file, and what a model is told where the file does not say it."""

from __future__ import annotations

import re

from kreis.errors import ProjectError, nearest
from kreis.generative.prompts.template import Template

__all__ = ["DATA", "NO_ANSWER", "SECTIONS", "sections_of", "templates_of"]

SECTIONS = {
    "System": "Who the model is.",
    "Instructions": "What it is to do.",
    "Never": "What it must never do.",
    "Output": "What an answer looks like.",
    "Examples": "How examples are introduced.",
    "Question": "Where history, passages and question stand.",
}
"""The headings of a prompt's file, in order, and what each holds. The first four are the system's message."""

DATA = ("examples", "history", "passages", "question")
"""Slots that come from people and documents: they are marked as data, and stand in the last two sections only."""

NO_ANSWER = "NO ANSWER"
"""What a model is told to write where the passages don't answer."""

INSTRUCTIONS = "Answer in one to three short sentences, in the language of the question."
"""What a model is told to do where no prompt says it."""

_DEFAULTS = {
    "System": "You answer questions from the passages that you are given.",
    "Instructions": INSTRUCTIONS,
    "Examples": "{{#examples}}Questions that were answered well:\n{{examples}}\n\n{{/examples}}",
    "Question": "{{#history}}{{history}}\n\n{{/history}}{{passages}}\n\n{{question}}",
}
_HEADING = re.compile(r"^# +(.+?)\s*$")


def sections_of(text: str, *, where: str = "prompt") -> dict[str, str]:
    """The sections of a prompt's file: what stands under each heading of the first level.

    A file without such headings is all instructions.

    Args:
        text: The file.
        where: Says in errors which file it is.

    Raises:
        ProjectError: a heading is unknown or stands there twice, text stands before the first, or there is none at all.
    """
    found: dict[str, list[str]] = {}
    before: list[str] = []
    current, fenced = "", False
    for number, line in enumerate(text.splitlines(), start=1):
        fenced ^= line.lstrip().startswith("```")
        match = None if fenced else _HEADING.match(line)
        if match is None:
            (found[current] if current else before).append(line)
            continue
        current, place = match[1].capitalize(), f"{where}, line {number}"
        if current not in SECTIONS:
            raise ProjectError(f"unknown section {match[1]!r}", where=place, hint=nearest(current, SECTIONS))
        if current in found:
            raise ProjectError(f"section {current!r} stands there twice", where=place, hint="join the two")
        found[current] = []
    outside = "\n".join(before).strip()
    if found and outside:
        raise ProjectError("text before the first heading", where=where, hint="put it under '# Instructions'")
    if not found and not outside:
        raise ProjectError("it is empty", where=where, hint="write what the model is to do")
    if not found:
        return {"Instructions": outside}
    return {name: "\n".join(lines).strip() for name, lines in found.items()}


def templates_of(text: str, *, where: str = "prompt") -> dict[str, Template]:
    """Each section as a template, with the defaults for those that the file leaves out.

    Args:
        text: The file.
        where: Says in errors which file it is.

    Raises:
        ProjectError: a section or a slot is wrong; data stands among instructions; passages or question are missing.
    """
    written = _DEFAULTS | sections_of(text, where=where)
    templates = {}
    for name in SECTIONS:
        place = f"{where}, section {name}"
        template = templates[name] = Template(written.get(name, ""), slots=(*DATA, "today"), where=place)
        if name not in ("Examples", "Question") and (data := sorted(template.used & set(DATA))):
            raise ProjectError(
                f"{{{{{data[0]}}}}} is data, and stands among instructions",
                where=place,
                hint="data is never an instruction: put it under '# Question'",
            )
    missing = {"passages", "question"} - templates["Question"].used
    if missing:
        raise ProjectError(
            f"{{{{{min(missing)}}}}} is missing", where=f"{where}, section Question", hint="the model needs both"
        )
    return templates
