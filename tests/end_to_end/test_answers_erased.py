"""A document and a person are forgotten by a project that answers questions: nothing is left, and it answers on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.actions.test_erase import everywhere
from tests.conftest import Shop
from tests.end_to_end.test_answers import DAY, START, Handbook
from tests.end_to_end.test_service import serving
from tests.generative.index.conftest import POSTGRES, postgres_server

from kreis.actions.erase import Subject, erase, find
from kreis.actions.forgetting.indexes import IndexPlace
from kreis.actions.release import roll_back
from kreis.clock import microseconds
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord, Several
from kreis.digests import digest_of
from kreis.generative.index.index import Access, Query
from kreis.generative.index.sqlite import open_index
from kreis.governance.damage import find_damage
from kreis.ledger import models, releases
from kreis.ways.generative.asking import Files
from kreis.ways.generative.preparation import embedding_cache

__all__ = ["postgres_server"]

MARK = "Quetzalcoatlus skeletons are lent out by the porter."
PERSON = "Kowalczyk"
DOCUMENT = Subject("id", "museum.md", True)
EMBEDDED = "chunks=ByStructure(words=40, overlap=0), embedding=LocalEmbedding('multilingual-e5-small-int4'))"


def answered(handbook: Handbook, name: str, document: str, quote: str) -> None:
    """An answer in the log that rests on a document, and what came of it."""
    journal = Journal(handbook.workspace.journal_folder, handbook.clock)
    at = microseconds(START + 3 * DAY)
    version = digest_of((handbook.folder / "pages" / document).read_bytes())
    places = [{"document": document, "version": version, "start": 0, "end": 9, "score": 1.0}]
    fields = {
        "question": "What is lent out?", "answer": quote, "passages": json.dumps(places, separators=(",", ":")),
        "citations": json.dumps([{"document": document, "quote": quote}], separators=(",", ":")),
    }  # fmt: skip
    asked = PredictionRecord(
        id=name, at=at, release="r", model=handbook.models[0], keys={}, fields=fields, features=[0.9],
        score=Several(0.9, [0.9, 0.0]), decision=1.0, latency_us=1,
    )  # fmt: skip
    journal.append([asked, OutcomeRecord(outcome=1.0, known_at=at, prediction=name, comment=f"about {name}")])
    journal.close()


def make(folder: Path) -> Handbook:
    """Two releases: the older one's index holds another text of the travel page."""
    made = Handbook(folder)
    made.edit("chunks=ByStructure(words=40, overlap=0))", EMBEDDED)
    made.edit("BestPassage, ByStructure", "BestPassage, LocalEmbedding, ByStructure")
    (made.folder / "pages" / "museum.md").write_text(f"# Museum\n\n{MARK} The porter is Ms {PERSON}.\n")
    (made.folder / "pages" / "porter.md").write_text(f"# Porter\n\nThe gate is kept by Ms {PERSON.upper()} at night.\n")
    assert made.run().status == "advanced"
    made.edit("120 euros", "140 euros", "pages/travel.md")
    made.edit("2026-01-01", "2026-03-02", "pages/known_at")
    made.edit('"120 euros"', '"140 euros"', "questions.jsonl")
    made.edit("up to 120 euros", "up to 140 euros", "questions.jsonl")
    assert made.run(2).status == "advanced"
    answered(made, "p-museum", "museum.md", MARK)
    answered(made, "p-porter", "porter.md", "The gate is kept.")
    answered(made, "p-leave", "leave.md", "Every employee has 30 days.")
    return made


@pytest.fixture
def handbook(tmp_path: Path) -> Iterator[Handbook]:
    made = make(tmp_path / "handbook")
    yield made
    made.workspace.ledger.close()


def held(handbook: Handbook, text: str) -> list[str]:
    state = handbook.folder / ".kreis"
    return everywhere(state, text) + everywhere(state, text.lower())


def log(handbook: Handbook) -> set[str]:
    lake = handbook.workspace.lake
    ids = lake.scan("log/predictions").collect()["id"].to_list()
    of_these = sorted(each for each in ids if each.startswith("p-"))
    assert sorted(lake.scan("log/outcomes").collect()["prediction"].to_list()) == of_these
    return set(ids)


def live(handbook: Handbook) -> str:
    return handbook.release.routes[0].model


def documents(handbook: Handbook, digest: str) -> set[str]:
    files = Files(handbook.workspace.state / "files", handbook.workspace.artifacts)
    index = open_index(files(handbook.pipeline(digest).index))
    hits = index.lexical(Query(text="leave porter travel laptop password salary gate", access=Access(), top=50))
    return {each.document for each in hits}


def test_a_document_is_forgotten_everywhere_and_its_answerers_are_succeeded(handbook: Handbook) -> None:
    first, second = handbook.models
    assert len(held(handbook, MARK)) > 5
    vectors = len(embedding_cache(handbook.workspace.state))
    done = erase(handbook.workspace, DOCUMENT, because="asked for it")
    assert held(handbook, MARK) == []
    assert done.left == []
    assert done.documents == ["museum.md"]
    assert {each.place for each in done.erased} >= {"lake", "index", "transcript"}
    assert len(embedding_cache(handbook.workspace.state)) == vectors - 1
    assert log(handbook) == {"p-porter", "p-leave"}
    assert done.successors.keys() == {first, second}
    assert live(handbook) == done.successors[second]
    assert "museum.md" not in documents(handbook, live(handbook)) >= {"porter.md", "leave.md"}
    assert list(find_damage(handbook.workspace)) == []
    roll_back(handbook.workspace, reason="a test")
    assert live(handbook) == done.successors[first]
    assert "museum.md" not in documents(handbook, live(handbook))
    with handbook.workspace.ledger.read() as connection:
        assert releases.current_release(connection, "handbook").kind == "rollback"
        one, other = (models.latest_evaluation(connection, each) for each in (first, done.successors[first]))
        assert (one.metrics, one.gates) == (other.metrics, other.gates)
    again = erase(handbook.workspace, DOCUMENT, because="asked for it")
    assert (again.erased, again.successors, again.documents) == ([], {}, [])


def test_a_second_erasure_succeeds_the_successors(handbook: Handbook) -> None:
    first, second = handbook.models
    erase(handbook.workspace, DOCUMENT, because="asked for it")
    done = erase(handbook.workspace, Subject("id", "porter.md", True), because="asked for it")
    assert held(handbook, PERSON) == []
    assert live(handbook) == done.successors[second]
    roll_back(handbook.workspace, reason="a test", to=1)
    assert live(handbook) == done.successors[first]
    assert handbook.workspace.open_model(second).manifest.candidate == "passage"
    assert list(find_damage(handbook.workspace)) == []


def test_a_person_is_forgotten_with_the_documents_that_name_them(handbook: Handbook) -> None:
    assert len(held(handbook, PERSON)) > 5
    ann = Subject("employee", PERSON)
    assert {each.place for each in find(handbook.workspace, ann)} >= {"lake", "index"}
    done = erase(handbook.workspace, ann, because="asked for it")
    assert held(handbook, PERSON) == []
    assert done.left == []
    assert done.documents == ["museum.md", "porter.md"]
    assert log(handbook) == {"p-leave"}
    assert documents(handbook, live(handbook)) == {"leave.md", "travel.md", "equipment.md", "security.md", "pay.md"}
    assert list(find_damage(handbook.workspace)) == []


def test_what_was_erased_and_deleted_at_its_source_stays_away(handbook: Handbook) -> None:
    erase(handbook.workspace, DOCUMENT, because="asked for it")
    (handbook.folder / "pages" / "museum.md").unlink()
    before, models_before = live(handbook), handbook.models
    assert handbook.run(4).status == "advanced"
    assert handbook.pipeline(live(handbook)).index == handbook.pipeline(before).index, "made anew it is the same"
    assert held(handbook, MARK) == []
    assert handbook.models[: len(models_before)] == models_before


@pytest.mark.slow
def test_a_service_lets_go_of_it_and_answers_on(handbook: Handbook, monkeypatch: pytest.MonkeyPatch) -> None:
    """The release before, which it keeps warm, held the document too; and it answered while the erasure was at work."""
    asked = {"question": "What is lent out by the porter?"}
    shop, leave = Shop(handbook.folder), {"question": "How many days of annual leave do I have?"}
    with serving(shop) as served:
        roll_back(handbook.workspace, reason="a test")
        served.follow(handbook.workspace, "handbook")
        at = START + 5 * DAY
        given = served.post("/v1/answer", leave, at)
        assert served.post("/v1/answer", asked, at)["citations"][0]["document"] == "museum.md"

        def late(self: IndexPlace, *said: Any) -> None:
            assert served.post("/v1/answer", asked, at)["citations"][0]["document"] == "museum.md"
            erase_indexes(self, *said)

        erase_indexes = IndexPlace.erase
        monkeypatch.setattr(IndexPlace, "erase", late)
        done = erase(handbook.workspace, DOCUMENT, because="asked for it")
        served.follow(handbook.workspace, "handbook")
        reply = served.post("/v1/answer", asked, at)
        assert MARK not in json.dumps(reply)
        assert "museum.md" not in json.dumps(reply)
        assert (done.left, held(handbook, MARK)) == ([], [])
        assert log(handbook) == {"p-porter", "p-leave", given["prediction"]}
        assert served.post("/v1/answer", leave, at)["answer"] == given["answer"]
        why = json.dumps(shop.document("why", given["prediction"]))
        assert given["model"] in why, "who answered then, though another stands for it now"
        assert '"text": null' not in why


@pytest.mark.slow
def test_a_database_holds_nothing_of_it(postgres_server: str, tmp_path: Path) -> None:
    made = Handbook(tmp_path / "handbook")
    made.edit('knowledge_base("handbook",', f'knowledge_base("handbook", store=PostgresIndexes(env="{POSTGRES}"),')
    made.edit("BestPassage, ByStructure", "BestPassage, PostgresIndexes, ByStructure")
    (made.folder / "pages" / "museum.md").write_text(f"# Museum\n\n{MARK}\n")
    assert made.run().status == "advanced"

    def texts() -> str:
        with psycopg.connect(postgres_server) as connection:
            tables = connection.execute(
                "SELECT schemaname, tablename FROM pg_tables WHERE schemaname LIKE 'kreis_index_%'"
            ).fetchall()
            return str([connection.execute(f'SELECT * FROM "{one}"."{two}"').fetchall() for one, two in tables])

    assert MARK in texts()
    erase(made.workspace, DOCUMENT, because="asked for it")
    said = texts()
    assert "30 days" in said
    assert not any(each in said for each in (MARK, "museum", "quetzal"))
    pipeline = made.pipeline(live(made))
    index = pipeline.store.open(pipeline.index_version)
    assert index.lexical(Query(text="annual leave", access=Access()))[0].document == "leave.md"
    index.close()
    made.workspace.ledger.close()


@pytest.mark.parametrize("subject", [DOCUMENT, Subject("employee", PERSON)], ids=["a document", "a person"])
def test_qdrant_holds_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, subject: Subject) -> None:
    """Qdrant's own store on this disk, through its client: its folder is scanned byte by byte."""
    from qdrant_client import QdrantClient

    folder = tmp_path / "qdrant"
    monkeypatch.setenv("QDRANT_URL", str(folder))
    monkeypatch.setattr("kreis.generative.index.qdrant_index.client_of", lambda url, key: QdrantClient(path=url))
    made = Handbook(tmp_path / "handbook")
    made.edit('knowledge_base("handbook",', 'knowledge_base("handbook", store=QdrantIndexes(env="QDRANT_URL"),')
    made.edit("BestPassage, ByStructure", "BestPassage, QdrantIndexes, ByStructure")
    (made.folder / "pages" / "museum.md").write_text(f"# Museum\n\n{MARK} The porter is Ms {PERSON}.\n")
    assert made.run().status == "advanced"

    def told() -> list[str]:
        words = (MARK, PERSON, PERSON.lower(), "museum", "quetzal")
        return [found for word in words for found in everywhere(folder, word)]

    assert len(told()) > 4
    done = erase(made.workspace, subject, because="asked for it")
    assert (done.left, done.documents) == ([], ["museum.md"])
    assert told() == []
    assert everywhere(folder, "30 days") != []
    pipeline = made.pipeline(live(made))
    index = pipeline.store.open(pipeline.index_version)
    for asked in ("porter", "skeletons", PERSON):
        assert index.lexical(Query(text=asked, access=Access())) == []
    assert index.lexical(Query(text="annual leave", access=Access()))[0].document == "leave.md"
    index.close()
    made.workspace.ledger.close()


CUTS = [
    "kreis.actions.forgetting.transcripts.TranscriptPlace.erase",
    "kreis.lake.maintenance.remove",
    "kreis.actions.forgetting.indexes.IndexPlace.erase",
    "kreis.actions.forgetting.successors.build_package",
    "kreis.ledger.models.add_successor",
    "kreis.deployment.releases.publish",
    "kreis.artifacts.folder.ArtifactFolder.forget",
    "kreis.actions.forgetting.indexes.CopyPlace.erase",
    "kreis.actions.erase._learned",
]


@pytest.mark.slow
def test_what_is_cut_off_anywhere_is_finished_by_the_next(handbook: Handbook, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call is cut off at the next of these places, and the last one goes through."""
    first, second = handbook.models
    unfinished = handbook.workspace.state / ".index-left"
    unfinished.mkdir()
    (unfinished / "index.db").write_text(MARK)

    def cut(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    for place in CUTS:
        with monkeypatch.context() as patch:
            patch.setattr(place, cut)
            with pytest.raises(KeyboardInterrupt):
                erase(handbook.workspace, DOCUMENT, because="asked for it")
        assert list(find_damage(handbook.workspace)) == []
    done = erase(handbook.workspace, DOCUMENT, because="asked for it")
    assert held(handbook, MARK) == []
    assert done.left == []
    assert log(handbook) == {"p-porter", "p-leave"}
    with handbook.workspace.ledger.read() as connection:
        heirs = models.successors(connection)
        assert heirs.keys() == {first, second}
        assert len(models.list_models(connection)) == 4
        assert [each.number for each in releases.list_releases(connection)] == [3, 2, 1]
    assert live(handbook) == heirs[second]
