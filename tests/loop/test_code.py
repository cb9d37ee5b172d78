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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("__import__('datetime').timedelta(days=3)", "__import__('datetime').timedelta(days=4)"),
        ("__import__('datetime').date(2025, 1, 1)", "__import__('datetime').datetime(2025, 1, 1)"),
        ("__import__('pathlib').Path('/data/a.csv')", "__import__('pathlib').Path('/data/b.csv')"),
        ("__import__('pathlib').Path(__file__).parent / 'a'", "__import__('pathlib').Path(__file__).parent / 'b'"),
        ("__import__('decimal').Decimal('1.0')", "__import__('decimal').Decimal('1.1')"),
        ("__import__('re').compile('a')", "__import__('re').compile('b')"),
        ("__import__('polars').col('a')", "__import__('polars').col('b')"),
        ("__import__('kreis').TimeSplit(test='30d')", "__import__('kreis').TimeSplit(test='31d')"),
        ("{'a': [1, (2, 3)]}", "{'a': [1, (2, 4)]}"),
        ("{'a', 'b'}", "{'a', 'c'}"),
        ("1", "True"),
    ],
    ids=lambda text: text[:40],
)
def test_sees_another_constant_of_every_kind(tmp_path: Path, one: str, other: str) -> None:
    assert digest(tmp_path, BASE.replace("= 3", f"= {one}")) != digest(tmp_path, BASE.replace("= 3", f"= {other}"))


def test_is_the_same_wherever_the_project_lies(tmp_path: Path) -> None:
    source = BASE.replace("= 3", "= __import__('pathlib').Path(__file__).parent / 'data.csv'")
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    assert digest(tmp_path / "here", source) == digest(tmp_path / "there", source)


def test_follows_a_module_of_the_project_by_attribute(tmp_path: Path) -> None:
    (tmp_path / "beside_code_test.py").write_text("def used(x):\n    return x\n\ndef unused(x):\n    return x\n")
    source = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        sys.modules.pop("beside_code_test", None)
        import beside_code_test
        def table(rows):
            return beside_code_test.used(rows)
    """
    before = digest(tmp_path, source)
    (tmp_path / "beside_code_test.py").write_text(
        "def used(x):\n    return x\n\ndef unused(x):\n    return x + 100000\n"
    )
    assert digest(tmp_path, source) == before
    (tmp_path / "beside_code_test.py").write_text(
        "def used(x):\n    return x + 22222222\n\ndef unused(x):\n    return x\n"
    )
    assert digest(tmp_path, source) != before


def test_is_the_same_in_every_process(tmp_path: Path) -> None:
    source = BASE.replace("LIMIT = 3", "LIMIT = {'b', 'a', 'c'}").replace("x + LIMIT", "x in LIMIT")
    assert len({digest(tmp_path, source) for _ in range(3)}) == 1


def test_stops_at_a_function_that_calls_itself(tmp_path: Path) -> None:
    assert digest(tmp_path, "def table(rows):\n    return table(rows) if rows else 0\n")
