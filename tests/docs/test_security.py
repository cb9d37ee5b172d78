"""The threat model is true: the tests that it names exist, each once, and run with the others."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_test_that_the_threat_model_names_exists() -> None:
    named = re.findall(r"`(test_\w+)`", (ROOT / "SECURITY.md").read_text(encoding="utf-8"))
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    defined = set(re.findall(r"^(?:async )?def (test_\w+)\(", source, flags=re.MULTILINE))
    assert len(named) > 20
    assert set(named) <= defined, f"no such test: {sorted(set(named) - defined)}"


def test_the_threat_model_is_one_page() -> None:
    assert len((ROOT / "SECURITY.md").read_text(encoding="utf-8").splitlines()) <= 60


def test_each_file_that_the_map_names_exists() -> None:
    text = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
    paths = [each.partition("::")[0] for each in re.findall(r"`((?:src|tests|docs|examples)/[\w./-]+[\w:]*)`", text)]
    assert len(paths) > 10
    for path in paths:
        assert (ROOT / path).exists(), path
