"""The texts behind categories: for whoever reads what a model knows; it takes their numbers."""

from __future__ import annotations

import polars as pl

from kreis.expressions.to_polars import prepare, to_polars
from kreis.preparation.views import FeatureView, RequestView

__all__ = ["category_texts"]

_MOST = 1_000
"""More are not kept: those that come oftenest are."""


def category_texts(view: FeatureView | RequestView, frame: pl.DataFrame) -> dict[str, list[str]]:
    """The texts of each category of a view, by the feature's full name, sorted.

    Args:
        view: Its categories.
        frame: The rows that it reads: its table's, or the spine's.
    """
    found = {}
    for name, text in view.categories.items():
        column = prepare(frame).select(to_polars(text).alias(name))[name].drop_nulls()
        counted = column.value_counts().sort("count", name, descending=[True, False]).head(_MOST)
        found[name] = sorted(counted[name].to_list())
    return found
