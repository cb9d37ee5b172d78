"""Which way a project goes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from kreis.evaluation.examinations.examination import Subject
from kreis.loop.way import Way
from kreis.project import Project
from kreis.tasks.task import answers_questions
from kreis.ways.paired_traffic import ReadPaired
from kreis.ways.tabular.evaluation import asked_of
from kreis.ways.tabular.paired_traffic import read_paired
from kreis.ways.tabular.way import Tabular

__all__ = ["comparing", "examining", "way_of"]


def way_of(project: Project, accept: Collection[str] = ()) -> Way[Any]:
    """The way that a project goes, by what it declares.

    Args:
        project: As declared.
        accept: Names of what the actor accepts for this run, although it would wait for a person otherwise.
    """
    if answers_questions(project.goal.task):
        from kreis.ways.generative.way import Generative

        return Generative(project, accept)
    return Tabular(project, accept)


def comparing(project: Project) -> ReadPaired:
    """What reads the log to compare two models in service, on the way that a project goes."""
    if answers_questions(project.goal.task):
        from kreis.ways.generative.arms import read_arms

        return read_arms
    return read_paired


def examining(project: Project) -> Callable[[Any, str], Subject]:
    """What brings a candidate of a run before an examination; takes the run's state and the candidate's name."""
    if answers_questions(project.goal.task):
        from kreis.ways.generative import evaluation

        return evaluation.asked_of
    return asked_of
