"""A model: what it learned from, how it decides, how it did, and who said yes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kreis.governance.pages.candidate import OUTCOMES, parameters_of
from kreis.governance.pages.examined import examined_grids
from kreis.governance.pages.page import Cell, Grid, Page
from kreis.texts import bounds, counted, date, short

if TYPE_CHECKING:
    from kreis.governance.views.model import ManifestView, ModelJudged, ModelView
from kreis.training.mitigations.said import mitigation_said

__all__ = ["model_page"]


def model_page(model: ModelView) -> Page:
    """The page of a model."""
    manifest = model.manifest
    grids = list(_evaluation(model.evaluation, manifest.metric)) if model.evaluation is not None else []
    grids.append(Grid("Features", ("view", "feature"), _features(manifest.features)))
    grids.append(Grid("Learned from", ("table", "version", "fingerprint"), _inputs(manifest.inputs)))
    if model.approvals:
        grids.append(
            Grid(
                "Approvals",
                ("at (UTC)", "who", "as", "why"),
                [(each.at, each.actor, each.role, each.reason) for each in model.approvals],
            )
        )
    return Page(
        title=f"Version {model.version} of {model.project}: {model.candidate} ({manifest.kind})",
        facts=tuple(_facts(model, manifest)),
        grids=grids,
    )


def _facts(model: ModelView, manifest: ManifestView) -> Iterator[tuple[str, str]]:
    training = manifest.training
    yield "digest", model.digest
    yield "serving", model.serving or "no"
    yield "registered", f"{date(model.at)} UTC by run {model.run}"
    if model.evaluation is not None:
        yield "evaluation", f"{short(model.evaluation.digest)}, of run {model.evaluation.run}"
    yield "still missing", "; ".join(model.missing)
    yield "decides", manifest.decides
    if "rows" in training:
        told = training["outcomes"] if "outcomes" in training else f"{training['positives']:,} positive"
        span = f", {str(training['from'])[:10]} to {str(training['until'])[:10]}" if "from" in training else ""
        yield "learned from", f"{counted(training['rows'], 'row')}{span}; {told}"
    yield "parameters", parameters_of(training)
    if (fair := mitigation_said(training)) is not None:
        yield "groups", fair
    if trials := training.get("trials"):
        best = min(trials, key=lambda trial: math.inf if trial["loss"] is None else trial["loss"])
        yield "search", f"{counted(len(trials), 'trial')}; best: {parameters_of(best) or 'as declared'}"
    if "seed" in training:
        yield "seed", str(training["seed"])


def _evaluation(evaluation: ModelJudged, metric: dict[str, Any]) -> Iterator[Grid]:
    names = {"value": str(metric.get("unit", "value"))}
    yield Grid(
        "Evaluation on rows that it had not seen",
        ("metric", "value", "95% interval"),
        [
            (
                names.get(name, name.replace("_", " ")),
                found.value,
                bounds(found.low, found.high),
            )
            for name, found in evaluation.metrics.items()
        ],
    )
    yield Grid("Gates", ("", "finding"), [(OUTCOMES[gate.outcome], gate.says) for gate in evaluation.gates])
    yield from examined_grids(evaluation.examined)


def _features(names: list[str]) -> list[tuple[str, str]]:
    """By view: the names without the view's, on one line."""
    views: dict[str, list[str]] = {}
    for name in names:
        view, _, feature = name.partition("__")
        views.setdefault(view, []).append(feature)
    return [(view, ", ".join(features)) for view, features in views.items()]


def _inputs(inputs: dict[str, str]) -> list[tuple[Cell, ...]]:
    places = {name: place.partition("@") for name, place in inputs.items()}
    return [(name, int(version), short(fingerprint)) for name, (version, _, fingerprint) in places.items()]
