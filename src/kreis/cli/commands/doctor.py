"""`kreis doctor`: what is wrong with a folder."""

from __future__ import annotations

from pathlib import Path

import typer

from kreis.cli.output import JsonOption, console, emit, working

__all__ = ["doctor"]

EXIT_DAMAGED = 5


def doctor(json: JsonOption = False) -> None:
    """Say what is wrong with the folder, where and what next.

    Settings, disk, permissions, keys, the record and its head, the clock, tables, artifacts, packages, the service's
    pointer and settings, the prediction log, the online store. Changes nothing; works where nothing else does.

    Examples:

        kreis doctor

        kreis doctor --json
    """
    from kreis.governance.doctor import DoctorView, examine
    from kreis.settings import find_folder

    folder = find_folder(Path.cwd())
    with working("looking at everything", quiet=json):
        findings = list(examine(folder))
    if json:
        emit(DoctorView(folder=str(folder), findings=findings))
    else:
        out = console()
        for finding in findings:
            out.print("[red]✗[/] " if finding.level == "damage" else "[yellow]![/] ", end="")
            out.print(f"{finding.where}: {finding.what}", soft_wrap=True, markup=False)
            if finding.next:
                out.print(f"  Next: {finding.next}", soft_wrap=True, markup=False)
        if not findings:
            out.print("[green]✓[/] Nothing is wrong.")
    raise typer.Exit(EXIT_DAMAGED if any(finding.level == "damage" for finding in findings) else 0)
