"""The process that answers: alone, or as one of several workers. Its threads are few, and it stops gracefully."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NoReturn

from kreis.artifacts.places import open_artifacts
from kreis.clock import SystemClock
from kreis.deployment.predictions.log import FolderLog
from kreis.deployment.server.answering import Answering
from kreis.deployment.server.colleagues import Colleagues, Link, Start
from kreis.deployment.server.config import ServerConfig, read_config
from kreis.deployment.server.follower import Follower
from kreis.deployment.server.http.app import App, tick_periodically
from kreis.deployment.server.metrics import Metrics
from kreis.deployment.server.models import open_store
from kreis.deployment.server.ports import check_port, numeric_address
from kreis.deployment.server.questions.answering import Questions
from kreis.deployment.server.supervisor import start_logging
from kreis.deployment.signing import load_trusted
from kreis.errors import StoreError
from kreis.preparation.online.places import open_online

__all__ = ["HEAVY", "serve", "serve_as_worker"]

_LOG = logging.getLogger("kreis.service")
HEAVY = (
    "altair", "deltalake", "lightgbm", "onnx", "optuna", "pandas", "polars", "pyarrow", "skl2onnx", "sklearn",
    "sqlalchemy",
)  # fmt: skip
"""What must never be loaded here: trainers, data frames and databases are attack surface and memory."""


def serve(config: ServerConfig) -> NoReturn:
    """Answer until SIGTERM or SIGINT; then finish what was begun, and end the process.

    Raises:
        PolicyError: the configuration is unsafe.
        ServiceError: it cannot listen.
        SignatureError: there is no trusted key.
        StoreError: the prediction log's folder cannot be written.
    """
    config.check()
    asyncio.run(_serve(config, None))


def serve_as_worker(number: int, handle: int) -> NoReturn:
    """Be one of several workers: answer until the supervisor says so or has gone.

    Args:
        number: This worker's, from 1.
        handle: The file number of this end of the link to the supervisor, which sends the configuration.

    Raises:
        KreisError: as `serve`.
    """
    asyncio.run(_work(number, socket.socket(fileno=handle)))


async def _work(number: int, end: socket.socket) -> NoReturn:
    link = await Link.open(end)
    start = await link.receive()
    if not isinstance(start, Start):
        sys.exit("the supervisor has gone")
    await _serve(read_config(start.config), Colleagues(number, link))


def _end() -> NoReturn:
    """End at once: granian's thread may hold a cut-off connection, and panics (2.8.7) if its loop is taken down."""
    heavy = sorted(set(HEAVY) & sys.modules.keys())
    _LOG.info("stopped; heavy modules loaded: %s", ", ".join(heavy) or "none")
    logging.shutdown()
    os._exit(0)


async def _serve(config: ServerConfig, colleagues: Colleagues | None) -> NoReturn:
    start_logging("" if colleagues is None else f"worker {colleagues.number}: ")
    clock = SystemClock()
    metrics = Metrics()
    journal = FolderLog(config.log).writer(
        clock,
        segment_bytes=config.segment_bytes,
        segment_seconds=config.segment_seconds,
        durable=config.durability == "disk",
    )
    with ThreadPoolExecutor(1, thread_name_prefix="releases") as executor:
        stored = open_store(open_online(config.online, Path())) if config.online is not None else None
        artifacts = open_artifacts(config.artifacts, Path())
        trusted = load_trusted(config.trusted)
        follower = Follower(config, trusted, artifacts, stored, metrics, executor)
        await follower.look()
        answering = Answering(
            follower,
            journal,
            metrics,
            rows=config.limits.rows,
            durable=config.durability == "disk",
            simulated=config.simulated,
        )
        app = App(config, clock, follower, answering, Questions(follower, answering, config.limits), colleagues)
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)  # a request leaves no cycles behind; look for them seldom
        tasks = [
            asyncio.create_task(follower.follow()),
            asyncio.create_task(tick_periodically(app, answering)),
            asyncio.create_task(app.waiting.watch()),
        ]
        try:
            await _listen(config, app, follower, colleagues)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(StoreError):
                answering.failures.write()
            await follower.close()
            journal.close()
    _end()


async def _listen(config: ServerConfig, app: App, follower: Follower, colleagues: Colleagues | None) -> None:
    address = numeric_address(config)
    if colleagues is None:
        check_port(config, address)
    server = _granian(config, app, address)
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop() -> None:
        app.draining = True
        server.stop()
        loop.call_later(config.stop_s, stopping.set)

    # Not add_signal_handler: it loses a signal while the loop's wake-up pipe is full, as it is under overload.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop))
    signal.signal(signal.SIGHUP, lambda *_: loop.call_soon_threadsafe(loop.create_task, follower.look()))
    if colleagues is not None:
        answers = loop.create_task(colleagues.answer({"flush": app.flush_own, "metrics": app.count_own}))
        answers.add_done_callback(lambda _: stop())  # the supervisor has gone
    _LOG.info("listening on http://%s:%d, process %d", config.host, config.port, os.getpid())
    serving, deadline = loop.create_task(server.serve()), loop.create_task(stopping.wait())
    await asyncio.wait((serving, deadline), return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        _LOG.warning("cut off requests that were not sent within %g s", config.stop_s)
    else:
        serving.result()


def _granian(config: ServerConfig, app: App, address: str) -> Any:
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.server.embed import Server

    return Server(
        app,
        address=address,
        port=config.port,
        interface=Interfaces.RSGI,
        runtime_threads=1,
        runtime_blocking_threads=1,
        http=HTTPModes.http1,
        websockets=False,
        backlog=max(128, config.limits.connections),
        backpressure=config.limits.connections,
        http1_settings=HTTP1Settings(header_read_timeout=config.limits.header_read_ms, max_buffer_size=64 * 1024),
        log_enabled=False,
    )
