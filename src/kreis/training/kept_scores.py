"""A model's scores of rows that it has not seen, kept as an artifact: what is fitted after training needs them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from kreis.digests import digest_of
from kreis.errors import ProjectError
from kreis.tasks.decisions import Scores

__all__ = ["KeptScores"]


class KeptScores(msgspec.Struct, frozen=True, omit_defaults=True):
    """Raw outputs as little-endian float32, row by row."""

    sha256: str
    columns: int
    """Numbers of each row; 0 where a raw output is one number."""
    content: bytes | None = None
    """Only in memory: a document names them by their digest."""

    @classmethod
    def of(cls, scores: Scores) -> KeptScores:
        """Scores of n rows, shape (n,) or (n, k)."""
        content = np.ascontiguousarray(scores, dtype="<f4").tobytes()
        return cls(digest_of(content), 0 if scores.ndim == 1 else scores.shape[1], content)

    @property
    def stored(self) -> KeptScores:
        """As a document has it: without the bytes."""
        return KeptScores(self.sha256, self.columns)

    def opened(self, get: Callable[[str], bytes]) -> KeptScores:
        """With the bytes; `get` gives those of a digest."""
        return KeptScores(self.sha256, self.columns, get(self.sha256))

    def array(self) -> Scores:
        """The scores, float32 of shape (n,) or (n, k).

        Raises:
            ProjectError: it is not opened.
        """
        if self.content is None:
            raise ProjectError("its bytes are not there", where=f"scores {self.sha256[:12]}", hint="open it first")
        flat = np.frombuffer(self.content, dtype="<f4")
        return flat.reshape(-1, self.columns) if self.columns else flat
