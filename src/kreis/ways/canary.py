"""A canary's next move: on, when the challenger is shown to be no worse; back, when it is shown to be worse or slow.

Until one of them is shown it waits, and says for what.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
import polars as pl

from kreis.deployment.packages import Package
from kreis.deployment.releases import challenger_of, champion_of
from kreis.errors import ProjectError
from kreis.evaluation.paired import FALSE_PROMOTION, FALSE_ROLLBACK, DaySums, Paired
from kreis.evaluation.sequential import MeanTest
from kreis.ledger.models import latest_evaluation
from kreis.ledger.records import Release
from kreis.ledger.releases import list_releases
from kreis.project import Project
from kreis.texts import counted, number
from kreis.ways.paired_traffic import PairedTraffic, ReadPaired
from kreis.workspace import Workspace

__all__ = ["CanaryMove", "margin_of", "move_canary"]

_SLOW = 0.01
"""The share of answers that the service level lets be slower than its 99th percentile."""
_LOOKS = 48
"""Parts of a hold in which latencies are compared."""
_KNOWN = 0.9
"""The share of mature requests whose outcomes must have come in: outcomes that stay away may not be like the others."""


@dataclass(frozen=True, kw_only=True)
class CanaryMove:
    """What a canary led to."""

    kind: Literal["advanced", "promoted", "rolled back", "waits"]
    release: Release
    """The new one, or the current one where it waits."""
    reason: str
    evidence: dict[str, Any] = field(default_factory=dict)
    """As plain data, in the goal's unit; the new release has it on record."""


def move_canary(
    project: Project, workspace: Workspace, release: Release, now: datetime, read: ReadPaired
) -> CanaryMove | None:
    """Move a canary on, or back, or say what it waits for; None where there is none.

    Both models score every logged request since the canary's first step, whoever answered it, so the comparison is
    paired and its evidence is carried over the steps. Only requests older than `Spine.outcome_within` are compared,
    so that outcomes of one kind that come later than those of the other count like them. What is shown stays
    true however often one looks; its error rates are `FALSE_PROMOTION` and, for value and for latency each,
    `FALSE_ROLLBACK`. Latencies are compared part of the hold by part: a stall of the machine slows both,
    and slow answers of one moment are one observation.

    Args:
        project: Whose canary.
        workspace: Where.
        release: The current release.
        now: The present.
        read: Reads the log, as the project's way compares models.

    Raises:
        ProjectError: the margin is a share of what no evaluation says.
    """
    digest = challenger_of(release)
    if digest is None:
        return None
    models = workspace.open_model(champion_of(release)), workspace.open_model(digest)
    first = _first_step(workspace, release)
    seen = read(project, workspace, models, first.at, now)
    metric = project.goal.metric
    before = (first.detail or {}).get("days_before")
    paired = Paired.of(
        seen.differences,
        seen.days,
        most=seen.most,
        margin=margin_of(project, workspace, models[0].digest) / metric.per,
        before=None if before is None else msgspec.convert(before, DaySums),
        overlap=seen.overlap,
        within_day=seen.within_day,
    )
    return _Canary(project, release, first, now, models, seen, paired).move(workspace)


def margin_of(project: Project, workspace: Workspace, champion: str) -> float:
    """By how much a challenger may be worse, in the goal's unit.

    Raises:
        ProjectError: it is a share of what no evaluation says, or more than two models can differ by.
    """
    with workspace.ledger.read() as connection:
        evaluation = latest_evaluation(connection, champion)
    worth = None if evaluation is None else evaluation.metrics.get("value", {}).get("value")
    margin, metric = project.release_declaration.canary.margin_of(worth), project.goal.metric
    if margin >= metric.most_at_stake * metric.per:
        raise ProjectError(
            f"a margin of {number(margin)} {metric.unit} is more than two models can differ by",
            where="Canary.margin",
            hint=f"the most is {number(metric.most_at_stake * metric.per)}",
        )
    return margin


def _first_step(workspace: Workspace, release: Release) -> Release:
    """The release with which a canary began."""
    live = {route.model for route in release.routes if route.mode == "live"}
    first = release
    with workspace.ledger.read() as connection:
        history = list_releases(connection, release.project)
    for each in history:
        if each.number < first.number:
            if each.kind != "canary" or {route.model for route in each.routes if route.mode == "live"} != live:
                break
            first = each
    return first


_BY_AGREEMENT: dict[str, Any] = {"judged_by": "agreement with the champion, and service levels"}


@dataclass(frozen=True)
class _Canary:
    """A canary as it stands."""

    project: Project
    release: Release
    first: Release
    now: datetime
    models: tuple[Package, Package]
    seen: PairedTraffic
    paired: Paired

    def move(self, workspace: Workspace) -> CanaryMove:
        """Do what is due."""
        declared, evidence = self.project.release_declaration, self.evidence()
        record = workspace.releases(self.project.name)
        against = self._slower() or self._worse()
        step = declared.canary.next_step(self._share)
        if against is None and step is not None and self._enough and self.paired.no_worse and self._held:
            reason = (
                f"canary: {self._share:.0%} for {_days(self.now - self.first.at)}; shown to be no worse: {self._said()}"
            )
            approval = declared.approval
            releaser = workspace.releaser(approval)
            made = record.advance_canary(step, actor=releaser, reason=reason, approval=approval, detail=evidence)
            return CanaryMove(
                kind="promoted" if step >= 1.0 else "advanced", release=made, reason=reason, evidence=evidence
            )
        if against is None and self.now >= self._ends:
            against = (
                f"canary: undecided after {declared.canary.at_most}: {self._said()}; {self._missing()}."
                f" To give it another try: kreis rollback --to {self.first.number} --reason …"
            )
        if against is None:
            return CanaryMove(
                kind="waits", release=self.release, reason=f"canary waits: {self._missing()}", evidence=evidence
            )
        back = record.roll_back(actor=workspace.actor, reason=against, detail=evidence)
        return CanaryMove(kind="rolled back", release=back, reason=against, evidence=evidence)

    @property
    def _share(self) -> float:
        return next(route.share for route in self.release.routes if route.model == self.models[1].digest)

    @property
    def _held(self) -> bool:
        return self.now - self.release.at >= self.project.release_declaration.canary.held

    @property
    def _enough(self) -> bool:
        """Whether enough of the mature outcomes are known for the known ones to speak for all."""
        return self.seen.known > 0 and self.seen.known >= _KNOWN * self.seen.whole and not self.seen.unlike

    @property
    def _ends(self) -> datetime:
        return self.first.at + self.project.release_declaration.canary.longest + self.project.horizon

    def _slower(self) -> str | None:
        champion, challenger = (each.digest for each in self.models)
        promised = self.project.goal.service.p99_ms
        held = self.project.release_declaration.canary.held
        part = min(max(held / _LOOKS, timedelta(minutes=1)), timedelta(hours=1))
        rows = self.seen.rows
        slow = rows.group_by("model", part=pl.col("at").dt.truncate(part)).agg(
            share=(pl.col("latency_us") > promised * 1000).mean()
        )
        own, other = (slow.filter(pl.col("model") == each) for each in (challenger, champion))
        both = own.join(other, on="part").sort("part")
        test = MeanTest(low=-1.0, high=1.0, limit=_SLOW, shows="above", alpha=FALSE_ROLLBACK)
        if test.observe((both["share"] - both["share_right"]).to_numpy()).rejected_at is None:
            return None
        p99 = float(rows.filter(pl.col("model") == challenger)["latency_us"].quantile(0.99) or 0.0) / 1000
        late = "it is shown to be late more often than the champion"
        return f"canary: 99% of the challenger's answers took up to {p99:.1f} ms, {promised:g} ms are promised; {late}"

    def _worse(self) -> str | None:
        if not (self._enough and self.paired.worse):
            return None
        return f"canary: shown to be worth less: {self._said()}"

    def _missing(self) -> str:
        """What a canary that neither goes on nor back waits for."""
        seen = self.seen
        outcomes = f"{seen.known:,} {'requests' if seen.by_agreement else 'outcomes'}"
        within = _days(self.project.horizon)
        if not len(seen.rows):
            return f"no request was answered since {self.first.at:%Y-%m-%d %H:%M}"
        if not seen.mature:
            return f"{counted(len(seen.rows), 'request')}, none older than {within}, when outcomes are complete"
        if seen.unlike:
            return seen.unlike
        if not seen.whole:
            return f"none of {seen.mature:,} requests can be compared: they {seen.lacking}"
        if not self._enough:
            return f"of {seen.whole:,} requests older than {within} only {outcomes} have come in"
        partly = (
            "" if seen.whole == seen.mature else f" ({counted(seen.mature - seen.whole, 'request')} {seen.lacking})"
        )
        if self.paired.no_worse:
            until = self.release.at + self.project.release_declaration.canary.held
            return f"shown to be no worse by {outcomes}{partly}; held until {until:%Y-%m-%d %H:%M}"
        return self._missing_outcomes() + partly

    def _missing_outcomes(self) -> str:
        known, needed = self.seen.known, self.paired.needed
        if needed is None or needed <= known:
            return f"undecided after {counted(known, 'outcome')}: {self._said()}"
        elapsed = self.now - self.project.horizon - self.first.at
        ready = self.now + elapsed * ((needed - known) / known)
        late = "" if ready <= self._ends else f", and it ends on {_date(self._ends)}: raise the margin, or its traffic"
        return (
            f"{known:,} of about {counted(needed, 'outcome')}; at the present traffic until about {_date(ready)}{late}"
        )

    def _said(self) -> str:
        """The comparison in a sentence."""
        if not self.seen.known:
            return "no outcome is known"
        if self.seen.by_agreement:
            return self._agreement_said()
        metric, paired = self.project.goal.metric, self.paired
        value, low, high, margin = (
            number(each * metric.per) for each in (paired.difference, *paired.interval(), paired.margin)
        )
        return (
            f"{value} ({low} to {high}) {metric.unit} against the champion, margin {margin},"
            f" from {counted(self.seen.known, 'outcome')} of {counted(paired.days, 'day')}"
        )

    def _agreement_said(self) -> str:
        """How often the two agree, where no outcome says which is right."""
        low, high = self.paired.interval()
        share, least, most = (f"{max(-each, 0.0):.1%}" for each in (self.paired.difference, high, low))
        return (
            f"it decides otherwise than the champion on {share} ({least} to {most}) of {self.seen.known:,} requests of"
            f" {counted(self.paired.days, 'day')}, margin {self.paired.margin:.1%}; there are no outcomes,"
            " so agreement and"
            " service levels are all that is judged"
        )

    def evidence(self) -> dict[str, Any]:
        """As plain data, in the goal's unit."""
        metric, paired = self.project.goal.metric, self.paired
        low, high = paired.interval()
        return {
            "requests": len(self.seen.rows),
            "mature": self.seen.mature,
            "whole": self.seen.whole,
            "outcomes": 0 if self.seen.by_agreement else self.seen.known,
            "days": paired.days,
            "difference": paired.difference * metric.per,
            "low": low * metric.per,
            "high": high * metric.per,
            "margin": paired.margin * metric.per,
            "unit": metric.unit,
            "dependence": paired.dependence,
            "needed": paired.needed,
            **(_BY_AGREEMENT | {"compared": self.seen.known} if self.seen.by_agreement else {}),
            "false_promotion": FALSE_PROMOTION,
            "false_rollback": 2 * FALSE_ROLLBACK,
        }


def _days(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.3g} days"


def _date(moment: datetime) -> str:
    return f"{moment.day} {moment:%B}"
