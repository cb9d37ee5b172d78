"""The business metric of alarms: the four cases, and how many alarms there may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kreis.errors import ProjectError
from kreis.tasks.binary.decision_value import DecisionValue

if TYPE_CHECKING:
    from kreis.tasks.task import Task

__all__ = ["AlarmValue"]


class AlarmValue(DecisionValue, frozen=True):
    """What an alarm is worth, and the share of rows in which one may be raised at most.

    Few outcomes are known, or none: someone has looked into some cases. As long as these are too few to say from which
    score on an alarm pays, so many alarms are raised as `alarms` allows; then where they pay, and never more.

    Example:

    >>> metric = AlarmValue("EUR per 1,000 payments", true_positive=400, false_positive=-5, alarms=0.02)
    >>> metric.task.name
    'anomaly detection'
    """

    alarms: float = 0.01
    """Alarms over rows, at most: how many can be looked into."""

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            ProjectError: as for `DecisionValue`; or `alarms` is no share.
        """
        super().__post_init__()
        if not 0 < self.alarms < 1:
            where = f"AlarmValue({self.unit!r})"
            raise ProjectError(f"alarms is {self.alarms}", where=where, hint="a share of the rows: alarms=0.01")

    @property
    def tasks(self) -> tuple[Task, ...]:
        """Anomaly detection alone."""
        from kreis.tasks.anomaly.task import Anomaly

        return (Anomaly(self, self.alarms),)

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document."""
        return {"kind": "alarm_value", **msgspec.to_builtins(self)}
