"""Which way a project goes."""

from __future__ import annotations

from typing import Any

from kreis.loop.way import Way
from kreis.project import Project
from kreis.ways.tabular.way import Tabular

__all__ = ["way_of"]


def way_of(project: Project) -> Way[Any]:
    """The way that a project goes, by what it declares."""
    return Tabular(project)
