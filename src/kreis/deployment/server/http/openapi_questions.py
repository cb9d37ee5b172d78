"""The service's description where the release answers questions."""

from __future__ import annotations

from typing import Any

import msgspec

from kreis.deployment.server.http.chat import ChatAsked
from kreis.deployment.server.messages import Outcomes
from kreis.deployment.server.questions.answering import MOST
from kreis.deployment.server.questions.messages import AnswerReply, AskQuestion, Confirmation, Confirmed, Feedback
from kreis.deployment.server.questions.models import QuestionRelease
from kreis.generative.index.index import FILTERS

__all__ = ["narrow", "question_paths", "question_schemas"]

_REFERENCE = "#/components/schemas/{name}"


def question_schemas(release: QuestionRelease) -> dict[str, Any]:
    """The schemas of the messages, from the structs that are decoded and encoded."""
    structs = [AskQuestion, AnswerReply, Confirmation, Confirmed, Feedback, ChatAsked, Outcomes]
    _, schemas = msgspec.json.schema_components(structs, ref_template=_REFERENCE)
    name = {"type": ["string", "null"], "maxLength": MOST.text}
    filters = {
        "type": "object",
        "properties": {each: {"type": "string", "maxLength": MOST.text} for each in FILTERS},
        "additionalProperties": False,
    }
    narrow(schemas, "AskQuestion", question={"minLength": 1, "maxLength": MOST.question})
    narrow(schemas, "AskQuestion", reference=name, filters=filters, history={"maxItems": MOST.turns})
    narrow(schemas, "AskQuestion", kind={"maxLength": MOST.text})
    narrow(schemas, "ChatAsked", reference=name, filters=filters, messages={"minItems": 1})
    narrow(schemas, "Feedback", comment={"maxLength": MOST.comment}, prediction={"maxLength": MOST.text})
    narrow(schemas, "Outcome", outcome=release.outcomes.schema(), reference=name)
    narrow(schemas, "Outcome", known_at={"type": ["string", "null"], "format": "date-time"})
    return {str(each): schema for each, schema in schemas.items()}


def narrow(schemas: dict[str, Any], name: str, **fields: dict[str, Any]) -> None:
    """Add what is known of fields beyond the struct; a type or values replace what it says."""
    properties = schemas[name]["properties"]
    for field, said in fields.items():
        properties[field] = {**({} if said.keys() & {"type", "enum"} else properties[field]), **said}


def question_paths(post: Any, ok: Any) -> dict[str, Any]:
    """The routes; `post` and `ok` describe one as the document does elsewhere."""
    answer = post("Answer a question, with its sources.", ["AskQuestion"], ["AnswerReply"], ["422"])
    answer["post"]["responses"]["200"]["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    chat = post("The same in the shape of OpenAI's chat completions.", ["ChatAsked"], [], ["422"])
    feedback = post("Say what came of an answer.", ["Feedback"], [], ["404", "422"])
    return {
        "/v1/answer": answer,
        "/v1/chat/completions": chat,
        "/v1/confirm": post("Have a call of a tool made that waits.", ["Confirmation"], ["Confirmed"], ["422"]),
        "/v1/feedback": feedback,
        "/v1/models": {"get": {"summary": "The project, as a model's name.", "responses": ok()}},
    }
