"""kreis watch says that it waits."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from kreis.cli.commands.watch import watch
from kreis.watching.watcher import Look


@pytest.mark.parametrize("once", [False, True])
def test_it_says_when_it_looks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], once: bool
) -> None:
    (tmp_path / "kreis.toml").write_text("")
    monkeypatch.chdir(tmp_path)
    looks = [Look(at=datetime(2026, 1, day, tzinfo=UTC)) for day in ((1,) if once else (1, 2))]
    monkeypatch.setattr("kreis.watching.watcher.keep_watching", lambda *_, **__: iter(looks))
    with pytest.raises(typer.Exit):
        watch(once=once, every="5m", collect=False, json=False)
    said = capsys.readouterr()
    assert said.out.count("predictions moved") == len(looks)
    assert said.err == "" if once else said.err.count("looking again in 5m; stop it with Ctrl-C") == 2
