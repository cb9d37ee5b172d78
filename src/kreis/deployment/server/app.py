"""The routes, as one RSGI callable. `/v1/predict` is the hot path: there, microseconds count."""

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
from msgspec import UNSET

from kreis.clock import Clock, microseconds, moment
from kreis.deployment.predictions.journal import SUFFIX, GroupSync, Journal
from kreis.deployment.predictions.records import OutcomeRecord
from kreis.deployment.server.answers import answer_many, answer_one
from kreis.deployment.server.config import ServerConfig
from kreis.deployment.server.failures import Failures
from kreis.deployment.server.follower import Follower
from kreis.deployment.server.guard import Guard
from kreis.deployment.server.messages import Ask, Asked, Outcome, Outcomes, Refusal
from kreis.deployment.server.metrics import Metrics, render
from kreis.deployment.server.models import LoadedRelease
from kreis.deployment.server.openapi import describe
from kreis.deployment.server.waiting import Waiting
from kreis.errors import StoreError
from kreis.identifiers import new_id

__all__ = ["App"]

_LOG = logging.getLogger("kreis.service")
_JSON = [("content-type", "application/json")]
_TEXT = [("content-type", "text/plain; version=0.0.4; charset=utf-8")]
_LATEST = 253_402_300_800_000_000
"""The end of the year 9999, microseconds since 1970 UTC."""
_AHEAD_US = 86_400_000_000
"""How far a client's clock may be ahead of this one."""
_BUSY = [*_JSON, ("retry-after", "1")]
_AT_ONCE = frozenset(("too_slow", "overloaded"))
"""Codes of refusals that do not wait for the rest of the body."""
Handler = Callable[[Any, Any, Any], Awaitable[tuple[int, list[tuple[str, str]], bytes]]]


class App:
    """What granian calls for each request."""

    def __init__(
        self, config: ServerConfig, clock: Clock, follower: Follower, journal: Journal, metrics: Metrics
    ) -> None:
        self._config = config
        self._clock = clock
        self._follower = follower
        self._journal = journal
        self._sync = GroupSync(journal) if config.durability == "disk" else None
        self._metrics = metrics
        self.waiting = Waiting(config.limits)
        self._guard = Guard(config, self.waiting)
        self._encode = msgspec.json.Encoder().encode
        self._decode_ask = msgspec.json.Decoder(Asked).decode
        self._decode_outcomes = msgspec.json.Decoder(Outcomes).decode
        self._simulated: datetime | None = None
        self.failures = Failures(journal)
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
        elif not await waiting.turn():
            self.refused[path] += 1
            protocol.response_bytes(503, _BUSY, self._busy)
            return
        headers = scope.headers
        try:
            self._guard.admit(path, scope.authority, headers)
            handlers = self._routes.get(path)
            if handlers is None:
                raise Refusal(404, "not_found", "there is no such route; see /openapi.json")
            handler = handlers.get(scope.method)
            if handler is None:
                raise Refusal(405, "method_not_allowed", f"use {' or '.join(handlers)}")
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

    async def _predict(self, scope: Any, headers: Any, protocol: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        started = perf_counter_ns()
        body = await self._guard.body(scope, headers, protocol)
        metrics = self._metrics
        release = self._follower.current
        if release is None:
            raise Refusal(503, "not_released", "nothing is released yet; try again later")
        at = self._now(headers)
        try:
            asked = self._decode_ask(body)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise _malformed(error) from error
        if asked.rows is not UNSET:
            reply = await self._predict_rows(asked, asked.rows, release, at, started)
        else:
            flags = release.door.check(asked)
            if flags:
                metrics.flag(flags)
            answer, record = answer_one(asked, release, at, metrics, started, flags)
            self._journal.append_one(record)
            if self._sync is not None:
                await self._sync.wait([record.id])
            metrics.requests["/v1/predict", 200, answer.model, answer.version] += 1
            metrics.rows += 1
            reply = self._encode(answer)
        metrics.observe((perf_counter_ns() - started) * 1e-9)
        return 200, _JSON, reply

    async def _predict_rows(
        self, asked: Asked, rows: list[Ask], release: LoadedRelease, at: datetime, started: int
    ) -> bytes:
        if asked.keys or asked.fields or asked.features or asked.reference is not None:
            raise Refusal(422, "ambiguous", "send either one row or 'rows', not both")
        if not 0 < len(rows) <= self._config.limits.rows:
            raise Refusal(422, "rows", f"send 1 to {self._config.limits.rows} rows")
        flags = []
        for place, row in enumerate(rows):
            try:
                flags.append(release.door.check(row))
            except Refusal as refusal:
                raise Refusal(refusal.status, refusal.code, f"row {place}: {refusal.message}") from refusal
        answers = answer_many(rows, release, at, self._metrics, started, flags)
        self._journal.append([record for _, record in answers])
        if self._sync is not None:
            await self._sync.wait([record.id for _, record in answers])
        for each in flags:
            self._metrics.flag(each)
        for answer, _ in answers:
            self._metrics.requests["/v1/predict", 200, answer.model, answer.version] += 1
        self._metrics.rows += len(answers)
        return self._encode({"predictions": [answer for answer, _ in answers]})

    async def _outcomes(self, scope: Any, headers: Any, protocol: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        body = await self._guard.body(scope, headers, protocol)
        now_us = microseconds(self._now(headers))
        try:
            outcomes = self._decode_outcomes(body).outcomes
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise _malformed(error) from error
        if len(outcomes) > self._config.limits.rows:
            raise Refusal(422, "rows", f"send up to {self._config.limits.rows} outcomes")
        latest = _LATEST - 1 if self._config.simulated else now_us + _AHEAD_US
        records = [_outcome(place, each, now_us, latest) for place, each in enumerate(outcomes)]
        if records:
            self._journal.append(records)
            if self._sync is not None:
                await self._sync.wait()
        self._metrics.outcomes += len(records)
        return self._done("/v1/outcomes", {"accepted": len(records)})

    async def _flush(self, scope: Any, headers: Any, protocol: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        await self._guard.body(scope, headers, protocol)
        self.failures.write()
        closed = self._journal.rotate()
        return self._done("/v1/flush", {"closed": closed is not None})

    async def _healthz(self, scope: Any, headers: Any, protocol: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        return self._done("/healthz", {"alive": True})

    async def _readyz(self, scope: Any, headers: Any, protocol: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        release = self._follower.current
        if release is None or self.draining:
            raise Refusal(503, "not_ready", "stopping" if self.draining else "nothing is released yet")
        return self._done("/readyz", {"ready": True, "release": release.number})

    async def _index(self, scope: Any, headers: Any, protocol: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        release = self._follower.current
        index: dict[str, Any] = {"service": "kreis", "project": self._config.project, "routes": list(self._routes)}
        if release is not None:
            index["release"] = {"id": release.id, "number": release.number}
            index["models"] = {digest: model.version for digest, model in release.models.items()}
        return self._done("/", index)

    async def _openapi(self, scope: Any, headers: Any, protocol: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        self._metrics.requests["/openapi.json", 200, "", 0] += 1
        return 200, _JSON, describe(self._follower.current, self._config.project, self._config.limits)

    async def _get_metrics(self, scope: Any, headers: Any, protocol: Any) -> tuple[int, list[tuple[str, str]], bytes]:
        release = self._follower.current
        waiting = [path.stat().st_size for path in self._config.log.glob(f"[0-9a-f]*{SUFFIX}")]
        gauges = (
            ("kreis_release_number", "The release that answers.", 0 if release is None else release.number),
            (
                "kreis_release_refused",
                "1 while the newest release is refused.",
                float(self._follower.refused is not None),
            ),
            ("kreis_log_written_bytes", "Bytes written to the prediction log since the start.", self._journal.written),
            ("kreis_log_waiting_bytes", "Bytes of the prediction log not yet in the lake.", sum(waiting)),
            ("kreis_log_waiting_segments", "Segments of the prediction log not yet in the lake.", len(waiting)),
        )
        self._metrics.requests["/metrics", 200, "", 0] += 1
        return 200, _TEXT, render(self._metrics, gauges)

    def _done(self, route: str, document: Any) -> tuple[int, list[tuple[str, str]], bytes]:
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
            raise Refusal(400, "not_simulated", "this service lives in real time; leave the header x-kreis-time out")
        if not (said.isdecimal() and len(said) < 19 and int(said) < _LATEST):
            raise Refusal(400, "bad_time", "x-kreis-time takes microseconds since 1970 UTC")
        self._simulated = moment(int(said))
        return self._simulated

    def _refused(self, path: str, refusal: Refusal) -> tuple[int, list[tuple[str, str]], bytes]:
        route = path if path in self._routes else ""
        self._metrics.requests[route, refusal.status, "", 0] += 1
        headers = _JSON
        if refusal.status >= 500:
            self._count_failure(path, refusal.status, refusal.code)
        if refusal.status == 503:
            headers = [*_JSON, ("retry-after", "1")]
        elif refusal.status == 405:
            headers = [*_JSON, ("allow", ", ".join(self._routes[path]))]
        elif refusal.status == 401:
            headers = [*_JSON, ("www-authenticate", "Bearer")]
        return refusal.status, headers, self._error(refusal.code, refusal.message, self._new_id())

    def _failed(self, path: str, error: Exception) -> tuple[int, list[tuple[str, str]], bytes]:
        identifier = self._new_id()
        if isinstance(error, StoreError):
            status, code, message = 503, "unavailable", "the prediction could not be kept, so it was not given"
        else:
            status, code, message = 500, "internal", "this is our fault; the id finds it in the service's log"
        _LOG.error("%s failed: %s", identifier, error, exc_info=error)
        self._metrics.requests[path if path in self._routes else "", status, "", 0] += 1
        self._count_failure(path, status, code)
        headers = [*_JSON, ("retry-after", "1")] if status == 503 else _JSON
        return status, headers, self._error(code, message, identifier)

    def _count_failure(self, path: str, status: int, code: str, count: int = 1) -> None:
        if path.startswith("/v1/") and path in self._routes:
            self.failures.count(path, status, code, microseconds(self._simulated or self._clock.now()), count)

    def _new_id(self) -> str:
        return new_id(self._clock.now())

    def _error(self, code: str, message: str, identifier: str) -> bytes:
        return self._encode({"error": {"code": code, "message": message, "id": identifier}})


def _malformed(error: Exception) -> Refusal:
    """422 where it is JSON of another shape, 400 where it is no JSON."""
    if isinstance(error, msgspec.ValidationError):
        return Refusal(422, "wrong_shape", str(error)[:300])
    return Refusal(400, "no_json", "the body is no JSON")


def _outcome(place: int, outcome: Outcome, now_us: int, latest: int) -> OutcomeRecord:
    if (outcome.prediction is None) == (outcome.reference is None):
        raise Refusal(422, "ambiguous", f"outcomes[{place}]: name either a prediction or a reference")
    if len(outcome.prediction or outcome.reference or "") > 1_000:
        raise Refusal(422, "too_long", f"outcomes[{place}]: the name is longer than 1000 characters")
    if outcome.outcome not in (0, 1):
        raise Refusal(
            422, "not_allowed", f"outcomes[{place}]: the outcome is {outcome.outcome:g}; it must be 0, 1, false or true"
        )
    known_at = now_us
    if outcome.known_at is not None:
        if outcome.known_at.tzinfo is None:
            raise Refusal(422, "bad_time", f"outcomes[{place}]: known_at needs a time zone")
        known_at = microseconds(outcome.known_at)
        if not 0 <= known_at <= latest:
            raise Refusal(422, "bad_time", f"outcomes[{place}]: known_at lies in the future, or before 1970")
    return OutcomeRecord(
        outcome=float(outcome.outcome), known_at=known_at, prediction=outcome.prediction, reference=outcome.reference
    )


async def keep_house(app: App, journal: Journal, every_s: float = 1.0) -> None:
    """Rotate the journal's old segments, until cancelled."""
    while not app.draining:
        await asyncio.sleep(every_s)
        try:
            app.count_refused()
            app.failures.write()
            journal.tick()
        except StoreError as error:
            _LOG.error("%s", error)
