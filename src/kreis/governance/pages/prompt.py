"""A prompt with its versions and what changed; or the list of all prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kreis.governance.pages.page import Cell, Grid, Page
from kreis.texts import counted, date, short

if TYPE_CHECKING:
    from kreis.governance.views.prompt import PromptsView, PromptVersion, PromptView

__all__ = ["prompt_page"]

_COLUMNS = ("version", "used by models", "since (UTC)")


def prompt_page(view: PromptView | PromptsView) -> Page:
    """The page of a prompt, or of the list."""
    from kreis.governance.views.prompt import PromptsView

    if isinstance(view, PromptsView):
        rows = [(each.name, *_row(each.versions[0])) for each in view.prompts]
        return Page(
            title=f"{counted(len(rows), 'prompt')}", grids=(Grid("", ("prompt", *_COLUMNS), rows),) if rows else ()
        )
    last = view.versions[0]
    texts = [
        Grid("Text", ("",), [(line,) for line in last.prompt.text.splitlines()]),
        Grid("Changed since the version before", ("",), [(line,) for line in last.changes]),
    ]
    return Page(
        title=f"Prompt {view.name}: {counted(len(view.versions), 'version')}",
        facts=(
            ("answers are", "an object by a JSON Schema" if last.prompt.schema else "free text"),
            ("validators", ", ".join(str(each.__struct_config__.tag) for each in last.prompt.validators)),
            (
                "examples",
                f"{len(last.prompt.examples)}, {last.prompt.shots} of them shown" if last.prompt.examples else "",
            ),
        ),
        grids=(
            Grid("Versions", _COLUMNS, [_row(each) for each in view.versions]),
            *(grid for grid in texts if grid.rows),
        ),
    )


def _row(version: PromptVersion) -> tuple[Cell, ...]:
    return (short(version.digest), ", ".join(map(str, version.models)), date(version.since))
