"""A threshold of its own for each group, as a model that moves its scores (Hardt, Price and Srebro 2016, section 3.2).

The package holds one model with one cut. In front of the cut the probability is moved, on the scale of log-odds, by
what parts the group's own threshold from the cut: to decide by the moved score is to decide by the group's threshold.
So service, canary, parity and monitors need to know nothing of it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import msgspec
import numpy as np

from kreis.errors import ProjectError
from kreis.models.by_group import TINY, ByGroup
from kreis.models.explanations.additive import Additive
from kreis.models.form import Onnx
from kreis.tasks.decisions import Cut, Scores
from kreis.tasks.task import FittedDecision, Task
from kreis.training.candidate import Fitted
from kreis.training.data import TrainingData
from kreis.training.fidelity import prove_same
from kreis.training.graph import INPUT
from kreis.training.mitigations.choosing import best_thresholds
from kreis.training.mitigations.mitigation import Favourable, check_because, check_yes_no
from kreis.training.nodes import Ending, Nodes, behind

__all__ = ["ThresholdsByGroup", "moved_by_group"]

_LEAST = 30
_EDGE = 1e-4
"""No threshold is nearer to 0 or 1."""


class ThresholdsByGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Decide each group by a threshold of its own, so that the group worst off is near the one best off.

    The thresholds are worth most on the validation rows among those that reach `at_least`. The group must be a category
    among the candidate's features, for it must be known when somebody asks; the model itself does not learn from it.

    To decide by a threshold for men and another one for women is to treat people differently because of their sex: in
    many fields the law forbids it even where it helps (EU directive 2004/113 on goods and services; in the United
    States disparate treatment under title VII and the Equal Credit Opportunity Act). Ask a lawyer first.

    Example:

    >>> ThresholdsByGroup(by="row__sex", because="the law of our field asks for the same rate").at_least
    0.8
    """

    by: str
    """The feature that says the group: a category."""
    because: str
    """Why."""
    at_least: float = 0.8
    """The lowest rate of the favourable decision over the highest one, on the validation rows."""
    of: Literal["selection", "opportunity"] = "selection"
    """The rate among all rows, or among those for whom the favourable decision is right."""
    favourable: Favourable | None = None
    """Which decision is the good one; the goal says."""

    def __post_init__(self) -> None:
        where = "ThresholdsByGroup"
        check_because(self.because, where=where)
        if not 0 < self.at_least < 1:  # rates are equal to the last row where nobody gets it, and hardly elsewhere
            hint = "a ratio below 1: 0.8 for four fifths"
            raise ProjectError(f"at_least is {self.at_least}", where=where, hint=hint)
        if self.of not in ("selection", "opportunity"):
            raise ProjectError.unknown_name("rate", self.of, ("selection", "opportunity"), where=where)

    @property
    def parameters(self) -> dict[str, Any]:
        """Its fields."""
        return {"kind": "thresholds_by_group", **msgspec.to_builtins(self)}

    @property
    def columns(self) -> tuple[str, ...]:
        """None: the group is a feature."""
        return ()

    def for_goal(self, favourable: Favourable | None) -> ThresholdsByGroup:
        """With the good decision.

        Args:
            favourable: As the goal has it.

        Raises:
            ProjectError: the goal does not say.
        """
        if favourable is None:
            raise ProjectError(
                "thresholds make groups get the favourable decision more alike, and the goal does not say which it is",
                where="ThresholdsByGroup",
                hint='write Goal(..., favourable="negative") where yes means to refuse, or favourable="positive"',
            )
        return msgspec.structs.replace(self, favourable=favourable)

    def check(self, task: Task, features: Collection[str], categories: Collection[str]) -> None:
        """See that the goal asks for yes or no, and that the group is known when somebody asks.

        Args:
            task: What is asked.
            features: Those that the candidate uses.
            categories: All features that are categories.

        Raises:
            ProjectError: it is not.
        """
        check_yes_no(task, where="ThresholdsByGroup")
        if self.by not in features or self.by not in categories:
            raise ProjectError(
                f"{self.by!r} is no category among the features of the candidate, so nobody knows a row's group",
                where="ThresholdsByGroup",
                hint="make it a feature, .cast(pl.Categorical); other candidates leave it out by features=[…]",
            )

    def found(self, scores: Scores, rows: TrainingData, task: Task, plain: FittedDecision) -> ByGroup:
        """The thresholds, from rows that the model was not fitted on.

        Args:
            scores: Of the model, shape (n,).
            rows: These rows.
            task: Has the metric.
            plain: The rule for all alike.

        Raises:
            ProjectError: fewer than two groups have 30 rows.
        """
        column = rows.matrix[:, rows.features.index(self.by)]
        texts = rows.categories.get(self.by, {})
        numbers, counts = np.unique(column[~np.isnan(column)], return_counts=True)
        numbers = numbers[counts >= _LEAST]
        if len(numbers) < 2:
            said = f"fewer than two groups have {_LEAST} validation rows"
            raise ProjectError(said, where=f"ThresholdsByGroup(by={self.by!r})", hint="give the validation part more")
        known = np.isin(column, numbers)
        codes = np.searchsorted(numbers, column[known])
        given, happened = scores[known].astype(np.float64), rows.outcomes[known]
        yes, no = (task.metric.values(happened, np.full(len(happened), each)) for each in (True, False))
        good = self.favourable == "positive"
        counted = np.ones(len(given), bool) if self.of == "selection" else (happened > 0.5) == good
        at = best_thresholds(given, yes - no, codes, counted, at_least=self.at_least, positive=good)
        at = at.clip(_EDGE, 1 - _EDGE)
        common = plain.decision.at if isinstance(plain.decision, Cut) else 0.5
        cut = min(max(common, _EDGE), 1 - _EDGE)
        names = [texts.get(float(each), f"{each:g}") for each in numbers]
        return ByGroup(
            by=self.by,
            at={name: float(each) for name, each in zip(names, at, strict=True)},
            otherwise=cut,
            cut=cut,
            numbers={name: float(each) for name, each in zip(names, numbers, strict=True)},
        )


def moved_by_group(fitted: Fitted, found: ByGroup, rows: TrainingData) -> Fitted:
    """A model whose scores are moved by group, proved on rows. What each feature adds is told of its own score.

    Args:
        fitted: Gives a probability.
        found: The thresholds.
        rows: Some that the model takes.
    """
    if fitted.form.content is None:
        return fitted
    learned, place = fitted.scorer(), rows.features.index(found.by)
    content = behind(fitted.form.content, _ending(found, place))

    def expected(matrix: Any, *texts: Any) -> Any:
        return found.moved(learned.score(matrix, *texts), matrix[:, place])

    prove_same(content, expected, rows.matrix, where="thresholds by group", texts=rows.texts)
    return fitted.then(Onnx.of(content), Additive.decided_by, found, place)


def _ending(found: ByGroup, place: int) -> Ending:
    """From the score and the features to the moved score."""

    def ending(graph: Nodes, learned: str) -> str:
        at = graph.constant(place, np.int64)
        tiny, nearly, one = map(graph.constant, (TINY, 1 - TINY, 1.0))
        moved = graph.constant(found.shift_otherwise)
        group = graph.node("Gather", INPUT, at, axis=1)
        bounded = graph.node("Clip", learned, tiny, nearly)
        logit = graph.node("Log", graph.node("Div", bounded, graph.node("Sub", one, bounded)))
        for number, shift in found.shifts.items():
            known, move = graph.constant(number), graph.constant(shift)
            moved = graph.node("Where", graph.node("Equal", group, known), move, moved)
        return graph.node("Sigmoid", graph.node("Add", logit, moved))

    return ending
