"""Short lists, written as texts: their length and their items are features."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from kreis import list_parts
from kreis.errors import ProjectError
from kreis.expressions.from_polars import from_polars
from kreis.expressions.rows import compile_row
from kreis.preparation.request_features import request_features
from kreis.preparation.view_rules import request_view

LISTS = ["new|express mail", "new", "", "renewed|x", None, "|new|"]


def test_length_and_items_are_the_same_for_a_frame_and_a_request():
    view = request_view("row", fields={"tags": str}, features=list_parts("tags", ["new", "express mail"]))
    batch = request_features(pl.DataFrame({"tags": LISTS}), view)
    assert batch["row__tags_length"].to_list()[:4] == [2, 1, 0, 2]
    assert batch["row__tags_has_new"].to_list()[:4] == [1, 1, 0, 0]
    assert batch["row__tags_has_express_mail"].to_list()[:4] == [1, 0, 0, 0]
    compute = compile_row(view.features, view.fields)
    assert np.array_equal(batch.to_numpy(), [compute({"tags": each}) for each in LISTS], equal_nan=True)
    assert np.isnan(batch.to_numpy()[4]).all()


@pytest.mark.parametrize(
    ("items", "separator", "says"),
    [(["a|b"], "|", "does not tell"), (["a"], "", "does not tell"), (["a b", "a-b"], "|", "two items")],
)
def test_items_that_cannot_be_told_are_refused(items, separator, says):
    with pytest.raises(ProjectError, match=says):
        list_parts("tags", items, separator=separator)


@pytest.mark.parametrize(
    "expression",
    [
        pl.col("tags").list.len(),
        pl.col("tags").str.split("|", inclusive=True).list.len(),
        pl.col("tags").str.split(pl.col("by")).list.len(),
        pl.col("tags").str.split("").list.contains("a"),
        pl.col("tags").str.split("|").list.first(),
    ],
)
def test_other_lists_are_refused(expression):
    with pytest.raises(ProjectError):
        from_polars(expression, where="test")
