"""What goes with an answer: in the reply, in a batch, in the log and in the description, and never in its way."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import msgspec
import pytest

from kreis.clock import SimulatedClock
from kreis.deployment.batch import Batch
from kreis.deployment.packages import open_package
from kreis.deployment.predictions.frames import predictions_frame
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.predictions.reader import parse_segment
from kreis.deployment.server.answering import Answering
from kreis.deployment.server.config import Limits
from kreis.deployment.server.http.openapi import describe
from kreis.deployment.server.messages import Ask, Asked
from kreis.deployment.server.metrics import Metrics
from kreis.deployment.server.models import LoadedModel, LoadedRelease
from kreis.deployment.signing import load_trusted
from kreis.errors import ProjectError, RefusalError
from kreis.ledger.records import Route
from kreis.models.answer_parts.grouped import Grouped
from kreis.models.answer_parts.intervals import CoverageInterval
from kreis.models.answer_parts.sets import CoverageSet
from kreis.tasks.decisions import Rank
from kreis.tasks.outcomes import Number

AT = datetime(2013, 5, 1, 10, tzinfo=UTC)
SETS = CoverageSet(level=0.9, quantile=Grouped(0.7, "hour", {"9": 0.55}), rows=100)
ROWS = [Ask(fields={"hour": hour}) for hour in (9, -9, 0, 9.0)]
SAID = [
    {"level": 0.9, "set": [True], "group": "9"},
    {"level": 0.9, "set": [False], "group": None},
    {"level": 0.9, "set": [False, True], "group": None},
    {"level": 0.9, "set": [True], "group": "9"},
]


@pytest.fixture
def made(make_service):
    return make_service()


def opened(made, digest):
    return open_package(digest, made.envelopes[digest], made.artifacts, load_trusted(made.config.trusted))


def release_of(made, *digests, fallback=None, **routes):
    models = {each: LoadedModel(opened(made, each), place + 1, None) for place, each in enumerate(digests)}
    pointer = made.pointer([Route(model=digests[0], share=1.0)], fallback=fallback)
    return LoadedRelease(pointer.release, models)


def core_of(release, tmp_path):
    return Answering(SimpleNamespace(current=release), Journal(tmp_path / "log", SimulatedClock(AT)), Metrics())


def written(core):
    core.flush()
    (segment,) = (
        found for path in core.journal.folder.glob("*.log") if (found := parse_segment(path, path.read_bytes())).closed
    )
    return segment.predictions


def test_parts_go_with_each_answer_alone_and_in_a_batch_and_into_the_log(made, tmp_path):
    release = release_of(made, made.package(parts=[SETS]))
    core = core_of(release, tmp_path)
    alone = [asyncio.run(core.predict(Asked(fields=each.fields), AT)).parts for each in ROWS]
    together = [each.parts for each in asyncio.run(core.predict(Asked(rows=ROWS), AT)).predictions]
    assert alone == together == [{"coverage": each} for each in SAID]
    records = written(core)
    assert [each.parts for each in records] == [*alone, *together]
    frame = predictions_frame(records)
    assert [json.loads(each) for each in frame["parts"]] == [*alone, *together]
    scored = [reply.parts for reply, _ in Batch(release.only, AT).answer(ROWS)]
    assert scored == alone


def test_an_answer_without_parts_says_nothing_of_them(made, tmp_path):
    core = core_of(release_of(made, made.package()), tmp_path)
    reply = asyncio.run(core.predict(Asked(fields={"hour": 1}), AT))
    assert b"parts" not in msgspec.json.encode(reply)
    assert predictions_frame(written(core))["parts"].to_list() == [None]


def test_the_fallback_has_its_own_parts(made, tmp_path, monkeypatch):
    other = CoverageSet(level=0.8, quantile=Grouped(1.0), rows=100)
    first, second = made.package(parts=[SETS]), made.package(made.linear_model(bias=5.0), parts=[other])
    release = release_of(made, first, second, fallback=second)

    def broken(values, fields):
        raise RefusalError("the score is not a number")

    monkeypatch.setattr(release.models[first], "score_one", broken)
    reply = asyncio.run(core_of(release, tmp_path).predict(Asked(fields={"hour": 9}), AT))
    assert reply.fallback
    assert reply.parts == {"coverage": {"level": 0.8, "set": [False, True]}}


def test_rows_that_are_ranked_among_each_other_have_their_parts(made, tmp_path):
    interval = CoverageInterval(level=0.9, quantile=Grouped(0.25), rows=100)
    digest = made.package(parts=[interval], decision=Rank("hour"), outcomes=Number())
    rows = [Ask(fields={"hour": 0, "distance": far}) for far in (0.0, 3.0)]
    replies = asyncio.run(core_of(release_of(made, digest), tmp_path).predict(Asked(rows=rows), AT)).predictions
    for each in replies:
        assert each.parts["coverage"]["high"] - each.score == pytest.approx(0.25)


def test_the_description_says_what_goes_with_an_answer(made):
    described = json.loads(describe(release_of(made, made.package(parts=[SETS])), "flights", Limits()))
    assert described["components"]["schemas"]["Reply"]["properties"]["parts"]["properties"] == {
        "coverage": SETS.schema()
    }
    plain = json.loads(describe(release_of(made, made.package()), "flights", Limits()))
    assert "parts" not in plain["components"]["schemas"]["Reply"]["properties"]


def test_a_package_says_nothing_of_parts_that_it_has_not_and_takes_each_once(made):
    assert b'"parts"' not in made.artifacts.get(made.package())
    assert opened(made, made.package(parts=[SETS])).manifest.parts == [SETS]
    with pytest.raises(ProjectError, match="two parts of its answers have one name"):
        made.package(parts=[SETS, CoverageInterval(level=0.9, quantile=Grouped(1.0), rows=100)])
