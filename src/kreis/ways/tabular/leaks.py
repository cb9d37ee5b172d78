"""Leaks: looked for once before anything learns; what is found is refused, unless a person overrules it by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import msgspec
import numpy as np
import polars as pl

from kreis.arrays import Codes
from kreis.errors import ProjectError
from kreis.loop.steps import StepResult
from kreis.loop.verdicts import SendBack
from kreis.preparation.spine import teaches
from kreis.training.leaks.again import TWINS
from kreis.training.leaks.kinds import LEAKS as KINDS
from kreis.training.leaks.kinds import find_leaks
from kreis.training.leaks.leak import Leak, Searched
from kreis.training.leaks.telling import TellsAlone
from kreis.ways.results import LEAKS, LeaksFound
from kreis.ways.tabular.rows import inputs_of, named_task, read_rows, read_spine, spine_of, split_rows
from kreis.ways.tabular.state import TabularState

__all__ = ["Leaks", "look_for_leaks"]

_FEWEST, _MOST_SHARE = 30, 0.67
_SHOWN = 3
_MAKE_SURE = "make sure that it is known at the moment of the decision, and not written down after it"


@dataclass(frozen=True)
class Leaks:
    """What a run found, and what the project says of it."""

    step: StepResult[LeaksFound]
    reasons: Mapping[str, str]
    """Columns of which a person says that they are none, and why."""
    planning: bool = False
    """Whether nothing is looked for: it is only said what would be."""

    @cached_property
    def found(self) -> list[Leak]:
        """All of them."""
        return [] if self.planning else self.step.output.leaks

    @property
    def overruled(self) -> dict[str, str]:
        """What was found and is let stand, with the reason."""
        return {each.column: self.reasons[each.column] for each in self.found if each.column in self.reasons}

    def refusal(self) -> SendBack | None:
        """Why the work goes back; None where it goes on."""
        refused = [each for each in self.found if each.refused and each.column not in self.reasons]
        if not refused:
            return None
        said = [f"{each.said}: {each.instead}" for each in refused[:_SHOWN]]
        more = f" (and {len(refused) - _SHOWN} more)" if len(refused) > _SHOWN else ""
        reason = (
            "; ".join(said) + f'{more}. If it is no leak: project.overrule_leak("{refused[0].column}", because="…")'
        )
        detail = {"leaks": [msgspec.to_builtins(each) for each in refused], "warnings": self.warnings}
        return SendBack(to="preparation", reason=reason, detail=detail)

    @property
    def warnings(self) -> list[str]:
        """What is overruled, what may be a leak (but for strong features, which preparation names), and what is
        overruled in vain.
        """
        if self.planning:
            return []
        held = {each.column: each for each in self.found}
        told = [f"overruled: {held[column].said}; because: {why}" for column, why in self.overruled.items()]
        told += [
            f"{each.said}: {each.instead if each.column == TWINS else _MAKE_SURE}"
            for each in self.found
            if not each.refused and each.kind != TellsAlone.name and each.column not in self.reasons
        ]
        told += [
            f"nothing is held against {column!r}: project.overrule_leak is not needed"
            for column in self.reasons
            if column not in held
        ]
        return told


def look_for_leaks(state: TabularState) -> Leaks:
    """Look for leaks in all that the candidates learn from, once."""
    project, spine = state.project, spine_of(state)
    used = set().union(*(each.uses(project.feature_names) for each in project.candidates.values()))
    features = [name for name in project.feature_names if name in used]

    def compute(key: str) -> LeaksFound:
        rows = read_rows(state, features)
        try:
            split = split_rows(state, rows)
        except ProjectError:
            return LeaksFound()  # training says it, in its own words
        task, rule = project.goal.task, project.split_declaration
        if not task.needs_outcomes or rows.outcomes.ndim > 1:
            return LeaksFound()
        names, entities = _entities(state, features)
        searched = Searched(
            data=rows,
            split=split,
            task=task,
            ids=names,
            entities=entities,
            at_random=rule.blocks_are == "rows",
            timeless=spine.timeless,
        )
        return LeaksFound(leaks=find_leaks(searched))

    step = state.memory.step(
        "preparation",
        LEAKS,
        parameters={
            "features": features,
            "kinds": [each.name for each in KINDS],
            "split": project.split_declaration.parameters(),
            "outcome_within": spine.outcome_within,
            "as_of": state.moment,
            **named_task(state),
        },
        inputs=inputs_of(state, features),
        result=LeaksFound,
        compute=compute,
    )
    return Leaks(step, project.overruled_leaks, planning=state.memory.planning)


def _entities(state: TabularState, features: list[str]) -> tuple[np.ndarray, dict[str, Codes]]:
    """The rows' names; and the columns that name something with several rows and are read by no feature."""
    project, spine = state.project, spine_of(state)
    frame = read_spine(state).filter(teaches(spine, project.goal.task, state.as_of))
    read = {
        name
        for view in project.request_views.values()
        for name in view.fields
        if set(view.feature_names) & set(features)
    }
    left = {spine.id, spine.time, spine.outcome, spine.outcome_known_at, spine.weight, *read}
    found: dict[str, Codes] = {}
    for name in frame.columns:
        column = frame[name]
        if name in left or not (column.dtype == pl.String or name in spine.keys):
            continue
        if _FEWEST <= column.n_unique() <= _MOST_SHARE * len(column):
            codes = column.cast(pl.String).rank("dense").cast(pl.Int64).fill_null(0).to_numpy() - 1
            found[name] = codes.astype(np.int64)
    return frame[spine.id].cast(pl.String).fill_null("").to_numpy().astype(np.object_), found
