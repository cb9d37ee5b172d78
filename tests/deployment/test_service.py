"""The service from outside: what it answers, what it refuses, and how."""

import json
import math
import re
import socket

import pytest
from msgspec.structs import fields

from kreis.deployment.predictions.reader import parse_segment
from kreis.deployment.server.messages import Ask, Outcome, Outcomes, Replies, Reply

ROW = {"fields": {"hour": 1, "distance": 0.5, "late": -1.0}, "reference": "flight-1"}


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def records(service):
    return [
        record
        for path in service.config.log.glob("*.log")
        for record in parse_segment(path, path.read_bytes()).predictions
    ]


def test_predict_answers_with_score_decision_and_origin(service):
    status, reply = service.predict(ROW)
    assert status == 200
    assert reply["score"] == pytest.approx(sigmoid(0.5), abs=1e-6)
    assert reply["decision"] is True
    assert (reply["version"], len(reply["model"]), "fallback" in reply) == (1, 64, False)


def test_predict_is_in_the_log_before_it_is_answered(service):
    _, reply = service.predict({**ROW, "reference": "logged"})
    (record,) = [record for record in records(service) if record.reference == "logged"]
    assert record.id == reply["id"]
    assert record.features == [1.0, 0.5, -1.0]
    assert record.fields == ROW["fields"]
    assert (record.model, record.release) == (reply["model"], reply["release"])
    assert record.latency_us > 0


def test_missing_features_are_null_in_the_log(service):
    _, reply = service.predict({"fields": {"hour": 2}, "reference": "missing"})
    assert reply["score"] == pytest.approx(sigmoid(2), abs=1e-6)
    (record,) = [record for record in records(service) if record.reference == "missing"]
    assert record.features == [2.0, None, None]


def test_given_features_replace_computed_ones(service):
    _, reply = service.predict({**ROW, "features": {"request__hour": -3.0, "request__late": None}})
    assert reply["score"] == pytest.approx(sigmoid(-2.5), abs=1e-6)


def test_a_batch_is_answered_in_order_like_single_rows(service):
    rows = [{"fields": {"hour": hour}} for hour in (-2, 0, 3)]
    status, reply = service.predict({"rows": rows})
    assert status == 200
    assert [each["score"] for each in reply["predictions"]] == [service.predict(row)[1]["score"] for row in rows]


def test_simulated_time_is_the_answers_time(service):
    _, reply = service.predict(ROW, **{"x-kreis-time": "1367402400123456"})
    assert reply["at"] == "2013-05-01T10:00:00.123456Z"


@pytest.mark.parametrize("time", ["-1", "now", "1e9", "9" * 30])
def test_a_bad_simulated_time_is_refused(service, time):
    assert service.predict(ROW, **{"x-kreis-time": time})[0] == 400


def test_outcomes_are_logged(service):
    outcomes = [
        {"reference": "flight-1", "outcome": 1},
        {"prediction": "some-id", "outcome": 0.0, "known_at": "2013-05-01T12:00:00Z"},
    ]
    assert service.call("POST", "/v1/outcomes", {"outcomes": outcomes}) == (200, {"accepted": 2})
    found = [
        each for path in service.config.log.glob("*.log") for each in parse_segment(path, path.read_bytes()).outcomes
    ]
    assert (found[-1].prediction, found[-1].known_at, found[-2].reference) == (
        "some-id", 1_367_409_600_000_000, "flight-1",
    )  # fmt: skip


def test_flush_closes_the_segment(service):
    service.predict(ROW)
    assert service.call("POST", "/v1/flush", {}) == (200, {"closed": True})
    assert service.call("POST", "/v1/flush", {}) == (200, {"closed": False})


def test_flush_needs_what_predict_needs(service):
    assert service.call("POST", "/v1/flush", b"", {"Content-Type": "text/plain"})[0] == 415
    assert service.call("POST", "/v1/flush", {}, {"Origin": "http://localhost:3000"})[0] == 403


@pytest.mark.parametrize("outcome", [2, -1, 0.5, 1e39, "yes", None])
def test_outcomes_that_the_task_does_not_know_are_refused(service, outcome):
    sent = {"outcomes": [{"reference": "flight-1", "outcome": outcome}]}
    assert service.call("POST", "/v1/outcomes", sent)[0] == 422


@pytest.mark.parametrize("outcome", [0, 1, 0.0, 1.0, False, True])
def test_outcomes_are_zero_and_one_false_and_true(service, outcome):
    name = repr(outcome)
    sent = {"outcomes": [{"reference": name, "outcome": outcome}]}
    assert service.call("POST", "/v1/outcomes", sent) == (200, {"accepted": 1})
    found = [
        each for path in service.config.log.glob("*.log") for each in parse_segment(path, path.read_bytes()).outcomes
    ]
    assert [each.outcome for each in found if each.reference == name] == [float(outcome)]


@pytest.mark.parametrize("known_at", ["9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"])
def test_an_absurd_moment_is_refused(service, known_at):
    sent = {"outcomes": [{"reference": "flight-1", "outcome": 1, "known_at": known_at}]}
    status, reply = service.call("POST", "/v1/outcomes", sent)
    assert (status, reply["error"]["code"]) == (422, "bad_time")


def test_an_outcome_from_before_its_prediction_is_refused(service):
    _, reply = service.predict(ROW, **{"x-kreis-time": "1367402400123456"})
    sent = {"prediction": reply["id"], "outcome": 1, "known_at": "2013-05-01T10:00:00.122999Z"}
    status, refused = service.call("POST", "/v1/outcomes", {"outcomes": [sent]})
    assert (status, refused["error"]["code"]) == (422, "bad_time")
    assert "earlier than the prediction" in refused["error"]["message"]
    sent["known_at"] = "2013-05-01T10:00:00.123Z"  # an id holds milliseconds
    assert service.call("POST", "/v1/outcomes", {"outcomes": [sent]})[0] == 200


def test_metrics_count_requests_by_model(service):
    def count(text):
        return sum(int(line.split()[-1]) for line in text.splitlines() if line.startswith("kreis_predictions_total"))

    before = count(service.get("/metrics", raw=True)[1])
    service.predict({"rows": [ROW, ROW]})
    text = service.get("/metrics", raw=True)[1]
    assert count(text) == before + 2
    for name in (
        "kreis_requests_total{route",
        "kreis_predict_seconds_bucket",
        "kreis_log_waiting_bytes",
        'version="1"',
    ):
        assert name in text
    assert "kreis_release_number 1" in text


def test_openapi_describes_the_loaded_model(service):
    status, document = service.get("/openapi.json")
    assert (status, document["info"]["version"]) == (200, "release-1")
    ask = document["components"]["schemas"]["Ask"]["properties"]
    assert sorted(ask["fields"]["properties"]) == ["distance", "hour", "late", "scheduled"]
    assert sorted(ask["features"]["properties"]) == ["request__distance", "request__hour", "request__late"]
    reply = document["components"]["schemas"]["Reply"]["properties"]
    assert reply["decision"]["description"] == "true says: late"


def test_openapi_has_every_field_that_is_decoded_or_encoded(service):
    schemas = service.get("/openapi.json")[1]["components"]["schemas"]
    for message in (Ask, Reply, Replies, Outcome, Outcomes):
        schema = schemas[message.__name__]
        # Of a model with one number there are no `scores` beside the score, and of one without parts no `parts`.
        assert schema["properties"].keys() == set(message.__struct_fields__) - {"scores", "parts"}
        assert set(schema["required"]) == {field.name for field in fields(message) if field.required}
    references = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(service.get("/openapi.json")[1]))
    assert set(references) <= schemas.keys()


def test_the_index_and_probes(service):
    assert service.get("/")[1]["release"]["number"] == 1
    assert service.get("/healthz") == (200, {"alive": True})
    assert service.get("/readyz") == (200, {"ready": True, "release": 1})


def test_unknown_names_come_with_the_nearest(service):
    status, reply = service.predict({"fields": {"distanse": 1}})
    assert (status, reply["error"]["code"]) == (422, "unknown_field")
    assert "did you mean 'distance'?" in reply["error"]["message"]
    assert service.predict({"features": {"request__lat": 1}})[1]["error"]["code"] == "unknown_feature"
    assert service.predict({"keys": {"carrier": "UA"}})[1]["error"]["code"] == "unknown_key"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/v1/predict", 405),
        ("DELETE", "/metrics", 405),
        ("POST", "/../etc/passwd", 404),
    ],
)
def test_wrong_routes_are_refused(service, method, path, status):
    code, reply = service.call(method, path)
    assert code == status
    assert set(reply["error"]) == {"code", "message", "id"}


def test_other_media_types_and_encodings_are_refused(service):
    assert service.predict(ROW, **{"Content-Type": "text/plain"})[0] == 415
    assert service.predict(ROW, **{"Content-Encoding": "gzip"})[0] == 415
    assert service.predict(ROW, **{"Content-Type": "application/json; charset=utf-8"})[0] == 200


def test_too_large_is_refused(service):
    assert service.predict({"rows": [{}] * 1_001})[0] == 422
    for size in (1_048_577, 8_000_000):
        assert service.predict(b" " * size)[0] == 413


def test_a_refused_client_that_is_still_sending_sees_why(service):
    body = b" " * 4_000_000
    assert service.predict(body, Host="evil.example")[0] == 403
    assert service.call("POST", "/nowhere", body)[0] == 404
    chunked = b"".join(b"100000\r\n" + b" " * 0x100000 + b"\r\n" for _ in range(4)) + b"0\r\n\r\n"
    assert b"413" in raw_answer(service, "Transfer-Encoding: chunked", chunked)


def test_a_refused_client_that_stops_sending_is_not_waited_for(service):
    assert b"413" in raw_answer(service, "Content-Length: 2000000", b" " * 1_000)
    with socket.create_connection(("127.0.0.1", service.port)) as gone:
        gone.sendall(b"POST /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2000000\r\n\r\n ")
    assert service.predict(ROW)[0] == 200


def test_a_client_that_asks_before_it_sends_is_refused_at_once(service):
    assert b"413" in raw_answer(service, "Expect: 100-continue\r\nContent-Length: 2000000", b"", timeout=1.5)


def raw_answer(service, headers, body, timeout=10.0):
    """The status line that answers bytes sent as they are, on a connection that stays open."""
    head = f"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", service.port), timeout=timeout) as connection:
        connection.sendall(head.encode() + body)
        return connection.recv(100).partition(b"\r\n")[0]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[::1"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_sites_are_refused(service, headers):
    assert service.predict(ROW, **headers)[0] == 403
    assert service.call("POST", "/v1/outcomes", {"outcomes": []}, headers)[0] == 403
    assert service.call("POST", "/v1/flush", {}, headers)[0] == 403


def test_its_own_origin_is_taken(service):
    own = {"Origin": f"http://127.0.0.1:{service.port}", "Sec-Fetch-Site": "same-origin"}
    assert service.predict(ROW, **own)[0] == 200


def test_two_hosts_are_refused(service):
    assert b" 400 " in raw_answer(service, "Host: 127.0.0.1\r\nContent-Length: 2", b"{}")


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1", "[::1]:80"])
def test_this_machines_names_are_taken(service, host):
    assert service.predict(ROW, Host=host)[0] == 200


HOSTILE = [
    b'{"fields": {"distance": 99999999999999999999999}}', b'{"fields": {"scheduled": 9000000000000000000}}',
    b'{"fields": {"distance": 1' + b"0" * 500 + b"}}",
    b"", b"null", b"[]", b"{}}", b"\xff\xfe", b"1", b'"x"', b"{", b"[" * 500_000, b'{"a":' * 10_000, b"\x00" * 100,
    b'{"fields": {"hour": "seven"}}', b'{"fields": {"hour": 1.5}}', b'{"fields": {"hour": [1]}}',
    b'{"fields": {"hour": {"a": 1}}}', b'{"fields": {"hour": 1e999}}', b'{"fields": {"hour": 99999999999999999999999}}',
    b'{"fields": {"hour": -9223372036854775809}}', b'{"fields": {"distance": "1"}}', b'{"fields": {"distance": true}}',
    b'{"fields": {"scheduled": "yesterday"}}', b'{"fields": {"scheduled": 1e300}}', b'{"fields": {"scheduled": true}}',
    b'{"fields": {"hour": NaN}}', b'{"fields": {"hour": Infinity}}', b'{"fields": null}', b'{"fields": []}',
    b'{"keys": {"a": 1}}', b'{"keys": {"a": null}}', b'{"reference": 5}', b'{"reference": "\\ud800"}',
    b'{"fields": {"hour": "\\ud800"}}', b'{"reference": "' + b"x" * 2_000 + b'"}', b'{"rows": null, "surprise": 1}',
    b"{}", b'{"rows": null}', b'{"rows": null, "fields": {"hour": 1}}', b'{"rows": [{}]}',
    b'{"fields": {"distance": 1e39}}',
    b'{"rows": []}', b'{"rows": [null]}', b'{"rows": [[]]}', b'{"rows": [{"rows": []}]}', b'{"rows": {}}',
    b'{"rows": [{}], "fields": {"hour": 1}}', b'{"features": {"request__hour": "a"}}',
    b'{"features": {"request__hour": 1e39}}',
    b'{"features": {"request__hour": -1e300}}', b'{"features": {"request__hour": []}}', b'{"__class__": "os.system"}',
    b'{"fields": {"__proto__": 1}}', b'{"fields": {"\\u0000": 1}}', b'{"fields": {"hour": 1}, "fields": 1}',
    b'{"reference": "' + "\u202e\U0001f600".encode() + b'", "x": 1}', b"\x80\x04\x95cos\nsystem\n(S'id'\ntR.",
    b"\xef\xbb\xbf{}", b'{"fields": {"distance": 1e308}}',
]  # fmt: skip


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/outcomes"])
def test_hostile_bodies_are_refused_and_harm_nothing(service, path):
    assert len(HOSTILE) >= 50
    for body in HOSTILE:
        status, text = service.call("POST", path, body, raw=True)
        assert status in (400, 413, 422), (body[:80], status, text)
        assert set(json.loads(text)["error"]) == {"code", "message", "id"}
        assert "Traceback" not in text
        assert "/" not in json.loads(text)["error"]["message"]
    assert service.predict(ROW)[0] == 200


def test_extreme_but_valid_values_are_answered(service):
    odd = {**ROW, "reference": "\x00\u202e😀"}
    for body in ({"fields": {"distance": 3e38}}, {"fields": {"hour": -(2**63)}}, {"fields": {"hour": None}}, odd):
        assert service.predict(body)[0] == 200, body


def test_chunked_bodies_are_taken_up_to_the_limit(service):
    import http.client

    for size, status in ((10, 422), (2_000, 413)):
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
        chunks = iter([b"{", b" " * 1_000 * size, b"}"])
        connection.putrequest("POST", "/v1/predict")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.endheaders()
        try:
            for chunk in chunks:
                connection.send(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            connection.send(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert connection.getresponse().status == status
        connection.close()
