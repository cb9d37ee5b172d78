"""A release: which models answer which share of the traffic, and the releases before it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from kreis.governance.pages.page import Grid, Number, Page
from kreis.tasks.metrics.counts import FEW
from kreis.texts import date, number, short

if TYPE_CHECKING:
    from kreis.deployment.canary_plan import CanaryPlan
    from kreis.governance.views.release import ReleaseView, RouteView

__all__ = ["plan_page", "release_page", "routes_grid"]


def release_page(release: ReleaseView) -> Page:
    """The page of a release."""
    fallback = ""
    if release.fallback:
        fallback = f"{release.fallback_candidate} version {release.fallback_version}"
        fallback += f" ({short(release.fallback)}) answers when a live one cannot"
    history = [
        (Number(each.number, str(each.number)), each.kind, each.at, each.actor, each.reason) for each in release.history
    ]
    return Page(
        title=f"Release {release.number} of {release.project} ({release.kind})",
        facts=(
            ("since", f"{date(release.at)} UTC, by {release.actor}"),
            ("because", release.reason),
            *_rests_on(release.detail or {}),
            ("fallback", fallback),
            ("id", release.id),
        ),
        grids=(
            routes_grid("Routes", release.routes),
            Grid("Releases", ("number", "kind", "at (UTC)", "by", "because"), history),
            *((_moves_grid(release),) if release.moves else ()),
        ),
    )


def _moves_grid(release: ReleaseView) -> Grid:
    """At which levels coverage was said, and why."""
    rows = []
    for move in release.moves:
        answers, covered = (sum(each[name] for each in move.days) for name in ("answers", "covered"))
        before, after = move.before["general"], move.levels["general"]
        days = f"{move.days[0]['day']} to {move.days[-1]['day']}"
        share = Number(covered / answers, f"{covered / answers:.1%}")
        own = sum(each["outcomes"] >= FEW for each in move.levels["groups"].values())
        levels = (Number(before, f"{before:.4f}"), Number(after, f"{after:.4f}"), own)
        rows.append((move.at, short(move.model), days, answers, share, *levels))
    columns = ("at (UTC)", "model", "days", "outcomes", "covered", "level before", "level", "groups with their own")
    return Grid("Levels of coverage", columns, rows)


def _rests_on(detail: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What a canary showed, or can show."""
    if "outcomes" in detail:
        low, value, high, margin = (number(detail[each]) for each in ("low", "difference", "high", "margin"))
        yield "evidence", f"{value} ({low} to {high}) {detail['unit']} against the champion, margin {margin}"
        yield (
            "from",
            f"{detail['outcomes']:,} outcomes of {detail['requests']:,} requests: {detail['mature']:,} were old enough,"
            f" {detail['whole']:,} of them held the features of both models",
        )
        yield (
            "error rates",
            f"at most {detail['false_promotion']:.0%} for a promotion, {detail['false_rollback']:.0%} for a rollback",
        )
    if "plan" in detail:
        plan = detail["plan"]
        step, days = plan["steps"][0]
        when = "no number of days shows it" if days is None else f"after about {_days(days)} days"
        yield "plan", f"an equal challenger gets {step:.0%} {when}, at {plan['per_day']:,.0f} requests a day"
        yield from (("warning", each) for each in plan["warnings"])


def plan_page(plan: CanaryPlan) -> Page:
    """What a canary can show, and when."""
    rows = [
        (
            each.challenger,
            each.difference,
            each.shown,
            "never" if each.requests is None else each.requests,
            "" if each.days is None else Number(each.days, _days(each.days)),
        )
        for each in plan.expected
    ]
    steps = ", then ".join(
        f"{share:.0%} " + ("never" if days is None else f"after about {_days(days)} days") for share, days in plan.steps
    )
    return Page(
        title="Canary, planned",
        facts=(
            ("champion", f"{number(plan.champion)} {plan.unit} in its evaluation"),
            ("margin", f"{number(plan.margin)} {plan.unit}"),
            ("traffic", f"{number(plan.per_day)} requests a day, {plan.differing:.1%} of them decided differently"),
            (
                "dependence",
                f"{plan.dependence:.1f} decisions of a day show as much as one independent decision",
            ),
            ("steps", steps),
            *(("warning", each) for each in plan.warnings),
        ),
        grids=(Grid("Challengers", ("challenger", plan.unit, "is shown to be", "by requests", "days"), rows),),
    )


def _days(days: float) -> str:
    return f"{days:,.0f}" if days >= 10 else f"{days:.1f}"


def routes_grid(title: str, routes: Sequence[RouteView]) -> Grid:
    """Routes as a table."""
    rows = [
        (
            Number(each.share, f"{each.share:.0%}"),
            each.mode,
            each.candidate,
            Number(each.version, str(each.version)),
            short(each.model),
        )
        for each in routes
    ]
    return Grid(title, ("share", "mode", "candidate", "version", "model"), rows)
