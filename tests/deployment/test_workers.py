"""Several workers behind one port: one log, one pointer, one count; a dead worker loses nothing and comes back."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading

import msgspec
import pytest

from kreis.clock import SystemClock
from kreis.deployment.predictions.reader import in_use
from kreis.deployment.predictions.shipping import PREDICTIONS, ship
from kreis.deployment.server.config import MOST_WORKERS
from kreis.errors import ProjectError
from kreis.lake.store import Lake
from kreis.ledger.store import open_ledger

ROW = {"fields": {"hour": 1}}
BODY = json.dumps(ROW).encode()


def start(service):
    service.release(service.package(), fallback=None, wait=False)
    service.start().wait_for(1)
    service.until(lambda: set(processes(service)) == {1, 2})
    return service


@pytest.fixture
def two(make_service):
    return start(make_service(workers=2))


def processes(service):
    """By worker: the process that was ready last."""
    found = re.findall(r"worker (\d) is ready, process (\d+)", service.log())
    return {int(number): int(process) for number, process in found}


class Client:
    """A connection that is kept, so always with the same worker."""

    def __init__(self, service):
        self._link = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)

    def ask(self, path, body=None):
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self._link.request("POST" if body is not None else "GET", path, body, headers)
        answer = self._link.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return json.loads(text)

    def close(self):
        self._link.close()


def client_of(service, number):
    """A client that a certain worker answers; the kernel chooses one for each connection."""
    for _ in range(200):
        client = Client(service)
        if client.ask("/")["worker"] == number:
            return client
        client.close()
    raise AssertionError(f"worker {number} took none of 200 connections")


def predict(service, number):
    client = client_of(service, number)
    with contextlib.closing(client):
        return client.ask("/v1/predict", BODY)


def counts(service, name):
    """By worker, a number of `/metrics`."""
    found = re.findall(rf'^{name}{{worker="(\d)"}} (.+)$', service.get("/metrics", raw=True)[1], re.M)
    return {int(number): float(value) for number, value in found}


def test_workers_share_log_and_counts_and_are_flushed_together(two):
    ids = [predict(two, number)["id"] for number in (1, 2, 2)]
    assert len(set(ids)) == 3
    assert in_use(two.config.log)
    assert two.call("POST", "/v1/flush", {}) == (200, {"closed": True})
    assert not in_use(two.config.log)
    assert two.call("POST", "/v1/flush", {}) == (200, {"closed": False})
    predictions = counts(two, "kreis_predictions_total")
    assert (sum(predictions.values()) >= 3, min(predictions.values()) >= 1) == (True, True)
    assert counts(two, "kreis_worker_up") == {1: 1, 2: 1}
    assert two.stop() == 0
    assert "killed" not in two.log()


def test_a_release_reaches_every_worker(two):
    two.release(two.package(two.linear_model(bias=1.0)))
    two.until(lambda: counts(two, "kreis_release_number") == {1: 2, 2: 2})
    for number in (1, 2):
        assert round(predict(two, number)["score"], 6) == 0.880797


def test_a_worker_that_cannot_start_is_named(make_service):
    service = make_service(workers=2)
    service.release(service.package(), wait=False)
    shutil.rmtree(service.config.trusted)
    path = service.root / "config.json"
    path.write_bytes(service.config.to_json())
    command = [sys.executable, "-m", "kreis.deployment.server", path]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 9
    assert re.search(rb"worker \d cannot start \(exit code 9\); the service stops", done.stderr), done.stderr
    assert re.search(rb"^worker \d: .*trusted", done.stderr, re.M), done.stderr


@pytest.mark.faults
def test_a_worker_that_cannot_start_again_is_named_and_the_other_goes_on(two):
    (two.root / "config.json").write_bytes(b"another service's by now")
    aside = two.config.trusted.rename(two.root / "aside")
    os.kill(processes(two)[1], signal.SIGKILL)
    two.until(lambda: "worker 1 cannot start (exit code 9); it is started again" in two.log())
    assert counts(two, "kreis_worker_up") == {1: 0, 2: 1}
    assert two.predict(ROW)[0] == 200
    assert two.call("POST", "/v1/flush", {})[0] == 200
    aside.rename(two.config.trusted)
    two.until(lambda: counts(two, "kreis_worker_up") == {1: 1, 2: 1})
    assert counts(two, "kreis_worker_restarts_total")[1] >= 2


def test_workers_end_with_their_supervisor(two):
    two.process.kill()
    two.process.wait()
    for _ in range(1_000):
        try:
            two.get("/healthz")
        except OSError:
            break
        threading.Event().wait(0.02)
    else:
        raise AssertionError("workers go on without their supervisor")
    two.process = None


def test_the_port_is_kept_for_the_workers(two, make_service):
    second = make_service("second", workers=2)
    path = second.root / "config.json"
    path.write_bytes(msgspec.structs.replace(second.config, port=two.port).to_json())
    command = [sys.executable, "-m", "kreis.deployment.server", path]
    done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    assert (done.returncode, b"is the port taken?" in done.stderr) == (6, True), done.stderr


@pytest.mark.parametrize("workers", [0, -1, MOST_WORKERS + 1])
def test_there_are_at_least_one_and_not_too_many(make_service, workers):
    with pytest.raises(ProjectError, match="workers"):
        make_service(workers=workers).config.check()


class Load:
    """Clients that ask without pause, each on its own connection, and connect again where it breaks."""

    def __init__(self, service, clients):
        self.acknowledged = []
        self.broken = 0
        self._service = service
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]

    def __enter__(self):
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for each in self._threads:
            each.join()

    def _ask(self):
        while not self._stop.is_set():
            try:
                with contextlib.closing(Client(self._service)) as client:
                    while not self._stop.is_set():
                        self.acknowledged.append(client.ask("/v1/predict", BODY)["id"])
            except (OSError, http.client.HTTPException):
                self.broken += 1

    def wait_for(self, count):
        self._service.until(lambda: len(self.acknowledged) >= count)


@pytest.mark.faults
@pytest.mark.parametrize("durability", ["process", "disk"])
def test_a_killed_worker_loses_no_acknowledged_prediction(make_service, tmp_path, durability):
    service = start(make_service(workers=2, durability=durability, segment_bytes=20_000))
    with open_ledger(tmp_path / "ledger.db", clock=SystemClock()) as ledger:
        lake = Lake(tmp_path / "lake", ledger)
        with Load(service, clients=8) as load:
            for number in (1, 2, 1):
                load.wait_for(len(load.acknowledged) + 150)
                before = processes(service)
                os.kill(before[number], signal.SIGKILL)
                load.wait_for(len(load.acknowledged) + 50)  # the port goes on answering
                ship(service.config.log, lake, "tester")  # also while the other one writes
                service.until(lambda number=number, before=before: processes(service)[number] != before[number])
                load.wait_for(len(load.acknowledged) + 50)
        service.call("POST", "/v1/flush", {})
        shipped = ship(service.config.log, lake, "tester")
        ids = lake.scan(PREDICTIONS).collect()["id"].to_list()
    assert not shipped.damaged
    assert len(ids) == len(set(ids))
    assert load.broken >= 3
    assert len(load.acknowledged) > 600
    missing = set(load.acknowledged) - set(ids)
    sys.stdout.write(f"{durability}: {len(load.acknowledged)} acknowledged, {len(missing)} missing, 3 kills\n")
    assert not missing
