"""What a candidate learns goes into its pipeline; it is fitted by answers to questions that it did not learn from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tests.end_to_end.handbook import QUESTIONS, write_handbook
from tests.generative.handbook import Paragraphs, page

from kreis.actions.run import run_circle
from kreis.artifacts.folder import ArtifactFolder
from kreis.clock import SimulatedClock
from kreis.errors import ProjectError
from kreis.generative.answering import Answerer
from kreis.generative.cache.policy import QuestionPair
from kreis.generative.index.build import build_index
from kreis.generative.pipeline import Pipeline
from kreis.generative.questions import Question
from kreis.generative.retrieval.kinds import Lexical
from kreis.generative.retrieval.measures import Judged, Relevant
from kreis.knowledge.caching import SemanticCache, read_pairs
from kreis.ledger import models
from kreis.ways.generative.asking import Asked, Files
from kreis.ways.generative.learning import Learned, learn_search
from kreis.workspace import Workspace

START = datetime(2026, 3, 1, tzinfo=UTC)
TOPICS = 60


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Learned, Files]:
    """Of pages whose titles say what they are about, among others that only go on about it."""
    folder = tmp_path_factory.mktemp("learned")
    pages = []
    for word in (f"topic{topic}x" for topic in range(TOPICS)):
        pages.append(page(f"{word}.md", f"All that is to know of {word} stands on this page.", title=word))
        pages.append(page(f"other {word}.md", f"{word} {word} {word}", title="Notes"))
    built = build_index(pages, chunker=Paragraphs(), embedding=None, cache=None, place=folder / "index")
    artifacts = ArtifactFolder(folder / "artifacts")
    artifacts.put((folder / "index").read_bytes())
    files = Files(folder / "files", artifacts)
    pipeline = Pipeline(
        knowledge_base="kb", index=built.file, index_version=built.version, search=Lexical(), passages=1
    )
    judged = [
        Judged(text=f"Tell me about topic{topic}x", relevant=(Relevant(document=f"topic{topic}x.md"),))
        for topic in range(TOPICS)
    ]
    return learn_search(pipeline, [*judged, Judged(text="?")], reranks=True, files=files, artifacts=artifacts), files


def test_a_reranker_goes_into_the_pipeline_and_is_used_in_answers(learned: tuple[Learned, Files]):
    found, files = learned
    assert "shown to help" in found.said["order"]
    assert "words" not in found.said, "there is no weight to tune"
    assert found.pipeline.reranker is not None
    question, text = Question(text="?"), "Tell me about topic7x"
    own = Answerer(msgspec.structs.replace(found.pipeline, reranker=None), files)
    assert own.find(question, text)[0].document == "other topic7x.md"
    ordered = Answerer(found.pipeline, files).find(question, text)
    assert [each.document for each in ordered] == ["topic7x.md"]


def test_each_question_is_asked_of_what_did_not_learn_from_it(learned: tuple[Learned, Files]):
    found, _ = learned
    assert found.folds[-1] == -1, "a question to which nothing is relevant taught nothing"
    assert sorted(set(found.folds)) == [-1, 0, 1, 2, 3, 4]
    assert all(each.reranker is not None for each in found.crossed)
    crossed = tuple(msgspec.structs.replace(each, passages=10 + fold) for fold, each in enumerate(found.crossed))
    asked: list[tuple[Pipeline, list[int]]] = []

    def ask(pipeline: Pipeline, places) -> Asked:
        asked.append((pipeline, list(places)))
        numbers = np.array(places, dtype=np.float64)
        return Asked(numbers[:, None], numbers, numbers[:, None], tuple(places), 1.0)

    together = found._replace(crossed=crossed).asked(ask, TOPICS + 1)
    assert together.outcomes.tolist() == list(range(TOPICS + 1))
    assert together.scores[:, 0].tolist() == together.signals[:, 0].tolist() == list(together.answered)
    assert together.seconds == len(asked) == 6
    for pipeline, places in asked:
        fold = crossed.index(pipeline) if pipeline in crossed else -1
        assert all(found.folds[place] == fold for place in places)
    assert found.asked(ask, 3).outcomes.tolist() == [0, 1, 2]


def test_nothing_is_learned_that_was_not_asked_for(learned: tuple[Learned, Files], tmp_path: Path):
    found, files = learned
    own = msgspec.structs.replace(found.pipeline, reranker=None)
    assert learn_search(own, [], reranks=False, files=files, artifacts=ArtifactFolder(tmp_path)) == (own, {}, (), ())


def test_what_learned_nothing_is_asked_at_once():
    pipeline = object()
    asked = Learned(pipeline, {}).asked(lambda answers, places: (answers, list(places)), 3)  # type: ignore[arg-type]
    assert asked == (pipeline, [0, 1, 2])


def test_a_project_declares_it(tmp_path: Path):
    """Seven validation questions are too few to learn from; five labelled topics show a generous bound."""
    folder = tmp_path / "handbook"
    write_handbook(folder)
    project = (folder / "project.py").read_text()
    project = project.replace(
        "BestPassage(kb)", 'BestPassage(kb, reranks=True, cache=SemanticCache(pairs="pairs.csv", at_most=0.5))'
    )
    project = project.replace(
        "chunks=ByStructure(words=40, overlap=0))",
        'chunks=ByStructure(words=40, overlap=0), embedding=LocalEmbedding("multilingual-e5-small-int4"),'
        " search=Hybrid(lexical=0.4))",
    )
    project = project.replace("Goal, Guardrail,", "Goal, Guardrail, Hybrid, LocalEmbedding, SemanticCache,")
    (folder / "project.py").write_text(project)
    rows = ["answered,asked,same", *(f"{text},please: {text},1" for text, *_ in QUESTIONS[:6])]
    (folder / "pairs.csv").write_text("\n".join(rows))
    clock = SimulatedClock(START)
    workspace = Workspace(folder, clock=clock)
    try:
        done = run_circle(workspace.load_project(), workspace, as_of=START)
        assert done.status == "advanced", done
        with workspace.ledger.read() as connection:
            (model,) = [each.digest for each in models.list_models(connection, "handbook")]
        opened = workspace.open_model(model)
        assert opened.form.cache is not None
        assert (opened.form.cache.entries, opened.form.reranker) == (6, None)
        said = json.dumps(opened.manifest.training)
        for told in (
            "0.4 as declared: 7 judged questions are too few",
            "the search's own order: 7",
            "on from a cosine",
        ):
            assert told in said
    finally:
        workspace.ledger.close()


def test_labelled_pairs_are_read(tmp_path: Path):
    (tmp_path / "pairs.csv").write_text('answered,asked,same\n"Who, me?",Is it me?,1\nA?,B?,0\n')
    assert read_pairs(tmp_path / "pairs.csv") == [
        QuestionPair("Who, me?", "Is it me?", True),
        QuestionPair("A?", "B?", False),
    ]
    (tmp_path / "wrong.csv").write_text("answered,asked,same\nA?,B?,1\nA?,C?,yes\n")
    with pytest.raises(ProjectError, match="same is 'yes'") as caught:
        read_pairs(tmp_path / "wrong.csv")
    assert str(caught.value.where).endswith("wrong.csv:3")
    (tmp_path / "other.csv").write_text("a,b\n")
    with pytest.raises(ProjectError, match="lacks the columns answered, asked, same"):
        read_pairs(tmp_path / "other.csv")
    with pytest.raises(ProjectError, match="no such file"):
        read_pairs(tmp_path / "none.csv")


@pytest.mark.parametrize("settings", [{"at_most": 0.0}, {"at_most": 1.0}, {"seconds": 0}])
def test_a_cache_that_cannot_be_is_refused(settings):
    with pytest.raises(ProjectError, match="at_most="):
        SemanticCache(pairs="pairs.csv", **settings)
