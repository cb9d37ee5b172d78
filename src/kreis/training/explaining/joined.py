"""Trees that a library numbers one by one, in one list of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kreis.models.explanations.trees import Trees

__all__ = ["joined"]


def joined(sizes: Sequence[int], *, left: Any, right: Any, leaf: Any, column: npt.ArrayLike, **nodes: Any) -> Trees:
    """Trees of so many nodes each, the first of which is the root, from what their nodes say one tree after another.

    Args:
        sizes: Nodes of each tree.
        left: Children, counted within their tree.
        right: Others.
        leaf: Which nodes have none.
        column: What the others ask.
        nodes: The rest of `Trees.of`.
    """
    roots = np.cumsum([0, *sizes[:-1]])
    begin = np.repeat(roots, sizes)
    column = np.where(leaf, -1, column)
    return Trees.of(left=begin + left, right=begin + right, column=column, roots=roots, **nodes)
