"""Metrics by the name that a goal writes."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from kreis.errors import ProjectError
from kreis.tasks.decision_value import DecisionValue
from kreis.tasks.metrics.across import AcrossGroups
from kreis.tasks.metrics.auc import Auc
from kreis.tasks.metrics.base_rate import BaseRate
from kreis.tasks.metrics.brier import Brier
from kreis.tasks.metrics.business_value import BusinessValue
from kreis.tasks.metrics.calibration_error import CalibrationError
from kreis.tasks.metrics.disparate_impact import DisparateImpact
from kreis.tasks.metrics.equal_opportunity import EqualOpportunity
from kreis.tasks.metrics.log_loss import LogLoss
from kreis.tasks.metrics.metric import Metric
from kreis.tasks.metrics.positive_rate import PositiveRate
from kreis.tasks.metrics.precision import Precision
from kreis.tasks.metrics.predictive_parity import PredictiveParity
from kreis.tasks.metrics.recall import Recall

__all__ = ["MetricName", "fairness_metric", "metric_named", "standard_metrics"]


class MetricName(StrEnum):
    """Every metric that a guardrail can name."""

    VALUE = "value"
    AUC = "auc"
    BRIER = "brier"
    LOG_LOSS = "log_loss"
    CALIBRATION_ERROR = "calibration_error"
    RECALL = "recall"
    PRECISION = "precision"
    POSITIVE_RATE = "positive_rate"
    BASE_RATE = "base_rate"
    DISPARATE_IMPACT = "disparate_impact"
    EQUAL_OPPORTUNITY = "equal_opportunity"
    PREDICTIVE_PARITY = "predictive_parity"


_PLAIN: dict[MetricName, Callable[[], Metric]] = {
    MetricName.AUC: Auc,
    MetricName.BRIER: Brier,
    MetricName.LOG_LOSS: LogLoss,
    MetricName.CALIBRATION_ERROR: CalibrationError,
    MetricName.RECALL: Recall,
    MetricName.PRECISION: Precision,
    MetricName.POSITIVE_RATE: PositiveRate,
    MetricName.BASE_RATE: BaseRate,
}
_ACROSS: dict[MetricName, Callable[[], AcrossGroups]] = {
    MetricName.DISPARATE_IMPACT: DisparateImpact,
    MetricName.EQUAL_OPPORTUNITY: EqualOpportunity,
    MetricName.PREDICTIVE_PARITY: PredictiveParity,
}


def metric_named(name: str, value: DecisionValue, *, where: str | None = None) -> Metric:
    """The metric of that name; "value" is the goal's own.

    Raises:
        ProjectError: there is none; the hint names the nearest.
    """
    try:
        known = MetricName(name)
    except ValueError:
        raise ProjectError.unknown_name("metric", name, [each.value for each in MetricName], where=where) from None
    if known is MetricName.VALUE:
        return BusinessValue(value)
    return (_PLAIN.get(known) or _ACROSS[known])()


def fairness_metric(name: str) -> AcrossGroups | None:
    """The metric of that name if it is one that compares groups with each other."""
    return _ACROSS[MetricName(name)]() if name in set(_ACROSS) else None


def standard_metrics(value: DecisionValue) -> list[Metric]:
    """What every evaluation reports, the goal's metric first."""
    return [BusinessValue(value), *(make() for make in _PLAIN.values())]
