"""Questions: each mistake in the file is refused with its line, and what is right follows from one fixed rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kreis.errors import ProjectError
from kreis.generative.questions import Citation
from kreis.generative.retrieval.measures import Relevant
from kreis.knowledge.questions import AskedQuestion, Passage, Questions, read_questions

LEAVE = AskedQuestion(
    id="q1", question="How long is leave?", answer=("30 days", "thirty days"), passages=(Passage(document="leave.md"),)
)


def write(folder: Path, *lines: dict[str, object] | str) -> Path:
    path = folder / "questions.jsonl"
    path.write_text("\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines))
    return path


def some(count: int, **more: object) -> list[dict[str, object]]:
    return [{"id": f"q{number}", "question": "How long?", "answer": ["30 days"], **more} for number in range(count)]


def test_questions_are_read_and_parted_by_their_id(tmp_path: Path) -> None:
    read = read_questions(
        write(tmp_path, *some(40), "", {"id": "v", "question": "a?", "answer": ["b"], "part": "test"})
    )
    parts = {part: [each.id for each in read.of(part)] for part in ("validation", "test")}  # type: ignore[arg-type]
    assert sorted(parts["validation"] + parts["test"]) == sorted([f"q{number}" for number in range(40)] + ["v"])
    assert "v" in parts["test"]
    assert 10 <= len(parts["validation"]) <= 30
    more = read_questions(write(tmp_path, *some(80)))
    assert set(parts["validation"]) <= {each.id for each in more.of("validation")}, "a further one moves none"


def test_the_first_few_are_a_sample_of_the_first_more(tmp_path: Path) -> None:
    read = read_questions(write(tmp_path, *some(40)))
    assert [each.id for each in read.of("test", 5)] == [each.id for each in read.of("test", 10)][:5]
    assert read.of("test", 5) != sorted(read.of("test"), key=lambda each: each.id)[:5]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"id": "a", "question": ', "no question"),
        ({"id": "a", "question": "why?", "anser": ["x"]}, "unknown field `anser`"),
        ({"id": "a", "question": "?", "answer": ["x"]}, "its id or its question is empty"),
        ({"id": "", "question": "why?", "answer": ["x"]}, "its id or its question is empty"),
        ({"id": "a", "question": "why?"}, "it says nothing of what is right"),
        ({"id": "a", "question": "why?", "answer": [" ."]}, "an acceptable answer is empty"),
        ({"id": "a", "question": "why?", "answerable": False, "answer": ["x"]}, "has no answer in the documents"),
        ({"id": "a", "question": "why?", "answer": ["x"], "part": "train"}, "Invalid enum value 'train'"),
    ],
)
def test_what_is_no_question_is_refused_with_its_line(tmp_path: Path, line: dict[str, object] | str, said: str) -> None:
    path = write(tmp_path, *some(1), line)
    with pytest.raises(ProjectError, match=said) as caught:
        read_questions(path)
    assert caught.value.where == f"{path}:2"
    assert caught.value.hint


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "holds no question"),
        ([*some(40), *some(1)], "two questions have the id 'q0'"),
        (some(5, part="test"), "no question is of the validation part"),
        (some(5, part="validation"), "no question is of the test part"),
    ],
)
def test_a_file_that_cannot_be_judged_by_is_refused(tmp_path: Path, lines: list[dict[str, object]], said: str) -> None:
    with pytest.raises(ProjectError, match=said):
        read_questions(write(tmp_path, *lines))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="no such file"):
        read_questions(tmp_path / "questions.jsonl")


def test_a_small_set_is_said_to_be_small() -> None:
    few = Questions((LEAVE,))
    assert [each.split(":")[0] for each in few.warnings] == [
        "the questions are few",
        "the questions are few",
        "every question has an answer in the documents",
    ]
    many = tuple(AskedQuestion(id=f"q{n}", question="a?", answerable=bool(n % 5), answer=("b",)) for n in range(200))
    assert Questions(many).warnings == []


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("You have 30 days a year.", True),
        ("THIRTY DAYS!", True),
        ("You have 130 days.", False),
        ("It is 30 working days.", False),
        ("", False),
    ],
)
def test_an_answer_is_right_that_holds_an_acceptable_text_word_for_word(text: str, right: bool) -> None:
    assert LEAVE.is_right(text, [], LEAVE.judged({})) is right


def cited(document: str, start: int, end: int) -> Citation:
    return Citation(document=document, version="1", start=start, end=end, quote="")


def test_without_acceptable_texts_an_answer_is_right_that_cites_the_passage() -> None:
    asked = AskedQuestion(id="q", question="How?", passages=(Passage(document="a.md", quote="two weeks"),))
    judged = asked.judged({"a.md": "It takes two weeks."})
    assert judged.relevant == (Relevant(document="a.md", start=9, end=18),)
    assert asked.is_right("Whatever.", [cited("a.md", 0, 12)], judged)
    assert not asked.is_right("Whatever.", [cited("a.md", 0, 9)], judged)
    assert not asked.is_right("Whatever.", [cited("b.md", 0, 12)], judged)
    gone = asked.judged({"a.md": "It takes a month."})
    assert gone.relevant == (Relevant(document="a.md"),), "a quote that is gone stands for its document"


def test_each_answer_to_a_question_without_one_is_wrong() -> None:
    asked = AskedQuestion(id="q", question="Who?", answerable=False)
    assert not asked.is_right("Someone.", [cited("a.md", 0, 5)], asked.judged({}))


def test_lines_are_utf_8_with_or_without_a_mark_at_the_beginning(tmp_path: Path) -> None:
    path = write(tmp_path, *some(40))
    lines = path.read_bytes()
    path.write_bytes(b"\xef\xbb\xbf" + lines.replace(b"\n", b"\r\n"))
    assert len(read_questions(path).all) == 40
    path.write_bytes(lines.replace(b"?", b"\xe9?", 1))
    with pytest.raises(ProjectError, match="not UTF-8") as caught:
        read_questions(path)
    assert caught.value.where == f"{path}:1"


def test_passages_that_are_nowhere_are_said_with_how_an_id_is_written() -> None:
    def asked(name: str, document: str, quote: str = "") -> AskedQuestion:
        passage = Passage(document=document, quote=quote)
        return AskedQuestion(id=name, question="How long?", passages=(passage,))

    texts = {"faq.csv#leave": ["30 days a year.", "Another tenant's."]}
    right = [
        asked("q1", "faq.csv#leave"),
        asked("q2", "faq.csv#leave", "30 days"),
        asked("q3", "faq.csv#leave", "tenant"),
    ]
    assert Questions(tuple(right)).astray(texts, example="faq.csv#leave") == []
    wrong = [asked("q4", "leave"), asked("q5", "faq.csv#leave", "31 days"), asked("q6", "leaves")]
    assert Questions((*right, *wrong)).astray(texts, example="faq.csv#leave") == [
        "documents that questions name and that are not there: 2 (first: 'leave' of question 'q4'); no answer can cite"
        " them; an id is written like 'faq.csv#leave'",
        "quotes of questions that do not stand in their document: 1 (first: of question 'q5' in 'faq.csv#leave'); the"
        " whole document counts as the passage",
    ]
