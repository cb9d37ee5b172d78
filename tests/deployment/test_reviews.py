"""Review queues over HTTP: who may label, what they get and do not get, and what is on disk when they hear so."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.deployment.conftest import Service

from kreis.deployment.server.questions.messages import Asker
from kreis.deployment.server.reviews.messages import Reviewer
from kreis.digests import digest_of
from kreis.reviews.desk import Desk
from kreis.reviews.items import Label

TOKEN = "the service's own token"
TOKENS = {"bo": "bo's token", "cy": "cy's token", "di": "di's token"}


def config(root: Path) -> dict[str, Any]:
    def digest(name: str) -> str:
        return digest_of(f"{name}'s token".encode())

    return {
        "token": TOKEN,
        "reviews": root / "reviews.db",
        "reviewers": [
            Reviewer(name="bo", sha256=digest("bo"), queues=["answers", "gone"]),
            Reviewer(name="cy", sha256=digest("cy"), queues=["answers"]),
            Reviewer(name="di", sha256=digest("di")),
        ],
        "askers": [Asker(name="eve", sha256=digest("eve"))],
    }


def put(root: Path, items: int = 6) -> Desk:
    desk = Desk(root / "reviews.db")
    shown = {f"a{n}": f'{{"answer":"It is {n}."}}' for n in range(items)}
    for queue in ("answers", "secrets"):
        desk.publish(queue, ["right", "wrong"], 2, shown, [], [])
    return desk


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service without a release: items are labelled all the same."""
    root = tmp_path_factory.mktemp("reviews")
    made = Service(root, **config(root))
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def desk(reviewed: Service) -> Desk:
    """Two queues in which nothing is labelled yet."""
    (reviewed.root / "reviews.db").unlink(missing_ok=True)
    return put(reviewed.root)


def ask(service: Service, who: str, queue: str = "answers", **more: Any) -> tuple[int, Any]:
    return service.call("POST", "/v1/reviews/next", {"queue": queue, **more}, bearer(who))


def say(service: Service, who: str, queue: str = "answers", comment: str = "", **labels: str) -> tuple[int, Any]:
    said = [{"item": item, "label": label, "comment": comment} for item, label in labels.items()]
    return service.call("POST", "/v1/reviews/labels", {"queue": queue, "labels": said}, bearer(who))


def bearer(who: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS.get(who, who)}"}


def test_a_reviewer_gets_items_and_leaves_labels(reviewed: Service, desk: Desk) -> None:
    status, reply = ask(reviewed, "bo", count=2)
    assert (status, reply["labels"], len(reply["items"])) == (200, ["right", "wrong"], 2)
    name = reply["items"][0]["item"]
    assert reply["items"][0] == {"item": name, "shown": {"answer": f"It is {name[1:]}."}}
    assert say(reviewed, "bo", comment="the page says so", **{name: "wrong"}) == (200, {"accepted": 1})
    assert say(reviewed, "bo", **{name: "wrong"}) == (200, {"accepted": 0})
    (given,) = desk.given("answers")
    assert (given.item, given.by, given.label, given.comment) == (name, "bo", "wrong", "the page says so")


def test_reviewers_are_blind_to_each_other(reviewed: Service, desk: Desk) -> None:
    before = ask(reviewed, "cy")[1]
    assert {each["item"] for each in before["items"]} == {f"a{n}" for n in range(6)}
    say(reviewed, "bo", comment="surely", a0="wrong", a1="right")
    assert ask(reviewed, "cy")[1] == before
    mine = {each["item"] for each in ask(reviewed, "bo")[1]["items"]}
    assert mine == {"a2", "a3", "a4", "a5"}


def test_what_two_have_labelled_is_asked_no_more(reviewed: Service, desk: Desk) -> None:
    say(reviewed, "bo", a0="right")
    say(reviewed, "cy", a0="wrong")
    desk.publish("answers", ["right", "wrong"], 1, {f"a{n}": "{}" for n in range(5)}, ["a1"], [])
    desk.take("answers", "Em", [Label(item="a2", label="right")], 0)
    assert {each["item"] for each in ask(reviewed, "bo")[1]["items"]} == {"a3", "a4"}


@pytest.mark.parametrize("token", ["", "wrong", TOKEN, "eve's token"])
def test_who_is_no_reviewer_is_refused(reviewed: Service, desk: Desk, token: str) -> None:
    for path in ("/v1/reviews/next", "/v1/reviews/labels"):
        status, reply = reviewed.call("POST", path, {"queue": "answers"}, {"Authorization": f"Bearer {token}"})
        assert (status, reply["error"]["code"]) == (401, "unauthorized")


def test_a_reviewer_may_do_nothing_else(reviewed: Service, desk: Desk) -> None:
    for method, path in (("POST", "/v1/predict"), ("POST", "/v1/answer"), ("GET", "/metrics"), ("POST", "/v1/flush")):
        assert reviewed.call(method, path, {} if method == "POST" else None, bearer("bo"))[0] == 401


@pytest.mark.parametrize(("who", "queue"), [("di", "answers"), ("bo", "secrets"), ("bo", "nothing"), ("cy", "gone")])
def test_a_queue_that_is_not_theirs_is_as_one_that_is_not_there(
    reviewed: Service, desk: Desk, who: str, queue: str
) -> None:
    for status, reply in (ask(reviewed, who, queue), say(reviewed, who, queue, a0="right")):
        assert (status, reply["error"]["code"]) == (422, "unknown_queue")
    assert desk.given("secrets") == []


def test_nobody_labels_in_anothers_name(reviewed: Service, desk: Desk) -> None:
    body = {"queue": "answers", "reviewer": "cy", "labels": [{"item": "a0", "label": "right"}]}
    status, reply = reviewed.call("POST", "/v1/reviews/labels", body, bearer("bo"))
    assert (status, reply["error"]["code"]) == (422, "wrong_shape")
    body = {"queue": "answers", "labels": [{"item": "a0", "label": "right", "by": "cy"}]}
    assert reviewed.call("POST", "/v1/reviews/labels", body, bearer("bo"))[0] == 422
    assert desk.given("answers") == []


def test_labels_stay_as_they_were_given_and_all_are_taken_or_none(reviewed: Service, desk: Desk) -> None:
    say(reviewed, "bo", a0="right")
    status, reply = say(reviewed, "bo", a1="right", a0="wrong")
    assert (status, reply["error"]["code"]) == (422, "not_taken")
    assert "said 'right' of 'a0' before" in reply["error"]["message"]
    assert say(reviewed, "bo", a1="right", b1="right")[0] == 422
    assert say(reviewed, "bo", a1="rigth")[0] == 422
    assert [each.item for each in desk.given("answers")] == ["a0"]


@pytest.mark.parametrize("count", [0, 101, -1, 1.5, "5", None])
def test_the_number_of_items_has_bounds(reviewed: Service, desk: Desk, count: Any) -> None:
    assert ask(reviewed, "bo", count=count)[0] == 422


def test_the_size_of_labels_has_bounds(reviewed: Service, desk: Desk) -> None:
    said = [{"item": "a0", "label": "right"}] * 1_001
    status, reply = reviewed.call("POST", "/v1/reviews/labels", {"queue": "answers", "labels": said}, bearer("bo"))
    assert (status, reply["error"]["code"]) == (422, "rows")
    assert say(reviewed, "bo", comment="x" * 4_001, a0="right")[1]["error"]["code"] == "too_long"
    status, reply = reviewed.call("POST", "/v1/reviews/labels", b'{"queue": "' + b"x" * 1_100_000, bearer("bo"))
    assert status == 413


def test_a_damaged_desk_is_said_without_internals(reviewed: Service, desk: Desk) -> None:
    (reviewed.root / "reviews.db").write_bytes(b"no database, but as long as one" * 100)
    status, reply = ask(reviewed, "bo")
    assert (status, reply["error"]["code"]) == (503, "unavailable")
    assert str(reviewed.root) not in str(reply)


def test_an_acknowledged_label_survives_the_death_of_the_service(make_service: Any, tmp_path: Path) -> None:
    service: Service = make_service(workers=2, **config(tmp_path))
    desk = put(tmp_path, items=40)
    service.start()
    for number in range(20):  # whichever worker answers
        assert say(service, "bo", **{f"a{number}": "right"})[0] == 200
    service.stop(signal.SIGKILL)
    assert {each.item for each in desk.given("answers")} == {f"a{number}" for number in range(20)}


def test_openapi_describes_the_routes(reviewed: Service) -> None:
    document = reviewed.get("/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"})[1]
    assert {"/v1/reviews/next", "/v1/reviews/labels"} <= document["paths"].keys()
    assert document["components"]["schemas"]["Labels"]["properties"]["labels"]["maxItems"] == 1_000


def test_a_very_long_name_is_not_sent_back(reviewed: Service, desk: Desk) -> None:
    for labels in ({"x" * 900_000: "right"}, {"a0": "y" * 900_000}):
        status, reply = say(reviewed, "bo", **labels)
        assert (status, reply["error"]["code"]) == (422, "not_taken")
        assert len(reply["error"]["message"]) < 200
