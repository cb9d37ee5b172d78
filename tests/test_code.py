"""code_of: what changes a function's hash, what does not, and what cannot be told."""
# ruff: noqa: E501

from __future__ import annotations

import importlib
import importlib.util
import itertools
import linecache
import os
import sys
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from kreis.code import code_of
from kreis.digests import digest_of

_COUNT = itertools.count()


def load(folder: Path, source: str) -> ModuleType:
    """Write a module under a fresh name and import it."""
    path = folder / f"module_{next(_COUNT)}.py"
    path.write_text(textwrap.dedent(source))
    spec = importlib.util.spec_from_file_location("declared", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["declared"] = module
    spec.loader.exec_module(module)
    return module


def digest(folder: Path, source: str) -> str:
    return code_of(load(folder, source).table, folder).digest


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


def ways() -> dict[str, tuple[str, str, str]]:
    """Ways by which a step reaches a 1, of which each must see that it became a 2."""
    return {
        "base class": ("class A:\n    def f(self): return 1\nclass B(A): pass", "B().f()", ""),
        "helper of a method": ("def h(): return 1\nclass A:\n    def f(self): return h()", "A().f()", ""),
        "helper of a base's method": ("def h(): return 1\nclass A:\n    def f(self): return h()\nclass B(A): pass", "B().f()", ""),
        "static method": ("def h(): return 1\nclass A:\n    @staticmethod\n    def f(): return h()", "A.f()", ""),
        "class method": ("def h(): return 1\nclass A:\n    @classmethod\n    def f(cls): return h()", "A.f()", ""),
        "property": ("def h(): return 1\nclass A:\n    @property\n    def f(self): return h()", "A().f", ""),
        "cached property": ("import functools\ndef h(): return 1\nclass A:\n    @functools.cached_property\n    def f(self): return h()", "A().f", ""),
        "class attribute": ("LIMIT = 1\nclass A:\n    limit = LIMIT", "A.limit", ""),
        "instance": ("class A:\n    def __init__(self, x): self.x = x\na = A(1)", "a.x", ""),
        "instance in slots": ("class A:\n    __slots__ = ('x',)\n    def __init__(self, x): self.x = x\na = A(1)", "a.x", ""),
        "instance in one slot": ("class A:\n    __slots__ = 'size'\n    def __init__(self, x): self.size = x\na = A(1)", "a.size", ""),
        "dataclass": ("from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\na = A(1)", "a.x", ""),
        "struct": ("import msgspec\nclass A(msgspec.Struct):\n    x: int\na = A(1)", "a.x", ""),
        "named tuple": ("from typing import NamedTuple\nclass A(NamedTuple):\n    x: int\na = A(1)", "a.x", ""),
        "enumeration of a constant": ("from enum import Enum\nLIMIT = 1\nclass A(Enum):\n    X = LIMIT", "A.X.value", ""),
        "enumeration": ("from enum import Enum\nclass A(Enum):\n    X = 1", "A.X.value", ""),
        "partial": ("import functools\ndef h(x): return x\np = functools.partial(h, 1)", "p()", ""),
        "helper in a partial": ("import functools\ndef h(x): return 1\np = functools.partial(h, 0)", "p()", ""),
        "dict of functions": ("def h(): return 1\nFS = {'h': h}", "FS['h']()", ""),
        "list of lambdas": ("FS = [\n    lambda: (\n        1\n    ),\n]", "FS[0]()", ""),
        "another lambda of a line": ("FS = [lambda: 5, lambda: 7, lambda: 9]\nf = FS[1]", "f()", ""),
        "another lambda of a line, inside": ("FS = [lambda: (lambda: 5), lambda: (lambda: 7), lambda: (lambda: 9)]\nf = FS[1]", "f()()", ""),
        "two lambdas on a line": ("FS = [lambda: 0, lambda: 1]", "FS[1]()", ""),
        "tuple of objects": ("class A:\n    def f(self): return 1\nFS = (A(),)", "FS[0].f()", ""),
        "decorator": ("def d(f):\n    return lambda: f() + 1\n@d\ndef h(): return 0", "h()", ""),
        "decorator that keeps the name": ("import functools\ndef d(f):\n    @functools.wraps(f)\n    def w(): return f() + 1\n    return w\n@d\ndef h(): return 0", "h()", ""),
        "decorated": ("import functools\ndef d(f):\n    @functools.wraps(f)\n    def w(): return f()\n    return w\n@d\ndef h(): return 1", "h()", ""),
        "argument of a decorator": ("def d(n):\n    return lambda f: lambda: n\n@d(1)\ndef h(): return 0", "h()", ""),
        "cached": ("import functools\n@functools.lru_cache\ndef h(): return 1", "h()", ""),
        "dispatched by type": ("import functools\n@functools.singledispatch\ndef h(x): return 0\n@h.register\ndef _(x: int): return 1", "h(3)", ""),
        "attribute of a function": ("def h(): return h.x\nh.x = 1", "h()", ""),
        "default by keyword that is a function": ("def h(): return 1\ndef g(*, f=h): return f()", "g()", ""),
        "default that is a constant": ("LIMIT = 1\ndef g(x=LIMIT): return x", "g()", ""),
        "default by keyword that is a constant": ("LIMIT = 1\ndef g(*, x=LIMIT): return x", "g()", ""),
        "default that is a function": ("def h(): return 1\ndef g(f=h): return f()", "g()", ""),
        "bound method": ("class A:\n    def f(self): return 1\nf = A().f", "f()", ""),
        "method of a value": ("get = {'x': 1}.get", "get('x')", ""),
        "array": ("import numpy\nA = numpy.array([[1.0]])", "A", ""),
        "number of NumPy": ("import numpy\nA = numpy.float32(1)", "A", ""),
        "type of NumPy": ("import numpy\nA = numpy.dtype('i1')", "A", ""),
        "frame": ("import polars\nA = polars.DataFrame({'a': [1]})", "A", ""),
        "series": ("import polars\nA = polars.Series([1])", "A", ""),
        "type of Polars": ("import polars\nA = polars.Decimal(1)", "A", ""),
        "schema": ("import polars\nA = polars.Schema({'c1': polars.Int8})", "A", ""),
        "estimator": ("from sklearn.linear_model import Ridge\nA = Ridge(1)", "A", ""),
        "helper in an estimator": ("from sklearn.preprocessing import FunctionTransformer\ndef h(x): return 1\nA = FunctionTransformer(h)", "A", ""),
        "zone": ("import zoneinfo\nA = zoneinfo.ZoneInfo('Etc/GMT+1')", "A", ""),
        "type alias": ("from typing import Literal\nA = Literal[1]", "A", ""),
        "metaclass": ("class M(type):\n    def f(cls): return 1\nclass A(metaclass=M): pass", "A.f()", ""),
        "import in the body": ("", "f()", "def f(): return 1"),
        "helper of an import in the body": ("", "f()", "def h(): return 1\ndef f(): return h()"),
    }  # fmt: skip


@pytest.mark.parametrize("way", ways())
def test_sees_what_is_reached_in_any_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    before, use, beside = ways()[way]
    monkeypatch.syspath_prepend(tmp_path)

    def reached(number: str) -> str:
        sys.modules.pop("beside_code", None)
        (tmp_path / "beside_code.py").write_text(beside.replace("1", number))
        first = "from beside_code import f\n    " if beside else ""
        source = f"{before.replace('1', number)}\ndef table(rows):\n    {first}return {use}\n"
        found = code_of(load(tmp_path, source).table, tmp_path)
        assert not found.unknown
        return found.digest

    assert reached("1") == reached("1")
    linecache.clearcache()  # both sizes and times of the files beside are the same
    assert reached("1") != reached("2")


def layouts() -> dict[str, tuple[dict[str, str], str]]:
    """Files of a project, one of which holds a 1, and a step that reaches it."""
    f, inner = "def f():\n    return 1\n", "return space_code.inner.f()"
    steps = "def steps(rows):\n    from .helper import f\n    return f()\n"
    return {
        "package without a file": ({"space_code/inner.py": f}, f"import space_code.inner\ndef table(rows):\n    {inner}\n"),
        "package without a file, in the body": ({"space_code/inner.py": f}, f"def table(rows):\n    import space_code.inner\n    {inner}\n"),
        "module from a package, in the body": ({"space_code/inner.py": f}, "def table(rows):\n    from space_code import inner\n    return inner.f()\n"),
        "module in the body": ({"plain_code.py": f}, "def table(rows):\n    import plain_code\n    return plain_code.f()\n"),
        "one name in two modules": ({"plain_code.py": f.replace("1", "0"), "twin_code.py": f}, "import plain_code, twin_code\ndef table(rows):\n    return plain_code.f() + twin_code.f()\n"),
        "relative import": ({"pack_code/__init__.py": "", "pack_code/steps.py": steps, "pack_code/helper.py": f}, "from pack_code.steps import steps\ndef table(rows):\n    return steps(rows)\n"),
    }  # fmt: skip


@pytest.mark.parametrize("layout", layouts())
def test_sees_what_lies_in_another_file_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str
) -> None:
    files, source = layouts()[layout]
    monkeypatch.syspath_prepend(tmp_path)

    def reached(number: str) -> str:
        for name in [each for each in sys.modules if each.partition(".")[0].endswith("_code")]:
            del sys.modules[name]
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text.replace("1", number))
        importlib.invalidate_caches()
        linecache.clearcache()
        found = code_of(load(tmp_path, source).table, tmp_path)
        assert not found.unknown
        return found.digest

    assert reached("1") == reached("1")
    assert reached("1") != reached("22")


def test_says_which_import_fails(tmp_path: Path) -> None:
    found = code_of(load(tmp_path, "def table(rows):\n    import declared.nothing\n").table, tmp_path)
    assert [each.partition(",")[0] for each in found.unknown] == ["declared.table imports declared.nothing"]


@pytest.mark.parametrize(
    ("constant", "use", "told"),
    [
        ("A = __import__('threading').Lock()", "A", "declared.A is of _thread.lock"),
        ("A = __import__('polars').col('a').map_elements(lambda x: 1)", "A", "calls a Python function"),
        ("A = __import__('polars').LazyFrame({'a': [1]})", "A", "LazyFrame"),
        ("", "eval('1')", "table calls eval()"),
        ("import importlib", "importlib.import_module(rows)", "table calls import_module()"),
        ("class A: pass\na = A()\na.lock = __import__('threading').Lock()", "a", "_thread.lock"),
    ],
)
def test_says_what_it_cannot_follow(tmp_path: Path, constant: str, use: str, told: str) -> None:
    found = code_of(load(tmp_path, f"{constant}\ndef table(rows):\n    return {use}\n").table, tmp_path)
    assert any(told in each for each in found.unknown), found.unknown


def test_follows_all_names_of_a_module_that_are_reached_by_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    source = "import beside_code\ndef table(rows):\n    return getattr(beside_code, rows)()\n"
    digests = []
    for number in "123":
        sys.modules.pop("beside_code", None)
        linecache.clearcache()
        (tmp_path / "beside_code.py").write_text(f"def f():\n    return {number}\n")
        digests.append(digest(tmp_path, source))
    assert len(set(digests)) == 3


def test_names_the_files_that_constants_are_paths_of(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text("1")
    source = (
        "from pathlib import Path\nRATES = Path(__file__).parent / 'rates.csv'\ndef table(rows):\n    return RATES\n"
    )
    module = load(tmp_path, source)
    before = code_of(module.table, tmp_path)
    (tmp_path / "rates.csv").write_text("22")
    after = code_of(module.table, tmp_path)
    assert before.digest == after.digest
    assert before.files.keys() == after.files.keys() == {"rates.csv"}
    assert before.files != after.files


@pytest.mark.parametrize(("text", "later"), [("22", 0), ("2", 1)], ids=["another size", "another time"])
def test_reads_a_file_again_when_its_size_or_its_time_is_another(tmp_path: Path, text: str, later: int) -> None:
    path = tmp_path / "rates.csv"
    path.write_text("1")
    source = (
        "from pathlib import Path\nRATES = Path(__file__).parent / 'rates.csv'\ndef table(rows):\n    return RATES\n"
    )
    module, digests = load(tmp_path, source), []
    for content, ns in (("1", 0), (text, later)):
        path.write_text(content)
        os.utime(path, ns=(10**18 + ns, 10**18 + ns))
        digests.append(code_of(module.table, tmp_path).files["rates.csv"])
    assert digests == [digest_of(b"1"), digest_of(text.encode())]
