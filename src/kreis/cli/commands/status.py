"""`kreis status`: what is in service, how the last run ended, what is open."""

from __future__ import annotations

from kreis.cli.output import JsonOption, answer, here

__all__ = ["status"]


def status(json: JsonOption = False) -> None:
    """Show what is in service, the last runs, what is open.

    Examples:

        kreis status

        kreis status --json
    """
    from kreis.governance.pages.status import status_page
    from kreis.governance.views.status import status_view

    view = status_view(here())
    answer(view, status_page, json=json)
