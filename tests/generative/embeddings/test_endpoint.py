"""Ask a real local server for embeddings, which misbehaves."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import numpy as np
import pytest

from kreis.errors import ProjectError, ServiceError
from kreis.generative.embeddings.endpoint import EndpointEmbedding
from kreis.generative.embeddings.kinds import LocalEmbedding
from kreis.generative.embeddings.openai import OpenAIEmbedder
from kreis.generative.embeddings.testing import CHECKS
from kreis.generative.language_models.waiting import Pace

KIND = EndpointEmbedding(env="EMBED_URL", model="e5", dimension=384, at_once=2, attempts=3)


class Server(ThreadingHTTPServer):
    """Embeds with the real model, after the replies that a test put first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.first: list[object] = []
        """Statuses, or bodies, or functions of the handler."""
        self.seen: list[dict] = []
        self.headers: list[dict] = []
        self.end = threading.Event()
        self.model = LocalEmbedding("minilm-l6-int8").open()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append(body | {"path": self.path})
        self.server.headers.append(dict(self.headers))
        first = self.server.first.pop(0) if self.server.first else 200
        if callable(first):
            first(self)
        elif isinstance(first, int) and first != 200:
            self.reply(first, b"{}", {"retry-after": "7"} if first == 429 else {})
        elif isinstance(first, bytes):
            self.reply(200, first)
        else:
            vectors = self.server.model.queries(body["input"]) * 3  # not every endpoint gives length 1
            data = [{"index": n, "embedding": vector.tolist(), "object": "x"} for n, vector in enumerate(vectors)]
            self.reply(200, json.dumps({"data": data[::-1], "usage": {}}).encode())

    def reply(self, status, data, headers=()):
        self.send_response(status)
        for name, value in {"content-length": str(len(data)), **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server():
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.end.set()
        made.shutdown()
        thread.join()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def model(server, waits):
    opened = OpenAIEmbedder(KIND, server.address, "secret", pace=Pace(chance=lambda: 1.0), sleep=waits.append)
    yield opened
    opened.close()


@pytest.fixture
def hasty(server, waits):
    """One that does not wait long."""
    kind = msgspec.structs.replace(KIND, timeout_s=0.2)
    opened = OpenAIEmbedder(kind, server.address, "", sleep=waits.append)
    yield opened
    opened.close()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_an_embedding_behaves(server, monkeypatch, check):
    monkeypatch.setenv("EMBED_URL", server.address)
    check(EndpointEmbedding(env="EMBED_URL", model="e5", dimension=384, at_once=2))


def test_texts_are_sent_in_batches_and_come_back_in_order(model, server):
    texts = ["a hotel", "parental leave", "ein Zug", "", "salary"]
    vectors = model.queries(texts)
    assert np.allclose(vectors, server.model.queries([text or " " for text in texts]), atol=1e-6)
    assert [each["input"] for each in server.seen] == [["a hotel", "parental leave"], ["ein Zug", " "], ["salary"]]
    assert {each["path"] for each in server.seen} == {"/v1/embeddings"}
    assert {each["model"] for each in server.seen} == {"e5"}
    assert server.headers[0]["authorization"] == "Bearer secret"


def test_what_a_model_wants_before_texts_is_put_there(server):
    kind = EndpointEmbedding(env="X", model="e5", dimension=384, before_passages="passage: ", before_queries="query: ")
    model = OpenAIEmbedder(kind, server.address, "")
    model.passages(["a"])
    model.queries(["b"])
    model.close()
    assert [each["input"] for each in server.seen] == [["passage: a"], ["query: b"]]
    assert "authorization" not in server.headers[0]


def breaks_off(handler):
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"data": [')
    handler.close_connection = True


def stalls(handler):
    handler.server.end.wait(20)


@pytest.mark.parametrize("trouble", [429, 500, 503, breaks_off])
def test_trouble_that_passes_is_waited_out(model, server, waits, trouble):
    server.first = [trouble, trouble]
    assert model.queries(["a"]).shape == (1, 384)
    assert waits == ([7.0, 7.0] if trouble == 429 else [0.5, 1.0])


@pytest.mark.parametrize(
    ("trouble", "said"),
    [(500, "status 500, 3 times"), (429, "status 429, 3 times"), (breaks_off, "breaks off")],
)
def test_trouble_that_stays_is_said(model, server, waits, trouble, said):
    server.first = [trouble] * 3
    with pytest.raises(ServiceError, match=f"(?s)endpoint 127.0.0.1:.*{said}.*EMBED_URL"):
        model.queries(["a"])
    assert len(waits) == 2


def test_an_endpoint_that_is_silent_is_said(hasty, server, waits):
    server.first = [stalls] * 3
    with pytest.raises(ServiceError, match=r"within 0\.2 s, 3 times"):
        hasty.queries(["a"])
    assert len(waits) == 2


@pytest.mark.parametrize("status", [302, 400, 401, 404])
def test_a_refusal_is_not_repeated(model, server, waits, status):
    server.first = [status]
    with pytest.raises(ServiceError, match=f"status {status}") as error:
        model.queries(["a"])
    assert waits == []
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>", "not that of an endpoint"),
        (b'{"data": []}', "0 vectors for 1 texts"),
        (b'{"data": [{"index": 1, "embedding": [1]}]}', "1 vectors for 1 texts"),
        (b'{"data": [{"index": 0, "embedding": [1, 2]}]}', "have 2 numbers, not 384"),
        (json.dumps({"data": [{"index": 0, "embedding": [0.0] * 384}]}).encode(), "no length"),
        (json.dumps({"data": [{"index": 0, "embedding": [1e308] * 384}]}).encode(), "no length"),
        (b" " * 100_000, "bytes"),
    ],
)
def test_a_wrong_answer_is_said(model, server, body, said):
    server.first = [body]
    with pytest.raises(ServiceError, match=said):
        model.queries(["a"])


def test_the_digest_is_of_the_model_not_of_its_place(server):
    def digest(address="http://a.test/v1", **fields):
        return OpenAIEmbedder(
            EndpointEmbedding(**{"env": "X", "model": "m", "dimension": 3} | fields), address, ""
        ).digest

    assert digest() == digest("http://b.test/v1") == digest(at_once=3, env="Y")
    others = [digest(model="n"), digest(revision="2"), digest(dimension=4), digest(before_queries="q")]
    assert len({digest(), *others}) == 5


@pytest.mark.parametrize("address", ["", "ftp://x", "http://a b", "http://u:p@x/v1"])
def test_an_address_that_is_none_is_said(monkeypatch, address):
    monkeypatch.setenv("EMBED_URL", address)
    with pytest.raises(ProjectError, match="environment variable EMBED_URL"):
        KIND.open()


def test_a_number_that_makes_no_sense_is_refused():
    with pytest.raises(ProjectError, match="at least 1"):
        EndpointEmbedding(env="X", model="m", dimension=0)
