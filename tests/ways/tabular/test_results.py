"""What steps leave is typed: nobody reads a step's outputs by literal keys."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import kreis

ROOT = Path(kreis.__file__).parent
ABOVE = ("ways", "watching", "governance", "demo", "actions", "cli", "notebook.py")


def modules() -> list[Path]:
    files = [ROOT / part for part in ABOVE if part.endswith(".py")]
    return sorted([*files, *(path for part in ABOVE for path in (ROOT / part).rglob("*.py"))])


def is_outputs(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("outputs", "document")


def literal_reads(tree: ast.AST) -> list[int]:
    """Lines where a literal key of `….outputs` or of a step's `….document` is read."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=value, slice=ast.Constant()) if is_outputs(value):
                found.append(node.lineno)
            case ast.Call(func=ast.Attribute(value=value, attr="get")) if is_outputs(value):
                found.append(node.lineno)
            case ast.Compare(left=ast.Constant(), comparators=[value]) if is_outputs(value):
                found.append(node.lineno)
    return found


def test_reads_no_literal_key_of_what_a_step_left() -> None:
    found = {str(path.relative_to(ROOT)): literal_reads(ast.parse(path.read_text())) for path in modules()}
    assert len(found) > 100
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize("read", ["step.outputs['report']", "step.outputs.get('onnx')", "'came' in made[x].outputs"])
def test_a_literal_key_is_seen(read: str) -> None:
    assert literal_reads(ast.parse(read)) == [1]
