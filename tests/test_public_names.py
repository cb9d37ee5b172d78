"""What nobody calls is not there: each public name of the source is used in it, or stands here with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import kreis

SOURCE = Path(kreis.__file__).parent
CALLED_FROM_OUTSIDE = {
    "MonitorBehaviour": "the suite that the author of a monitor runs",
    "a_day_of_answers": "the days that the author of a monitor of answers shows it",
    "Judgement.answer_with": "called in a project's file",
    "OpenProject.training_frame": "called in a notebook",
    "Budgets.set_aside_still": "called in a notebook",
    "route_table": "called in a notebook",
    "Views.allow_perfect_feature": "called in a project's file",
    "Views.overrule_leak": "called in a project's file",
    "Series.drift_line": "used in a project's file",
    "Series.seasonal_naive": "used in a project's file",
    "Answering.forward": "called by PyTorch",
    "Found.of_names": "called in a notebook, with rankings that come from elsewhere",
    "Risk.limited": "called in a project's file",
    "Risk.minimal": "called in a project's file",
    "ChunkerKind": "reads a chunker back from the parameters that an index or a record holds",
    "CHECKS": "the suites that the authors of a candidate and of a task run",
    "CLASSES": "the suite that the author of a candidate for classes runs",
    "YES_NO": "the suite that the author of a candidate for yes and no runs",
}
FRAMEWORKS = ("cli/commands", "ledger/migrations")
"""Typer and Alembic call what stands here."""


def public(body: list[ast.stmt]) -> Iterator[str]:
    """The public functions, classes, methods and constants that a module defines."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
            if isinstance(node, ast.ClassDef):
                inner = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
                yield from (f"{node.name}.{each.name}" for each in inner if not each.name.startswith(("_", "test_")))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (each.id for each in targets if isinstance(each, ast.Name))


def used(tree: ast.Module) -> Iterator[str]:
    """The names that a module reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.name


def test_each_public_name_has_a_caller() -> None:
    found, defined = set(kreis.__all__), set()
    for path in SOURCE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        found.update(used(tree))
        if not str(path.relative_to(SOURCE)).startswith(FRAMEWORKS):
            defined.update(name for name in public(tree.body) if not name.startswith("_"))
    called = {name for name in defined if name.rpartition(".")[2] in found}
    assert defined - called == CALLED_FROM_OUTSIDE.keys() & defined - called, "nobody calls these"
    assert not CALLED_FROM_OUTSIDE.keys() & called, "these need no reason any more"
    assert CALLED_FROM_OUTSIDE.keys() <= defined, "these are gone"
