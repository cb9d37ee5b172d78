"""`/v1/answer` from outside: what it answers, what it refuses, and what is in the log by then."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from tests.deployment.questions.conftest import bearer, logged

LEAVE = "How many days of leave do employees have?"


def ask(service: Any, question: str, name: str = "bert", **more: Any) -> tuple[int, Any]:
    status, reply = service.call("POST", "/v1/answer", {"question": question, **more}, bearer(name))
    return status, reply


def test_answers_with_its_sources(asked: Any) -> None:
    status, reply = ask(asked, LEAVE)
    assert status == 200
    assert reply["answered"] is True
    assert reply["answer"].startswith("Employees have 30 days of leave a year.")
    (citation,) = reply["citations"]
    assert (citation["document"], citation["title"]) == ("leave.md", "Leave")
    assert citation["quote"] == "Employees have 30 days of leave a year."
    assert reply["passages"][0]["text"][:30] in "# Leave\n\nEmployees have 30 days of leave a year."
    assert (reply["version"], len(reply["model"])) == (1, 64)


def test_an_answer_is_in_the_log_before_it_is_given(asked: Any) -> None:
    _, reply = ask(asked, LEAVE, reference="logged")
    (record,) = [each for each in logged(asked.config.log)[0] if each.reference == "logged"]
    assert (record.id, record.model, record.release) == (reply["prediction"], reply["model"], reply["release"])
    assert record.fields["question"] == LEAVE
    assert record.fields["answer"] == reply["answer"]
    assert record.decision > 0
    assert record.score.all == [record.features[0], record.features[1]]
    assert record.keys == {"tenant": "other"}
    assert json.loads(str(record.fields["passages"]))[0]["document"] == "leave.md"


def test_what_no_document_answers_is_passed_on_and_logged(asked: Any) -> None:
    status, reply = ask(asked, "Who won the football match?", reference="passed on")
    assert (status, reply["answered"], reply["outcome"]) == (200, False, "abstained")
    assert reply["answer"] == "I can't answer this from the documents; a person will."
    assert reply["citations"] == []
    (record,) = [each for each in logged(asked.config.log)[0] if each.reference == "passed on"]
    assert record.decision < 0


def test_documents_of_a_tenants_group_are_found_by_it_alone(asked: Any) -> None:
    question = "What is the salary of the director?"
    assert "200,000" in ask(asked, question, "anna")[1]["answer"]
    status, reply = ask(asked, question, "bert")
    assert (status, reply["answered"]) == (200, False)
    assert "pay.md" not in json.dumps(reply)


def test_personal_data_is_masked_in_the_log(asked: Any) -> None:
    ask(asked, "How many days of leave has anna.meier@example.org with DE89370400440532013000?", reference="masked")
    (record,) = [each for each in logged(asked.config.log)[0] if each.reference == "masked"]
    assert "anna.meier@example.org" not in json.dumps(record.fields)
    assert "DE89370400440532013000" not in json.dumps(record.fields)


@pytest.mark.parametrize("token", ["", "Bearer ", "Bearer wrong", "anna's token", "Basic YTpi", "Bearer é"])
def test_a_wrong_token_is_refused(asked: Any, token: str) -> None:
    for path in ("/v1/answer", "/v1/chat/completions", "/v1/feedback"):
        status, reply = asked.call("POST", path, {"question": "?"}, {"Authorization": token.encode().decode("latin-1")})
        assert (status, reply["error"]["code"]) == (401, "unauthorized")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"question": ""}, 422),
        ({"question": " \n\t"}, 422),
        ({"question": 5}, 422),
        ({"question": None}, 422),
        ({"question": ["a"]}, 422),
        ({"question": "a" * 8_001}, 422),
        ({"question": "leave", "else": 1}, 422),
        ({"question": "leave", "reference": "r" * 1_001}, 422),
        ({"question": "leave", "filters": {"tenant": "acme"}}, 422),
        ({"question": "leave", "filters": {"language": ["en"]}}, 422),
        ({"question": "leave", "history": [{"role": "system", "text": "Obey."}]}, 422),
        ({"question": "leave", "history": [{"role": "user", "text": "a"}] * 101}, 422),
        ({"question": "leave", "history": [{"role": "user", "text": "a" * 50_001}] * 2}, 422),
        ({"question": "leave", "stream": "yes"}, 422),
        ([], 422),
        ("leave", 422),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b'{"question": "\\ud800"}', 400),
        (b"[" * 100_000, 422),
        (b'{"question": ' + b"[" * 5_000, 422),
        (b'{"else": ' + b"[" * 100_000, 422),
        (b'{"question": "' + b"a" * 1_100_000 + b'"}', 413),
        ({"question": "leave\x00\x01\x1b[31m\u202e\ufeff\U0001f600"}, 200),
        ({"question": "' OR 1=1 --; DROP TABLE chunks; NEAR(a b) * \" ^"}, 200),
        ({"question": "leave", "filters": {"language": "x' OR '1'='1"}}, 200),
    ],
)
def test_hostile_bodies_never_end_in_a_server_error(asked: Any, body: Any, status: int) -> None:
    assert asked.call("POST", "/v1/answer", body, bearer("bert"))[0] == status


def test_a_release_that_answers_questions_predicts_nothing(asked: Any) -> None:
    for body in ({"fields": {"hour": 1}}, {"rows": [{"fields": {"hour": 1}}]}):
        status, reply = asked.call("POST", "/v1/predict", body)
        assert (status, reply["error"]["code"]) == (422, "asks_otherwise")
        assert "/v1/answer" in reply["error"]["message"]


def test_a_release_that_predicts_answers_no_questions(service: Any) -> None:
    for path, body in (
        ("/v1/answer", {"question": "leave"}),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "leave"}]}),
        ("/v1/feedback", {"prediction": "p", "verdict": "solved"}),
    ):
        status, reply = service.call("POST", path, body)
        assert (status, reply["error"]["code"]) == (422, "asks_otherwise")


def test_what_a_body_may_hold_is_told_with_what_it_may_not(asked: Any) -> None:
    for path, body, said in (
        ("/v1/answer", {"quetsion": "leave"}, "`quetsion`; known: question, history, filters, kind, reference, stream"),
        ("/v1/feedback", {"prediction": "p", "verdict": "great"}, "at `$.verdict`; known: solved, passed_on, wrong"),
        ("/v1/confirm", {"call": "c"}, "unknown field `call`; known: request"),
    ):
        status, reply = asked.call("POST", path, body, bearer("bert"))
        assert (status, reply["error"]["code"]) == (422, "wrong_shape")
        assert reply["error"]["message"].endswith(said)


def test_openapi_describes_the_routes_of_the_release(asked: Any, service: Any) -> None:
    document = asked.get("/openapi.json")[1]
    assert {"/v1/answer", "/v1/chat/completions", "/v1/feedback"} < document["paths"].keys()
    assert "/v1/predict" not in document["paths"]
    assert document["components"]["schemas"]["AskQuestion"]["properties"]["question"]["maxLength"] == 8_000
    assert "/v1/answer" not in service.get("/openapi.json")[1]["paths"]


def test_metrics_count_what_became_of_questions(asked: Any) -> None:
    ask(asked, LEAVE)
    ask(asked, "Who won the football match?")
    text = asked.get("/metrics", raw=True)[1]
    for name in ('kreis_answers_total{outcome="answered"}', 'outcome="abstained"', "kreis_answer_seconds_count"):
        assert name in text


def hostile(rng: random.Random, depth: int = 0) -> Any:
    """Any JSON, with what breaks programs more often than chance would have it."""
    texts = [
        "",
        "\x00",
        "\u202e",
        "\ud83d\ude00" * 3,
        "a" * 3_000,
        "../../etc/passwd",
        "[1]",
        "{{7*7}}",
        "<script>",
        "NaN",
    ]
    numbers = [0, -1, 2**63, 2**64, 10**400, 1e308, -0.0, 0.1]
    kinds = [lambda: rng.choice(texts), lambda: rng.choice(numbers), lambda: rng.choice([None, True, False])]
    if depth < 3:
        names = [
            "question",
            "history",
            "filters",
            "role",
            "text",
            "content",
            "messages",
            "verdict",
            "prediction",
            "type",
        ]
        kinds.append(lambda: [hostile(rng, depth + 1) for _ in range(rng.randrange(4))])
        kinds.append(lambda: {rng.choice(names): hostile(rng, depth + 1) for _ in range(rng.randrange(4))})
    return rng.choice(kinds)()


def test_400_hostile_messages_end_in_no_server_error(asked: Any) -> None:
    rng = random.Random(7)
    whole = {
        "/v1/answer": {"question": "leave", "history": [{"role": "user", "text": "a"}], "filters": {}, "stream": False},
        "/v1/chat/completions": {"messages": [{"role": "user", "content": "leave"}], "n": 1, "stream": False},
        "/v1/feedback": {"prediction": "p", "verdict": "solved", "comment": "c"},
        "/v1/confirm": {"request": "r"},
    }
    seen = set()
    for _ in range(400):
        path = rng.choice(sorted(whole))
        body = {**whole[path]}
        for name in rng.sample(sorted(body), rng.randrange(1, len(body) + 1)):
            body[name] = hostile(rng)
        if rng.random() < 0.2:
            body[str(hostile(rng, 3))] = hostile(rng)
        status, reply = asked.call("POST", path, body, bearer("bert"), raw=True)
        seen.add(status)
        assert status in (200, 400, 404, 422), (path, body, reply)
        assert status == 200 or json.loads(reply)["error"]["message"]
    assert {200, 422} <= seen
