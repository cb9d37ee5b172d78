"""The yes/no questions that probabilities answer: yes or no; each class or label; if the chosen class is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from kreis.arrays import Codes
from kreis.tasks.metrics.classes import ClassRows
from kreis.tasks.metrics.labels import LabelRows
from kreis.tasks.metrics.metric import Rows
from kreis.tasks.metrics.yes_no import YesNoRows

__all__ = ["each_question", "overall_question"]


def overall_question(rows: Rows, names: Sequence[str]) -> YesNoRows | None:
    """Of all rows: did it happen, or was the chosen class right, with the probability that was said; None where scores
    are no probabilities of one such question.
    """
    if isinstance(rows, YesNoRows):
        return rows
    if isinstance(rows, ClassRows) and names:
        said = np.take_along_axis(rows.scores, rows.chosen[:, None], axis=1)[:, 0]
        return _like(rows, YesNoRows(rows.right, said, rows.right))
    return None


def each_question(rows: Rows, names: Sequence[str], most: int) -> Iterator[tuple[str, YesNoRows]]:
    """For each class or label, the most frequent ones first: was it this one?

    Args:
        rows: Of classes or labels; of others there is nothing.
        names: Of the columns of the scores.
        most: So many at most.
    """
    if isinstance(rows, ClassRows) and names:
        happened, chosen = rows.happened, rows.chosen
        for place in _frequent(np.bincount(happened, minlength=len(names)), most):
            yield names[place], _like(rows, YesNoRows(happened == place, rows.scores[:, place], chosen == place))
    elif isinstance(rows, LabelRows):
        labels = list(rows.labels())
        for place in _frequent(np.array([int(each.outcomes.sum()) for each in labels]), most):
            yield names[place], _like(rows, labels[place])


def _frequent(counts: Codes, most: int) -> list[int]:
    return [int(each) for each in np.argsort(-counts, kind="stable")[:most]]


def _like(rows: Rows, made: YesNoRows) -> YesNoRows:
    """With what is known of the rows that it was made of."""
    known = {name: getattr(rows, name) for name in ("climate", "spans", "blocks_are", "repeats")}
    return replace(made, **known)
