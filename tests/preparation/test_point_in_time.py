from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import numpy as np
import polars as pl
import pytest

from kreis.errors import ProjectError
from kreis.expressions.tree import Aggregate, Column
from kreis.preparation.point_in_time import join
from kreis.preparation.views import FeatureView

T0 = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def view_of(**changes: object) -> FeatureView:
    declared = {"name": "v", "entity": "who", "table": "t", "event_time": "event", "known_at": "known"}
    features = {"sum": Aggregate("sum", Column("x")), "mean": Aggregate("mean", Column("x"))}
    return FeatureView(**{**declared, "features": features, "windows": ("24h",), **changes})  # type: ignore[arg-type]


def table_of(x: list[float], who: object = "a") -> pl.DataFrame:
    event = [T0 + HOUR * each / 100 for each in range(len(x))]
    return pl.DataFrame({"who": [who] * len(x), "event": event, "known": event, "x": x})


def spine_of(*at: datetime, who: object = "a") -> pl.DataFrame:
    return pl.DataFrame({"who": [who] * len(at), "at": list(at)})


def test_a_sum_is_not_spoilt_by_values_outside_its_window() -> None:
    rng = np.random.default_rng(0)
    x = [*(rng.normal(size=500) * 1e15).tolist(), *rng.normal(size=500).tolist()]
    table = table_of(x)
    at = table["event"][-1]
    result = join(spine_of(at), [(view_of(windows=("5h",)), table)], time="at")
    exact = sum(map(Fraction, x[500:]))
    assert abs(Fraction(result["v__sum_5h"][0]) - exact) <= sum(abs(Fraction(value)) for value in x[500:]) * Fraction(
        1, 2**52
    )


def test_whole_numbers_are_summed_exactly() -> None:
    x = np.random.default_rng(1).integers(-(2**40), 2**40, 1000)
    table = table_of(x.astype(np.float64).tolist())
    at = table["event"].to_list()
    sums = join(spine_of(*at), [(view_of(windows=("1h",)), table)], time="at")["v__sum_1h"]
    assert sums.to_list() == [float(x[max(0, each - 99) : each + 1].sum()) for each in range(1000)]


def test_infinities_are_summed_as_floats_are_and_leave_again() -> None:
    table = table_of([1.0, math.inf, -math.inf, 2.0])
    moments = [T0, T0 + HOUR / 100, T0 + HOUR / 50, T0 + HOUR / 100 * 3 + HOUR - HOUR / 100]
    sums = join(spine_of(*moments), [(view_of(windows=("1h",)), table)], time="at")["v__sum_1h"].to_list()
    assert sums[:2] == [1.0, math.inf]
    assert math.isnan(sums[2])
    assert sums[3] == 2.0


def test_keys_may_be_integers_or_categories() -> None:
    view = view_of()
    assert join(spine_of(T0, who=7), [(view, table_of([3.0], who="7"))], time="at")["v__sum_24h"][0] == 3.0
    categories = table_of([3.0]).with_columns(pl.col("who").cast(pl.Categorical))
    assert join(spine_of(T0), [(view, categories)], time="at")["v__sum_24h"][0] == 3.0


def test_views_of_several_entities_keep_the_order_of_the_spine() -> None:
    spine = pl.DataFrame({"id": [3, 1, 2], "who": ["b", "a", None], "other": ["x", "x", "y"], "at": [T0, T0, T0]})
    others = table_of([5.0], who="x").rename({"who": "other"})
    views = [(view_of(), table_of([3.0])), (view_of(name="o", entity="other"), others)]
    result = join(spine, views, time="at")
    assert result.select(spine.columns).equals(spine)
    assert result["v__sum_24h"].to_list() == [0.0, 3.0, 0.0]
    assert result["o__sum_24h"].to_list() == [5.0, 5.0, 0.0]


def test_two_features_of_one_name_are_refused() -> None:
    with pytest.raises(ProjectError, match="'v__mean_24h' exists already"):
        join(spine_of(T0), [(view_of(), table_of([1.0])), (view_of(), table_of([1.0]))], time="at")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"entity": "whom"}, "unknown column 'whom'\nHint: did you mean 'who'"),
        ({"known_at": "knwon"}, "unknown column 'knwon'\nHint: did you mean 'known'"),
        ({"features": {"sum": Aggregate("sum", Column("y"))}}, "unknown column 'y'"),
        ({"features": {"x": Column("x")}}, "it does not aggregate"),
        ({"windows": (), "ttl": "1h"}, "it aggregates, but the view has no windows"),
        ({"event_time": "x"}, "not a moment with a time zone"),
        ({"entity": "x"}, "an entity's key is a string"),
    ],
)
def test_a_declaration_that_does_not_fit_the_table_is_refused(change: dict[str, object], message: str) -> None:
    spine = spine_of(T0).with_columns(whom=pl.lit("a")) if change.get("entity") == "whom" else spine_of(T0)
    spine = spine.with_columns(x=pl.lit(1)) if change.get("entity") == "x" else spine
    with pytest.raises(ProjectError) as refused:
        join(spine, [(view_of(**change), table_of([1.0]))], time="at")
    assert message in str(refused.value)


def test_a_time_without_zone_is_refused() -> None:
    spine = spine_of(T0).with_columns(pl.col("at").dt.replace_time_zone(None))
    with pytest.raises(ProjectError, match="not a moment with a time zone"):
        join(spine, [], time="at")
