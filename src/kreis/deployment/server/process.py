"""The server process: one worker, its threads pinned low, stopped gracefully."""

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
from typing import Any, NoReturn

from kreis.artifacts.store import ArtifactStore
from kreis.clock import SystemClock
from kreis.deployment.predictions.journal import Journal
from kreis.deployment.server.answering import Answering
from kreis.deployment.server.config import ServerConfig
from kreis.deployment.server.follower import Follower
from kreis.deployment.server.http.app import App, keep_house
from kreis.deployment.server.metrics import Metrics
from kreis.deployment.server.models import open_store
from kreis.deployment.signing import load_trusted
from kreis.errors import ServiceError, StoreError

__all__ = ["HEAVY", "serve"]

_LOG = logging.getLogger("kreis.service")
HEAVY = (
    "altair",
    "deltalake",
    "lightgbm",
    "onnx",
    "optuna",
    "pandas",
    "polars",
    "pyarrow",
    "skl2onnx",
    "sklearn",
    "sqlalchemy",
)
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
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(_serve(config))


def _end() -> NoReturn:
    """End at once: granian's thread may hold a cut-off connection, and panics (2.8.7) if its loop is taken down."""
    heavy = sorted(set(HEAVY) & sys.modules.keys())
    _LOG.info("stopped; heavy modules loaded: %s", ", ".join(heavy) or "none")
    logging.shutdown()
    os._exit(0)


async def _serve(config: ServerConfig) -> NoReturn:
    clock = SystemClock()
    metrics = Metrics()
    journal = Journal(
        config.log,
        clock,
        segment_bytes=config.segment_bytes,
        segment_seconds=config.segment_seconds,
        durable=config.durability == "disk",
    )
    with ThreadPoolExecutor(1, thread_name_prefix="releases") as executor:
        stored = open_store(config.online) if config.online is not None else None
        trusted = load_trusted(config.trusted)
        follower = Follower(config, trusted, ArtifactStore(config.artifacts), stored, metrics, executor)
        await follower.look()
        answering = Answering(
            follower,
            journal,
            metrics,
            rows=config.limits.rows,
            durable=config.durability == "disk",
            simulated=config.simulated,
        )
        app = App(config, clock, follower, answering)
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 50)  # a request leaves no cycles behind; look for them seldom
        tasks = [
            asyncio.create_task(follower.follow()),
            asyncio.create_task(keep_house(app, answering)),
            asyncio.create_task(app.waiting.watch()),
        ]
        try:
            await _listen(config, app, follower)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with contextlib.suppress(StoreError):
                answering.failures.write()
            journal.close()
    _end()


async def _listen(config: ServerConfig, app: App, follower: Follower) -> None:
    address = _address(config)
    _check_port(config, address)
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
    _LOG.info("listening on http://%s:%d, process %d", config.host, config.port, os.getpid())
    serving, deadline = loop.create_task(server.serve()), loop.create_task(stopping.wait())
    await asyncio.wait((serving, deadline), return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        _LOG.warning("cut off requests that were not sent within %g s", config.stop_s)
    else:
        serving.result()


def _address(config: ServerConfig) -> str:
    """The host as a number, which is all that granian takes; IPv4 where a name has both."""
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ServiceError(
            f"the host is not known here ({error.strerror})", where=f"host {config.host!r}", hint="write 127.0.0.1"
        ) from error
    return str(min(found, key=lambda each: each[0] != socket.AF_INET)[4][0])


def _check_port(config: ServerConfig, address: str) -> None:
    """granian listens with SO_REUSEPORT, so a second service would quietly take half of the first one's requests."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, config.port))
        except OSError as error:
            where = f"{config.host}:{config.port}"
            raise ServiceError(f"cannot listen ({error.strerror})", where=where, hint="is the port taken?") from error


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
