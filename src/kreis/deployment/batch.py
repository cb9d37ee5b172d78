"""Answers for many rows without a service: its door, its features, its model, and no log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias

from kreis.clock import microseconds
from kreis.deployment.server.answers import answer_many
from kreis.deployment.server.door import Door
from kreis.deployment.server.messages import Ask, Refusal, Reply
from kreis.deployment.server.metrics import Metrics
from kreis.deployment.server.models import LoadedModel, LoadedRelease
from kreis.identifiers import new_id
from kreis.ledger.records import Release, Route

__all__ = ["Batch", "BatchAnswer"]

BatchAnswer: TypeAlias = tuple[Reply | Refusal, list[str]]
"""An answer, or why there is none; and what is unusual about the row."""


class Batch:
    """Answers rows by one model, as the service does where that model alone has all of the traffic."""

    def __init__(self, model: LoadedModel, at: datetime) -> None:
        """Put together.

        Args:
            model: What answers.
            at: The moment of all rows: entities' features are looked up as they are then.
        """
        self.model = model
        """What answers."""
        self._at = at
        release = Release(
            id=new_id(microseconds(at)),
            project=model.manifest.project,
            number=0,
            routes=[Route(model=model.digest, share=1.0)],
            actor="",
            reason="",
            at=at,
        )
        self._release = LoadedRelease(release, {model.digest: model})
        self._metrics = Metrics()

    @property
    def door(self) -> Door:
        """What rows may hold."""
        return self._release.door

    def answer(self, rows: Sequence[Ask]) -> list[BatchAnswer]:
        """Answer rows, in order; one that the service would refuse costs no other."""
        found: list[BatchAnswer | None] = [None] * len(rows)
        places, flags = [], []
        for place, row in enumerate(rows):
            try:
                noticed = self.door.check(row)
            except Refusal as refusal:
                found[place] = (refusal, [])
            else:
                places.append(place)
                flags.append(noticed)
        answers = self._answered([rows[place] for place in places], flags)
        for place, answer, noticed in zip(places, answers, flags, strict=True):
            found[place] = (answer, noticed)
        return [each for each in found if each is not None]

    def _answered(self, rows: list[Ask], flags: list[list[str]]) -> list[Reply | Refusal]:
        if not rows:
            return []
        try:
            return [reply for reply, _ in answer_many(rows, self._release, self._at, self._metrics, 0, flags)]
        except Refusal as refusal:
            parts = self._parts(rows)
            if len(parts) == 1:
                return [refusal] * len(rows)
        found: list[Reply | Refusal | None] = [None] * len(rows)
        for part in parts:
            answers = self._answered([rows[place] for place in part], [flags[place] for place in part])
            for place, answer in zip(part, answers, strict=True):
                found[place] = answer
        return [each for each in found if each is not None]

    def _parts(self, rows: list[Ask]) -> list[list[int]]:
        """The places of rows that can be answered by themselves: each row, or those that are ranked together."""
        if self.model.within is None:
            return [[place] for place in range(len(rows))]
        groups: dict[str | int, list[int]] = {}
        for place, row in enumerate(rows):
            try:
                groups.setdefault(self._release.group_of(row), []).append(place)
            except Refusal:  # it names no group
                groups[place] = [place]
        return list(groups.values())
