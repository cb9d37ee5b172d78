"""Questions with what is right: by some of them candidates are fitted, by the others they are judged."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from kreis.digests import digest_of, digest_of_document
from kreis.errors import ProjectError
from kreis.generative.index.index import Access
from kreis.generative.questions import Citation, Question
from kreis.generative.retrieval.measures import Judged, Relevant
from kreis.generative.words import words
from kreis.tasks.metrics.counts import FEW
from kreis.texts import counted

__all__ = ["TO_BE_REPLACED", "AskedQuestion", "Passage", "Questions", "read_questions"]

Part = Literal["validation", "test"]
PARTS: tuple[Part, ...] = ("validation", "test")
TO_BE_REPLACED = "to be replaced"
"""The kind of questions that `kreis init` made from headings: nobody asked them."""
_HINT = '{"id": "q1", "question": "…", "answer": ["30 days"], "passages": [{"document": "leave.md", "quote": "…"}]}'


class Passage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where an answer stands."""

    document: str
    """Its id."""
    quote: str = ""
    """As it stands there; empty: the document as a whole."""


class AskedQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question, and what is right."""

    id: str
    question: str
    answerable: bool = True
    """Whether the documents answer it; else each answer is wrong."""
    answer: tuple[str, ...] = ()
    """Texts of which a right answer holds one. Without any, an answer is right that cites one of the passages."""
    passages: tuple[Passage, ...] = ()
    kind: str = ""
    """By which results are shown, and models routed: "number", "procedure" …"""
    language: str = ""
    part: Part | None = None
    """Whether candidates are fitted by it or judged; drawn by its id where it is not said."""
    tenant: str = ""
    groups: tuple[str, ...] = ()
    """Who asks."""

    @property
    def role(self) -> Part:
        """Its part; drawn by its id, half each, where it names none: another question moves none of the others."""
        drawn: Part = "validation" if int(digest_of(self.id.encode())[:8], 16) % 2 else "test"
        return self.part or drawn

    @property
    def access(self) -> Access:
        """Who asks."""
        return Access(tenant=self.tenant, groups=frozenset(self.groups))

    def asked(self, at: int) -> Question:
        """It, as it is asked at a moment (microseconds since 1970 UTC)."""
        return Question(text=self.question, access=self.access, kind=self.kind, reference=self.id, at=at)

    def judged(self, texts: Mapping[str, str]) -> Judged:
        """It, with the places of its passages.

        Args:
            texts: Of documents, by id; a passage whose quote is not there any more stands for the whole document.
        """
        relevant = tuple(_place(each, texts.get(each.document, "")) for each in self.passages)
        return Judged(text=self.question, relevant=relevant, access=self.access)

    def is_right(self, text: str, cited: Sequence[Citation], judged: Judged) -> bool:
        """Whether an answer is right: by one fixed rule, so that it is the same whenever it is asked.

        An answerable question is answered rightly by a text that holds one of `answer` word for word (case and
        punctuation aside); where `answer` is empty, by one of which a citation lies within one of the passages.

        Args:
            text: The answer.
            cited: What it cites.
            judged: The question with the places of its passages.
        """
        if not self.answerable:
            return False
        if self.answer:
            said = f" {' '.join(words(text))} "
            return any(f" {' '.join(words(each))} " in said for each in self.answer)
        return any(each.held_by(citation) for citation in cited for each in judged.relevant)


class Questions(msgspec.Struct, frozen=True):
    """All questions of a project."""

    all: tuple[AskedQuestion, ...]

    def of(self, part: Part, most: int | None = None) -> list[AskedQuestion]:
        """Those of a part, in an order drawn by their ids: the first few are a sample of them, and of the first more.

        Args:
            part: Which.
            most: So many at most.
        """
        found = [each for each in self.all if each.role == part]
        return sorted(found, key=lambda each: digest_of(each.id.encode()))[:most]

    def digest(self, part: Part) -> str:
        """Names the questions of a part: another one, and what rests on them is done again."""
        return digest_of_document([msgspec.to_builtins(each) for each in self.of(part)])

    @property
    def said(self) -> str:
        """In words; a small set is said to be small."""
        counts = {part: len(self.of(part)) for part in PARTS}
        unanswerable = sum(not each.answerable for each in self.all)
        found = f"{counted(counts['validation'], 'question')} to fit by, {counts['test']:,} to judge by"
        return f"{found}, {unanswerable:,} of them without an answer in the documents"

    @property
    def warnings(self) -> list[str]:
        """What the questions are too few to show."""
        told = []
        if made := sum(each.kind == TO_BE_REPLACED for each in self.all):
            told.append(
                f"{made:,} of {len(self.all):,} questions were made from headings and are not real ones: numbers say"
                " little until people's own questions replace them"
            )
        for part, does in zip(PARTS, ("fit thresholds and choose a candidate", "judge by"), strict=True):
            if (count := len(self.of(part))) < FEW:
                told.append(f"the questions are few: {count:,} to {does}; below about {FEW} chance decides much")
        if not any(not each.answerable for each in self.all):
            told.append(
                "every question has an answer in the documents: nothing shows whether a candidate knows its limits"
            )
        return told

    def astray(self, texts: Mapping[str, Sequence[str]], *, example: str) -> list[str]:
        """What passages name that is not there, in sentences.

        Args:
            texts: Of the documents that they name, by id.
            example: The id of a document that there is.
        """
        passages = [(each.id, passage) for each in self.all for passage in each.passages]
        unknown = [(asked, each.document) for asked, each in passages if each.document not in texts]
        moved = [
            (asked, each.document)
            for asked, each in passages
            if each.document in texts and not any(each.quote in text for text in texts[each.document])
        ]
        told = []
        if unknown:
            asked, document = unknown[0]
            told.append(
                f"documents that questions name and that are not there: {len(unknown):,} (first: {document!r} of"
                f" question {asked!r}); no answer can cite them; an id is written like {example!r}"
            )
        if moved:
            asked, document = moved[0]
            told.append(
                f"quotes of questions that do not stand in their document: {len(moved):,} (first: of question {asked!r}"
                f" in {document!r}); the whole document counts as the passage"
            )
        return told


def read_questions(path: Path) -> Questions:
    """The questions of a file, one JSON object a line.

    Raises:
        ProjectError: the file is missing, a line is no question, or two share an id; says which line.
    """
    if not path.is_file():
        raise ProjectError("there is no such file", where=str(path), hint=f"write one question a line: {_HINT}")
    found: list[AskedQuestion] = []
    for number, line in enumerate(path.read_bytes().removeprefix(BOM_UTF8).split(b"\n"), start=1):
        if line.strip():
            found.append(_question(line, f"{path}:{number}"))
    if not found:
        raise ProjectError("it holds no question", where=str(path), hint=f"one question a line: {_HINT}")
    twice = [each for each, count in Counter(question.id for question in found).items() if count > 1]
    if twice:
        raise ProjectError(f"two questions have the id {twice[0]!r}", where=str(path), hint="an id names one question")
    questions = Questions(tuple(found))
    for part in PARTS:
        if not questions.of(part):
            hint = 'say "part": "validation" or "part": "test" of some, or write more questions'
            raise ProjectError(f"no question is of the {part} part", where=str(path), hint=hint)
    return questions


def _question(line: bytes, where: str) -> AskedQuestion:
    try:
        found = msgspec.json.decode(line, type=AskedQuestion)
    except UnicodeError as error:
        raise ProjectError("it is not UTF-8", where=where, hint="save the file as UTF-8") from error
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ProjectError(f"it is no question: {error}", where=where, hint=_HINT) from error
    if not found.id.strip() or not words(found.question):
        raise ProjectError("its id or its question is empty", where=where, hint=_HINT)
    if any(not words(each) for each in found.answer):
        raise ProjectError("an acceptable answer is empty", where=where, hint='"answer": ["30 days", "thirty days"]')
    if found.answerable and not (found.answer or found.passages):
        hint = 'say "answer", "passages" or both; "answerable": false where the documents hold no answer'
        raise ProjectError("it says nothing of what is right", where=where, hint=hint)
    if not found.answerable and (found.answer or found.passages):
        hint = 'leave "answer" and "passages" out, or "answerable": true'
        raise ProjectError("it has no answer in the documents, and an answer", where=where, hint=hint)
    return found


def _place(passage: Passage, text: str) -> Relevant:
    start = text.find(passage.quote) if passage.quote else -1
    if start < 0:
        return Relevant(document=passage.document)
    return Relevant(document=passage.document, start=start, end=start + len(passage.quote))
