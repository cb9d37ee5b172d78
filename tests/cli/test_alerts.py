"""`kreis alerts`: one line for each cause, filters, pages, and acknowledging."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kreis.clock import SimulatedClock
from kreis.identifiers import new_id
from kreis.ledger import alerts
from kreis.ledger.records import Alert
from kreis.workspace import Workspace

START = datetime(2026, 3, 1, tzinfo=UTC)
Raise = Callable[..., Alert]


@pytest.fixture
def raise_alert(shop: Any) -> Iterator[Raise]:
    workspace = Workspace(shop.folder, clock=SimulatedClock(START))

    def raised(day: int, monitor: str, cause: str = "", *, closed: bool = False, **other: Any) -> Alert:
        at = START + timedelta(days=day)
        alert = Alert(
            id=new_id(at),
            project="returns",
            monitor=monitor,
            level="warning",
            summary=f"{monitor} {cause} on day {day}",
            detail=other.get("detail", {}),
            cause=cause,
            at=at,
        )
        with workspace.ledger.record(event="e", subject="s", actor="a", reason="r") as tx:
            alerts.add_alert(tx, alert)
            return alerts.close_alert(tx, alert, "over") if closed else alert

    yield raised
    workspace.ledger.close()


def test_a_cause_has_one_line_however_often_it_was_found(shop: Any, raise_alert: Raise) -> None:
    raise_alert(0, "drift")
    for day in range(1, 30):
        raise_alert(day, "latency", closed=day < 29)
    said = shop.kreis("alerts", "--all")
    assert "2 alerts, open and closed" in said
    assert "(29 times since 2026-03-02) latency on day 29" in said
    assert "drift on day 0" in said
    assert [each["times"] for each in shop.document("alerts")["alerts"]] == [1, 1]


def test_open_monitor_since_and_page_choose(shop: Any, raise_alert: Raise) -> None:
    for day in range(25):
        raise_alert(day, "drift wind", f"cause {day}", closed=day < 2)
    raise_alert(3, "latency")

    def causes(*arguments: str) -> list[str]:
        return [each["cause"] for each in shop.document("alerts", *arguments)["alerts"]]

    assert len(causes("--monitor", "drift", "--page", "2")) == 3
    assert causes("--all", "--monitor", "drift wind", "--page", "2") == [f"cause {day}" for day in (4, 3, 2, 1, 0)]
    assert causes("--since", "2026-03-24") == ["cause 24", "cause 23"]
    assert causes("--monitor", "latency") == [""]
    assert "24 open alerts, page 1 of 2" in shop.kreis("alerts")
    assert "is not a valid time" in shop.kreis("alerts", "--since", "soon", code=2)


def test_acknowledging_says_who_and_why_and_closes_only_events(shop: Any, raise_alert: Raise) -> None:
    lasts = raise_alert(0, "drift")
    event = raise_alert(1, "watch", "a segment was damaged", detail={alerts.HAPPENED: True})
    said = shop.kreis("alerts", "acknowledge", lasts.id, "--because", "a storm")
    assert said.strip() == "ann acknowledged the alert of drift; it is open while its cause lasts."
    assert shop.document("alerts", "acknowledge", event.id, "--because", "restored", actor="bob")["closed_at"]
    (line,) = shop.document("alerts")["alerts"]
    assert (line["acknowledged_by"], line["acknowledged_note"]) == ("ann", "a storm")
    assert "seen by ann" in shop.kreis("alerts")
    assert "by bob" in shop.kreis("show", "alert", event.id)
    assert "was acknowledged by ann: a storm" in shop.kreis("alerts", "acknowledge", lasts.id, "--because", "x", code=2)
    assert "alert.acknowledged" in shop.kreis("audit", "log")


def test_alerts_of_one_look_can_be_told_apart_and_acknowledged(shop: Any, raise_alert: Raise) -> None:
    for monitor in ("drift", "latency"):
        raise_alert(0, monitor)
    names = [line.split()[0] for line in shop.kreis("alerts").splitlines() if line.startswith("019")]
    assert len(set(names)) == 2
    for name in names:
        assert "acknowledged" in shop.kreis("alerts", "acknowledge", name, "--because", "seen")


def test_without_alerts_it_says_so(shop: Any, raise_alert: Raise) -> None:
    assert "0 open alerts" in shop.kreis("alerts")
