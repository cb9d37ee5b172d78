"""What a verdict warns of is seen where the verdict is seen."""

from __future__ import annotations

from kreis.governance.pages.run import verdict_rows
from kreis.governance.views.run import VerdictView
from kreis.loop.observer import Lines
from kreis.loop.verdicts import Advance, warnings_of

VERDICT = Advance(summary="3 tables", detail={"warnings": ["12 rows have no time"]})


def test_warnings_stand_below_the_line_of_their_verdict():
    said: list[str] = []
    lines = Lines("returns", said.append)
    lines.begin("preparation")
    lines.conclude("preparation", VERDICT)
    assert said[-1] == "  ! 12 rows have no time"
    assert "3 tables" in said[-2]


def test_warnings_stand_on_the_run_s_page():
    view = VerdictView(
        discipline="preparation", kind="advance", reason="3 tables", to=None, detail=dict(VERDICT.detail)
    )
    assert verdict_rows([view])[1] == ("!", "", "12 rows have no time")


def test_a_verdict_without_warnings_has_none():
    assert warnings_of(Advance(summary="done")) == []
