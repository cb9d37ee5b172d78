"""`kreis lake`: few files for many, and what leaves after its time; versions that models rest on stay."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby, takewhile

from sqlalchemy import Connection

from kreis.deployment.predictions.frames import FAILURES, OUTCOMES, PREDICTIONS
from kreis.durations import duration
from kreis.lake.tending import Tended
from kreis.ledger import models, releases, steps
from kreis.loop.steps import table_left
from kreis.workspace import Workspace

__all__ = ["compact_lake", "retain_lake", "versions_used"]

_LOG = (PREDICTIONS, OUTCOMES, FAILURES)


def compact_lake(workspace: Workspace, tables: Iterable[str] = (), *, dry_run: bool = False) -> list[Tended]:
    """Put the rows of many small files into few, table by table.

    Args:
        workspace: The project's folder.
        tables: Which; all if none is named.
        dry_run: Only say what would be done.
    """
    from kreis.lake.tending import compact

    lake, actor = workspace.lake, workspace.actor
    done = [
        compact(lake, table, actor=actor, reason="many small files", dry_run=dry_run)
        for table in list(tables) or lake.tables()
    ]
    return [each for each in done if each.files_after < each.files_before]


def retain_lake(workspace: Workspace, *, dry_run: bool = False) -> list[Tended]:
    """Let the days of the log and the old versions of tables leave, as the settings say.

    The days since a running canary began stay: its evidence is all that was logged since.
    What a registered model rests on stays: the versions that the steps of its run left. So does the version of a table
    that reaches farthest, which a run as of an earlier day did not replace.

    Raises:
        ProjectError: a setting is not a valid duration.
    """
    from kreis.lake.tending import drop_days, expire

    lake, actor, keep = workspace.lake, workspace.actor, workspace.settings.lake
    now = workspace.clock.now()
    done = []
    if keep.keep_log:
        first = (now - duration(keep.keep_log, "kreis.toml [lake] keep_log")).date()
        with workspace.ledger.read() as connection:
            first = min([first, *(at.date() for at in _canaries_begun(connection))])
        reason = f"days of the log before {first} (lake.keep_log = {keep.keep_log})"
        for table in [each for each in _LOG if each in lake.tables()]:
            dropped = drop_days(lake, table, first, actor=actor, reason=reason, dry_run=dry_run)
            gone = expire(lake, table, None, actor=actor, reason=reason, dry_run=dry_run)
            done += [dropped] if dropped.rows else []
            done += [gone] if gone.versions else []
    if keep.keep_versions:
        before = now - duration(keep.keep_versions, "kreis.toml [lake] keep_versions")
        reason = f"replaced before {before:%Y-%m-%d} (lake.keep_versions = {keep.keep_versions})"
        with workspace.ledger.read() as connection:
            used = versions_used(connection)
        for table in lake.tables():
            farthest = lake.farthest(table)  # a run as of an earlier day may have come after it
            stays = set(used[table]) | ({farthest.version} if farthest is not None else set())
            gone = expire(lake, table, before, keep=stays, actor=actor, reason=reason, dry_run=dry_run)
            done += [gone] if gone.versions or gone.kept else []
    return done


def _canaries_begun(connection: Connection) -> Iterator[datetime]:
    """When the canaries that run began, of whichever project."""
    for _, history in groupby(releases.list_releases(connection), key=lambda release: release.project):
        if steps_of_it := list(takewhile(lambda release: release.kind == "canary", history)):
            yield steps_of_it[-1].at


def versions_used(connection: Connection) -> dict[str, dict[int, list[str]]]:
    """By table and version, the digests of the registered models that rest on it."""
    used: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for model in models.list_models(connection):
        for _, step in steps.steps_of(connection, model.run):
            if (left := table_left(step)) is not None:
                table, version = left
                used[table][version].append(model.digest)
    return used
