"""The reasons of an answer, from a package alone: the service and `kreis why` tell the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from kreis.deployment.manifest import Manifest
from kreis.deployment.packages import Package
from kreis.errors import ProjectError
from kreis.expressions.scalars import category
from kreis.expressions.tree import Call, Column, columns
from kreis.models.explanations.additive import Link
from kreis.models.explanations.along_path import MOST_FEATURES, AlongPath, typical_row
from kreis.models.explanations.counterfactual import Counterfactual, FeatureChange, counterfactuals
from kreis.models.explanations.explainer import Explainer, Explanation
from kreis.models.explanations.reasons import Explained, Spoken, explained, place_of
from kreis.models.form import Formula
from kreis.models.scoring import Matrix, Scorer, Scores
from kreis.tasks.decisions import Above, Cheapest, Cut, Placed
from kreis.tasks.outcomes import OneOf, SomeOf, YesNo

_NEITHER = "it is no sum of trees or weights, and no plain network"

__all__ = [
    "Instead",
    "check_immutable",
    "explainer_for",
    "explainer_of",
    "instead_of",
    "lacks_reasons",
    "reasons_of",
    "spoken_of",
]


def lacks_reasons(manifest: Manifest) -> str | None:
    """Why a model's answers are not explained; None if they are."""
    if manifest.explanation is not None:
        return None
    if isinstance(manifest.model, Formula):
        return "it is a rule that somebody wrote down: it says itself what it does"
    if manifest.text_fields:
        return f"{_NEITHER}, and reads texts"
    if len(manifest.features) > MOST_FEATURES:
        return f"{_NEITHER}, and has more than {MOST_FEATURES:,} features"
    if not manifest.reference.keys() >= set(manifest.features):
        return f"{_NEITHER}, and nothing is known of the rows that it learned from"
    return None


def explainer_of(package: Package) -> Explainer | AlongPath:
    """What tells the reasons of a package's answers.

    Raises:
        ProjectError: they are not explained.
        RefusalError: what is kept is no sum.
    """
    if (lacks := lacks_reasons(package.manifest)) is not None:
        raise ProjectError(f"its answers are not explained: {lacks}", where=f"model {package.digest[:12]}")
    return explainer_for(package.manifest, package.explanation, lambda: package.scorer(threads=1))


def explainer_for(
    manifest: Manifest, explanation: Explanation | None, scorer: Callable[[], Scorer]
) -> Explainer | AlongPath:
    """What tells the reasons: what is kept of the model; where nothing is, its scores on the way from the typical row.

    Args:
        manifest: Of a model whose answers are explained.
        explanation: What is kept of it.
        scorer: Gives its scorer.

    Raises:
        RefusalError: what is kept is no sum.
    """
    if explanation is not None:
        return explanation.explainer(len(manifest.features))
    form = manifest.outcomes
    link: Link = "sigmoid" if isinstance(form, YesNo | SomeOf) else "softmax" if isinstance(form, OneOf) else "identity"
    base = typical_row(manifest.features, manifest.reference, manifest.categories)
    categories = np.array([name in manifest.categories for name in manifest.features])
    return AlongPath(scorer(), base, categories, link)


def spoken_of(manifest: Manifest) -> Spoken:
    """What its features are called, and how their values are said."""
    fields: dict[str, str] = {}
    for view in manifest.request_views:
        for name, expression in view.features.items():
            if isinstance(expression, Call) and expression.operation == "category":
                (inner,) = expression.arguments
                fields |= {f"{view.name}__{name}": inner.name} if isinstance(inner, Column) else {}
    return Spoken(manifest.features, manifest.categories, manifest.text_fields, fields)


def reasons_of(
    manifest: Manifest,
    explainer: Explainer | AlongPath,
    row: Sequence[float | None],
    fields: Mapping[str, Any],
    *,
    score: float | Sequence[float] | None = None,
    decision: bool | float | None = None,
    most: int | None = None,
) -> list[Explained]:
    """The reasons of one row: of the number that was decided by; of all numbers where nothing was decided.

    Args:
        manifest: The model's.
        explainer: Its.
        row: Its features, in order.
        fields: What the request brought.
        score: The raw output that was answered, all numbers of it.
        decision: What was decided.
        most: How many features are shown; all, if not given.
    """
    names = manifest.decision.names
    scores = None if score is None else [score] if isinstance(score, int | float) else list(score)
    places: Sequence[int] = range(len(names)) if names else (0,)
    if names and scores is not None and decision is not None:
        places = (place_of(names, manifest.outcomes.shown(decision), scores),)
    spoken = spoken_of(manifest)
    return explained(explainer, spoken, row, fields, names=names, places=places, most=most)


def check_immutable(manifest: Manifest, names: Sequence[str]) -> None:
    """Check that what is to stay is a feature of a model, by its full name or without its view's, or a field.

    Raises:
        ProjectError: one is neither: it would be ignored.
    """
    known = {*manifest.features, *(name.partition("__")[2] for name in manifest.features)}
    known |= {field for view in manifest.request_views for field in view.fields}
    for name in names:
        if name not in known:
            raise ProjectError.unknown_name("feature or field", name, known, where="immutable")


class Instead(msgspec.Struct, frozen=True, omit_defaults=True):
    """What would have led to another decision."""

    found: list[Counterfactual]
    lacks: str = ""
    """Why there is none."""


def instead_of(
    manifest: Manifest,
    score: Callable[[Matrix], Scores],
    row: Sequence[float | None],
    fields: Mapping[str, Any],
    *,
    fixed: Sequence[str] = (),
    count: int = 3,
) -> Instead:
    """The smallest changes of one row that lead to another decision.

    Args:
        manifest: The model's.
        score: Of rows, as the model takes them: with texts they stay as they are.
        row: The row's features, in order.
        fields: What the request brought.
        fixed: Features, or fields of the request, that stay as they are.
        count: At most so many.
    """
    decision, spoken = manifest.decision, spoken_of(manifest)
    if not isinstance(decision, Cut | Cheapest | Above | Placed) or decision.within is not None:
        return Instead([], "its decision is a number, which no change flips")
    named = frozenset(fixed)
    stays = {name for name in manifest.features if _names(name, manifest, named)} | set(manifest.text_fields)
    matrix = spoken.matrix(row)
    found = counterfactuals(
        matrix[0],
        score,
        decision.many,
        features=manifest.features,
        seen=manifest.reference,
        categories={name: [category(each) for each in texts] for name, texts in manifest.categories.items()},
        fixed=sorted(stays),
        count=count,
    )
    before = spoken.values(row, fields)
    return Instead(
        [
            Counterfactual(
                changes=_changes(spoken, before, changed, values),
                score=said.tolist(),
                decision=manifest.outcomes.shown(decision.many(np.array([said]))[0].item()),
                distance=distance,
            )
            for changed, said, values, distance in found
        ],
        "" if found else _NONE,
    )


_NONE = "no change of up to four features within what the training rows held leads to another decision"


def _changes(
    spoken: Spoken, before: Sequence[float | str | None], row: Matrix, changed: Mapping[str, float]
) -> list[FeatureChange]:
    """What is different in a row, as its user would write it."""
    after = spoken.values([float(str(each)) for each in row], {})  # the shortest number that is this float32
    told = zip(spoken.features, before, after, strict=True)
    return [FeatureChange(name, was, instead) for name, was, instead in told if name in changed and instead is not None]


def _names(feature: str, manifest: Manifest, fixed: frozenset[str]) -> bool:
    """Whether a feature, or a column that it is made of, is among those that stay."""
    if feature in fixed or feature.partition("__")[2] in fixed:
        return True
    for view in manifest.request_views:
        expression = view.features.get(feature.removeprefix(f"{view.name}__"))
        if feature.startswith(f"{view.name}__") and expression is not None and columns(expression) & fixed:
            return True
    return False
