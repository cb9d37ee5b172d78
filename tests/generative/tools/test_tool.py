"""What becomes of a function that a user declares as a tool."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal

import pytest

import kreis
from kreis.errors import ProjectError, StoreError
from kreis.generative.tools.tokens import key_in
from kreis.generative.tools.tool import Caller, Tool, changes_state
from kreis.generative.tools.wire import address_of


def ship(number: int, caller: Caller, by: Literal["rail", "road"] = "rail", on: date | None = None) -> str:
    """Ship an order."""
    return f"{number} {by} {on} {caller.person}"


def test_a_function_becomes_a_description_without_the_caller() -> None:
    spec = Tool.of(changes_state(ship)).spec
    assert (spec.name, spec.description, spec.changes_state) == ("ship", "Ship an order.", True)
    assert spec.schema["required"] == ["number"]
    assert set(spec.schema["properties"]) == {"number", "by", "on"}
    assert spec.schema["properties"]["by"]["enum"] == ["rail", "road"]
    assert spec.schema["additionalProperties"] is False


def test_arguments_are_read_as_their_types() -> None:
    tool = Tool.of(ship)
    assert tool.run(b'{"number":7,"on":"2026-01-02"}', Caller(person="ann")) == b'"7 rail 2026-01-02 ann"'


def test_a_coroutine_runs() -> None:
    async def wait() -> int:
        """Wait."""
        return 3

    assert Tool.of(wait).run(b"{}", Caller()) == b"3"


def untyped(number) -> None:  # type: ignore[no-untyped-def]
    """Has no types."""


def many(*numbers: int) -> None:
    """Has no names."""


def odd(number: complex) -> None:
    """Has what JSON has not."""


def silent(number: int) -> None:
    pass


@pytest.mark.parametrize(
    ("function", "said"),
    [(untyped, "no type"), (many, "takes"), (odd, "cannot be JSON"), (silent, "no docstring"), (lambda: 1, "a name")],
)
def test_what_cannot_be_a_tool_is_refused_where_it_stands(function: Any, said: str) -> None:
    with pytest.raises(ProjectError, match=said) as caught:
        Tool.of(function)
    assert Path(__file__).name in str(caught.value.where)


def test_a_project_has_each_tool_once(tmp_path: Path) -> None:
    metric = kreis.DecisionValue("EUR per 1,000 orders", true_positive=1.0, false_positive=-1.0)
    project = kreis.Project("shop", goal=kreis.Goal(question="Late?", decision="Call.", metric=metric))
    project.tools(ship)
    assert list(project.declared_tools) == ["ship"]
    with pytest.raises(ProjectError, match="two tools called 'ship'"):
        project.tools(ship)


def test_tools_listen_on_this_machine_alone(tmp_path: Path) -> None:
    assert address_of("unix:a.sock", tmp_path) == tmp_path / "a.sock"
    assert address_of("tcp://127.0.0.1:8091", tmp_path) == ("127.0.0.1", 8091)
    for url in ("tcp://0.0.0.0:8091", "tcp://firm.example:8091", "http://127.0.0.1:1", "unix:", "unix:" + "x" * 200):
        with pytest.raises(ProjectError):
            address_of(url, tmp_path)


def test_a_key_that_others_may_read_is_refused_by_tools(tmp_path: Path) -> None:
    path = tmp_path / ".kreis" / "tools.key"
    key = key_in(path)
    assert (len(key), key_in(path), path.stat().st_mode & 0o777) == (64, key, 0o600)
    path.chmod(0o644)
    with pytest.raises(StoreError, match="others may read"):
        key_in(path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(StoreError, match="too short"):
        key_in(path)
