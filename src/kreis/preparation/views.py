"""Feature views: what is known about an entity at a moment, and what a request brings with it.

Plain data throughout: the project declares them from Polars expressions, a package carries them, the
service reads them. Polars is not imported here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Literal

import msgspec

from kreis.durations import parse_duration
from kreis.expressions.tree import Call, Column, Expression
from kreis.formats import always

__all__ = ["FeatureView", "FieldType", "Policy", "RequestView", "text_fields", "window_name"]

FieldType = Literal["string", "integer", "number", "boolean", "datetime"]

Policy = Literal["refuse", "flag"]


class FeatureView(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Features of one entity, from one table.

    With `windows`, each feature is an aggregation over the entity's rows with
    `t - window < event_time <= t` and `known_at <= t`, one feature per window, named
    `{name}__{feature}_{window}` (`carrier__late_rate_24h`). Without, each feature is an expression over the
    latest row (by event time, then known at) with `event_time <= t`, `t - ttl < event_time` and
    `known_at <= t`, named `{name}__{feature}`. Values are float64; a missing value is NaN.
    """

    name: str
    entity: str
    """The column, of the table and of the spine, that holds the entity's key (a string)."""
    table: str
    """The table that it reads, as declared in the project."""
    event_time: str
    known_at: str
    features: dict[str, Expression]
    windows: tuple[str, ...] = always(())
    """As written: "90m", "24h", "7d"."""
    ttl: str | None = always(None)

    def __post_init__(self) -> None:
        # By name: a view that went through canonical JSON is the same view, feature by feature and byte by byte.
        msgspec.structs.force_setattr(self, "features", dict(sorted(self.features.items())))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The full names of its features, in order: feature by feature, window by window."""
        if not self.windows:
            return tuple(f"{self.name}__{feature}" for feature in self.features)
        return tuple(window_name(self.name, feature, window) for feature in self.features for window in self.windows)

    @property
    def categories(self) -> dict[str, Expression]:
        """Its categories, by full name, with the texts that they are of; only features of the latest row can be."""
        return {} if self.windows else _categories(self)

    @property
    def reach(self) -> timedelta:
        """How far back it looks: the longest window, or the ttl."""
        spans = self.windows or ((self.ttl,) if self.ttl else ())
        return max((parse_duration(span) for span in spans), default=timedelta(0))


def _categories(view: FeatureView | RequestView) -> dict[str, Expression]:
    """Of a view's categories, by full name, the texts that they are of."""
    return {
        f"{view.name}__{name}": each.arguments[0]
        for name, each in view.features.items()
        if isinstance(each, Call) and each.operation == "category"
    }


class RequestView(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Features computed, row by row, from the fields of a request (in training: from columns of the spine).

    Features are named `{name}__{feature}`; values are float64, a missing value is NaN.
    """

    name: str
    fields: dict[str, FieldType]
    features: dict[str, Expression]
    missing: Policy = "refuse"
    """What becomes of a request without a field that its contract requires: refused, or answered and flagged."""
    unexpected: Policy = "flag"
    """What becomes of a value outside the contract's enumeration, range, length or pattern: refused, or answered and
    flagged.
    """

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "features", dict(sorted(self.features.items())))
        msgspec.structs.force_setattr(self, "fields", dict(sorted(self.fields.items())))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The full names of its features, in order."""
        return tuple(f"{self.name}__{feature}" for feature in self.features)

    @property
    def categories(self) -> dict[str, Expression]:
        """Its categories, by full name, with the texts that they are of."""
        return _categories(self)

    @property
    def texts(self) -> dict[str, str]:
        """Its features that are read as texts, by full name, with the field of each."""
        return {
            f"{self.name}__{name}": each.arguments[0].name
            for name, each in self.features.items()
            if isinstance(each, Call) and each.operation == "text" and isinstance(each.arguments[0], Column)
        }


def text_fields(views: Iterable[RequestView], features: Sequence[str]) -> dict[str, str]:
    """Which of some features are read as texts, in their order, with the field of each."""
    known = {name: field for view in views for name, field in view.texts.items()}
    return {name: known[name] for name in features if name in known}


def window_name(view: str, feature: str, window: str) -> str:
    """The full name of a windowed feature."""
    return f"{view}__{feature}_{window}"
