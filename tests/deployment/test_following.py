"""Following releases while answering: swaps, going back, refusals; starting and stopping."""

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from kreis.collection.contracts.inputs import InputRule
from kreis.demo.client import ServiceClient
from kreis.deployment.manifest import Inputs
from kreis.deployment.pointer import FILE, HIGHEST, PointerFile, read_highest, remember_highest, write_pointer
from kreis.deployment.predictions.reader import parse_segment
from kreis.deployment.server.config import ServerConfig, read_config
from kreis.deployment.server.process import HEAVY
from kreis.deployment.signing import FileKeys
from kreis.errors import CorruptionError, PolicyError, ProjectError, ServiceError
from kreis.ledger.records import Route

ROW = {"fields": {"hour": 1}}


@pytest.fixture
def running(make_service):
    service = make_service()
    service.release(service.package(), wait=False)
    service.start().wait_for(1)
    return service


def logged(service):
    found = {}
    for path in service.config.log.glob("*.log"):
        for record in parse_segment(path, path.read_bytes()).predictions:
            found[record.id] = record
    return found


async def under_load(service, act, requests=400, connections=8):
    """Ask again and again while `act` runs in a thread; returns all answers."""
    body = json.dumps(ROW).encode()
    answers = []
    async with ServiceClient("127.0.0.1", service.port, connections=connections) as client:
        acting = asyncio.create_task(asyncio.to_thread(act))
        while not acting.done() or len(answers) < requests:
            answers += await client.predict_many([body] * 50)
        await acting
    return answers


def test_swaps_under_load_fail_nothing_and_each_answer_names_one_model(running):
    first, second = running.package(), running.package(running.linear_model(bias=1.0))
    score_of = {first: 0.7310586, second: 0.8807971}

    def swap():
        for number in range(10):
            running.release((first, second)[number % 2])

    answers = asyncio.run(under_load(running, swap))
    assert {answer["model"] for answer in answers} == {first, second}
    for answer in answers:
        assert answer["score"] == pytest.approx(score_of[answer["model"]], abs=1e-5)
    releases = [answer["release"] for answer in answers]
    assert len(set(releases)) >= 3


def test_a_canary_logs_what_the_other_live_model_takes(running):
    """So that both can be compared on every row, whoever answered it."""
    small = running.package(running.linear_model(width=1), features=["request__hour"])
    wide = running.package(running.linear_model(width=2), features=["request__hour", "request__late"])
    running.release(Route(model=small, share=0.5), Route(model=wide, share=0.5))
    for number in range(20):
        running.predict({"fields": {"hour": number, "late": -1.0}, "reference": f"r{number}"})
    found = logged(running).values()
    assert {each.model for each in found} == {small, wide}
    assert all(each.extra == ({"request__late": -1.0} if each.model == small else {}) for each in found)


def test_what_another_models_clients_send_is_ignored(running):
    accepts = Inputs(keys=["shop"], fields={"colour": "string"})
    write_pointer(
        PointerFile(running.pointer_folder),
        msgspec.structs.replace(running.pointer([Route(model=running.package(), share=1.0)]), accepts=accepts),
        running.keys,
    )
    running.wait_for(running.number)
    assert running.predict({"keys": {"shop": "s1"}, "fields": {"hour": 1, "colour": "red"}})[0] == 200
    assert running.predict({"fields": {"hour": 1, "color": "red"}})[1]["error"]["code"] == "unknown_field"


def test_flags_are_in_the_reply_and_in_the_log(running):
    rules = {"hour": InputRule(required=True, minimum=0, maximum=23, contract="flights")}
    running.release(running.package(rules=rules))
    status, reply = running.predict({"fields": {"hour": 24}})
    assert (status, reply["flags"]) == (200, ["hour: above 23"])
    assert logged(running)[reply["id"]].flags == ["hour: above 23"]
    assert "flags" not in running.predict({"fields": {"hour": 23}})[1]
    assert running.predict({"fields": {"late": 1.0}})[1]["error"]["code"] == "missing"
    batch = running.predict({"rows": [{"fields": {"hour": 1}}, {"fields": {"hour": -1}}]})[1]["predictions"]
    assert [each.get("flags") for each in batch] == [None, ["hour: below 0"]]
    assert 'kreis_flags_total{flag="hour: above 23"} 1' in running.get("/metrics", raw=True)[1]
    fields = running.get("/openapi.json")[1]["components"]["schemas"]["Ask"]["properties"]["fields"]
    assert fields["required"] == ["hour"]
    assert "minimum 0, maximum 23" in fields["properties"]["hour"]["description"]


def test_failures_are_counted_in_the_log(make_service):
    service = make_service()
    service.start()
    for _ in range(3):
        assert service.predict(ROW)[0] == 503
    service.get("/readyz")
    service.stop()
    (failure,) = [
        each for path in service.config.log.glob("*.log") for each in parse_segment(path, path.read_bytes()).failures
    ]
    assert (failure.route, failure.status, failure.code, failure.count) == ("/v1/predict", 503, "not_released", 3)


def test_a_canary_splits_and_shadows_only_watch(running):
    champion, challenger = running.package(), running.package(running.linear_model(bias=1.0))
    shadow = running.rule_package()
    routes = [(champion, 0.5, "live"), (challenger, 0.5, "live"), (shadow, 1.0, "shadow")]
    running.release(*(Route(model=model, share=share, mode=mode) for model, share, mode in routes))
    rows = [{"fields": {"hour": 1, "late": 1.0}, "reference": f"flight-{number}"} for number in range(200)]
    answers = running.predict({"rows": rows})[1]["predictions"]
    counts = [sum(answer["model"] == model for answer in answers) for model in (champion, challenger, shadow)]
    assert sum(counts) == 200
    assert counts[2] == 0
    assert min(counts[:2]) > 60
    assert [running.predict(row)[1]["model"] for row in rows[:20]] == [answer["model"] for answer in answers[:20]]
    record = logged(running)[answers[0]["id"]]
    assert [(each.model, each.score, each.decision) for each in record.shadow] == [(shadow, 1.0, True)]


def test_going_back_is_a_newer_release(running):
    old = running.predict(ROW)[1]["model"]
    new = running.package(running.linear_model(bias=1.0))
    running.release(new)
    assert running.predict(ROW)[1]["model"] == new
    running.release(old)
    assert running.predict(ROW)[1]["model"] == old


def refused(service, reason):
    """The service says in its log why, counts it, and answers as before."""
    service.until(lambda: reason in service.log())
    service.until(lambda: "kreis_release_refused 1" in service.get("/metrics", raw=True)[1])
    status, reply = service.predict(ROW)
    assert (status, reply["version"]) == (200, 1)


def test_an_older_pointer_is_refused(running):
    old = (running.pointer_folder / FILE).read_bytes()
    running.release(running.package())
    (running.pointer_folder / FILE).write_bytes(old)
    refused(running, "is not newer than 2")


def test_an_older_pointer_is_refused_also_after_a_restart(running):
    old = (running.pointer_folder / FILE).read_bytes()
    running.release(running.package(running.linear_model(bias=1.0)))
    new = (running.pointer_folder / FILE).read_bytes()
    running.stop()
    (running.pointer_folder / FILE).write_bytes(old)
    running.start()
    running.until(lambda: "is not newer than 2, which answered here before" in running.log())
    assert running.predict(ROW)[0] == 503
    (running.pointer_folder / FILE).write_bytes(new)
    running.wait_for(2)
    running.stop()
    running.start().wait_for(2)  # the same one again is no older one


def test_the_memory_of_the_highest_release_never_falls(running):
    """A slower worker takes a release after another one has taken a later."""
    routes = [Route(model=running.package(), share=1.0)]
    for number, highest in ((3, 3), (2, 3), (4, 4)):
        remember_highest(running.root, running.pointer(routes, number=number).release)
        assert read_highest(running.root).number == highest


def test_a_damaged_memory_of_the_highest_release_is_told(running):
    running.stop()
    (running.config.log / HIGHEST).write_bytes(b"{")
    with pytest.raises(CorruptionError, match="which release was taken last"):
        read_highest(running.config.log)
    running.start().wait_for(1)
    assert HIGHEST in running.log()
    assert read_highest(running.config.log).number == 1


def test_a_pipe_or_a_huge_file_as_pointer_is_refused_and_nothing_hangs(running):
    path = running.pointer_folder / FILE
    path.unlink()
    os.mkfifo(path)
    refused(running, "it is not a regular file")
    path.unlink()
    with path.open("wb") as huge:
        huge.truncate(1 << 40)
    refused(running, "bytes; at most")
    running.release(running.package(running.linear_model(bias=1.0)))


def test_a_host_may_be_a_name(make_service):
    service = make_service(host="localhost")
    service.release(service.package(), wait=False)
    service.start().wait_for(1)
    assert service.predict(ROW)[0] == 200


def test_an_unknown_host_is_said(make_service):
    service = make_service(host="no-such-host.invalid", token="x" * 16)
    (service.root / "config.json").write_bytes(service.config.to_json())
    FileKeys(service.root / "keys").trusted()
    command = [sys.executable, "-m", "kreis.deployment.server", str(service.root / "config.json")]
    done = subprocess.run(command, capture_output=True, timeout=30, env={"KREIS_SERVICE_TOKEN": "x" * 16})
    assert done.returncode == ServiceError.exit_code
    assert b"the host is not known here" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("port", [0, -1, 65_536, 99_999])
def test_a_port_that_does_not_exist_is_refused(running, port):
    with pytest.raises(ProjectError, match="there is no port"):
        msgspec.structs.replace(running.config, port=port).check()


def test_forged_and_unsigned_pointers_are_refused(running, tmp_path):
    path = running.pointer_folder / FILE
    model = running.package()
    pointer = running.pointer([Route(model=model, share=1.0)])
    write_pointer(PointerFile(running.pointer_folder), pointer, FileKeys(tmp_path / "stranger"))
    refused(running, "no valid signature by a trusted key")
    path.write_bytes(b'{"release": 3}')
    refused(running, "this is not a signed envelope")
    write_pointer(PointerFile(running.pointer_folder), pointer, running.keys)
    envelope = json.loads(path.read_bytes())
    payload = base64.b64decode(envelope["payload"]).replace(b'"number":2', b'"number":9')
    envelope["payload"] = base64.b64encode(payload).decode()
    path.write_bytes(json.dumps(envelope).encode())
    refused(running, "no valid signature")


def test_bad_packages_are_refused(running, tmp_path):
    def publish(digest):
        running.release(digest, wait=False)

    forged = running.package(running.linear_model(bias=2.0))
    good = running.envelopes[forged]
    running.envelopes[forged] = good.replace('"sig":"', '"sig":"AAAA')
    publish(forged)
    refused(running, "no valid signature by a trusted key")
    other = running.package(running.linear_model(bias=3.0))
    running.envelopes[forged] = running.envelopes[other]
    publish(forged)
    refused(running, "another model's")
    publish(running.package(b"no ONNX at all"))
    refused(running, "ONNX Runtime cannot load it")
    publish(running.package(running.linear_model(width=2)))
    refused(running, "the model takes 2 features, 3 are named")
    digest = running.package(running.linear_model(bias=4.0))
    blob = json.loads(running.artifacts.get(digest))["files"]["model.onnx"]["sha256"]
    path = Path(running.config.artifacts) / blob[:2] / blob[2:]
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    publish(digest)
    refused(running, "differ from those that were stored")
    running.release(running.package(running.linear_model(bias=5.0)))


def test_a_scoring_failure_is_answered_by_the_fallback(make_service):
    service = make_service()
    broken = service.package(service.linear_model(bias=float("nan")))
    rule = service.rule_package()
    service.release(broken, fallback=rule, wait=False)
    service.start().wait_for(1)
    for body in (ROW, {"rows": [ROW]}):
        status, reply = service.predict(body)
        reply = reply["predictions"][0] if "predictions" in reply else reply
        assert (status, reply["fallback"], reply["model"], reply["score"]) == (200, True, rule, 0.0)
    assert {record.model for record in logged(service).values()} == {rule}
    assert "kreis_fallbacks_total 2" in service.get("/metrics", raw=True)[1]


def test_without_a_fallback_a_scoring_failure_is_503(make_service):
    service = make_service()
    service.release(service.package(service.linear_model(bias=float("nan"))), wait=False)
    service.start().wait_for(1)
    status, reply = service.predict(ROW)
    assert (status, reply["error"]["code"]) == (503, "unavailable")
    assert logged(service) == {}


def test_before_the_first_release_the_service_lives_but_is_not_ready(make_service):
    service = make_service().start()
    assert service.get("/healthz")[0] == 200
    assert service.get("/readyz")[0] == 503
    assert service.predict(ROW)[1]["error"]["code"] == "not_released"
    service.release(service.package())
    assert service.predict(ROW)[0] == 200


def test_real_time_refuses_the_header_of_simulated_time(running):
    assert running.predict(ROW, **{"x-kreis-time": "1367402400000000"})[1]["error"]["code"] == "not_simulated"


def test_the_token_is_needed_where_one_is_set(make_service):
    service = make_service(token="a-long-secret-token")
    service.release(service.package(), wait=False)
    service.start()
    service.until(lambda: service.get("/readyz")[0] == 200)
    assert service.predict(ROW)[0] == 401
    assert service.predict(ROW, Authorization="Bearer a-long-secret-tokem")[0] == 401
    assert service.predict(ROW, Authorization="Bearer a-long-secret-token")[0] == 200
    assert service.get("/metrics")[0] == 401


def test_without_a_token_the_service_stays_on_this_machine():
    folder = Path("unused")
    config = ServerConfig(
        project="flights", service=str(folder), artifacts=str(folder), trusted=folder, log=folder, host="0.0.0.0"
    )
    with pytest.raises(PolicyError, match="open to others"):
        config.check()
    assert read_config(config.to_json(), token="t" * 16).token == "t" * 16
    read_config(config.to_json(), token="t" * 16).check()
    with pytest.raises(ProjectError, match="configuration"):
        read_config(b'{"project": "flights", "surprise": 1}')


def test_durability_disk_answers_and_logs(make_service):
    service = make_service(durability="disk")
    service.release(service.package(), wait=False)
    service.start().wait_for(1)
    answers = asyncio.run(under_load(service, lambda: None, requests=100))
    assert {answer["id"] for answer in answers} == set(logged(service))


def test_nothing_heavy_is_loaded_after_real_use(running):
    running.release(running.rule_package())
    running.predict({"rows": [ROW, {"fields": {"hour": 2, "late": None}}]})
    running.get("/openapi.json")
    maps = Path(f"/proc/{running.process.pid}/maps").read_text()
    for module in HEAVY:
        assert f"/{module}/" not in maps, module
    assert running.stop() == 0
    assert "heavy modules loaded: none" in running.log()


def test_sigterm_under_load_drops_nothing(running):
    async def ask():
        """Each request is answered, or its connection closed before it was taken."""
        answered, body = [], json.dumps(ROW).encode()
        clients = [ServiceClient("127.0.0.1", running.port, connections=1, timeout_s=5) for _ in range(8)]

        async def one(client):
            while True:
                try:
                    answered.extend(await client.predict_many([body]))
                except ServiceError:
                    return

        tasks = [asyncio.create_task(one(client)) for client in clients]
        await asyncio.sleep(0.3)
        os.kill(running.process.pid, signal.SIGTERM)
        await asyncio.gather(*tasks)
        return answered

    answered = asyncio.run(ask())
    assert running.process.wait(10) == 0
    running.process = None
    assert len(answered) > 50
    assert {answer["id"] for answer in answered} == set(logged(running))


def test_clients_that_stall_or_leave_harm_nobody_and_do_not_hold_up_a_stop(make_service):
    service = make_service(stop_s=0.3)
    service.release(service.package(), wait=False)
    service.start().wait_for(1)
    head = (
        b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
    )
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", service.port)) as leaving:
            leaving.send(head + b"{")
    stalled = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(100)]
    for each in stalled:
        each.send(head + b"{")
    assert service.predict(ROW)[0] == 200
    assert service.stop() == 0
    for each in stalled:
        each.close()
    assert " ERROR " not in service.log()
    assert "cut off" in service.log()


@pytest.mark.faults
@pytest.mark.parametrize("durability", ["process", "disk"])
def test_kill_9_under_load_loses_no_acknowledged_prediction(make_service, durability):
    service = make_service(durability=durability, segment_bytes=20_000)
    service.release(service.package(), wait=False)
    acknowledged = set()
    for round_ in range(5):
        service.start().wait_for(1)
        body = json.dumps(ROW).encode()

        async def ask(pause, body=body):
            async with ServiceClient("127.0.0.1", service.port, connections=1, timeout_s=5) as client:

                async def one():
                    own = ServiceClient("127.0.0.1", service.port, connections=1, timeout_s=5)
                    while True:
                        try:
                            acknowledged.update(answer["id"] for answer in await own.predict_many([body]))
                        except ServiceError:
                            return

                await client.request("GET", "/healthz")
                tasks = [asyncio.create_task(one()) for _ in range(8)]
                await asyncio.sleep(pause)
                os.kill(service.process.pid, signal.SIGKILL)
                await asyncio.gather(*tasks)

        asyncio.run(ask(0.1 + 0.07 * round_))
        service.process.wait(10)
    assert len(acknowledged) > 200
    assert acknowledged <= set(logged(service))


def test_a_taken_port_is_an_exit_code(running, make_service):
    second = make_service("second")
    path = second.root / "config.json"
    path.write_bytes(msgspec.structs.replace(second.config, port=running.port).to_json())
    command = [sys.executable, "-m", "kreis.deployment.server", path]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert (done.returncode, b"is the port taken?" in done.stderr) == (6, True), done.stderr


def test_a_missing_configuration_is_an_exit_code(tmp_path):
    command = [sys.executable, "-m", "kreis.deployment.server"]
    assert subprocess.run(command, capture_output=True, timeout=30, check=False).returncode == 2
    (tmp_path / "config.json").write_bytes(b"{}")
    done = subprocess.run([*command, tmp_path / "config.json"], capture_output=True, timeout=30, check=False)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
