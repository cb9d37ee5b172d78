"""Answers in pieces, and in the shape of OpenAI's chat completions; what comes back of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from tests.deployment.questions.conftest import bearer, logged

from kreis.identifiers import new_id

LEAVE = "How many days of leave do employees have?"


def client(service: Any, name: str = "bert") -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{service.port}/v1", headers=bearer(name), timeout=20)


def events(answer: httpx.Response) -> list[tuple[str, Any]]:
    """Names and data of server-sent events."""
    found = []
    for block in answer.text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines())
        if lines:
            data = lines["data"]
            found.append((lines.get("event", ""), data if data == "[DONE]" else json.loads(data)))
    return found


def chat(service: Any, *messages: tuple[str, Any], **more: Any) -> httpx.Response:
    body = {"model": "any", "messages": [{"role": role, "content": text} for role, text in messages], **more}
    with client(service) as link:
        return link.post("/chat/completions", json=body)


def test_an_answer_comes_in_pieces_and_as_a_whole_that_is_logged(asked: Any) -> None:
    with client(asked) as link:
        answer = link.post("/answer", json={"question": LEAVE, "stream": True, "reference": "in pieces"})
    assert answer.headers["content-type"] == "text/event-stream"
    *pieces, (name, whole) = events(answer)
    assert {each for each, _ in pieces} == {"piece"}
    assert "".join(data["text"] for _, data in pieces) == whole["answer"]
    assert (name, whole["answered"]) == ("answer", True)
    (record,) = [each for each in logged(asked.config.log)[0] if each.reference == "in pieces"]
    assert record.id == whole["prediction"]


def test_what_is_wrong_with_a_question_is_said_with_a_status_in_a_stream_too(asked: Any) -> None:
    with client(asked) as link:
        assert link.post("/answer", json={"question": "", "stream": True}).status_code == 422


def test_a_chat_client_is_answered_with_footnotes(asked: Any) -> None:
    answer = chat(asked, ("user", LEAVE))
    document = answer.json()
    assert (answer.status_code, document["object"], document["model"]) == (200, "chat.completion", "flights")
    (choice,) = document["choices"]
    assert (choice["index"], choice["finish_reason"], choice["message"]["role"]) == (0, "stop", "assistant")
    said, _, notes = choice["message"]["content"].partition("\n\n")
    assert said == document["kreis"]["answer"]
    assert notes == "[1] Leave (leave.md)"
    assert document["id"] == document["kreis"]["prediction"]
    assert document["kreis"]["citations"][0]["document"] == "leave.md"
    assert document["usage"]["total_tokens"] == 0
    assert isinstance(document["created"], int)


def test_a_chat_client_may_send_parts_history_and_what_is_not_read(asked: Any) -> None:
    turns = [
        ("system", "You are a pirate."),
        ("user", "Hello"),
        ("assistant", "Ahoy"),
        ("user", [{"type": "text", "text": LEAVE}]),
    ]
    answer = chat(asked, *turns, temperature=0.2, max_tokens=10, seed=1, user="u", tools=[], n=1)
    document = answer.json()
    assert document["kreis"]["answered"] is True
    assert document["kreis"]["flags"] == ["system message: left out, the project has a prompt of its own"]


def test_a_chat_client_is_answered_in_pieces(asked: Any) -> None:
    answer = chat(asked, ("user", LEAVE), stream=True, stream_options={"include_usage": True})
    *chunks, usage, (_, done) = events(answer)
    assert done == "[DONE]"
    assert usage[1]["choices"] == []
    assert usage[1]["usage"]["total_tokens"] == 0
    assert len({chunk["id"] for _, chunk in chunks}) == 1
    assert {chunk["object"] for _, chunk in chunks} == {"chat.completion.chunk"}
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for _, chunk in chunks)
    last = chunks[-1][1]
    assert text == f"{last['kreis']['answer']}\n\n[1] Leave (leave.md)"
    assert last["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert [chunk["choices"][0]["finish_reason"] for _, chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


def test_a_chat_client_is_passed_on(asked: Any) -> None:
    document = chat(asked, ("user", "Who won the football match?")).json()
    assert document["choices"][0]["message"]["content"] == "I can't answer this from the documents; a person will."


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        {"messages": [{"role": "assistant", "content": "a"}]},
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "tool", "content": "a"}, {"role": "user", "content": "a"}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        {"messages": [{"role": "user", "content": "a"}], "n": 2},
        {"messages": [{"role": "user", "content": "a"}], "tools": [{"type": "function"}]},
        {"messages": [{"role": "user", "content": "a"}], "response_format": {"type": "json_object"}},
        {"messages": [{"role": "user", "content": {"a": {"b": []}}}]},
        {"messages": "leave"},
        {"messages": [{"role": "user", "content": "a"}] * 102},
    ],
)
def test_what_a_chat_client_cannot_have_is_refused_in_a_sentence(asked: Any, body: Any) -> None:
    with client(asked) as link:
        answer = link.post("/chat/completions", json=body)
    assert answer.status_code == 422
    assert len(answer.json()["error"]["message"]) > 10


def test_models_names_the_project(asked: Any, service: Any) -> None:
    with client(asked) as link:
        (model,) = link.get("/models").json()["data"]
    assert (model["id"], model["object"]) == ("flights", "model")
    assert service.get("/v1/models")[1]["data"] == []


def test_feedback_is_an_outcome_with_a_masked_comment(asked: Any) -> None:
    prediction = chat(asked, ("user", LEAVE)).json()["id"]
    for verdict, number in (("solved", 1.0), ("wrong", 0.0), ("passed_on", 2.0)):
        sent = {"prediction": prediction, "verdict": verdict, "comment": f"{verdict}: ask anna.meier@example.org"}
        assert asked.call("POST", "/v1/feedback", sent, bearer("bert")) == (200, {"accepted": 1})
        last = logged(asked.config.log)[1][-1]
        assert (last.outcome, last.prediction) == (number, prediction)
        assert last.comment.startswith(f"{verdict}: ask ")
        assert "anna.meier@example.org" not in last.comment


@pytest.mark.parametrize("prediction", ["p", "", "01a20bcd-5f0a-4c51-9c3e-7a1f0c7d5f11"])
def test_feedback_on_what_can_be_no_answer_is_told_at_once(asked: Any, prediction: str) -> None:
    before = len(logged(asked.config.log)[1])
    sent = {"prediction": prediction, "verdict": "solved"}
    status, reply = asked.call("POST", "/v1/feedback", sent, bearer("bert"))
    assert (status, reply["error"]["code"]) == (404, "unknown_prediction")
    assert len(logged(asked.config.log)[1]) == before


def test_feedback_on_an_answer_of_another_process_is_taken(asked: Any) -> None:
    sent = {"prediction": new_id(datetime(2026, 1, 2, tzinfo=UTC)), "verdict": "solved"}
    assert asked.call("POST", "/v1/feedback", sent, bearer("bert")) == (200, {"accepted": 1})


@pytest.mark.parametrize(
    "body",
    [
        {"prediction": "p", "verdict": "good"},
        {"prediction": "p" * 1_001, "verdict": "solved"},
        {"prediction": "p", "verdict": "solved", "comment": "c" * 4_001},
        {"prediction": "p", "verdict": "solved", "tenant": "acme"},
        {"verdict": "solved"},
    ],
)
def test_feedback_of_another_shape_is_refused(asked: Any, body: Any) -> None:
    assert asked.call("POST", "/v1/feedback", body, bearer("bert"))[0] == 422
