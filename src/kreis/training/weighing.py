"""Which rows of a class teach, and how much each weighs; and what that does to probabilities, undone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.models.scoring import Scores
from kreis.tasks.outcomes import class_text
from kreis.tasks.task import Labels
from kreis.training.nodes import Ending, Nodes

__all__ = ["ByClass", "ClassWeight", "Weighing", "check_by_class", "corrected", "undone", "weigh"]

BALANCED: Literal["balanced"] = "balanced"
ByClass: TypeAlias = "Mapping[bool | float | str, float]"
"""By outcome (True and False, or the names of classes) a number above 0; 1 where none is said."""
ClassWeight: TypeAlias = "Literal['balanced'] | ByClass"


@dataclass(frozen=True, eq=False, kw_only=True)
class Weighing:
    """How some rows are to teach."""

    kept: npt.NDArray[np.intp] | None = None
    """Those of them that do; None for all."""
    weights: Floats | None = None
    """What each of these weighs; None where all weigh alike."""
    factors: Floats | None = None
    """How many times too often each class counts, shape (k,); None where none does."""


def check_by_class(said: ClassWeight | None, *, where: str, most: float = np.inf) -> None:
    """See that numbers by class are above 0, and not above `most`.

    Raises:
        ProjectError: one is not, or none is given.
    """
    if said is None or (said == BALANCED and most == np.inf):
        return
    if not isinstance(said, Mapping) or not said:
        hint = f"write {where}={{True: 0.5}}" + ("" if most < np.inf else ', or "balanced"')
        raise ProjectError(f"{said!r} says nothing of outcomes", where=where, hint=hint)
    for name, value in said.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 < value <= most:
            limits = "above 0" if most == np.inf else f"above 0 and at most {most:g}"
            raise ProjectError(f"{name!r} has {value!r}, which is not a number {limits}", where=where)


def weigh(
    labels: Labels,
    classes: Sequence[str],
    *,
    weights: Floats | None,
    class_weight: ClassWeight | None,
    sample: ByClass | None,
    seed: int,
) -> Weighing:
    """Draw rows by class, and weigh them.

    Args:
        labels: `Task.labels` of the rows: booleans, or places of classes where there are some.
        classes: The names of the classes; none for yes and no.
        weights: What each row weighs in itself.
        class_weight: What the rows of each class weigh on top of that; "balanced": together as much as another's.
        sample: The share of the rows of each class that are drawn.
        seed: Of the draw.

    Raises:
        ProjectError: the outcomes are no classes, or one is named that is none.
    """
    if class_weight is None and sample is None:
        return Weighing(weights=weights)
    if labels.ndim != 1 or labels.dtype.kind not in "bi":
        hint = "a column of weights, or rows chosen in a table, weigh rows of any goal"
        where = "class_weight" if sample is None else "sample"
        raise ProjectError("this goal's outcomes are no classes", where=where, hint=hint)
    places, count = labels.astype(np.intp), 2 if labels.dtype == np.bool_ else max(len(classes), 1)
    factors, kept = np.ones(count), None
    if sample is not None:
        shares = _by_place(sample, classes, where="sample")
        kept = np.flatnonzero(np.random.default_rng(seed).random(len(places)) < shares[places])
        factors, places = factors * shares, places[kept]
        weights = None if weights is None else weights[kept]
    if class_weight is not None:
        if isinstance(class_weight, str):
            sizes = np.bincount(places, minlength=count)
            heavy = max(len(places), 1) / (max(np.count_nonzero(sizes), 1) * np.maximum(sizes, 1))
        else:
            heavy = _by_place(class_weight, classes, where="class_weight")
        factors = factors * heavy
        weights = heavy[places] if weights is None else weights * heavy[places]
    return Weighing(kept=kept, weights=weights, factors=factors)


def _by_place(said: ByClass, classes: Sequence[str], *, where: str) -> Floats:
    known = list(classes) if classes else ["False", "True"]
    found = np.ones(len(known))
    for name, value in said.items():
        text = class_text(name) if classes else str(name)
        if text not in known:
            raise ProjectError.unknown_name("outcome", text, known, where=where)
        found[known.index(text)] = value
    return found


def undone(scores: Scores, factors: Floats) -> Floats:
    """Probabilities as they are among all rows, each alike (Elkan 2001, theorem 2; Saerens et al. 2002).

    Args:
        scores: As learned, shape (n,) of yes, or (n, k) of classes.
        factors: How many times too often each class counted.
    """
    if scores.ndim == 1:
        odds = factors[1] / factors[0]
        of_yes: Floats = scores / (scores + (1 - scores) * odds)
        return of_yes
    shares: Floats = scores / factors
    of_classes: Floats = shares / shares.sum(axis=1, keepdims=True)
    return of_classes


def corrected(factors: Floats, *, outputs: int) -> Ending:
    """`undone`, as what stands behind a model of probabilities.

    Args:
        factors: How many times too often each class counted.
        outputs: Numbers that the model gives for a row: 1 where it gives the probability of yes.
    """

    def ending(graph: Nodes, learned: str) -> str:
        if outputs == 1:
            one, odds = graph.constant(1.0), graph.constant(factors[1] / factors[0])
            rarer = graph.node("Mul", graph.node("Sub", one, learned), odds)
            return graph.node("Div", learned, graph.node("Add", learned, rarer))
        shares = graph.node("Div", learned, graph.constant(factors))
        return graph.node("Div", shares, graph.node("ReduceSum", shares, graph.constant([1], np.int64), keepdims=1))

    return ending
