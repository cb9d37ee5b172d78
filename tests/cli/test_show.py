"""kreis show without a kind lists the kinds that there are."""

from __future__ import annotations

import pytest

from kreis.cli.commands.show import show
from kreis.governance.views.kinds import SHOW


def test_the_kinds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    show(kind="")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines] == list(SHOW)
    assert all(line.startswith("kreis show ") for line in lines)
