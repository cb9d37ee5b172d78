"""A model that is asked only while its budget lasts."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from kreis.errors import ProjectError
from kreis.generative.language_models.budget import Budget
from kreis.generative.language_models.model import OpenModel
from kreis.generative.language_models.openai_compatible import OpenAICompatible

__all__ = ["Budgeted"]


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
