"""Whoever lets a model of any kind score hands it the texts, too: a model that reads none does not look at them."""

from __future__ import annotations

import ast
from pathlib import Path

import kreis

SOURCE = Path(kreis.__file__).parent
WHERE = ("ways", "actions", "monitoring", "evaluation", "governance", "notebook.py", "cli")


def without_texts(tree: ast.Module) -> list[int]:
    """The lines on which a scorer is given a matrix alone."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute))
    return [
        each.lineno
        for each in calls
        if isinstance(each.func, ast.Attribute) and each.func.attr == "score" and len(each.args) == 1
    ]


def test_every_score_of_a_package_is_given_texts() -> None:
    paths = [path for name in WHERE for path in [SOURCE / name, *(SOURCE / name).rglob("*.py")] if path.is_file()]
    found = {str(path): lines for path in paths if (lines := without_texts(ast.parse(path.read_text())))}
    assert len(paths) > 100
    assert found == {}


def test_a_matrix_alone_is_found() -> None:
    assert without_texts(ast.parse("scores = package.scorer().score(matrix)")) == [1]
    assert without_texts(ast.parse("scores = package.scorer().score(matrix, texts)")) == []
