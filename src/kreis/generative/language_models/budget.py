"""How much may be spent."""

from __future__ import annotations

import msgspec

__all__ = ["Budget"]


class Budget(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much may be spent, in the currency of the price list. Days are those of UTC.

    Example:

    >>> Budget(name="handbook", a_day=5.0, a_tenant_a_day=0.5).alert_at
    0.8
    """

    name: str
    """The project's, mostly: all models that name it share it."""
    a_day: float | None = None
    """For all tenants together."""
    a_tenant_a_day: float | None = None
    in_all: float | None = None
    """Until somebody raises it."""
    alert_at: float = 0.8
    """From which share of a limit on people are alerted (`Completion.alert`)."""
