"""Serving: kreis beside the bare libraries (granian RSGI, msgspec, ONNX Runtime), alternately in one run.

One LightGBM model (500 trees, 20 float features), single rows; the server on one core, the load on another.
kreis routes, validates, counts and writes its prediction log to disk meanwhile; the bare server does none of it.

    python benchmarks/serving.py [--seconds 3] [--rounds 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import select
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

FEATURES = [f"row__f{number}" for number in range(20)]
SERVER_CORE, LOAD_CORE = 0, 1

BARE = """
import asyncio, os, signal, sys
import msgspec, numpy as np, onnxruntime as ort
from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
options = ort.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = ort.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
class Ask(msgspec.Struct):
    features: dict[str, float]
decode, encode = msgspec.json.Decoder(Ask).decode, msgspec.json.Encoder().encode
head = [("content-type", "application/json")]
async def app(scope, protocol):
    ask = decode(await protocol())
    row = np.array([list(ask.features.values())], dtype=np.float32)
    protocol.response_bytes(200, head, encode({"score": float(session.run(["score"], {"features": row})[0][0])}))
async def main():
    server = Server(app, address="127.0.0.1", port=int(sys.argv[2]), interface=Interfaces.RSGI, runtime_threads=1,
                    http=HTTPModes.http1, websockets=False, log_enabled=False)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.stop)
    await server.serve()
asyncio.run(main())
"""


def train(trees: int) -> bytes:
    """ONNX bytes of a boosted model of as many trees, on 20,000 simulated rows."""
    import lightgbm

    from kreis.training.candidates.gradient_boosting import booster_to_onnx

    random = np.random.default_rng(0)
    matrix = random.normal(size=(20_000, len(FEATURES)))
    outcomes = random.random(20_000) < 1 / (1 + np.exp(-matrix[:, 0] * matrix[:, 1] - matrix[:, 2]))
    settings = {"objective": "binary", "num_leaves": 31, "verbosity": -1, "num_threads": 2, "seed": 0}
    booster = lightgbm.train(settings, lightgbm.Dataset(matrix, outcomes.astype(float)), trees)
    return booster_to_onnx(booster, len(FEATURES))


def prepare(root: Path, model: bytes, port: int, durability: str, workers: int = 1) -> list[str]:
    """A released package in a folder; returns the command that serves it."""
    from kreis.artifacts.folder import ArtifactFolder
    from kreis.deployment.manifest import Manifest
    from kreis.deployment.packages import PAYLOAD_TYPE, build_package
    from kreis.deployment.pointer import PointedModel, Pointer, PointerFile, write_pointer
    from kreis.deployment.server.config import ServerConfig
    from kreis.deployment.signing import FileKeys, sign
    from kreis.durable import make_directory
    from kreis.expressions.tree import Column
    from kreis.ledger.records import Release, Route
    from kreis.models.form import Onnx
    from kreis.preparation.views import RequestView
    from kreis.tasks.decisions import Cut

    names = [name.removeprefix("row__") for name in FEATURES]
    view = RequestView(
        name="row", fields=dict.fromkeys(names, "number"), features={name: Column(name) for name in names}
    )
    form = Onnx.of(model)
    manifest = Manifest(
        project="bench", candidate="gbdt", model=form.stored, features=FEATURES, views=[], request_views=[view],
        decision=Cut(0.5), goal="0" * 64, metric={}, outcome="y", inputs={}, training={}, reference={},
    )  # fmt: skip
    keys, artifacts = FileKeys(root / "keys"), ArtifactFolder(root / "artifacts")
    manifest = build_package(manifest, form, artifacts)
    release = Release(
        id="00000000-0000-7000-8000-000000000000", project="bench", number=1,
        routes=[Route(model=manifest.digest, share=1.0)], actor="bench", reason="bench", at=datetime.now(UTC),
    )  # fmt: skip
    make_directory(root / "service")
    pointed = {manifest.digest: PointedModel(1, sign(manifest.canonical(), PAYLOAD_TYPE, keys))}
    write_pointer(PointerFile(root / "service"), Pointer(release=release, models=pointed), keys)
    config = ServerConfig(
        project="bench", service=str(root / "service"), artifacts=str(root / "artifacts"),
        trusted=root / "keys" / "trusted", log=root / "log", port=port, workers=workers,
        durability="disk" if durability == "disk" else "process",
    )  # fmt: skip
    (root / "config.json").write_bytes(config.to_json())
    return [sys.executable, "-m", "kreis.deployment.server", str(root / "config.json")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(command: list[str], port: int, log: Path, cores: tuple[int, ...] = (SERVER_CORE,)):
    """The server process, pinned to its cores, until the block ends."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    try:
        for _ in range(1_000):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.02)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def cpu_seconds(pid: int) -> float:
    """CPU time that a process's threads have used (schedstat: nanoseconds)."""
    total = 0
    for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        total += int(path.read_text().split()[0])
    return total / 1e9


def megabytes(pid: int) -> float:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def load(port: int, messages: list[bytes], concurrency: int, seconds: float) -> tuple[int, list[float]]:
    """Closed loop over kept-alive connections; returns how many were answered, and their latencies in seconds."""
    poller = select.epoll()
    sockets: dict[int, socket.socket] = {}
    sent: dict[int, float] = {}
    latencies: list[float] = []
    following = 0
    for _ in range(concurrency):
        connection = socket.create_connection(("127.0.0.1", port), 10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sockets[connection.fileno()] = connection
        poller.register(connection.fileno(), select.EPOLLIN)
    now = time.perf_counter
    end = now() + seconds
    for number, connection in sockets.items():
        sent[number] = now()
        connection.send(messages[following % len(messages)])
        following += 1
    while now() < end:
        for number, _ in poller.poll(1.0):
            connection = sockets[number]
            answer = connection.recv(65536)
            if answer[9:12] != b"200":
                raise SystemExit(f"refused: {answer[:500]!r}")
            at = now()
            latencies.append(at - sent[number])
            sent[number] = at
            connection.send(messages[following % len(messages)])
            following += 1
    for connection in sockets.values():
        connection.close()
    return len(latencies), latencies


def measure(port: int, pid: int, messages: list[bytes], concurrency: int, seconds: float) -> dict[str, float]:
    load(port, messages, concurrency, 0.5)
    before, started = cpu_seconds(pid), time.perf_counter()
    answered, latencies = load(port, messages, concurrency, seconds)
    elapsed, used = time.perf_counter() - started, cpu_seconds(pid) - before
    ordered = sorted(latencies)
    return {
        "requests_per_s": answered / elapsed,
        "p50_us": ordered[len(ordered) // 2] * 1e6,
        "p99_us": ordered[int(len(ordered) * 0.99)] * 1e6,
        "cpu_us_per_request": used / answered * 1e6,
        "memory_mb": megabytes(pid),
    }


def requests() -> list[tuple[str, bytes]]:
    """1,000 requests for each kind of server, as they go over the wire."""
    random = np.random.default_rng(1)
    messages = []
    for number, row in enumerate(random.normal(size=(1_000, len(FEATURES)))):
        values = dict(zip(FEATURES, np.round(row, 4).tolist(), strict=True))
        bodies = {"bare": {"features": values}, "kreis": {"features": values, "reference": f"row-{number}"}}
        for kind, document in bodies.items():
            body = json.dumps(document)
            head = "POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            messages.append((kind, f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()))
    return messages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    messages = requests()
    with tempfile.TemporaryDirectory() as folder:
        results = run(Path(folder), messages, given)
    report(results)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))


def run(
    root: Path, messages: list[tuple[str, bytes]], given: argparse.Namespace
) -> dict[str, dict[str, list[dict[str, float]]]]:
    model = train(given.trees)
    (root / "model.onnx").write_bytes(model)
    ports = {name: free_port() for name in ("bare", "kreis", "kreis, disk")}
    commands = {
        "bare": [sys.executable, "-c", BARE, str(root / "model.onnx"), str(ports["bare"])],
        "kreis": prepare(root / "process", model, ports["kreis"], "process"),
        "kreis, disk": prepare(root / "disk", model, ports["kreis, disk"], "disk"),
    }
    os.sched_setaffinity(0, {LOAD_CORE})
    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    with contextlib.ExitStack() as stack:
        pids = {
            name: stack.enter_context(running(command, ports[name], root / "log.txt"))
            for name, command in commands.items()
        }
        time.sleep(1.0)
        for _ in range(given.rounds):
            for concurrency in (1, 32):
                for name, pid in pids.items():
                    own = [message for kind, message in messages if kind == name.split(",")[0]]
                    measured = measure(ports[name], pid, own, concurrency, given.seconds)
                    results.setdefault(name, {}).setdefault(str(concurrency), []).append(measured)
    return results


def report(results: dict[str, dict[str, list[dict[str, float]]]]) -> None:
    def median(name: str, concurrency: str, what: str) -> float:
        return statistics.median(each[what] for each in results[name][concurrency])

    names = ("at once", "req/s", "p50 µs", "p99 µs", "CPU µs/req", "MB", "CPU / bare")
    widths = (7, 7, 8, 8, 11, 5, 11)
    print(f"{'server':<12} " + " ".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True)))
    for concurrency in ("1", "32"):
        for name in results:
            values = [median(name, concurrency, what) for what in next(iter(results[name]["1"]))]
            ratio = values[3] / median("bare", concurrency, "cpu_us_per_request")
            print(
                f"{name:<12} {concurrency:>7} {values[0]:>7.0f} {values[1]:>8.0f} {values[2]:>8.0f}"
                f" {values[3]:>11.1f} {values[4]:>5.0f} {ratio:>10.2f}x"
            )


if __name__ == "__main__":
    main()
