"""The service core by itself: no server, no socket, no face."""

import asyncio
import json
import math
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from kreis.clock import SimulatedClock
from kreis.deployment.batch import Batch
from kreis.deployment.packages import open_package
from kreis.deployment.predictions.frames import predictions_frame
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.predictions.reader import parse_segment
from kreis.deployment.predictions.records import Several
from kreis.deployment.server.answering import Answering
from kreis.deployment.server.config import Limits
from kreis.deployment.server.http.openapi import describe
from kreis.deployment.server.messages import Ask, Asked, Outcome, Outcomes, Refusal, Unavailable
from kreis.deployment.server.metrics import Metrics
from kreis.deployment.server.models import LoadedModel, LoadedRelease
from kreis.deployment.signing import load_trusted
from kreis.errors import RefusalError
from kreis.expressions.scalars import category
from kreis.expressions.tree import Call, Column
from kreis.ledger.records import Route
from kreis.preparation.views import RequestView
from kreis.tasks.decisions import Cheapest, Rank
from kreis.tasks.outcomes import Number, OneOf, class_number

AT = datetime(2013, 5, 1, 10, tzinfo=UTC)


@pytest.fixture
def release(make_service):
    made = make_service()
    digest = made.package()
    pointer = made.pointer([Route(model=digest, share=1.0)])
    package = open_package(digest, made.envelopes[digest], made.artifacts, load_trusted(made.config.trusted))
    return LoadedRelease(pointer.release, {digest: LoadedModel(package, 1, None)})


def softmax_model():
    """ONNX bytes: the softmax of three numbers, each one feature; a missing one counts as 0."""
    from onnx import TensorProto, helper

    from kreis.training.graph import finish_graph

    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "features"], ["clean"]),
        helper.make_node("Softmax", ["clean"], ["score"], axis=1),
    ]
    zero = helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])
    return finish_graph(nodes, [zero], "features", 3, {"": 17}, outputs=3)


@pytest.fixture
def of_classes(make_service):
    """A release of a model that gives three probabilities."""
    made, classes = make_service(), ("on time", "late", "cancelled")
    costs = ((0.0, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0))
    digest = made.package(softmax_model(), decision=Cheapest(classes, costs), outcomes=OneOf(classes))
    package = open_package(digest, made.envelopes[digest], made.artifacts, load_trusted(made.config.trusted))
    routes = [Route(model=digest, share=1.0), Route(model=digest, share=0.0, mode="shadow")]
    return LoadedRelease(made.pointer(routes).release, {digest: LoadedModel(package, 1, None)})


@pytest.fixture(scope="module")
def word_model():
    """ONNX bytes: 1 for texts with the word "prize", else 0; from two texts, of which the second is read."""
    from onnx import TensorProto, helper

    from kreis.training.graph import finish_graph

    node, expression = helper.make_node, r"[\p{L}\p{N}_][\p{L}\p{N}_]+"
    pool = {"pool_strings": ["prize"], "ngram_counts": [0], "ngram_indexes": [0]}
    lengths = {"min_gram_length": 1, "max_gram_length": 1, "max_skip_count": 0}
    options = {"mark": 0, "mincharnum": 1, "pad_value": "#", "tokenexp": expression}
    nodes = [
        node("Gather", ["texts", "second"], ["text"], axis=1),
        node("Tokenizer", ["text"], ["tokens"], domain="com.microsoft", **options),
        node("TfIdfVectorizer", ["tokens"], ["counts"], mode="TF", **lengths, **pool),
        node("Clip", ["counts", "", "one"], ["found"]),
        node("Squeeze", ["found", "columns"], ["score"]),
    ]
    constants = [
        helper.make_tensor("second", TensorProto.INT64, [], [1]),
        helper.make_tensor("columns", TensorProto.INT64, [1], [1]),
        helper.make_tensor("one", TensorProto.FLOAT, [], [1.0]),
    ]
    return finish_graph(nodes, constants, "features", 2, {"": 17, "com.microsoft": 1}, texts=2)


@pytest.fixture
def of_texts(make_service, word_model):
    """A release of a model that reads texts, with itself as its shadow."""
    made = make_service()
    features = {name: Call("text", (Column(name),)) for name in ("subject", "body")}
    view = RequestView(name="note", fields={"subject": "string", "body": "string"}, features=features)
    names = ["note__subject", "note__body"]
    digest = made.package(word_model, features=names, views=[], request_views=[view], reference={})
    package = open_package(digest, made.envelopes[digest], made.artifacts, load_trusted(made.config.trusted))
    assert package.manifest.text_fields == {"note__subject": "subject", "note__body": "body"}
    routes = [Route(model=digest, share=1.0), Route(model=digest, share=0.0, mode="shadow")]
    return LoadedRelease(made.pointer(routes).release, {digest: LoadedModel(package, 1, None)})


def test_a_model_reads_texts_from_the_fields_of_each_row(make_core, of_texts):
    core = make_core(of_texts)
    bodies = ["You won a PRIZE!", "a prizefighter", None, "Prize"]
    asked = [Ask(fields={"subject": "prize", "body": each}) for each in bodies]
    alone = [asyncio.run(core.predict(Asked(fields=each.fields), AT)).score for each in asked]
    together = [each.score for each in asyncio.run(core.predict(Asked(rows=asked), AT)).predictions]
    assert alone == together == [1.0, 0.0, 0.0, 1.0]
    assert asyncio.run(core.predict(Asked(fields={"subject": "prize"}), AT)).score == 0.0
    records = written(core).predictions
    assert [each.shadow[0].score for each in records] == [*alone, *together, 0.0]
    assert records[0].fields["body"] == bodies[0]
    assert records[0].features == [category("prize"), category(bodies[0])]


def test_a_text_that_is_read_may_be_long_and_must_be_a_text(make_core, of_texts):
    core = make_core(of_texts)
    long = {"subject": "", "body": "word " * 3_999 + "prize"}
    assert asyncio.run(core.predict(Asked(fields=long), AT)).score == 1.0
    for fields, says in (({"body": "x" * 20_001}, "longer than 20000"), ({"body": 5}, "string|text")):
        with pytest.raises(Refusal, match=says):
            asyncio.run(core.predict(Asked(fields=fields), AT))


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


def test_a_class_is_answered_by_name_with_all_probabilities_and_logged_as_numbers(make_core, of_classes):
    core = make_core(of_classes)
    row = Ask(fields={"hour": 0, "distance": 1.0, "late": 0.0})
    (reply,) = asyncio.run(core.predict(Asked(rows=[row]), AT)).predictions
    alone = asyncio.run(core.predict(Asked(fields=row.fields), AT))
    likely = math.e / (math.e + 2)
    assert reply.decision == alone.decision == "late"
    assert (
        reply.scores
        == alone.scores
        == pytest.approx({"on time": (1 - likely) / 2, "late": likely, "cancelled": (1 - likely) / 2})
    )
    assert reply.score == max(reply.scores.values())
    outcome = asyncio.run(core.take(Outcomes([Outcome(outcome="cancelled", prediction=reply.id)]), AT))
    assert outcome == 1
    segment = written(core)
    for record in segment.predictions:
        assert record.decision == class_number("late")
        assert record.score == Several(reply.score, list(reply.scores.values()))
        assert record.shadow[0].score == record.score
    assert segment.outcomes[0].outcome == class_number("cancelled")
    frame = predictions_frame(segment.predictions)
    assert frame["score"].to_list() == [reply.score] * 2
    assert frame["scores"].to_list() == [list(reply.scores.values())] * 2


@pytest.fixture
def of_places(make_service):
    """A release with a canary of two models that rank the rows of one hour, one of them as shadow, too."""
    made = make_service()
    packages = {}
    for candidate in ("first", "second"):
        digest = made.package(decision=Rank("hour"), outcomes=Number(), candidate=candidate)
        packages[digest] = open_package(
            digest, made.envelopes[digest], made.artifacts, load_trusted(made.config.trusted)
        )
    one, two = packages
    routes = [Route(model=one, share=0.5), Route(model=two, share=0.5), Route(model=one, share=0.0, mode="shadow")]
    release = made.pointer(routes, fallback=two).release
    return LoadedRelease(release, {digest: LoadedModel(each, 1, None) for digest, each in packages.items()})


def ranked(core, hours, distances):
    rows = [
        Ask(fields={"hour": hour, "distance": distance, "late": 0.0}, reference=f"{place}")
        for place, (hour, distance) in enumerate(zip(hours, distances, strict=True))
    ]
    return asyncio.run(core.predict(Asked(rows=rows), AT)).predictions


def test_rows_of_one_group_are_answered_with_their_places_by_one_model(make_core, of_places):
    core = make_core(of_places)
    hours = [number % 8 for number in range(40)]
    replies = ranked(core, hours, [0.01 * (number * 7 % 40) for number in range(40)])
    for hour in range(8):
        own = [reply for reply, of in zip(replies, hours, strict=True) if of == hour]
        assert len({reply.model for reply in own}) == 1
        by_score = sorted(own, key=lambda reply: -reply.score)
        assert [reply.decision for reply in by_score] == [1, 2, 3, 4, 5]
    assert len({reply.model for reply in replies}) == 2
    records = written(core).predictions
    assert [record.decision for record in records] == [reply.decision for reply in replies]
    assert [record.shadow[0].decision for record in records] == [reply.decision for reply in replies]
    assert core.metrics.rows == 40


def test_a_row_that_is_asked_alone_is_the_first_and_meets_the_model_of_its_group(make_core, of_places):
    core = make_core(of_places)
    for hour in range(8):
        (together, *_) = ranked(core, [hour, hour], [0.1, 0.2])
        alone = asyncio.run(core.predict(Asked(fields={"hour": hour, "distance": 0.1, "late": 0.0}), AT))
        assert (alone.decision, alone.model, alone.score) == (1, together.model, together.score)


def test_a_row_that_names_no_group_is_refused(make_core, of_places):
    row = Ask(fields={"distance": 0.1, "late": 0.0})
    with pytest.raises(Refusal, match="'hour' is missing: it says which rows are ranked among each other"):
        asyncio.run(make_core(of_places).predict(Asked(rows=[row]), AT))


def test_a_group_that_its_model_cannot_answer_is_ranked_by_the_fallback(make_core, of_places, monkeypatch):
    core = make_core(of_places)
    hours, distances = [number % 8 for number in range(16)], [0.01 * number for number in range(16)]
    before = ranked(core, hours, distances)
    failing = next(each for each in of_places.models.values() if each is not of_places.fallback)

    def broken(matrix, fields):
        raise RefusalError("the score is not a number")

    monkeypatch.setattr(failing, "score_many", broken)
    after = ranked(core, hours, distances)
    assert [reply.decision for reply in after] == [reply.decision for reply in before]
    assert {reply.model for reply in after} == {of_places.fallback.digest}
    assert core.metrics.fallbacks == sum(reply.fallback for reply in after) > 0


def test_a_whole_file_is_ranked_group_by_group_and_what_is_refused_costs_no_other_group(of_places):
    batch = Batch(of_places.fallback, AT)
    distances = [0.1, 0.3, 0.2, 0.9, 0.8, 0.5]
    fields = [
        {"hour": hour, "distance": far, "late": 0.0} for hour, far in zip([1, 1, 2, 2, 1, 3], distances, strict=True)
    ]
    del fields[5]["hour"]
    answers = [answer for answer, _ in batch.answer([Ask(fields=each) for each in fields])]
    assert "'hour' is missing" in answers[5].message
    by_group = {hour: [answers[place] for place in places] for hour, places in ((1, (0, 1, 4)), (2, (2, 3)))}
    for own in by_group.values():
        ranked_by_score = sorted(own, key=lambda reply: -reply.score)
        assert [reply.decision for reply in ranked_by_score] == list(range(1, len(own) + 1))


def test_an_unknown_class_is_no_outcome(make_core, of_classes):
    core = make_core(of_classes)
    with pytest.raises(Refusal, match="must be one of 'on time', 'late', 'cancelled'"):
        asyncio.run(core.take(Outcomes([Outcome(outcome="early", reference="a")]), AT))
    with pytest.raises(Refusal, match="nothing is released yet that takes 'late'"):
        asyncio.run(make_core(None).take(Outcomes([Outcome(outcome="late", reference="a")]), AT))


def test_the_description_names_classes_and_scores(of_classes):
    schemas = json.loads(describe(of_classes, "flights", Limits()))["components"]["schemas"]
    said = schemas["Reply"]["properties"]
    assert said["decision"]["enum"] == schemas["Outcome"]["properties"]["outcome"]["enum"]
    assert said["decision"]["enum"] == ["on time", "late", "cancelled"] == list(said["scores"]["properties"])


def test_a_model_that_gives_other_numbers_than_its_rule_takes_is_refused(make_service):
    made = make_service()
    digest = made.package(softmax_model())
    package = open_package(digest, made.envelopes[digest], made.artifacts, load_trusted(made.config.trusted))
    with pytest.raises(RefusalError, match=r"scores of shape \(1, 3\)"):
        LoadedModel(package, 1, None)


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
