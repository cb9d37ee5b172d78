"""Several rankings as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from kreis.generative.index.index import Hit

__all__ = ["joined"]

_CONSTANT: Final = 60
"""k of reciprocal rank fusion, as in its paper."""


def joined(rankings: Iterable[tuple[float, Sequence[Hit]]], *, top: int) -> list[Hit]:
    """The best hits by weighted reciprocal rank (Cormack et al. 2009); `score` is 1 where one is the first everywhere.

    Args:
        rankings: Each with its weight, best first; the weights sum to 1. A hit is taken from the first that has it.
        top: How many.
    """
    scores: dict[int, float] = {}
    hits: dict[int, Hit] = {}
    for weight, ranked in rankings:
        for rank, hit in enumerate(ranked):
            scores[hit.chunk] = scores.get(hit.chunk, 0.0) + weight * (_CONSTANT + 1) / (_CONSTANT + 1 + rank)
            hits.setdefault(hit.chunk, hit)
    best = sorted((chunk for chunk in scores if scores[chunk] > 0), key=lambda chunk: (-scores[chunk], chunk))
    return [msgspec.structs.replace(hits[chunk], score=scores[chunk]) for chunk in best[:top]]
