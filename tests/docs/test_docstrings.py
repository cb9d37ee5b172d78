"""Docstrings of what users call say what a parameter is and what is raised, and their examples run."""

from __future__ import annotations

import ast
import doctest
import inspect
import textwrap
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import kreis
from kreis.evaluation.examinations.examination import Examination
from kreis.generative.retrieval.search import Search
from kreis.monitoring.monitor import Monitor
from kreis.tasks.goal_metric import GoalMetric
from kreis.training.candidate import Candidate
from kreis.training.splits.split import SplitRule

PROTOCOLS = (Candidate, Examination, GoalMetric, Monitor, Search, SplitRule)
SOURCE = Path(__file__).parents[2] / "src"
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    for path in (SOURCE / "kreis").rglob("*.py")
    if "\n    >>> " in path.read_text(encoding="utf-8")
)


def reached() -> Iterator[tuple[str, Any]]:
    """Every public name of kreis, and the public methods of its classes that kreis defines."""
    for name in kreis.__all__:
        thing = getattr(kreis, name)
        yield name, thing
        if inspect.isclass(thing):
            for base in thing.__mro__:
                if base.__module__.startswith("kreis."):
                    for method, found in vars(base).items():
                        if inspect.isfunction(found) and not method.startswith("_"):
                            yield f"{name}.{method}", found


FUNCTIONS = {
    name: found
    for name, found in reached()
    if inspect.isfunction(found) and not any(hasattr(each, name.rpartition(".")[2]) for each in PROTOCOLS)
}
"""What a protocol asks for is described there."""


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_names_each_parameter_and_what_is_raised(name: str) -> None:
    function = FUNCTIONS[name]
    told = inspect.getdoc(function) or ""
    assert told
    parameters = [each for each in inspect.signature(function).parameters if each not in ("self", "cls")]
    if len(parameters) > 1:
        lacking = [each for each in parameters if f"\n    {each}: " not in told and f"*{each}: " not in told]
        assert not lacking, f"Args: lacks {lacking}"
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    if any(isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) for node in ast.walk(tree)):
        assert "\nRaises:\n" in told or "NotImplementedError" in inspect.getsource(function)


@pytest.mark.parametrize("name", kreis.__all__)
def test_what_a_user_calls_has_an_example(name: str) -> None:
    assert ">>> " in (inspect.getdoc(getattr(kreis, name)) or "")


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_run(module: str) -> None:
    found = doctest.testmod(import_module(module), optionflags=doctest.ELLIPSIS)
    assert found.attempted > 0
    assert found.failed == 0
