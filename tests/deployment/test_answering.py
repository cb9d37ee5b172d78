"""The service core by itself: no server, no socket, no face."""

import asyncio
import math
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from kreis.clock import SimulatedClock
from kreis.deployment.packages import open_package
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.predictions.reader import parse_segment
from kreis.deployment.server.answering import Answering
from kreis.deployment.server.messages import Ask, Asked, Outcome, Outcomes, Refusal, Unavailable
from kreis.deployment.server.metrics import Metrics
from kreis.deployment.server.models import LoadedModel, LoadedRelease
from kreis.deployment.signing import load_trusted
from kreis.ledger.records import Route

AT = datetime(2013, 5, 1, 10, tzinfo=UTC)


@pytest.fixture
def release(make_service):
    made = make_service()
    digest = made.package()
    pointer = made.pointer([Route(model=digest, share=1.0)])
    package = open_package(digest, made.envelopes[digest], made.artifacts, load_trusted(made.config.trusted))
    return LoadedRelease(pointer.release, {digest: LoadedModel(package, 1, None)})


@pytest.fixture
def make_core(release, tmp_path):
    def make(current=release, **options):
        journal = Journal(tmp_path / "log", SimulatedClock(AT))
        return Answering(SimpleNamespace(current=current), journal, Metrics(), **options)

    return make


def written(core):
    core.flush()
    (segment,) = (
        found for path in core.journal.folder.glob("*.log") if (found := parse_segment(path, path.read_bytes())).closed
    )
    return segment


@pytest.mark.parametrize("durable", [False, True])
def test_one_thing_is_checked_answered_recorded_and_counted(make_core, durable):
    core = make_core(durable=durable)
    asked = Asked(fields={"hour": 1, "distance": 0.5, "late": -1.0}, reference="flight-1")
    reply = asyncio.run(core.predict(asked, AT))
    assert (round(reply.score, 6), reply.decision, reply.at) == (round(1 / (1 + math.exp(-0.5)), 6), True, AT)
    (record,) = written(core).predictions
    assert (record.id, record.reference, record.features) == (reply.id, "flight-1", [1.0, 0.5, -1.0])
    assert core.metrics.rows == 1


def test_a_batch_is_answered_in_order(make_core):
    core = make_core()
    rows = [Ask(fields={"hour": hour}) for hour in (-1, 0, 1)]
    replies = asyncio.run(core.predict(Asked(rows=rows), AT)).predictions
    assert [reply.decision for reply in replies] == [False, True, True]
    assert [record.id for record in written(core).predictions] == [reply.id for reply in replies]
    assert core.metrics.rows == 3


def test_what_cannot_be_answered_is_refused_and_not_recorded(make_core):
    core = make_core(rows=1)
    for asked, code in (
        (Asked(), "missing"),
        (Asked(fields={"houre": 1}), "unknown_field"),
        (Asked(fields={"hour": 1}, rows=[Ask()]), "ambiguous"),
        (Asked(rows=[Ask(), Ask()]), "rows"),
    ):
        with pytest.raises(Refusal) as caught:
            asyncio.run(core.predict(asked, AT))
        assert caught.value.code == code
    assert (core.flush(), core.metrics.rows) == (False, 0)


def test_without_a_release_it_is_unavailable(make_core):
    with pytest.raises(Unavailable, match="no release is loaded"):
        asyncio.run(make_core(current=None).predict(Asked(fields={"hour": 1}), AT))


def test_outcomes_are_taken_all_or_none(make_core):
    core = make_core()
    known = Outcome(outcome=1, reference="flight-1")
    assert asyncio.run(core.take(Outcomes([known]), AT)) == 1
    with pytest.raises(Refusal, match=r"outcomes\[1\]"):
        asyncio.run(core.take(Outcomes([known, Outcome(outcome=2, reference="flight-2")]), AT))
    assert [each.reference for each in written(core).outcomes] == ["flight-1"]
    assert core.metrics.outcomes == 1


def test_the_core_loads_no_server():
    code = "import sys, kreis.deployment.server.answering; print([n for n in sys.modules if n.startswith('granian')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
