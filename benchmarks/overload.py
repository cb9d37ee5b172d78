"""Overload: how much is still answered when far more is asked than can be, and how soon the rest is refused.

wrk asks without pause and without regard to Retry-After, on 32 connections (the capacity) and on many (1,000 by
default: eight for each request that is worked on at once), alternately. Meanwhile bursts of new clients ask once each,
for the time that a refusal takes. The server has one core, the load the other. One LightGBM model (500 trees), single
rows.

    apt-get install wrk
    python benchmarks/overload.py [--seconds 4] [--rounds 5] [--connections 1000]
"""

from __future__ import annotations

import argparse
import json
import os
import select
import socket
import statistics
import tempfile
import threading
import time
from pathlib import Path

import serving
import wrk

LOAD = str(serving.LOAD_CORE)
BURST = 300


def burst(port: int, message: bytes) -> list[float]:
    """New clients, all at once, ask once each; how long those that were refused waited for it, in seconds."""
    poller, sockets = select.epoll(), {}
    for _ in range(BURST):
        connection = socket.create_connection(("127.0.0.1", port), 10)
        sockets[connection.fileno()] = connection
        poller.register(connection.fileno(), select.EPOLLIN)
    sent, refused = {}, []
    for number, connection in sockets.items():
        sent[number] = time.perf_counter()
        connection.send(message)
    while sent:
        for number, _ in poller.poll(5.0):
            at, answer = time.perf_counter(), sockets[number].recv(65536)
            since = sent.pop(number, at)
            poller.unregister(number)
            if answer[9:12] == b"503":
                refused.append(at - since)
    for connection in sockets.values():
        connection.close()
    return refused


def overloaded(port: int, pid: int, script: Path, message: bytes, given: argparse.Namespace) -> dict[str, float]:
    """`wrk` with many connections, and bursts beside it."""
    refusals: list[float] = []
    stop = threading.Event()

    def bursts() -> None:
        while not stop.wait(1.0):
            refusals.extend(burst(port, message))

    beside = threading.Thread(target=bursts)
    beside.start()
    measured = wrk.ask(script, port, [pid], given.connections, given.seconds, LOAD)
    stop.set()
    beside.join()
    refusals.sort()
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        measured[f"refusal_{name}_ms"] = refusals[int(len(refusals) * share)] * 1e3 if refusals else float("nan")
    return {**measured, "refusals_timed": len(refusals)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--trees", type=int, default=500)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    wrk.find()
    message = next(message for kind, message in serving.requests() if kind == "kreis")
    results: list[tuple[dict[str, float], dict[str, float]]] = []
    with tempfile.TemporaryDirectory() as folder:
        root, port = Path(folder), serving.free_port()
        script = wrk.write_script(root)
        command = serving.prepare(root, serving.train(given.trees), port, "process")
        os.sched_setaffinity(0, {serving.LOAD_CORE})
        with serving.running(command, port, root / "log.txt") as pid:
            wrk.ask(script, port, [pid], 32, 1, LOAD)
            for _ in range(given.rounds):
                capacity = wrk.ask(script, port, [pid], 32, given.seconds, LOAD)
                results.append((capacity, overloaded(port, pid, script, message, given)))
    report(results, given)


def report(results: list[tuple[dict[str, float], dict[str, float]]], given: argparse.Namespace) -> None:
    def median(which: int, what: str) -> float:
        return statistics.median(pair[which][what] for pair in results)

    for what in ("answers_per_s", "answers_per_cpu_s"):
        ratios = sorted(pair[1][what] / pair[0][what] for pair in results)
        print(
            f"{what:<18} capacity {median(0, what):>7.0f}   {given.connections} connections {median(1, what):>7.0f}"
            f"   ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
        )
    print(
        f"refusals           {median(1, 'refusals_per_s'):.0f} a second; of a new client after"
        f" {median(1, 'refusal_p50_ms'):.0f} ms (p50), {median(1, 'refusal_p99_ms'):.0f} ms (p99),"
        f" {sum(pair[1]['refusals_timed'] for pair in results):.0f} timed"
    )
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
