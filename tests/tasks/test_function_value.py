"""A metric that the user writes: what is refused when it is declared, and what names it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from kreis import FunctionValue, Goal
from kreis.digests import canonical_json
from kreis.errors import ProjectError

BOUNDS = (-100.0, 0.0)


def distance(outcome: Any, decision: Any) -> Any:
    return -np.abs(outcome - decision)


def declared(function: Any, **other: Any) -> FunctionValue:
    return FunctionValue("EUR", function, **{"bounds": BOUNDS, **other})


def test_a_function_values_rows_whose_outcome_is_known() -> None:
    values = declared(distance).values([1.0, np.nan, 4.0], [3.0, 3.0, 4.0])
    assert values.tolist() == pytest.approx([-2.0, np.nan, 0.0], nan_ok=True)
    assert declared(distance).values([np.nan], [1.0]).tolist() == pytest.approx([np.nan], nan_ok=True)


def test_an_expression_is_a_function_as_well_and_is_kept_as_data() -> None:
    metric = declared(-(pl.col("outcome") - pl.col("decision")).abs())
    assert metric.values([1.0, 4.0], [3.0, 4.0]).tolist() == [-2.0, 0.0]
    document = metric.to_document()
    assert document["expression"]["node"] == "call"
    assert msgspec.json.decode(canonical_json(document)) == document


def if_else(outcome: Any, decision: Any) -> Any:
    return 1.0 if decision > outcome else 0.0


def changing(outcome: Any, decision: Any) -> Any:
    outcome -= decision
    return -np.abs(outcome)


REFUSED: dict[str, tuple[Any, str, str]] = {
    "row by row": (if_else, "raised ValueError", "np.where"),
    "one number for all": (lambda outcome, decision: -np.mean(outcome), "gives the shape", "one number a row"),
    "another shape": (lambda outcome, decision: distance(outcome, decision)[:, None], "gives the shape", "a row"),
    "ranked among others": (
        lambda outcome, decision: distance(outcome, decision) - distance(outcome, decision).mean(),
        "otherwise alone",
        "by itself",
    ),
    "not finite": (lambda outcome, decision: -np.abs(np.log(outcome) - np.log(decision)), "is not finite", "of 0"),
    "texts": (lambda outcome, decision: np.full(len(outcome), "good"), "not numbers", "whole arrays"),
    "by chance": (
        lambda outcome, decision: distance(outcome, decision) + np.random.default_rng().random(len(outcome)),
        "when it is asked again",
        "no random number",
    ),
    "a cost that is positive": (lambda outcome, decision: np.abs(outcome - decision), "on average", "negative"),
    "one argument": (lambda outcome: outcome, "raised TypeError", "outcome, decision"),
    "its arguments changed": (changing, "raised ValueError", "np.where"),
    "an aggregate": (
        -(pl.col("outcome") - pl.col("decision")).abs().mean(),
        "aggregates over rows",
        "by itself",
    ),
    "another column": (pl.col("outcome") - pl.col("decison"), "unknown column", "decision"),
}


@pytest.mark.parametrize(("function", "what", "hint"), REFUSED.values(), ids=REFUSED)
def test_a_function_that_cannot_be_used_is_refused_at_the_users_line(function: Any, what: str, hint: str) -> None:
    with pytest.raises(ProjectError, match=what) as caught:
        declared(function, bounds=(-1000.0, 1000.0))
    assert hint in str(caught.value.hint)
    assert "test_function_value.py:" in str(caught.value.where)


@pytest.mark.parametrize(
    ("other", "what"),
    [
        ({"bounds": None}, "no bounds"),
        ({"bounds": (0.0, -100.0)}, "bounds are"),
        ({"bounds": (-np.inf, 0.0)}, "bounds are"),
        ({"bounds": (-50.0, 0.0)}, "beyond the bounds -50 to 0"),
        ({"tried": (5.0, 5.0)}, "tried is"),
        ({"per": 0}, "per is 0"),
        ({"task": "regresion"}, "unknown task"),
    ],
)
def test_what_it_is_declared_with_is_checked(other: dict[str, Any], what: str) -> None:
    with pytest.raises(ProjectError, match=what):
        declared(distance, **other)


def test_a_value_beyond_the_bounds_is_refused_later_too() -> None:
    with pytest.raises(ProjectError, match="value -400 of outcome 0 and decision 400 is beyond the bounds"):
        declared(distance).values([0.0], [400.0])


def test_of_yes_and_no_it_says_four_numbers() -> None:
    def worth(outcome: Any, decision: Any) -> Any:
        return np.where(decision > 0.5, np.where(outcome > 0.5, 6.0, -1.5), -outcome)

    metric = FunctionValue("EUR", worth, task="binary classification", per=10)
    assert (metric.bounds, metric.most_at_stake) == ((-1.5, 6.0), 7.5)
    four: Any = metric.task.metric
    assert (four.true_positive, four.false_positive, four.true_negative, four.false_negative) == (6, -1.5, 0, -1)
    assert (four.per, four.unit) == (10, "EUR")


def project(folder: Path, factor: str, helper: str = "return -weight * abs(outcome - decision)") -> Any:
    """A metric as a project's files have it."""
    (folder / "worth.py").write_text(f"def cost(outcome, decision, weight):\n    {helper}\n")
    (folder / "project.py").write_text(
        textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(folder)!r})
        sys.modules.pop("worth", None)
        import worth
        from kreis import FunctionValue
        FACTOR = {factor}

        def value(outcome, decision):
            return worth.cost(outcome, decision, FACTOR)

        METRIC = FunctionValue("EUR", value, bounds=(-1000.0, 0.0))
        sys.path.remove({str(folder)!r})
        """)
    )
    spec = spec_from_file_location("written_project", folder / "project.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.METRIC


def digest(metric: FunctionValue) -> str:
    return Goal(question="How many?", decision="Order.", metric=metric).digest


def test_its_code_with_all_that_it_reaches_names_the_goal(tmp_path: Path) -> None:
    folders: list[Path] = [tmp_path / name for name in ("a", "b", "c", "d")]
    for each in folders:
        each.mkdir()
    one, same = project(folders[0], "2.0"), project(folders[1], "2.0  # as agreed")
    constant = project(folders[2], "3.0")
    helper = project(folders[3], "2.0", "return -weight * abs(decision - outcome) - 0.0")
    assert one == same
    assert digest(one) == digest(same)
    assert len({digest(each) for each in (one, constant, helper)}) == 3
    assert set(one.to_document()) == {"kind", "unit", "per", "task", "bounds", "function", "code"}


def test_code_that_cannot_be_followed_is_refused() -> None:
    where: Callable[[Any, Any], Any] = lambda outcome, decision: eval("-abs(outcome - decision)")  # noqa: E731
    with pytest.raises(ProjectError, match="code cannot be followed"):
        declared(where)
