"""What a user declares: one typed `Project`, composed of what each discipline lets them declare."""

from __future__ import annotations

from kreis.deployment.declare import Releasing
from kreis.generative.tools.declare import Tools
from kreis.knowledge.declare import Knowledge
from kreis.monitoring.declare import Monitoring
from kreis.preparation.series_declare import Forecasts
from kreis.rows.declare import RowsDeclared

__all__ = ["Project"]


class Project(Monitoring, Releasing, Forecasts, RowsDeclared, Knowledge, Tools):
    """One project: a goal, and what each discipline needs to reach it.

    Each part stands in its discipline's `declare.py` and inherits from the parts that it rests on (see
    `kreis.declarations.ProjectPart`). Everything is checked as it is declared, as far as it can be; `check` does the
    rest once the whole is known. Every error names the place in the user's file and what to do next.

    Example:

    >>> from kreis import DecisionValue, Goal
    >>> value = DecisionValue("EUR per 1,000 orders", true_positive=6.0, false_positive=-1.5)
    >>> project = Project("returns", goal=Goal(question="Will it be returned?", decision="Ask.", metric=value))
    >>> project.name
    'returns'
    """
