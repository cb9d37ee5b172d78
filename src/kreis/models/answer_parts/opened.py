"""The parts of a package's answers, opened together. One that fails costs no answer: its value is null."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from typing import Any

import numpy as np

from kreis.errors import RefusalError
from kreis.models.answer_parts.part import AnswerPart, Asking, Get, OpenedPart, Raw
from kreis.models.scoring import Matrix

__all__ = ["OpenedParts"]

_LOG = logging.getLogger("kreis.service")


class OpenedParts:
    """What goes with the answers of one model."""

    def __init__(self, parts: Sequence[AnswerPart], get: Get, features: Sequence[str]) -> None:
        """Open them.

        Args:
            parts: As the package has them.
            get: Gives the bytes of a digest.
            features: The names of the model's features, in order.

        Raises:
            RefusalError: one is not about these features, or what it names is not as it should be.
        """
        self._opened: list[tuple[str, OpenedPart]] = []
        for each in parts:
            try:
                self._opened.append((each.name, each.open(get, features)))
            except (LookupError, ValueError, TypeError) as error:
                where = f"part {each.name} of the answers"
                raise RefusalError(f"it cannot be opened: {error}", where=where) from error

    def with_part(self, name: str, part: OpenedPart) -> OpenedParts:
        """The same with another part in the place of the one of this name."""
        found = copy.copy(self)
        found._opened = [(each, part if each == name else opened) for each, opened in self._opened]
        return found

    def one(self, values: Sequence[float], score: Raw, asked: Asking) -> dict[str, Any]:
        """What goes with one answer, by the parts' names."""
        row, found = np.array(values, dtype=np.float32), {}
        for name, part in self._opened:
            try:
                found[name] = part.one(row, score, asked)
            except Exception:
                _LOG.exception("an answer goes without its %s", name)
                found[name] = None
        return found

    def many(self, matrix: Matrix, scores: Sequence[Raw], asked: Sequence[Asking]) -> list[dict[str, Any]]:
        """What goes with each of n answers.

        Args:
            matrix: The rows' features, shape (n, f).
            scores: Their raw outputs.
            asked: The rows as they were asked about.
        """
        found: list[dict[str, Any]] = [{} for _ in asked]
        for name, part in self._opened:
            try:
                said = part.many(matrix, np.array(scores), asked)
            except Exception:
                _LOG.exception("%d answers go without their %s", len(asked), name)
                said = [None] * len(asked)
            for each, value in zip(found, said, strict=True):
                each[name] = value
        return found
