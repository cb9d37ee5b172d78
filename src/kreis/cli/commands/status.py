"""`kreis status`: what is in service, how the last run ended, what is open."""

from __future__ import annotations

from kreis.cli.output import JsonOption, emit, print_page

__all__ = ["status"]


def status(json: JsonOption = False) -> None:
    """Show what is in service, the last runs, what is open.

    Examples:

        kreis status

        kreis status --json
    """
    from kreis.governance.pages.status import status_page
    from kreis.governance.status import status_document
    from kreis.workspace import Workspace

    document = status_document(Workspace.find())
    if json:
        emit(document)
    else:
        print_page(status_page(document))
