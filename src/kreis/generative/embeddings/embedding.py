"""What turns texts into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Embedder", "Embedding", "Vectors"]

Vectors: TypeAlias = npt.NDArray[np.float32]
"""Shape (n, d), each row of length 1."""


class Embedder(Protocol):
    """An embedding model, loaded. Safe to share between threads."""

    @property
    def digest(self) -> str:
        """What determines its vectors: of the weights, or of name and revision where they are elsewhere."""
        ...

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""
        ...

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Texts that are searched, shape (n, d).

        Raises:
            ServiceError: an endpoint does not answer.
        """
        ...

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Questions, shape (n, d).

        Raises:
            ServiceError: an endpoint does not answer.
        """
        ...


class Embedding(Protocol):
    """Names an embedding model, as data in a package: a frozen struct with a tag, one of `EmbeddingKind`."""

    def open(self) -> Embedder:
        """Load it.

        Raises:
            MissingLibraryError: its package is not installed.
            ProjectError: there is no such model, or a setting of an endpoint is missing.
        """
        ...

    def parameters(self) -> dict[str, Any]:
        """As plain data."""
        ...
