"""How people name things: models by version or digest; none is the one in service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kreis.deployment.releases import champion_of
from kreis.errors import ProjectError
from kreis.ledger import models, releases
from kreis.ledger.records import Model

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from kreis.workspace import Workspace

__all__ = ["model_in_service", "model_named"]

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


def model_in_service(workspace: Workspace, project: str, name: str = "") -> Model:
    """A model by its name; without one, the champion in service.

    Raises:
        ProjectError: there is none, or several, or nothing is in service yet.
    """
    with workspace.ledger.read() as connection:
        current = releases.current_release(connection, project)
        if not name and current is None:
            hint = "kreis run; or name a model: --model 1"
            raise ProjectError("nothing is in service yet", where=str(workspace.folder), hint=hint)
        return model_named(connection, name or ("" if current is None else champion_of(current)), project)
