"""What a user declares of tools."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kreis.declarations import Named, ProjectPart, users_line
from kreis.generative.tools.tool import Tool

__all__ = ["Tools"]


class Tools(ProjectPart):
    """The functions that a language model may ask for."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._tools: Named[Tool] = Named("tools")

    @property
    def declared_tools(self) -> Named[Tool]:
        """Tools by name."""
        return self._tools

    def tools(self, *functions: Callable[..., Any]) -> None:
        """Declare typed functions that a language model may ask for: the allow list. They run in a process of their own
        (`kreis tools`), never in the service.

        Args:
            *functions: Each with a docstring and types; one that changes something carries `@changes_state`.

        Raises:
            ProjectError: a function has no docstring, or a parameter no type that JSON has; or two have one name.
        """
        for function in functions:
            tool = Tool.of(function)
            self._tools.add(tool.spec.name, tool, users_line())
