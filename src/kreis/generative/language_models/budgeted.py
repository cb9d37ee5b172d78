"""A model that is asked only while its budget lasts, and how much may be spent."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from kreis.errors import ProjectError
from kreis.generative.language_models.model import OpenModel
from kreis.generative.language_models.openai_compatible import OpenAICompatible

__all__ = ["Budget", "Budgeted"]


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


class Budgeted(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="budgeted"):
    """A model that costs money, within limits for a day, a tenant and all time. Models may share a budget.

    Example:

    >>> from kreis.generative.language_models.prices import Price
    >>> price = Price(tokens_in=0.1, tokens_out=0.4, currency="EUR", version="2026-11", digest="0" * 64)
    >>> large = OpenAICompatible(env="LLM_URL", name="large", price=price)
    >>> Budgeted(large, Budget(name="handbook", a_day=5.0)).budget.a_day
    5.0
    """

    of: OpenAICompatible
    """It has a price."""
    budget: Budget
    env: str = "KREIS_BUDGETS"
    """The variable that holds the path of the file in which the processes of a machine share what was spent."""

    def __post_init__(self) -> None:
        if self.of.price is None:
            raise ValueError(f"{self.of.name or self.of.env} has no price: give price=PriceList.load(…).of(…)")

    def open(self) -> OpenModel:
        """Make it ready.

        Raises:
            MissingLibraryError: as its model.
            ProjectError: as its model, or nothing says where the budgets are.
            StoreError: the file cannot be opened.
        """
        from kreis.generative.language_models.budgets import Budgets
        from kreis.generative.language_models.spending import OpenBudgeted

        place = os.environ.get(self.env)
        if not place:
            raise ProjectError(
                f"no file for the budget {self.budget.name!r}",
                where=f"environment variable {self.env}",
                hint=f"set {self.env} to the path of a file on a local disk; it is made where there is none",
            )
        return OpenBudgeted(self, self.of.open(), Budgets(Path(place)))
