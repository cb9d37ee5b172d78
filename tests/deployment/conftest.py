"""A real service on a free port, with small real models."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kreis.artifacts.folder import ArtifactFolder
from kreis.deployment.manifest import Manifest
from kreis.deployment.packages import PAYLOAD_TYPE, build_package
from kreis.deployment.pointer import PointedModel, Pointer, PointerFile, write_pointer
from kreis.deployment.server.config import ServerConfig
from kreis.deployment.signing import FileKeys, sign
from kreis.durable import make_directory
from kreis.expressions.tree import Call, Column, Literal
from kreis.identifiers import new_id
from kreis.ledger.records import Release, Route
from kreis.models.form import Formula, Onnx
from kreis.preparation.views import RequestView
from kreis.tasks.decisions import Cut

FEATURES = ["request__hour", "request__distance", "request__late"]
REQUEST = RequestView(
    name="request",
    fields={"hour": "integer", "distance": "number", "late": "number", "scheduled": "datetime"},
    features={"hour": Column("hour"), "distance": Column("distance"), "late": Column("late")},
)


RULE = Call("when", (Call("greater", (Column("request__late"), Literal(0.0))), Literal(1.0), Literal(0.0)))


def linear_model(bias=0.0, slope=1.0, width=len(FEATURES)):
    """ONNX bytes: sigmoid(bias + slope * sum of the features); a missing feature counts as 0."""
    from onnx import TensorProto, checker, helper

    def constant(name, value):
        return helper.make_tensor(name, TensorProto.FLOAT, [], [value])

    axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
    nodes = [
        helper.make_node("IsNaN", ["features"], ["missing"]),
        helper.make_node("Where", ["missing", "zero", "features"], ["clean"]),
        helper.make_node("ReduceSum", ["clean", "axis"], ["total"], keepdims=0),
        helper.make_node("Mul", ["total", "slope"], ["scaled"]),
        helper.make_node("Add", ["scaled", "bias"], ["raw"]),
        helper.make_node("Sigmoid", ["raw"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, width])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [None])],
        [axis, constant("zero", 0.0), constant("slope", slope), constant("bias", bias)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    checker.check_model(model)
    return model.SerializeToString()


def make_manifest(**changes):
    given = {
        "project": "flights",
        "candidate": "linear",
        "features": FEATURES,
        "views": [],
        "request_views": [REQUEST],
        "model": Onnx.of(b"a model").stored,
        "decision": Cut(0.5),
        "goal": "0" * 64,
        "metric": {},
        "outcome": "late",
        "inputs": {},
        "training": {},
        "reference": {},
        **changes,
    }
    return Manifest(**given)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Service:
    """A project folder and the server process on it."""

    def __init__(self, root: Path, **changes):
        self.root, self.pointer_folder = root, root / "service"
        self.keys = FileKeys(root / "keys")
        self.artifacts = ArtifactFolder(root / "artifacts")
        self.port = free_port()
        self.number = 0
        self.versions: dict[str, int] = {}
        self.envelopes: dict[str, str] = {}
        self.process = None
        self.config = ServerConfig(
            project="flights",
            service=str(root / "service"),
            artifacts=str(root / "artifacts"),
            trusted=root / "keys" / "trusted",
            log=root / "log",
            port=self.port,
            follow_ms=20,
            **changes,
        )
        make_directory(self.pointer_folder)

    def package(self, model=None, explanation=None, **changes):
        """Build and sign a package; returns the model's digest."""
        if explanation is not None:
            changes["explanation"] = explanation.stored
        form = model if isinstance(model, Formula) else Onnx.of(linear_model() if model is None else model)
        named = make_manifest(model=form.stored, **changes)
        manifest = build_package(named, form, self.artifacts, explanation=explanation)
        self.envelopes[manifest.digest] = sign(manifest.canonical(), PAYLOAD_TYPE, self.keys)
        self.versions.setdefault(manifest.digest, len(self.versions) + 1)
        return manifest.digest

    def rule_package(self):
        """A rule's package: 1 for what is late already, else 0."""
        return self.package(Formula(expression=RULE, low=0.0, high=1.0))

    linear_model = staticmethod(linear_model)

    def pointer(self, routes, fallback=None, number=None, kind="release"):
        self.number = self.number + 1 if number is None else number
        now = datetime(2013, 5, 1, tzinfo=UTC)
        release = Release(
            id=new_id(now),
            project="flights",
            number=self.number,
            routes=routes,
            fallback=fallback,
            kind=kind,
            actor="tester",
            reason="a test",
            at=now,
        )
        named = {route.model for route in routes} | ({fallback} if fallback else set())
        models = {digest: PointedModel(self.versions[digest], self.envelopes[digest]) for digest in named}
        return Pointer(release=release, models=models)

    def release(self, *routes, fallback=None, wait=True):
        """Publish a release of `routes` (digests, or Route objects); returns its number."""
        routes = [each if isinstance(each, Route) else Route(model=each, share=1.0) for each in routes]
        write_pointer(PointerFile(self.pointer_folder), self.pointer(routes, fallback), self.keys)
        if wait and self.process is not None:
            self.wait_for(self.number)
        return self.number

    def start(self):
        path = self.root / "config.json"
        path.write_bytes(self.config.to_json())
        with (self.root / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kreis.deployment.server", str(path)], stdout=log, stderr=log
            )
        self.until(lambda: self.get("/healthz")[0] == 200)
        return self

    def until(self, condition, seconds=20.0):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if condition():
                    return
            if self.process.poll() is not None:
                raise AssertionError(f"the server stopped: {self.log()}")
            time.sleep(0.01)
        raise AssertionError(f"not in time; the server's log: {self.log()}")

    def wait_for(self, number):
        self.until(lambda: self.get("/readyz")[0] == 200 and self.get("/readyz")[1]["release"] == number)

    def log(self):
        return (self.root / "server.log").read_text()

    def stop(self, number=signal.SIGTERM):
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)
            code = self.process.wait(20)
            self.process = None
            return code
        return None

    def call(self, method, path, body=None, headers=None, *, raw=False):
        """One request; returns status and decoded body."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read()
        return status, text.decode() if raw else json.loads(text)

    def get(self, path, **rest):
        return self.call("GET", path, **rest)

    def predict(self, body, **headers):
        return self.call("POST", "/v1/predict", body, headers)


@pytest.fixture
def make_service(tmp_path):
    """Makes services that are stopped when the test ends."""
    made = []

    def make(name="service", **changes):
        made.append(Service(tmp_path / name, **changes))
        return made[-1]

    yield make
    for each in made:
        each.stop(signal.SIGKILL)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """One running service with one model and a rule as its fallback, shared by a module's tests."""
    made = Service(tmp_path_factory.mktemp("service"), simulated=True)
    model, rule = made.package(), made.rule_package()
    made.release(model, fallback=rule)
    try:
        made.start()
        made.wait_for(1)
        yield made
    finally:
        made.stop()
