"""The story of a service, month by month: what it earned, what changed, what drifted, why work was sent back.

Plain data, and one picture of it.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from kreis.errors import ProjectError

__all__ = ["Band", "Month", "SendBack", "Timeline", "VersionChange", "timeline_html", "timeline_png"]


class Band(msgspec.Struct, frozen=True):
    """A value with its interval."""

    value: float
    low: float
    high: float


class SendBack(msgspec.Struct, frozen=True, kw_only=True):
    """That the work went back."""

    at: date
    to: str
    reason: str


class VersionChange(msgspec.Struct, frozen=True, kw_only=True):
    """That another version took over."""

    at: date
    version: int


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """One month of service. `month` is its first day."""

    month: date
    versions: list[int]
    """Those in service, in order."""
    value: Band
    """The business metric, as served."""
    frozen: Band | None = None
    """What the first version would have earned, had it never been replaced."""
    baseline: Band | None = None
    auc: Band | None = None
    drift: float | None = None
    """The largest corrected PSI of a feature on any of its days."""
    drifting: str | None = None
    """The feature that it was."""


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """All months, in order."""

    project: str
    unit: str
    """Of the business metric: "EUR per 1,000 flights"."""
    baseline: str
    """Name of the baseline."""
    months: list[Month]
    overall: Band | None = None
    """The business metric over all months."""
    gain: Band | None = None
    """By how much that is more than the frozen first version's, paired by decision."""
    changes: list[VersionChange] = []
    send_backs: list[SendBack] = []

    def __post_init__(self) -> None:
        firsts = [each.month for each in self.months]
        if not firsts or firsts != sorted(set(firsts)) or any(each.day != 1 for each in firsts):
            raise ProjectError("a timeline needs months in order, each by its first day", where=self.project)

    def to_document(self) -> dict[str, Any]:
        """As a plain JSON document."""
        document: dict[str, Any] = msgspec.to_builtins(self)
        return document


def timeline_png(specification: dict[str, Any], *, scale: float = 2.0) -> bytes:
    """The picture of a chart's specification as PNG, about 1,090 x 800 points times `scale`."""
    import vl_convert

    image: bytes = vl_convert.vegalite_to_png(specification, scale=scale)
    return image


def timeline_html(specification: dict[str, Any]) -> str:
    """The picture of a chart's specification as one HTML page that needs nothing from the network."""
    import vl_convert

    page: str = vl_convert.vegalite_to_html(_without_tags(specification), bundle=True)
    return page.replace(_STAND_IN, "\\u003c")


_STAND_IN = "\ue1f5"
"""For "<" while vl-convert writes the page: it would let a name close the script element."""


def _without_tags(document: Any) -> Any:
    if isinstance(document, str):
        return document.replace(_STAND_IN, "").replace("<", _STAND_IN)
    if isinstance(document, dict):
        return {key: _without_tags(each) for key, each in document.items()}
    return [_without_tags(each) for each in document] if isinstance(document, list) else document
