"""What all ways have that go the whole circle, from sources to releases."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from kreis.disciplines import Discipline
from kreis.errors import ProjectError
from kreis.ledger.records import Document
from kreis.project import Project
from kreis.ways.deployment import announce

__all__ = ["WholeCircle"]


class WholeCircle:
    """A project with sources, and what a run of it may accept.

    Args:
        project: As declared.
        accept: Sources of which the actor accepts that many known rows are gone or changed.

    Raises:
        ProjectError: there is no such source.
    """

    def __init__(self, project: Project, accept: Collection[str] = ()) -> None:
        for name in accept:
            if name not in project.sources:
                raise ProjectError.unknown_name("source", name, project.sources, where="--accept")
        self._project = project
        self._accept = frozenset(accept)

    @property
    def project(self) -> str:
        """The project's name."""
        return self._project.name

    @property
    def goal(self) -> Document:
        """The goal, as the record keeps it."""
        goal = self._project.goal
        body = msgspec.json.encode(goal.to_document(), order="sorted").decode()
        return Document(digest=goal.digest, kind="goal", name=self._project.name, body=body)

    @property
    def announces(self) -> Mapping[Discipline, Callable[[Any], str]]:
        """What deployment would do."""
        return {"deployment": announce}
