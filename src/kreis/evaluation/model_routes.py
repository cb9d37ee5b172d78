"""Which language model answers which kind of question: the cheapest that is shown to be as good as any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.evaluation.sequential import mean_interval
from kreis.generative.language_models.routed import Route

__all__ = ["Measured", "RouteTable", "route_table"]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a model made of questions of one kind."""

    kind: str
    model: str
    quality: Floats
    """Of each question's answer, 0 to 1, shape (n,): the same questions in the same order for all models of a kind."""
    money: Floats
    """What each answer cost, shape (n,)."""


@dataclass(frozen=True)
class RouteTable:
    """What `Routed` takes."""

    routes: tuple[Route, ...]
    otherwise: str
    """The best of all questions together, for kinds that were not measured."""


def route_table(measured: Sequence[Measured], *, margin: float, alpha: float = 0.05) -> RouteTable:
    """Choose a model for each kind of question.

    A model is good enough where it is shown to be worse by `margin` at most than each other model: by the lower end of
    an interval for the mean of the paired differences, which holds for any distribution of qualities (`mean_interval`).
    The cheapest of these is chosen; where none is shown to be good enough, the one with the best mean.

    Args:
        measured: One for each kind and model.
        margin: How much worse than the best a cheaper model may be, of a quality from 0 to 1.
        alpha: How often at most any of the stated bounds of the whole table is wrong (divided by their number).

    Returns:
        A route for each kind, with what was measured.

    Raises:
        ProjectError: the questions of a kind are not the same for all of its models, or a quality is none.

    >>> from kreis.evaluation.model_routes import Measured, route_table
    >>> right = np.tile([1.0, 1.0, 1.0, 0.0], 100)
    >>> small = Measured(kind="where", model="small", quality=right, money=np.full(400, 0.0))
    >>> large = Measured(kind="where", model="large", quality=right, money=np.full(400, 0.002))
    >>> [(route.model, round(route.worse_by, 3)) for route in route_table([small, large], margin=0.05).routes]
    [('small', 0.015)]
    """
    if not 0 < margin < 1:
        raise ProjectError(f"a margin of {margin} is none", where="route_table", hint="a number between 0 and 1")
    ordered = sorted(measured, key=lambda each: (each.kind, each.model))
    kinds = {kind: _checked(kind, list(of)) for kind, of in groupby(ordered, lambda each: each.kind)}
    if not kinds:
        raise ProjectError("nothing was measured", where="route_table")
    comparisons = sum(len(models) * (len(models) - 1) for models in kinds.values())
    routes = tuple(_route(kind, models, margin, alpha / max(1, comparisons)) for kind, models in kinds.items())
    return RouteTable(routes, _best_of_all(ordered))


def _route(kind: str, models: list[Measured], margin: float, alpha: float) -> Route:
    worse = {
        each.model: max((_worse_by(each, other, alpha) for other in models if other is not each), default=0.0)
        for each in models
    }
    enough = [each for each in models if worse[each.model] <= margin]
    if enough:
        chosen = min(enough, key=lambda each: (each.money.mean(), -each.quality.mean()))
    else:
        chosen = max(models, key=lambda each: (each.quality.mean(), -each.money.mean()))
    return Route(
        kind=kind,
        model=chosen.model,
        questions=len(chosen.quality),
        quality=float(chosen.quality.mean()),
        money=float(chosen.money.mean()),
        worse_by=worse[chosen.model],
    )


def _worse_by(one: Measured, other: Measured, alpha: float) -> float:
    """By how much its mean quality may lie below another's; 0 where it lies above for sure."""
    values, counts = np.unique(one.quality - other.quality, return_counts=True)
    lowest, _ = mean_interval(-1.0, 1.0, values, counts, alphas=(alpha, alpha))
    return max(0.0, -lowest)


def _best_of_all(measured: list[Measured]) -> str:
    def mean(model: str) -> tuple[float, float]:
        of = [each for each in measured if each.model == model]
        quality, money = (np.concatenate([getattr(each, name) for each in of]) for name in ("quality", "money"))
        return float(quality.mean()), -float(money.mean())

    return max(sorted({each.model for each in measured}), key=mean)


def _checked(kind: str, models: list[Measured]) -> list[Measured]:
    where = f"route_table, questions of kind {kind!r}"
    if len({each.model for each in models}) < len(models):
        raise ProjectError("a model was measured twice", where=where)
    for each in models:
        shapes = {models[0].quality.shape, each.quality.shape, each.money.shape}
        if len(shapes) > 1 or not each.quality.size:
            raise ProjectError("its models were not measured on the same questions", where=where)
        if not (np.all(each.quality >= 0) and np.all(each.quality <= 1) and np.all(each.money >= 0)):
            raise ProjectError(
                f"a quality of {each.model!r} is not from 0 to 1, or its money not from 0 on", where=where
            )
    return models
