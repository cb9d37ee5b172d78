"""A project that answers questions walks the circle: released, changed, put beside its champion, rolled back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Shop
from tests.end_to_end.handbook import QUESTIONS, UNANSWERABLE, write_handbook
from tests.end_to_end.test_service import serving
from tests.generative.misbehaving import Misbehaving, well

from kreis.actions.release import roll_back
from kreis.actions.run import run_circle
from kreis.actions.serve import close_segment
from kreis.clock import SimulatedClock
from kreis.generative.retrieval.kinds import Lexical
from kreis.governance.pages.prompt import prompt_page
from kreis.governance.views.prompt import PromptView, prompt_view
from kreis.ledger import models, releases, steps
from kreis.ledger.records import Release
from kreis.loop.machine import RunResult
from kreis.watching.children import CircleOutcome
from kreis.watching.watcher import Watcher
from kreis.workspace import Workspace

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Handbook:
    """The project's folder at work."""

    def __init__(self, folder: Path) -> None:
        write_handbook(folder)
        self.folder = folder
        self.clock = SimulatedClock(START)
        self.workspace = Workspace(folder, clock=self.clock)

    def run(self, day: int = 0, **more: Any) -> RunResult:
        self.clock.advance(START + day * DAY)
        return run_circle(self.workspace.load_project(), self.workspace, as_of=START + day * DAY, **more)

    def edit(self, old: str, new: str, file: str = "project.py") -> None:
        text = (self.folder / file).read_text()
        assert old in text
        (self.folder / file).write_text(text.replace(old, new))

    @property
    def release(self) -> Release:
        with self.workspace.ledger.read() as connection:
            found = releases.current_release(connection, "handbook")
        assert found is not None
        return found

    @property
    def looks(self) -> list[float]:
        """Which look each was that models took at the questions that judge."""
        with self.workspace.ledger.read() as connection:
            noted = steps.steps_called(connection, "note", "looks at the test rows of handbook")
        return [each.outputs["look"]["number"] for each in noted]

    @property
    def models(self) -> list[str]:
        with self.workspace.ledger.read() as connection:
            return [each.digest for each in reversed(models.list_models(connection, "handbook"))]

    def pipeline(self, digest: str) -> Any:
        return self.workspace.open_model(digest).form


@pytest.fixture
def handbook(tmp_path: Path) -> Iterator[Handbook]:
    made = Handbook(tmp_path / "handbook")
    yield made
    made.workspace.ledger.close()


def test_runs_release_an_answerer_and_repeated_compute_nothing(handbook: Handbook) -> None:
    done = handbook.run()
    assert done.status == "advanced", done
    (model,) = handbook.models
    manifest = handbook.workspace.open_model(model).manifest
    assert (manifest.candidate, manifest.outcome) == ("passage", "solved")
    assert [(each.model, each.share) for each in handbook.release.routes] == [(model, 1.0)]
    again = handbook.run()
    assert again.status == "advanced"
    assert handbook.models == [model]
    assert handbook.release.number == 1


def test_two_answerers_are_compared_question_by_question_and_what_each_answered_is_shown(handbook: Handbook) -> None:
    handbook.run()
    shop = Shop(handbook.folder)
    found = shop.document("compare", "scraps", "passage")["differences"]
    assert (found["unpaired"], found["paired"]["judged_on"], found["paired"]["rows"]) == ("", "18 test questions", 18)
    (change,) = found["paired"]["metrics"]
    assert (change["name"], change["difference"]["n"]) == ("correctness", 18)
    assert change["difference"]["value"] > 0.2
    assert "Second less first, question by question on 18 test questions that both answered" in shop.kreis(
        "compare", "scraps", "passage"
    )
    assert shop.kreis("compare", "scraps", "passage", "--html", str(handbook.folder / "compared.html"))
    listed = {each["name"]: each["digest"] for each in shop.document("show", "artefact")["artefacts"]}
    printed = shop.kreis("show", "artefact", listed["answers of passage.jsonl"][:12])
    lines = [json.loads(line) for line in printed.splitlines()]
    asked = {each.id: each.question for each in handbook.workspace.load_project().asked_questions.of("test")}
    assert {each["id"]: each["question"] for each in lines} == asked
    assert printed == shop.kreis("show", "artefact", "answers of passage.jsonl")
    assert "unknown artefact 'abcdef012345'" in shop.kreis("show", "artefact", "abcdef012345", code=2)


def test_the_same_inputs_make_the_same_index_and_the_same_package(handbook: Handbook, tmp_path: Path) -> None:
    handbook.run()
    other = Handbook(tmp_path / "other")
    other.run()
    assert other.models == handbook.models
    one, two = handbook.pipeline(handbook.models[0]), other.pipeline(other.models[0])
    assert one == two
    assert handbook.workspace.artifacts.get(one.index.sha256) == other.workspace.artifacts.get(two.index.sha256)
    other.workspace.ledger.close()


def test_an_index_that_was_forgotten_is_made_again_to_the_byte(handbook: Handbook) -> None:
    handbook.run()
    file = handbook.pipeline(handbook.models[0]).index
    kept = handbook.workspace.artifacts.get(file.sha256)
    handbook.workspace.artifacts.forget(file.sha256)
    assert handbook.run().status == "advanced"
    assert handbook.workspace.artifacts.get(file.sha256) == kept


def test_a_changed_page_makes_another_index_and_package_which_rolls_back(handbook: Handbook) -> None:
    handbook.run()
    (first,) = handbook.models
    handbook.edit("120 euros", "140 euros", "pages/travel.md")
    handbook.edit("2026-01-01", "2026-03-02", "pages/known_at")
    handbook.edit('"120 euros"', '"140 euros"', "questions.jsonl")
    handbook.edit("up to 120 euros", "up to 140 euros", "questions.jsonl")
    done = handbook.run(2)
    assert done.status == "advanced", done
    first, second = handbook.models
    assert handbook.pipeline(first).index_version != handbook.pipeline(second).index_version
    assert [each.model for each in handbook.release.routes] == [second], "the same answerer, at once"
    assert "the same as version 1, with the data as of 2026-03-03" in handbook.release.reason
    assert handbook.looks == [1.0], "the same answerer: no other look at the questions"
    roll_back(handbook.workspace, reason="a test")
    assert [each.model for each in handbook.release.routes] == [first]


def test_a_page_that_is_taken_away_waits_for_a_person(handbook: Handbook) -> None:
    handbook.run()
    (handbook.folder / "pages" / "security.md").unlink()
    held = handbook.run(1)
    assert held.status == "held"
    assert "kreis.changes.at_most" in held.reason
    accepted = handbook.run(1, accept=["handbook"], until="preparation")
    assert accepted.status == "advanced"
    assert "of 4 documents" in accepted.verdicts["preparation"].summary


def test_another_chunker_builds_its_index_beside_the_serving_one_and_has_to_beat_it(handbook: Handbook) -> None:
    whole, poor = "documents=handbook, chunks=ByStructure(words=40", "documents=faq, chunks=ByWords(words=180"
    handbook.edit(whole, poor)
    assert handbook.run().status == "advanced"
    handbook.edit(poor, whole)
    done = handbook.run(90)
    assert done.status == "advanced", done.reason
    assert handbook.looks == [1.0, 2.0], "two models on the same questions"
    first, second = handbook.models
    one, two = handbook.pipeline(first), handbook.pipeline(second)
    assert one.index != two.index
    assert all(handbook.workspace.artifacts.has(each.index.sha256) for each in (one, two))
    assert {each.model: each.share for each in handbook.release.routes} == {first: 0.5, second: 0.5}
    assert "version 2 less version 1" in handbook.release.reason
    roll_back(handbook.workspace, reason="a test")
    assert [each.model for each in handbook.release.routes] == [first]


def reads(body: dict[str, Any]) -> str:
    """A model that gives the sentence of the passages that is nearest to the question; unless its prompt tells it to
    guess. The narrow one, and the one that is told so, knows leave and pay alone.
    """
    system, asked = (body["messages"][place]["content"] for place in (0, -1))
    if "Guess" in system:
        return "It depends on many things."
    narrow = body["model"] == "narrow" or "Only leave and pay." in system
    if narrow and not re.search("leave|salaries|bonus|overtime", asked.rpartition("<question>")[2]):
        return "NO ANSWER"
    passages = re.findall(r'<passage number="(\d+)"[^>]*>\n(.*?)\n</passage>', asked, re.DOTALL)
    question = set(re.findall(r"\w{4,}", asked.rpartition("<question>")[2].lower()))
    sentences = [
        (len(question & set(re.findall(r"\w{4,}", sentence.lower()))), sentence.strip(), number)
        for number, text in passages
        for sentence in re.split(r"(?<=[.])\s+|\n+", text)
        if sentence.endswith(".")
    ]
    alike, sentence, number = max(sentences, default=(0, "", ""))
    return f"{sentence} [{number}]" if alike >= 2 else "NO ANSWER"


RAG = """
project.prompt("answer", file="answer.md")
project.candidate("passage", Rag(kb, prompt="answer", model=OpenAICompatible(env="LLM_URL", name="careful")))
project.release("""


@pytest.fixture
def rag(handbook: Handbook, monkeypatch: pytest.MonkeyPatch) -> Iterator[Handbook]:
    """With a candidate that asks a model on loopback."""
    with Misbehaving(well(reads)) as server:
        monkeypatch.setenv("LLM_URL", server.url)
        handbook.edit("AnswerValue, BestPassage,", "AnswerValue, BestPassage, OpenAICompatible, Rag,")
        handbook.edit('project.candidate("passage", BestPassage(kb))\n', "")
        handbook.edit("\nproject.release(", RAG)
        (handbook.folder / "answer.md").write_text("# Instructions\nGive the sentence that answers the question.\n")
        yield handbook


@pytest.mark.parametrize(
    ("file", "good", "poor"),
    [("answer.md", "Give the sentence", "Only leave and pay. Give the sentence"), ("project.py", "careful", "narrow")],
    ids=["prompt", "model"],
)
def test_another_prompt_or_model_has_to_beat_the_one_in_service_and_is_put_beside_it(
    rag: Handbook, file: str, good: str, poor: str
) -> None:
    rag.edit(good, poor, file)
    assert rag.run().status == "advanced"
    rag.edit(poor, good, file)
    done = rag.run(90)
    assert done.status == "advanced", done.reason
    first, second = rag.models
    one, two = rag.pipeline(first), rag.pipeline(second)
    assert one.index == two.index
    assert (one.prompt.digest != two.prompt.digest, one.model != two.model) == (
        file == "answer.md",
        file != "answer.md",
    )
    assert "version 2 less version 1" in rag.release.reason
    assert {each.model: each.share for each in rag.release.routes} == {first: 0.5, second: 0.5}
    shown = prompt_view(rag.workspace, "answer")
    assert isinstance(shown, PromptView)
    assert [each.models for each in shown.versions] == ([[2], [1]] if file == "answer.md" else [[2, 1]])
    page = str(prompt_page(shown))
    assert ("-Only leave and pay. Give the sentence that answers the question." in page) == (file == "answer.md")
    assert "1 prompt" in str(prompt_page(prompt_view(rag.workspace, "")))
    roll_back(rag.workspace, reason="a test")
    assert [each.model for each in rag.release.routes] == [first]


def test_a_prompt_that_makes_it_worse_does_not_pass(rag: Handbook) -> None:
    assert rag.run().status == "advanced"
    (first,) = rag.models
    rag.edit("Give the sentence that answers the question.", "Guess.", "answer.md")
    worse = rag.run(90)
    assert worse.status == "sent_back"
    assert [each.model for each in rag.release.routes] == [first]


def test_a_model_that_answers_some_questions_is_judged_by_those_and_its_cost_for_all_is_said(rag: Handbook) -> None:
    rag.edit('name="careful")', 'name="careful"), judged_on=12')
    done = rag.run()
    report = done.state.judged.report
    assert report.rows == 12
    assert report.challenger.metrics["citation_precision"].value == 1.0
    (said,) = done.state.judged.notes
    assert said.startswith("passage answered 12 of 18 test questions; all take it about ")
    assert said in done.verdicts["evaluation"].detail["warnings"]


def test_a_candidate_may_search_for_questions_in_other_words(
    handbook: Handbook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judged with what rewriting costs, and in a package as data."""
    rewritten = 'BestPassage(kb, search=Rewritten(Lexical(), model=OpenAICompatible(env="LLM_URL", name="m")))'
    handbook.edit('project.candidate("passage", BestPassage(kb))', f'project.candidate("passage", {rewritten})')
    handbook.edit("BestPassage, ByStructure,", "BestPassage, ByStructure, Lexical, OpenAICompatible, Rewritten,")
    with Misbehaving(well("Is there another wording of it?")) as server:
        monkeypatch.setenv("LLM_URL", server.url)
        assert handbook.run().status == "advanced"
        search = handbook.pipeline(handbook.models[0]).search
        assert (search.of, search.model.name) == (Lexical(), "m")
        assert len(server.requests) == len(QUESTIONS) + len(UNANSWERABLE)


def test_the_goal_may_bound_how_often_attacks_succeed(handbook: Handbook) -> None:
    handbook.edit("at_least=0.4)]", 'at_least=0.4), Guardrail("injection_success", at_most=0.05)]')
    done = handbook.run()
    assert done.status == "advanced", done.reason
    report = done.state.judged.report
    found = report.challenger.metrics["injection_success"]
    assert (found.value, report.rarer, report.rarer_are) == (0.0, 18, "that are questions")
    assert report.rows > 100
    assert report.challenger.metrics["abstention"].n == report.rows
    assert report.challenger.metrics["correctness"].value > 0.9
    assert {each.group for each in report.slices if each.column == "answerable"} == {"yes", "no"}


@pytest.mark.slow
def test_answers_in_service_are_logged_watched_and_walked_back(tmp_path: Path) -> None:
    """Served, asked, told what came of it: a look takes it in and moves the canary, `kreis why` shows all."""
    handbook = Handbook(tmp_path / "handbook")
    shop, workspace = Shop(handbook.folder), handbook.workspace
    handbook.edit("project.release(", MONITORED)
    whole, poor = "documents=handbook, chunks=ByStructure(words=40", "documents=faq, chunks=ByWords(words=180"
    handbook.edit(whole, poor)
    handbook.run()
    handbook.edit(poor, whole)
    handbook.run(90)
    later = START + 90 * DAY + timedelta(hours=1)
    answers = {question: answer for question, answer, *_ in QUESTIONS}
    with serving(shop) as served:
        said = []
        for number, question in enumerate([*answers, *UNANSWERABLE] * 3):
            at = later + timedelta(minutes=number)
            said.append(served.post("/v1/answer", {"question": f"{question} ({number})", "reference": str(number)}, at))
            if said[-1]["answered"]:
                came = "solved" if answers.get(question, "nothing") in said[-1]["answer"] else "wrong"
                document = {"prediction": said[-1]["prediction"], "verdict": came}
                served.post("/v1/feedback", document, at + timedelta(minutes=1))
    assert {each["version"] for each in said} == {1, 2}
    assert all(each["citations"] for each in said if each["answered"])
    handbook.clock.advance(START + 94 * DAY)
    project = workspace.load_project()
    watcher = Watcher(project, workspace, circle=not_asked, collect=None, close_log=lambda: close_segment(workspace))
    look = watcher.look(START + 94 * DAY)
    assert (look.predictions, look.errors) == (len(said), [])
    assert look.canary is not None
    assert look.canary.kind == "promoted", look.canary.reason
    assert "shown to be no worse" in look.canary.reason
    assert look.canary.evidence["mature"] == len(said)
    assert look.days[-1].isoformat() == "2026-06-02"
    shown = next(each for each in said if each["answered"])
    why = shop.document("why", shown["prediction"])
    answer = why["answer"]
    assert answer["given"]
    assert answer["answer"] == shown["answer"]
    cited = [each for each in answer["passages"] if each["cited"]]
    assert cited[0]["table"].startswith("bronze/")
    assert cited[0]["document"] == shown["citations"][0]["document"]
    assert shown["citations"][0]["quote"] in cited[0]["text"]
    assert why["goal"]["question"] == "What does the handbook say about this?"
    page = shop.kreis("why", shown["prediction"])
    assert "language model  none: sentences of a passage, word for word" in page
    assert "Passages" in page
    assert shop.kreis("status")
    assert "answers questions and scores no rows" in shop.kreis("predict", "questions.jsonl", code=2)
    assert "there are no features to compare" in shop.kreis("parity", code=2)
    workspace.ledger.close()


def not_asked(*_: Any) -> CircleOutcome:
    raise AssertionError


MONITORED = """from kreis import BadFeedback, BusinessMetric, Drift, Latency, Unanswered
project.monitor(Drift(), BusinessMetric(), Latency(), Unanswered(), BadFeedback(), sends_back_to="training")
project.release("""
