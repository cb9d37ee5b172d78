"""The HTTP face of the service core: routes, as one RSGI callable. `/v1/predict` is the hot path: there, microseconds
count."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from time import perf_counter_ns
from typing import Any

import msgspec
from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]

from kreis.clock import Clock, microseconds, moment
from kreis.deployment.predictions.journal import SUFFIX
from kreis.deployment.server.answering import LATEST_US, Answering
from kreis.deployment.server.colleagues import Colleagues
from kreis.deployment.server.config import ServerConfig
from kreis.deployment.server.follower import Follower
from kreis.deployment.server.http.guard import Guard
from kreis.deployment.server.http.openapi import describe
from kreis.deployment.server.http.refusals import HttpRefusal, status_of
from kreis.deployment.server.http.waiting import RETRY_AFTER_S, Waiting
from kreis.deployment.server.messages import Asked, Outcomes, Refusal, Replies
from kreis.deployment.server.metrics import Gauge, Metrics, render
from kreis.errors import StoreError
from kreis.identifiers import new_id

__all__ = ["App"]

_LOG = logging.getLogger("kreis.service")
_JSON = [("content-type", "application/json")]
_TEXT = [("content-type", "text/plain; version=0.0.4; charset=utf-8")]
_BUSY = [*_JSON, ("retry-after", str(RETRY_AFTER_S))]
_AT_ONCE = frozenset(("too_slow", "overloaded"))
"""Codes of refusals that do not wait for the rest of the body."""
Answer = tuple[int, list[tuple[str, str]], bytes]
Handler = Callable[[Any, Any, Any], Awaitable[Answer]]


class App:
    """What granian calls for each request."""

    def __init__(
        self,
        config: ServerConfig,
        clock: Clock,
        follower: Follower,
        answering: Answering,
        colleagues: Colleagues | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._follower = follower
        self._metrics = answering.metrics
        self._answering = answering
        self._colleagues = colleagues
        self.waiting = Waiting(config.limits)
        self._guard = Guard(config, self.waiting)
        self._encode = msgspec.json.Encoder().encode
        self._decode_ask = msgspec.json.Decoder(Asked).decode
        self._decode_outcomes = msgspec.json.Decoder(Outcomes).decode
        self._simulated: datetime | None = None
        self.refused: Counter[str] = Counter()
        """By path: requests that were refused because too many waited, since they were last counted."""
        self._busy_id = self._new_id()
        self._busy = self._error("overloaded", "too much is asked at once; try again in a second", self._busy_id)
        self.draining = False
        self._routes: dict[str, dict[str, Handler]] = {
            "/": {"GET": self._index},
            "/healthz": {"GET": self._healthz},
            "/readyz": {"GET": self._readyz},
            "/metrics": {"GET": self._get_metrics},
            "/openapi.json": {"GET": self._openapi},
            "/v1/predict": {"POST": self._predict},
            "/v1/outcomes": {"POST": self._outcomes},
            "/v1/flush": {"POST": self._flush},
        }

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer one request; whatever happens, the client gets an answer without internals."""
        path, waiting = scope.path, self.waiting
        if not path.startswith("/v1/") or not waiting.full:
            waiting.under_way += 1
        elif not await waiting.turn(scope.client):
            self.refused[path] += 1
            protocol.response_bytes(503, _BUSY, self._busy)
            return
        headers = scope.headers
        try:
            self._guard.admit(path, scope.authority, headers)
            handlers = self._routes.get(path)
            if handlers is None:
                raise HttpRefusal(404, "not_found", "there is no such route; see /openapi.json")
            handler = handlers.get(scope.method)
            if handler is None:
                raise HttpRefusal(405, "method_not_allowed", f"use {' or '.join(handlers)}")
            status, kind, body = await handler(scope, headers, protocol)
        except Refusal as refusal:
            if refusal.code not in _AT_ONCE:
                await self._guard.discard(headers, protocol)
            status, kind, body = self._refused(path, refusal)
        except ProtocolClosed:
            return  # the client has gone, in the middle of its request
        except Exception as error:
            status, kind, body = self._failed(path, error)
        finally:
            waiting.leave()
        protocol.response_bytes(status, kind, body)

    def count_refused(self) -> None:
        """Take what was refused in the last second into the metrics and the log; its id is new each time."""
        for path, count in self.refused.items():
            self._metrics.requests[path if path in self._routes else "", 503, "", 0] += count
            self._count_failure(path, 503, "overloaded", count)
        if self.refused:
            _LOG.error("%s: %d requests were too much", self._busy_id, sum(self.refused.values()))
            self.refused.clear()
            self._busy_id = self._new_id()
            self._busy = self._error("overloaded", "too much is asked at once; try again in a second", self._busy_id)

    async def _predict(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        started = perf_counter_ns()
        body = await self._guard.body(scope, headers, protocol)
        at = self._now(headers)
        try:
            asked = self._decode_ask(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise _malformed(error) from error
        reply = await self._answering.predict(asked, at, started)
        requests = self._metrics.requests
        for each in reply.predictions if isinstance(reply, Replies) else (reply,):
            requests["/v1/predict", 200, each.model, each.version] += 1
        encoded = self._encode(reply)
        self._metrics.observe((perf_counter_ns() - started) * 1e-9)
        return 200, _JSON, encoded

    async def _outcomes(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        body = await self._guard.body(scope, headers, protocol)
        at = self._now(headers)
        try:
            outcomes = self._decode_outcomes(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise _malformed(error) from error
        return self._done("/v1/outcomes", {"accepted": await self._answering.take(outcomes, at)})

    async def _flush(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        await self._guard.body(scope, headers, protocol)
        closed = [self.flush_own()]
        if self._colleagues is not None:
            for number, said in (await self._colleagues.ask("flush")).answers.items():
                if said is None:
                    raise HttpRefusal(503, "unavailable", f"worker {number} did not close its segment; try again")
                closed.append(said)
        return self._done("/v1/flush", {"closed": any(closed)})

    def flush_own(self) -> bytes:
        """Close this worker's segment; not empty where there was anything in it."""
        return b"closed" if self._answering.flush() else b""

    async def _healthz(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        return self._done("/healthz", {"alive": True})

    async def _readyz(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        release = self._follower.current
        if release is None or self.draining:
            raise HttpRefusal(503, "not_ready", "stopping" if self.draining else "no release is loaded")
        return self._done("/readyz", {"ready": True, "release": release.number})

    async def _index(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        release = self._follower.current
        index: dict[str, Any] = {"service": "kreis", "project": self._config.project, "routes": list(self._routes)}
        if release is not None:
            index["release"] = {"id": release.id, "number": release.number}
            index["models"] = {digest: model.version for digest, model in release.models.items()}
        if self._colleagues is not None:
            index["worker"], index["workers"] = self._colleagues.number, self._config.workers
        return self._done("/", index)

    async def _openapi(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        self._metrics.requests["/openapi.json", 200, "", 0] += 1
        return 200, _JSON, describe(self._follower.current, self._config.project, self._config.limits)

    async def _get_metrics(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        self._metrics.requests["/metrics", 200, "", 0] += 1
        waiting = [path.stat().st_size for path in self._config.log.glob(f"[0-9a-f]*{SUFFIX}")]
        log = (
            Gauge("kreis_log_waiting_bytes", "Bytes of the prediction log not yet in the lake.", sum(waiting)),
            Gauge("kreis_log_waiting_segments", "Segments of the prediction log not yet in the lake.", len(waiting)),
        )
        if self._colleagues is None:
            return 200, _TEXT, render({0: self._sampled()}, log, {})
        gathered = await self._colleagues.ask("metrics")
        workers = {
            number: msgspec.msgpack.decode(said, type=Metrics)
            for number, said in gathered.answers.items()
            if said is not None
        }
        workers[self._colleagues.number] = self._sampled()
        return 200, _TEXT, render(workers, log, gathered.restarts)

    def count_own(self) -> bytes:
        """What this worker counts, for the one that was asked."""
        return msgspec.msgpack.encode(self._sampled())

    def _sampled(self) -> Metrics:
        release = self._follower.current
        refused, written = self._follower.refused is not None, self._answering.journal.written
        self._metrics.gauges = [
            Gauge("kreis_release_number", "The release that answers.", 0 if release is None else release.number),
            Gauge("kreis_release_refused", "1 while the newest release is refused.", float(refused)),
            Gauge("kreis_log_written_bytes", "Bytes written to the prediction log since the start.", written),
        ]
        return self._metrics

    def _done(self, route: str, document: Any) -> Answer:
        self._metrics.requests[route, 200, "", 0] += 1
        return 200, _JSON, self._encode(document)

    def _now(self, headers: Any) -> datetime:
        """The moment by the clock, or by the header where time is simulated.

        Raises:
            Refusal: 400, the header is sent to a service that lives in real time, or is no moment.
        """
        said = headers.get("x-kreis-time")
        if said is None:
            return self._simulated or self._clock.now()
        if not self._config.simulated:
            raise HttpRefusal(400, "not_simulated", "this service runs in real time; leave the header x-kreis-time out")
        if not (said.isdecimal() and len(said) < 19 and int(said) < LATEST_US):
            raise HttpRefusal(400, "bad_time", "x-kreis-time takes microseconds since 1970 UTC")
        self._simulated = moment(int(said))
        return self._simulated

    def _refused(self, path: str, refusal: Refusal) -> Answer:
        status = status_of(refusal)
        self._metrics.requests[path if path in self._routes else "", status, "", 0] += 1
        headers = _JSON
        if status >= 500:
            self._count_failure(path, status, refusal.code)
        if status == 503:
            headers = _BUSY
        elif status == 405:
            headers = [*_JSON, ("allow", ", ".join(self._routes[path]))]
        elif status == 401:
            headers = [*_JSON, ("www-authenticate", "Bearer")]
        return status, headers, self._error(refusal.code, refusal.message, self._new_id())

    def _failed(self, path: str, error: Exception) -> Answer:
        identifier = self._new_id()
        if isinstance(error, StoreError):
            status, code, message = 503, "unavailable", "the prediction could not be kept, so it was not given"
        else:
            status, code, message = 500, "internal", "this is our fault; the id finds it in the service's log"
        _LOG.error("%s failed: %s", identifier, error, exc_info=error)
        self._metrics.requests[path if path in self._routes else "", status, "", 0] += 1
        self._count_failure(path, status, code)
        return status, _BUSY if status == 503 else _JSON, self._error(code, message, identifier)

    def _count_failure(self, path: str, status: int, code: str, count: int = 1) -> None:
        if path.startswith("/v1/") and path in self._routes:
            self._answering.failures.count(
                path, status, code, microseconds(self._simulated or self._clock.now()), count
            )

    def _new_id(self) -> str:
        return new_id(self._clock.now())

    def _error(self, code: str, message: str, identifier: str) -> bytes:
        return self._encode({"error": {"code": code, "message": message, "id": identifier}})


def _malformed(error: Exception) -> Refusal:
    """422 where it is JSON of another shape, 400 where it is no JSON."""
    if isinstance(error, msgspec.ValidationError):
        return Refusal("wrong_shape", str(error)[:300])
    return HttpRefusal(400, "no_json", "the body is not JSON")


async def tick_periodically(app: App, answering: Answering, every_s: float = 1.0) -> None:
    """Every second what need not be done for each request, until cancelled."""
    while not app.draining:
        await asyncio.sleep(every_s)
        try:
            app.count_refused()
            answering.tick()
        except StoreError as error:
            _LOG.error("%s", error)
