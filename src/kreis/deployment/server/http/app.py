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
from kreis.deployment.predictions.log import FolderLog
from kreis.deployment.server.answering import LATEST_US, Answering
from kreis.deployment.server.colleagues import Colleagues
from kreis.deployment.server.config import ServerConfig
from kreis.deployment.server.explaining import Explain, Explaining
from kreis.deployment.server.follower import Follower
from kreis.deployment.server.http.guard import Guard
from kreis.deployment.server.http.openapi import describe
from kreis.deployment.server.http.questions import QuestionRoutes
from kreis.deployment.server.http.refusals import HttpRefusal, status_of
from kreis.deployment.server.http.replies import JSON, UNREADABLE, Answer, decoded, malformed
from kreis.deployment.server.http.reviews import ReviewRoutes
from kreis.deployment.server.http.waiting import RETRY_AFTER_S, Waiting
from kreis.deployment.server.messages import Asked, Outcomes, Refusal, Replies
from kreis.deployment.server.metrics import Gauge, Metrics, render
from kreis.deployment.server.questions.answering import Questions
from kreis.deployment.server.reviews.reviewing import Reviewing
from kreis.errors import StoreError
from kreis.identifiers import new_id
from kreis.reviews.desk import Desk

__all__ = ["App"]

_LOG = logging.getLogger("kreis.service")
_TEXT = [("content-type", "text/plain; version=0.0.4; charset=utf-8")]
_BUSY = [*JSON, ("retry-after", str(RETRY_AFTER_S))]
_AT_ONCE = frozenset(("too_slow", "overloaded"))
"""Codes of refusals that do not wait for the rest of the body."""
Handler = Callable[[Any, Any, Any], Awaitable[Answer | None]]
"""What gives None has answered by itself."""


class App:
    """What granian calls for each request."""

    def __init__(
        self,
        config: ServerConfig,
        clock: Clock,
        follower: Follower,
        answering: Answering,
        questions: Questions,
        colleagues: Colleagues | None,
    ) -> None:
        self.config = config
        self._clock = clock
        self.follower = follower
        self.metrics = answering.metrics
        self._answering = answering
        self._colleagues = colleagues
        self.waiting = Waiting(config.limits)
        self.guard = Guard(config, self.waiting)
        self.encode = msgspec.json.Encoder().encode
        self._decode_ask = msgspec.json.Decoder(Asked).decode
        self._decode_outcomes = msgspec.json.Decoder(Outcomes)
        self._decode_explain = msgspec.json.Decoder(Explain)
        self._explaining = Explaining(follower, FolderLog(config.log))
        self._simulated: datetime | None = None
        self.refused: Counter[str] = Counter()
        """By path: requests that were refused because too many waited, since they were last counted."""
        self._busy_id = self._new_id()
        self._busy = self._error("overloaded", "too much is asked at once; try again in a second", self._busy_id)
        self.draining = False
        reviewing = Reviewing(Desk(config.reviews), config.limits)
        more = [*QuestionRoutes(self, questions).routes, *ReviewRoutes(self, reviewing).routes]
        self._routes: dict[str, dict[str, Handler]] = {
            "/": {"GET": self._index},
            "/healthz": {"GET": self._healthz},
            "/readyz": {"GET": self._readyz},
            "/metrics": {"GET": self._get_metrics},
            "/openapi.json": {"GET": self._openapi},
            "/v1/predict": {"POST": self._predict},
            "/v1/explain": {"POST": self._explain},
            "/v1/outcomes": {"POST": self._outcomes},
            "/v1/flush": {"POST": self._flush},
            **{path: {method: handler} for path, method, handler in more},
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
            self.guard.admit(path, scope.authority, headers)
            handlers = self._routes.get(path)
            if handlers is None:
                raise HttpRefusal(404, "not_found", "there is no such route; see /openapi.json")
            handler = handlers.get(scope.method)
            if handler is None:
                raise HttpRefusal(405, "method_not_allowed", f"use {' or '.join(handlers)}")
            answer = await handler(scope, headers, protocol)
            if answer is None:
                return
            status, kind, body = answer
        except Refusal as refusal:
            if refusal.code not in _AT_ONCE:
                await self.guard.discard(headers, protocol)
            status, kind, body = self.refuse(path, refusal)
        except ProtocolClosed:
            return  # the client has gone, in the middle of its request
        except Exception as error:
            status, kind, body = self.fail(path, error)
        finally:
            waiting.leave()
        protocol.response_bytes(status, kind, body)

    def count_refused(self) -> None:
        """Take what was refused in the last second into the metrics and the log; its id is new each time."""
        for path, count in self.refused.items():
            self.metrics.requests[path if path in self._routes else "", 503, "", 0] += count
            self._count_failure(path, 503, "overloaded", count)
        if self.refused:
            _LOG.error("%s: %d requests were too much", self._busy_id, sum(self.refused.values()))
            self.refused.clear()
            self._busy_id = self._new_id()
            self._busy = self._error("overloaded", "too much is asked at once; try again in a second", self._busy_id)

    async def _predict(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        started = perf_counter_ns()
        body = await self.guard.body(scope, headers, protocol)
        at = self.now(headers)
        try:
            asked = self._decode_ask(body)
        except UNREADABLE as error:
            raise malformed(error, Asked) from error
        reply = await self._answering.predict(asked, at, started)
        requests = self.metrics.requests
        for each in reply.predictions if isinstance(reply, Replies) else (reply,):
            requests["/v1/predict", 200, each.model, each.version] += 1
        encoded = self.encode(reply)
        self.metrics.observe((perf_counter_ns() - started) * 1e-9)
        return 200, JSON, encoded

    async def _explain(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        body = await self.guard.body(scope, headers, protocol)
        at = self.now(headers)
        asked = decoded(self._decode_explain, body)
        return self.done("/v1/explain", await self._explaining.explain(asked, at))

    async def _outcomes(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        body = await self.guard.body(scope, headers, protocol)
        at = self.now(headers)
        outcomes = decoded(self._decode_outcomes, body)
        return self.done("/v1/outcomes", {"accepted": await self._answering.take(outcomes, at)})

    async def _flush(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        await self.guard.body(scope, headers, protocol)
        closed = [self.flush_own()]
        if self._colleagues is not None:
            for number, said in (await self._colleagues.ask("flush")).answers.items():
                if said is None:
                    raise HttpRefusal(503, "unavailable", f"worker {number} did not close its segment; try again")
                closed.append(said)
        return self.done("/v1/flush", {"closed": any(closed)})

    def flush_own(self) -> bytes:
        """Close this worker's segment; not empty where there was anything in it."""
        return b"closed" if self._answering.flush() else b""

    async def _healthz(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        return self.done("/healthz", {"alive": True})

    async def _readyz(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        release = self.follower.current
        if release is None or self.draining:
            raise HttpRefusal(503, "not_ready", "stopping" if self.draining else "no release is loaded")
        return self.done("/readyz", {"ready": True, "release": release.number})

    async def _index(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        release = self.follower.current
        index: dict[str, Any] = {"service": "kreis", "project": self.config.project, "routes": list(self._routes)}
        if release is not None:
            index["release"] = {"id": release.id, "number": release.number}
            index["models"] = {digest: model.version for digest, model in release.models.items()}
        if self._colleagues is not None:
            index["worker"], index["workers"] = self._colleagues.number, self.config.workers
        return self.done("/", index)

    async def _openapi(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        self.metrics.requests["/openapi.json", 200, "", 0] += 1
        return 200, JSON, describe(self.follower.current, self.config.project, self.config.limits)

    async def _get_metrics(self, scope: Any, headers: Any, protocol: Any) -> Answer:
        self.metrics.requests["/metrics", 200, "", 0] += 1
        waiting = [path.stat().st_size for path in self.config.log.glob(f"[0-9a-f]*{SUFFIX}")]
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
        release = self.follower.current
        refused, written = self.follower.refused is not None, self._answering.journal.written
        self.metrics.gauges = [
            Gauge("kreis_release_number", "The release that answers.", 0 if release is None else release.number),
            Gauge("kreis_release_refused", "1 while the newest release is refused.", float(refused)),
            Gauge("kreis_log_written_bytes", "Bytes written to the prediction log since the start.", written),
        ]
        return self.metrics

    def done(self, route: str, document: Any) -> Answer:
        """The answer to a request that was done; counted."""
        self.metrics.requests[route, 200, "", 0] += 1
        return 200, JSON, self.encode(document)

    def now(self, headers: Any) -> datetime:
        """The moment by the clock, or by the header where time is simulated.

        Raises:
            Refusal: 400, the header is sent to a service that lives in real time, or is no moment.
        """
        said = headers.get("x-kreis-time")
        if said is None:
            return self._simulated or self._clock.now()
        if not self.config.simulated:
            raise HttpRefusal(400, "not_simulated", "this service runs in real time; leave the header x-kreis-time out")
        if not (said.isdecimal() and len(said) < 19 and int(said) < LATEST_US):
            raise HttpRefusal(400, "bad_time", "x-kreis-time takes microseconds since 1970 UTC")
        self._simulated = moment(int(said))
        return self._simulated

    def refuse(self, path: str, refusal: Refusal) -> Answer:
        """The answer to a request that is refused; counted."""
        status = status_of(refusal)
        self.metrics.requests[path if path in self._routes else "", status, "", 0] += 1
        headers = JSON
        if status >= 500:
            self._count_failure(path, status, refusal.code)
        if status == 503:
            headers = _BUSY
        elif status == 405:
            headers = [*JSON, ("allow", ", ".join(self._routes[path]))]
        elif status == 401:
            headers = [*JSON, ("www-authenticate", "Bearer")]
        return status, headers, self._error(refusal.code, refusal.message, self._new_id())

    def fail(self, path: str, error: Exception) -> Answer:
        """The answer to a request that went wrong; counted and logged."""
        identifier = self._new_id()
        if isinstance(error, StoreError):
            status, code, message = 503, "unavailable", "the prediction could not be kept, so it was not given"
        else:
            status, code, message = 500, "internal", "this is our fault; the id finds it in the service's log"
        _LOG.error("%s failed: %s", identifier, error, exc_info=error)
        self.metrics.requests[path if path in self._routes else "", status, "", 0] += 1
        self._count_failure(path, status, code)
        return status, _BUSY if status == 503 else JSON, self._error(code, message, identifier)

    def _count_failure(self, path: str, status: int, code: str, count: int = 1) -> None:
        if path.startswith("/v1/") and path in self._routes:
            self._answering.failures.count(
                path, status, code, microseconds(self._simulated or self._clock.now()), count
            )

    def _new_id(self) -> str:
        return new_id(self._clock.now())

    def _error(self, code: str, message: str, identifier: str) -> bytes:
        return self.encode({"error": {"code": code, "message": message, "id": identifier}})


async def tick_periodically(app: App, answering: Answering) -> None:
    """Every second what need not be done for each request, until cancelled."""
    while not app.draining:
        await asyncio.sleep(1.0)
        try:
            app.count_refused()
            answering.tick()
        except StoreError as error:
            _LOG.error("%s", error)
