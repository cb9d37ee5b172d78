"""`kreis tools`: the functions that a language model may ask for."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from kreis.cli.output import JsonOption, console, emit, here, working

if TYPE_CHECKING:
    from kreis.generative.tools.wire import Description

__all__ = ["tools"]


def tools(json: JsonOption = False) -> None:
    """Run the project's tools, in processes of their own.

    The service asks for calls with a token for each; it never executes the project's code itself. Listens on this
    machine alone (`[tools] url`) until it is ended.

    Example:

        kreis tools
    """
    from kreis.actions.tools import run_tools

    waiting = ExitStack()

    def ready(there: Description) -> None:
        waiting.close()
        if json:
            emit(there)
            return
        out = console()
        for spec in there.tools:
            waits = ", each call waits for the person who asked" if spec.changes_state else ""
            out.print(f"{spec.name}: {spec.description.splitlines()[0]}{waits}", soft_wrap=True, markup=False)
        out.print("Ready.")

    with waiting:
        waiting.enter_context(working("loading the project", quiet=json))
        run_tools(here(), ready)
