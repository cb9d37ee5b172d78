"""How people name things: models by version or digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kreis.ledger import models
from kreis.ledger.records import Model

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["model_named"]

_LONGEST_VERSION = 6
"""Decimal digits up to which a name is a version number; a digest's beginning that is all digits must be longer."""


def model_named(connection: Connection, name: str, project: str | None) -> Model:
    """The model of a version number, a digest or the beginning of one.

    Raises:
        ProjectError: there is none, or several.
    """
    if name.isdecimal() and name.isascii() and len(name) <= _LONGEST_VERSION:
        return models.get_model(connection, int(name), project=project)
    return models.get_model(connection, name, project=project)
