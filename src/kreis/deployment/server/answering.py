"""The service core: check, answer, record, count, over typed messages.

It knows no transport. The HTTP face calls it, and so can a test, a notebook or another face: what is answered, what is
refused and what the log holds is the same for all.
"""

from __future__ import annotations

from datetime import datetime
from time import perf_counter_ns
from typing import Protocol

from msgspec import UNSET

from kreis.clock import microseconds
from kreis.deployment.predictions.log import RecordWriter
from kreis.deployment.predictions.records import OutcomeRecord, PredictionRecord
from kreis.deployment.predictions.sync import GroupSync
from kreis.deployment.server.answers import answer_many, answer_one
from kreis.deployment.server.failures import Failures
from kreis.deployment.server.messages import Ask, Asked, Outcomes, Refusal, Replies, Reply, Unavailable
from kreis.deployment.server.metrics import Metrics
from kreis.deployment.server.models import LoadedRelease
from kreis.deployment.server.outcomes import record_of
from kreis.deployment.server.questions.models import QuestionRelease

__all__ = ["LATEST_US", "Answering", "Serving", "released"]

LATEST_US = 253_402_300_800_000_000
"""The end of the year 9999, microseconds since 1970 UTC."""
_AHEAD_US = 86_400_000_000
"""How far a client's clock may be ahead of this one."""


class Serving(Protocol):
    """Which release answers."""

    @property
    def current(self) -> LoadedRelease | QuestionRelease | None:
        """It; None before the first."""


def released(serving: Serving) -> LoadedRelease | QuestionRelease:
    """The release that answers.

    Raises:
        Unavailable: there is none yet.
    """
    release = serving.current
    if release is None:
        raise Unavailable("not_released", "no release is loaded; the service's log says why")
    return release


class Answering:
    """Answers predictions and takes outcomes. For one event loop."""

    def __init__(
        self,
        serving: Serving,
        journal: RecordWriter,
        metrics: Metrics,
        *,
        rows: int = 1_000,
        durable: bool = False,
        simulated: bool = False,
    ) -> None:
        """Put together.

        Args:
            serving: Says which release answers; asked for each request.
            journal: What is written before anything is answered.
            metrics: What is counted.
            rows: How many rows or outcomes one message may have.
            durable: Whether an answer waits until its record is forced to disk.
            simulated: Whether outcomes may come from any time.
        """
        self._serving = serving
        self.journal = journal
        self.metrics = metrics
        self._rows = rows
        self._sync = GroupSync(journal) if durable else None
        self._simulated = simulated
        self.failures = Failures(journal)

    async def predict(self, asked: Asked, at: datetime, started: int = 0) -> Reply | Replies:
        """Answer one thing, or a batch; what is returned is in the log.

        Args:
            asked: One thing, or `rows`.
            at: The moment.
            started: The request's arrival by `perf_counter_ns`; now, if 0.

        Raises:
            Refusal: what was asked cannot be answered.
            Unavailable: nothing is released yet, or no model can answer now.
            StoreError: the answer could not be kept, so it must not be given.
        """
        started = started or perf_counter_ns()
        release = released(self._serving)
        if not isinstance(release, LoadedRelease):
            raise Refusal("asks_otherwise", "this release predicts nothing; it answers questions: POST /v1/answer")
        if asked.rows is not UNSET:
            return await self._predict_rows(asked, asked.rows, release, at, started)
        flags = release.door.check(asked)
        reply, record = answer_one(asked, release, at, self.metrics, started, flags)
        await self.keep(record)
        return reply

    async def _predict_rows(
        self, asked: Asked, rows: list[Ask], release: LoadedRelease, at: datetime, started: int
    ) -> Replies:
        if asked.keys or asked.fields or asked.features or asked.reference is not None:
            raise Refusal("ambiguous", "send either one row or 'rows', not both")
        if not 0 < len(rows) <= self._rows:
            raise Refusal("rows", f"send 1 to {self._rows} rows")
        flags = []
        for place, row in enumerate(rows):
            try:
                flags.append(release.door.check(row))
            except Refusal as refusal:
                raise Refusal(refusal.code, f"row {place}: {refusal.message}") from refusal
        answers = answer_many(rows, release, at, self.metrics, started, flags)
        self.journal.append([record for _, record in answers])
        if self._sync is not None:
            await self._sync.wait([record.id for _, record in answers])
        self.metrics.rows += len(answers)
        for each in flags:
            self.metrics.flag(each)
        return Replies([reply for reply, _ in answers])

    async def take(self, outcomes: Outcomes, at: datetime) -> int:
        """Write down what really happened; returns how many outcomes that were.

        Raises:
            Refusal: one of them is not allowed; then none is taken.
            StoreError: they could not be kept.
        """
        sent = outcomes.outcomes
        if len(sent) > self._rows:
            raise Refusal("rows", f"send up to {self._rows} outcomes")
        now_us = microseconds(at)
        latest_us = LATEST_US - 1 if self._simulated else now_us + _AHEAD_US
        release = self._serving.current
        form = None if release is None else release.outcomes
        records = [record_of(place, each, form, now_us, latest_us) for place, each in enumerate(sent)]
        await self.keep_outcomes(records)
        return len(records)

    async def keep(self, record: PredictionRecord) -> None:
        """Write an answer down; when it returns, the answer may be given.

        Raises:
            StoreError: it could not be kept.
        """
        self.journal.append_one(record)
        if self._sync is not None:
            await self._sync.wait([record.id])
        self.metrics.rows += 1
        if record.flags:
            self.metrics.flag(record.flags)

    async def keep_outcomes(self, records: list[OutcomeRecord]) -> None:
        """Write outcomes down.

        Raises:
            StoreError: they could not be kept.
        """
        if records:
            self.journal.append(records)
            if self._sync is not None:
                await self._sync.wait()
        self.metrics.outcomes += len(records)

    def flush(self) -> bool:
        """Close the log's segment in use, so that it can be shipped; whether there was anything in it.

        Raises:
            StoreError: the disk takes no new segment.
        """
        self.failures.write()
        return self.journal.rotate() is not None

    def tick(self) -> None:
        """Write down the failures that were counted, and close a segment that has grown old. Call it every second.

        Raises:
            StoreError: the disk does not take it; the next call tries again.
        """
        self.failures.write()
        self.journal.tick()
