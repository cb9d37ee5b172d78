"""How little a command loads, and how quickly it is there."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPORT = """
import json, sys
from kreis.cli.main import main
sys.argv = ["kreis", *{arguments!r}]
try:
    main()
except SystemExit as ended:
    code = ended.code
print()
print(json.dumps([code, sorted(sys.modules)]))
"""
HEAVY = {
    "alembic",
    "altair",
    "lightgbm",
    "onnx",
    "onnxmltools",
    "onnxruntime",
    "pydantic",
    "optuna",
    "scipy",
    "skl2onnx",
    "sklearn",
}


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which modules are compiled once, as they are in an installation."""
    dropped = {"PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped and not name.startswith("KREIS_")}
    return {**kept, "PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled"))}


def loaded(*arguments: str, folder: Path) -> set[str]:
    """The top-level packages and kreis's own modules that a command has loaded by its end."""
    done = subprocess.run(
        [sys.executable, "-c", REPORT.format(arguments=arguments)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert not code, done.stdout.rpartition("\n[")[0]
    return {each if each.startswith("kreis.") else each.partition(".")[0] for each in modules}


def cpu_seconds(*arguments: str, folder: Path, environment: dict[str, str]) -> float:
    """The least CPU time of a command in three tries: what it needs when nobody disturbs it."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-m", "kreis", *arguments]
        subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    once()
    return min(once() for _ in range(3))


def test_help_loads_nothing_but_typer(tmp_path: Path) -> None:
    found = loaded("--help", folder=tmp_path)
    own = {each for each in found if each.startswith("kreis.")}
    assert {each for each in own if not each.startswith("kreis.cli")} <= {"kreis.errors"}
    assert "kreis.cli.live" not in own
    unwanted = {"polars", "numpy", "sqlalchemy", "rich", "msgspec", "deltalake", "cryptography"}
    assert not found & (unwanted | HEAVY)


def test_status_loads_the_ledger_and_no_tables(released_once: Path) -> None:
    found = loaded("status", folder=released_once)
    assert "kreis.ledger.store" in found
    assert not found & ({"polars", "numpy", "deltalake", "rich", "cryptography", "kreis.project"} | HEAVY)


def test_a_run_that_remembers_everything_loads_no_trainer(released: Any) -> None:
    found = loaded("run", folder=released.folder)
    assert "kreis.actions.run" in found
    assert not found & (HEAVY | {"deltalake", "rich"})


def test_help_is_quick(tmp_path: Path, compiled: dict[str, str]) -> None:
    assert cpu_seconds("--help", folder=tmp_path, environment=compiled) < 0.2


def test_status_is_quick(released_once: Path, compiled: dict[str, str]) -> None:
    assert cpu_seconds("status", folder=released_once, environment=compiled) < 0.6


def test_a_run_that_remembers_everything_is_quick(released: Any, compiled: dict[str, str]) -> None:
    assert cpu_seconds("run", folder=released.folder, environment=compiled) < 1.2
