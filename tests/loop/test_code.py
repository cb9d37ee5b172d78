"""code_digest: what changes a function's hash, and what does not."""

from __future__ import annotations

import importlib.util
import itertools
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from kreis.loop.code import code_digest

_COUNT = itertools.count()


def load(folder: Path, source: str) -> ModuleType:
    """Write a module under a fresh name and import it."""
    path = folder / f"module_{next(_COUNT)}.py"
    path.write_text(textwrap.dedent(source))
    spec = importlib.util.spec_from_file_location("declared", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def digest(folder: Path, source: str) -> str:
    return code_digest(load(folder, source).table, folder)


BASE = """
    LIMIT = 3
    def helper(x):
        return x + LIMIT
    def table(rows):
        return helper(rows)
"""


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace("return helper(rows)", "return helper( rows )  # the same"),
        BASE.replace("def table(rows):", 'def table(rows):\n        """Now documented."""'),
        BASE + "\n    UNUSED = 7\n",
        BASE.replace("return x + LIMIT", "\n        # a remark\n        return (x\n                + LIMIT)"),
    ],
    ids=["blanks and comment", "docstring", "something unrelated", "line breaks"],
)
def test_ignores_what_changes_no_result(tmp_path: Path, other: str) -> None:
    assert digest(tmp_path, BASE) == digest(tmp_path, other)


@pytest.mark.parametrize(
    "other",
    [
        BASE.replace("x + LIMIT", "x - LIMIT"),
        BASE.replace("LIMIT = 3", "LIMIT = 4"),
        BASE.replace("table(rows)", "table(rows, factor=2)"),
        BASE.replace("LIMIT = 3", "LIMIT = '3'"),
    ],
    ids=["helper", "constant", "default", "type of a constant"],
)
def test_sees_what_changes_a_result(tmp_path: Path, other: str) -> None:
    assert digest(tmp_path, BASE) != digest(tmp_path, other)


def test_follows_a_module_of_the_project_by_attribute(tmp_path: Path) -> None:
    (tmp_path / "beside_code_test.py").write_text("def used(x):\n    return x\n\ndef unused(x):\n    return x\n")
    source = """
        import sys
        sys.path.insert(0, {folder!r})
        sys.modules.pop("beside_code_test", None)
        import beside_code_test
        def table(rows):
            return beside_code_test.used(rows)
    """.format(folder=str(tmp_path))
    before = digest(tmp_path, source)
    (tmp_path / "beside_code_test.py").write_text("def used(x):\n    return x\n\ndef unused(x):\n    return x + 100000\n")
    assert digest(tmp_path, source) == before
    (tmp_path / "beside_code_test.py").write_text("def used(x):\n    return x + 22222222\n\ndef unused(x):\n    return x\n")
    assert digest(tmp_path, source) != before


def test_is_the_same_in_every_process(tmp_path: Path) -> None:
    source = BASE.replace("LIMIT = 3", "LIMIT = {'b', 'a', 'c'}").replace("x + LIMIT", "x in LIMIT")
    assert len({digest(tmp_path, source) for _ in range(3)}) == 1


def test_stops_at_a_function_that_calls_itself(tmp_path: Path) -> None:
    assert digest(tmp_path, "def table(rows):\n    return table(rows) if rows else 0\n")
