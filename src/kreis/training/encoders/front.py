"""What stands in front of a model's graph: the operations of the encodings, from the features as they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kreis.training.nodes import Nodes

__all__ = ["Front"]


class Front(Nodes):
    """Of the features as they come, which are called "raw"; what they say is called "texts"."""

    def __init__(self, texts: Mapping[int, int]) -> None:
        """`texts`: by the place of a feature, which of the texts it is."""
        super().__init__()
        self.texts = texts

    def node(self, operation: str, *given: str, outputs: int = 1, **options: Any) -> str:
        """Add an operation; its domain is written in each, as in all models so far: they keep their digests."""
        return super().node(operation, *given, outputs=outputs, **{"domain": "", **options})
