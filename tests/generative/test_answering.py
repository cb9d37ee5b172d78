"""Answerer: without a language model it answers word for word, or not at all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.generative.memory import MemoryIndex, Passage

from kreis.generative.answering import Answerer
from kreis.generative.index.index import Access
from kreis.generative.pipeline import PASSES_ON, Pipeline
from kreis.generative.questions import SIGNALS, Answered, Question
from kreis.generative.retrieval.kinds import Lexical
from kreis.generative.stored import StoredFile

LEAVE = Passage(
    "leave.md",
    "# Leave\n\nRead this first. Employees have 30 days of leave a year. **Ask** your manager before you book.\n",
)
URLAUB = Passage("urlaub.md", "Im Jahr gibt es 30 Tage Urlaub. Den Antrag genehmigt die Leitung.")
FAQ = Passage("faq.md", "How is a laptop ordered? Write to the service desk. It takes two weeks.")
SECRET = Passage("pay.md", "The salary of the director is 200,000 euro.", groups=("board",))


def pipeline(**more: object) -> Pipeline:
    return Pipeline(
        knowledge_base="handbook",
        index=StoredFile("0" * 64, 1),
        index_version="v1",
        search=Lexical(),
        **more,  # type: ignore[arg-type]
    )


def ask(text: str, *, access: Access = Access(), **more: object) -> Answered:
    answerer = Answerer(pipeline(**more), lambda file: Path(file.sha256), index=MemoryIndex(LEAVE, URLAUB, FAQ, SECRET))
    return asyncio.run(answerer.answer(Question(text=text, access=access)))


def test_answers_with_the_sentence_and_its_place() -> None:
    answered = ask("How many days of leave do employees have?")
    assert answered.outcome == "answered"
    assert answered.text.startswith("Employees have 30 days of leave a year.")
    (citation,) = answered.citations
    assert LEAVE.text[citation.start : citation.end] == citation.quote
    assert citation.document == "leave.md"
    assert answered.text.endswith(" [1]")
    assert answered.passages[0].document == "leave.md"
    assert answered.index == "v1"


def test_answers_in_german() -> None:
    answered = ask("Wie viele Tage Urlaub gibt es im Jahr?")
    assert answered.text.startswith("Im Jahr gibt es 30 Tage Urlaub.")
    assert answered.citations[0].document == "urlaub.md"


def test_gives_what_follows_a_question_not_the_question() -> None:
    assert ask("How do I order a laptop?").text.startswith("Write to the service desk.")


@pytest.mark.parametrize(("text", "language"), [("Who won the cup?", "en"), ("Wer gewann das Finale und warum?", "de")])
def test_abstains_where_nothing_is_found(text: str, language: str) -> None:
    answered = ask(text)
    assert answered.outcome == "abstained"
    assert answered.text == PASSES_ON[language]
    assert answered.why == "no passage was found that the person may read"
    assert answered.signals[0] == 0
    assert answered.citations == ()


def test_says_what_the_project_says_when_it_abstains() -> None:
    assert ask("Wer gewann das Finale und warum?", passes_on="Ask Anna.").text == "Ask Anna."


def test_answers_from_what_the_person_may_read() -> None:
    asked = "What is the salary of the director?"
    assert ask(asked).outcome == "abstained"
    assert "200,000" in ask(asked, access=Access(groups=frozenset({"board"}))).text


def test_is_surer_the_more_of_the_question_is_found() -> None:
    sure = ask("How many days of leave do employees have?")
    unsure = ask("How many days of training do employees of Mars have?")
    assert 0 < unsure.signals[0] < sure.signals[0] <= 1
    assert len(sure.signals) == len(SIGNALS)


def test_streams_what_it_answers() -> None:
    async def pieces() -> list[str | Answered]:
        answerer = Answerer(pipeline(), lambda file: Path(file.sha256), index=MemoryIndex(LEAVE))
        return [piece async for piece in answerer.stream(Question(text="How many days of leave?"))]

    *texts, answered = asyncio.run(pieces())
    assert isinstance(answered, Answered)
    assert "".join(str(each) for each in texts) == answered.text
