"""What of a short list is a feature: how long it is, and whether it holds each of some items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kreis.errors import ProjectError

if TYPE_CHECKING:
    import polars as pl

__all__ = ["list_parts"]


def list_parts(
    column: str, items: Sequence[str], *, separator: str = "|", name: str | None = None
) -> dict[str, pl.Expr]:
    """Features of a short list that is written as a text ("new|express"): its length, and for each item whether
    it is there. An empty text is an empty list.

    Args:
        column: The column, or the field of a request.
        items: Those to look for, as a rule the commonest.
        separator: What stands between the items.
        name: With what the features' names begin; the column's, if not given.

    Returns:
        Expressions by name, as `feature_view` and `request_view` take them.

    Raises:
        ProjectError: the separator is empty, or stands in an item; or two items give one name.

    Example:

    >>> from kreis import list_parts
    >>> list(list_parts("tags", ["new", "express mail"]))
    ['tags_length', 'tags_has_new', 'tags_has_express_mail']
    """
    import polars as pl

    text, where = pl.col(column), f"list_parts({column!r})"
    for item in items:
        if not separator or separator in item:
            raise ProjectError(f"the separator {separator!r} does not tell {item!r}", where=where, hint="take another")
    length = pl.when(text == "").then(0).otherwise(text.str.split(separator).list.len())
    features = {f"{name or column}_length": length}
    for item in items:
        feature = f"{name or column}_has_" + "_".join("".join(c if c.isalnum() else " " for c in item).split())
        if feature in features:
            raise ProjectError(f"two items give the feature {feature!r}", where=where, hint="leave one out")
        features[feature] = text.str.split(separator).list.contains(item)
    return features
