"""Answerer: without a language model it answers word for word, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.generative.answers import answerer_of, streamed
from tests.generative.answers import ask as ask_of
from tests.generative.handbook import page

from kreis.errors import CorruptionError
from kreis.generative.answering import Answerer
from kreis.generative.chunking.by_structure import ByStructure
from kreis.generative.index.build import build_index
from kreis.generative.index.index import Access
from kreis.generative.pipeline import PASSES_ON, Pipeline
from kreis.generative.questions import SIGNALS, Answered
from kreis.generative.retrieval.kinds import Lexical

LEAVE = page("leave.md", "# Leave\n\nEmployees have 30 days of leave a year. **Ask** your manager before you book.")
URLAUB = page("urlaub.md", "Im Jahr gibt es 30 Tage Urlaub. Den Antrag genehmigt die Leitung.")
FAQ = page("faq.md", "How is a laptop ordered?\nWrite to the service desk. It takes two weeks.")
SECRET = page("pay.md", "The salary of the director is 200,000 euro.", groups=("board",))
PAGES = (LEAVE, URLAUB, FAQ, SECRET)


@pytest.fixture
def ask(tmp_path: Path) -> Any:
    def asked(text: str, *, access: Access = Access(), **fields: Any) -> Answered:
        return ask_of(answerer_of(PAGES, tmp_path, **fields), text, access=access)

    return asked


def test_answers_with_the_sentence_and_its_place(ask: Any) -> None:
    answered = ask("How many days of leave do employees have?")
    assert answered.outcome == "answered"
    assert answered.text.startswith("Employees have 30 days of leave a year.")
    (citation,) = answered.citations
    assert LEAVE.text[citation.start : citation.end] == citation.quote
    assert citation.document == "leave.md"
    assert answered.text.endswith(" [1]")
    assert answered.passages[citation.number - 1].document == "leave.md"
    assert "**" not in answered.text


def test_answers_in_german(ask: Any) -> None:
    answered = ask("Wie viele Tage Urlaub gibt es im Jahr?")
    assert answered.text.startswith("Im Jahr gibt es 30 Tage Urlaub.")
    assert answered.citations[0].document == "urlaub.md"


def test_gives_what_follows_a_question_not_the_question(ask: Any) -> None:
    assert ask("How do I order a laptop?").text.startswith("Write to the service desk.")


def test_gives_a_number_where_one_is_asked_for(tmp_path: Path) -> None:
    text = """Cars of visitors park beside the gate, where a person lets them in on days of work and shows the way.

Cars of visitors pay 4 euros for it, which the machine beside the gate takes before anybody leaves the place again."""
    pages = (page("parking.md", text),)
    assert "4 euros" in ask_of(answerer_of(pages, tmp_path), "How much do visitors with cars give?").text
    assert "4 euros" not in ask_of(answerer_of(pages, tmp_path), "Where do visitors with cars go?").text


def test_prefers_the_better_passage_where_sentences_are_alike(tmp_path: Path) -> None:
    pages = tuple(page(f"{name}.md", "Leave is 30 days.") for name in "cab")
    assert ask_of(answerer_of(pages, tmp_path), "How long is leave?").citations[0].number == 1


@pytest.mark.parametrize(("text", "language"), [("Who won the cup?", "en"), ("Wer gewann das Finale und warum?", "de")])
def test_abstains_where_nothing_is_found(ask: Any, text: str, language: str) -> None:
    answered = ask(text)
    assert answered.outcome == "abstained"
    assert answered.text == PASSES_ON[language]
    assert answered.why in ("no passage was found that the person may read", "no passage holds a word of the question")
    assert answered.signals[0] == 0
    assert answered.citations == ()


def test_says_what_the_project_says_when_it_abstains(ask: Any) -> None:
    assert ask("Wer gewann das Finale und warum?", passes_on="Ask Anna.").text == "Ask Anna."


def test_answers_from_what_the_person_may_read(ask: Any) -> None:
    asked = "What is the salary of the director?"
    assert ask(asked).outcome == "abstained"
    assert "200,000" in ask(asked, access=Access(groups=frozenset({"board"}))).text


def test_is_surer_the_more_of_the_question_is_found(ask: Any) -> None:
    sure = ask("How many days of leave do employees have?")
    unsure = ask("How many days of training do employees of Mars have?")
    assert 0 < unsure.signals[0] < sure.signals[0] <= 1
    assert len(sure.signals) == len(SIGNALS)


def test_streams_what_it_answers(tmp_path: Path) -> None:
    _, answered = streamed(answerer_of(PAGES, tmp_path), "How many days of leave do employees have?")
    assert answered.outcome == "answered"


def test_holds_no_personal_data_of_the_question(ask: Any) -> None:
    answered = ask("How many days of leave has anna@firm.example with DE89 3704 0044 0532 0130 00?")
    assert answered.outcome == "answered"
    assert "firm.example" not in answered.question
    assert "DE89" not in answered.question
    assert "leave" in answered.question


def test_refuses_an_index_that_the_package_does_not_name(tmp_path: Path) -> None:
    built = build_index(PAGES, chunker=ByStructure(), embedding=None, cache=None, place=tmp_path / "index")
    pipeline = Pipeline(knowledge_base="handbook", index=built.file, index_version="0" * 64, search=Lexical())
    with pytest.raises(CorruptionError, match=f"it is of version {built.version[:12]}, and the package names 0000"):
        Answerer(pipeline, lambda file: tmp_path / "index")


def test_gives_the_best_passages_whole_each_with_its_place(ask: Any) -> None:
    answered = ask("How is a laptop ordered, and who asks the manager for leave?", whole=2)
    given = [each.document for each in answered.citations]
    assert sorted(given) == ["faq.md", "leave.md"]
    assert [each.quote for each in answered.citations] == [each.shown for each in answered.passages[:2]]
    assert answered.text.count("\n\n") == 1
    assert answered.text.endswith(" [2]")
