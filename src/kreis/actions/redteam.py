"""Attacks a model that answers questions, as it would answer in service; its tools run nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from kreis.actions.model_names import model_in_service
from kreis.deployment.server.questions.files import FileCache, files_beside
from kreis.durable import storing, write_durably
from kreis.errors import ProjectError
from kreis.generative.pipeline import Pipeline
from kreis.generative.redteam.attack import Suite, read_attacks, suites
from kreis.generative.redteam.private import OTHERS, private_suites
from kreis.generative.redteam.report import RedTeamReport
from kreis.workspace import Workspace

__all__ = ["attack_model"]


def attack_model(
    workspace: Workspace,
    *,
    model: str = "",
    names: Sequence[str] = (),
    files: Sequence[Path] = (),
    transcripts: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> RedTeamReport:
    """Try attacks on a model. Nothing is logged or changed.

    Args:
        workspace: The project's folder.
        model: Version or digest; the one in service if not given.
        names: Suites of those that come with kreis; all if neither these nor files are given.
        files: Further attacks, one JSON object a line.
        transcripts: Where to write each attack with its answer, masked, as JSON Lines.
        progress: Told how many attacks are done, and of how many.

    Raises:
        ProjectError: no such model or suite, the model answers no questions, or a file holds what is no attack.
    """
    every, kept = not names and not files, [name for name in names if name != OTHERS]
    chosen = [*(suites(kept) if kept or every else []), *(read_attacks(file) for file in files)]
    found = model_in_service(workspace, workspace.load_project().name, model)
    pipeline = workspace.open_model(found.digest).form
    if not isinstance(pipeline, Pipeline):
        raise ProjectError(
            "it answers no questions", where=f"model {found.version}", hint="name one that does: --model 2"
        )
    cache = FileCache(files_beside(workspace.journal_folder), workspace.artifacts)
    report = asyncio.run(_attack(pipeline, cache, chosen, every or OTHERS in names, progress))
    if transcripts is not None:
        with storing(f"transcripts {transcripts}"):
            write_durably(transcripts, report.transcripts().encode())
    return report


async def _attack(
    pipeline: Pipeline,
    cache: FileCache,
    chosen: Sequence[Suite],
    others: bool,
    progress: Callable[[int, int], None] | None,
) -> RedTeamReport:
    from kreis.generative.answering import Answerer
    from kreis.generative.redteam.attacking import attack

    answerer = await asyncio.to_thread(Answerer, pipeline, cache.path)
    try:
        tried = [*chosen, *(private_suites(answerer.index) if others else [])]
        return await attack(answerer, tried, progress=progress)
    finally:
        await answerer.close()
