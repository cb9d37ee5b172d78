"""A project in a notebook: open its folder, run the circle, look at tables, models and releases.

Frames are Polars'; everything else is a `Shown`: a document to compute with that shows itself as a page, the
same that `kreis show` prints.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, time
from datetime import date as Day
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kreis.actions.model_names import model_named
from kreis.errors import KreisWarning, ProjectError
from kreis.governance.pages.examined import examinations_page, examined_page
from kreis.governance.pages.kinds import PAGES
from kreis.governance.pages.page import Page
from kreis.governance.pages.plan import plan_page
from kreis.governance.pages.status import status_page
from kreis.governance.pages.why import why_page
from kreis.governance.views.as_they_stand import as_they_stand
from kreis.governance.views.examined import candidate_examined_view, examinations_view
from kreis.governance.views.kinds import SHOW
from kreis.governance.views.logged import logged_of
from kreis.governance.views.model import card_view
from kreis.governance.views.run import run_view
from kreis.governance.views.status import status_view
from kreis.governance.views.table import TablesView, table_view
from kreis.governance.views.why import why_view
from kreis.ledger import models, releases, runs, tables
from kreis.project import Project
from kreis.workspace import Workspace

if TYPE_CHECKING:
    import polars as pl

    from kreis.ledger.records import Release

__all__ = ["OpenProject", "Shown", "open_project"]

_OPENED: set[Path] = set()


def open_project(folder: str | Path = ".") -> OpenProject:
    """Open a project's folder, or the one around it that holds a `kreis.toml`.

    The project's file is executed anew, so after an edit, open it again.

    Raises:
        ProjectError: there is no project, or its declaration is wrong.

    Example:

    >>> open_project("/")
    Traceback (most recent call last):
        ...
    kreis.errors.ProjectError: ...
    """
    workspace = Workspace.find(Path(folder))
    _forget(workspace.folder)
    return OpenProject(workspace, workspace.load_project())


class Shown:
    """What is on record of one thing: `shown.status` asks its view, `shown["status"]` the same as plain data."""

    def __init__(self, view: msgspec.Struct, page: Page) -> None:
        self.view = view
        """All of it, typed: see `kreis.governance.views`."""
        self.page = page
        """What is to be read of it."""

    @cached_property
    def document(self) -> dict[str, Any]:
        """All of it, as plain data."""
        document: dict[str, Any] = msgspec.to_builtins(self.view, builtin_types=(datetime, Day), enc_hook=str)
        return document

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.view, name)

    def __getitem__(self, name: str) -> Any:
        if name not in self.document:
            raise KeyError(f"{name!r}; there are {', '.join(self.document)}")
        return self.document[name]

    def __repr__(self) -> str:
        return str(self.page)

    def _repr_html_(self) -> str:
        return self.page._repr_html_()


class OpenProject:
    """An open project."""

    def __init__(self, workspace: Workspace, project: Project) -> None:
        self.workspace = workspace
        """Its settings and stores."""
        self.project = project
        """What its file declares."""

    def run(
        self,
        as_of: str | Day | datetime = "",
        *,
        until: str = "deployment",
        start_at: str = "",
        start: str = "",
        say: Callable[[str], None] | None = None,
    ) -> Shown:
        """Walk the circle, as `kreis run` does.

        Args:
            as_of: The moment: nothing known later is used. As in kreis.toml, or the start of today, if not given.
            until: The last discipline to walk.
            start_at: The discipline to start at, recomputing from there; what comes before it is taken over from the
                last run. The first if not given.
            start: Its former name.
            say: Is called with a line about each discipline; prints it if not given.

        Returns:
            The run: `["status"]` is "advanced", "held", "sent_back" or "failed".

        Raises:
            ProjectError: a wrong name, moment or declaration.
            StoreError: a store failed, or another run is at work in this folder.
        """
        from kreis.actions.run import run_circle
        from kreis.loop.observer import Lines

        if start:
            warnings.warn("start= is now called start_at=", KreisWarning, stacklevel=2)
            start_at = start_at or ("" if start == "requirements" else start)
        moment = self._moment(as_of, until, start_at)
        lines = Lines(f"{self.project.name} as of {moment:%Y-%m-%d %H:%M} UTC", _print if say is None else say)
        result = run_circle(self.project, self.workspace, as_of=moment, until=until, start_at=start_at, observer=lines)
        if self.workspace.settings.tracking.mlflow:
            from kreis.integrations.mlflow import mirror

            mirror(self.workspace)
        return self.show("run", result.run)

    def plan(self, as_of: str | Day | datetime = "", *, until: str = "deployment", start_at: str = "") -> Shown:
        """What `run` would compute, and why; nothing is done.

        Raises:
            ProjectError: a wrong name, moment or declaration.
        """
        from kreis.actions.run import plan_circle

        moment = self._moment(as_of, until, start_at)
        found = plan_circle(self.project, self.workspace, as_of=moment, until=until, start_at=start_at)
        return Shown(found, plan_page(found))

    def _moment(self, as_of: str | Day | datetime, until: str, start_at: str) -> datetime:
        from kreis.actions.run import moment_of

        if not isinstance(as_of, str):
            return _in_utc(as_of)
        return moment_of(self.project, self.workspace, as_of, until=until, start_at=start_at)

    def show(self, kind: str, name: str | int = "", *, version: int | None = None) -> Shown:
        """What `kreis show` shows: a "run", "model", "table", "release" or "alert"; the last one without a name.

        Raises:
            ProjectError: no such kind or thing.
        """
        if kind not in PAGES:
            raise ProjectError.unknown_name("kind of thing", kind, PAGES)
        view = SHOW[kind](self.workspace, str(name), version)
        return Shown(view, PAGES[kind](view))

    def examine(self, *names: str, candidate: str = "", run: str = "") -> Shown:
        """Ask more of a candidate that was judged, as `kreis examine` does; without a name, list what can be asked.

        Args:
            names: Of the examinations.
            candidate: The one that the run chose if not given.
            run: The last one that judged any if not given.

        Raises:
            ProjectError: no such examination, candidate or run, or the project has changed since.
        """
        if not names:
            listed = examinations_view(self.workspace, candidate=candidate, run=run)
            return Shown(listed, examinations_page(listed))
        from kreis.actions.examine import examine_candidate

        found = candidate_examined_view(examine_candidate(self.workspace, names, candidate=candidate, run=run))
        return Shown(found, examined_page(found))

    def why(self, prediction: str) -> Shown:
        """Walk back from a prediction to the goal.

        Raises:
            ProjectError: no such prediction.
        """
        walk = why_view(self.workspace, prediction)
        return Shown(walk, why_page(walk))

    def card(self, model: str | int = "") -> str:
        """A model's card, as Markdown; the newest one's if none is named.

        Raises:
            ProjectError: no such model, or it has none.
        """
        return card_view(self.workspace, str(model)).markdown

    @property
    def status(self) -> Shown:
        """What is in service, the last runs, the open alerts."""
        view = status_view(self.workspace)
        return Shown(view, status_page(view))

    @property
    def release(self) -> Shown | None:
        """The release in service; None before the first."""
        return None if self._current() is None else self.show("release")

    @property
    def runs(self) -> pl.DataFrame:
        """The last fifty runs, the newest first."""
        import polars as pl

        with self.workspace.ledger.read() as connection:
            found = as_they_stand(self.workspace, runs.list_runs(connection, self.project.name))
        names = ("id", "as_of", "status", "trigger", "started_at", "finished_at")
        return pl.DataFrame([{name: getattr(run, name) for name in names} for run in found], infer_schema_length=None)

    def points(self, run: str = "") -> pl.DataFrame:
        """What the steps of a run logged, every point a row.

        Args:
            run: Its identifier, or the beginning of it; the last one if not given.

        Returns:
            discipline, step, part ("fit", "refit", a trial), name, place in the series, value (null: not finite).

        Raises:
            ProjectError: no such run, or none yet.
        """
        import polars as pl

        view = run_view(self.workspace, run)
        with self.workspace.ledger.read() as connection:
            found = logged_of(self.workspace, connection, view, whole=True)
        rows = [
            (each.discipline, each.step, each.part, each.name, place, value)
            for each in found.series
            for place, value in each.points
        ]
        texts = dict.fromkeys(("discipline", "step", "part", "name"), pl.String)
        return pl.DataFrame(rows, schema={**texts, "place": pl.Float64, "value": pl.Float64}, orient="row")

    @property
    def tables(self) -> pl.DataFrame:
        """The tables of the lake at their newest versions."""
        import polars as pl

        listed = table_view(self.workspace, "", None)
        rows = [msgspec.structs.asdict(each) for each in listed.tables] if isinstance(listed, TablesView) else []
        return pl.DataFrame(rows, infer_schema_length=None)

    @property
    def models(self) -> pl.DataFrame:
        """The registered models, the newest first: value with its interval, the AUC or its like, share of traffic."""
        import polars as pl

        with self.workspace.ledger.read() as connection:
            known = models.list_models(connection, self.project.name)
            evaluations = {each.digest: models.latest_evaluation(connection, each.digest) for each in known}
        current = self._current()
        shares = {} if current is None else {route.model: route.share for route in current.routes}
        rows = []
        for model in known:
            evaluation = evaluations[model.digest]
            metrics = {} if evaluation is None else evaluation.metrics
            rows.append(
                {
                    "version": model.version,
                    "candidate": model.candidate,
                    "share": shares.get(model.digest, 0.0),
                    "passed": None if evaluation is None else evaluation.passed,
                    **{name: metrics.get("value", {}).get(name) for name in ("value", "low", "high")},
                    **{name: metrics.get(name, {}).get("value") for name in self.project.goal.task.headlines},
                    "registered_at": model.at,
                    "digest": model.digest,
                }
            )
        return pl.DataFrame(rows, infer_schema_length=None)

    def table(self, name: str, version: int | None = None) -> pl.DataFrame:
        """A table of the lake.

        Args:
            name: "silver/landed", or "landed" where that names one alone.
            version: The newest if not given.

        Raises:
            ProjectError: no such table.
        """
        with self.workspace.ledger.read() as connection:
            known = tables.list_tables(connection)
        found = [each for each in known if name in (each, each.partition("/")[2])]
        if len(found) != 1:
            raise ProjectError.unknown_name("table", name, found or known, where=str(self.workspace.folder))
        return self.workspace.lake.scan(found[0], version).collect()

    def training_frame(self, run: str = "", *, only_known: bool = True) -> pl.DataFrame:
        """The rows to predict with all their features at their moments, as candidates learn from them.

        Args:
            run: Whose; the last one that got through preparation if not given.
            only_known: Leave out rows that did not teach or judge: too young as of the run, or without an outcome.

        Returns:
            The spine's columns, then the features by full name; a missing value is null.

        Raises:
            ProjectError: nothing is prepared yet, or the project now declares what the run did not prepare.
        """
        from kreis.loop.taking_over import restored
        from kreis.preparation.spine import teaches
        from kreis.ways.tabular.rows import read_features, read_spine, spine_of
        from kreis.ways.tabular.way import Tabular

        state = restored(Tabular(self.project), self.workspace, before="training", run=run)
        frame = read_spine(state).hstack(read_features(state, list(self.project.feature_names)))
        return frame.filter(teaches(spine_of(state), self.project.goal.task, state.as_of)) if only_known else frame

    def score(self, frame: pl.DataFrame, model: str | int = "") -> pl.Series:
        """Scores of a registered model for rows of features, by the package that the service answers with.

        Args:
            frame: Has the model's features as columns, by full name.
            model: Version or digest; the champion in service if not given.

        Raises:
            ProjectError: no such model, or a feature is missing.
            SignatureError: the package is not what was signed.
        """
        import numpy as np
        import polars as pl

        from kreis.deployment.releases import champion_of
        from kreis.training.data import text_matrix

        current = self._current()
        if not model and current is None:
            raise ProjectError("nothing is in service yet", where=str(self.workspace.folder), hint="name a version")
        chosen = str(model) if model or current is None else champion_of(current)
        with self.workspace.ledger.read() as connection:
            found = model_named(connection, chosen, self.project.name)
        package = self.workspace.open_model(found.digest)
        for feature in package.manifest.features:
            if feature not in frame.columns:
                raise ProjectError.unknown_name("feature", feature, frame.columns, where="score")
        for field in package.manifest.text_fields.values():
            if field not in frame.columns:
                raise ProjectError.unknown_name("column", field, frame.columns, where="score")
        matrix = frame.select(pl.col(package.manifest.features).cast(pl.Float32)).to_numpy()
        said = list(package.manifest.text_fields.values())
        texts = text_matrix(frame, said) if said else None
        return pl.Series("score", package.scorer().score(np.ascontiguousarray(matrix), texts))

    @cached_property
    def _page(self) -> Page:
        declared = self.project
        return Page(
            title=f"{declared.name}: {declared.goal.question}",
            facts=(
                ("folder", str(self.workspace.folder)),
                ("decision", declared.goal.decision),
                ("sources", ", ".join(declared.sources)),
                ("tables", ", ".join(declared.tables)),
                (
                    "features",
                    f"{len(declared.feature_names)}, in " + ", ".join([*declared.views, *declared.request_views]),
                ),
                ("candidates", ", ".join(declared.candidates)),
            ),
        )

    def __repr__(self) -> str:
        return str(self._page)

    def _repr_html_(self) -> str:
        return self._page._repr_html_()

    def _current(self) -> Release | None:
        with self.workspace.ledger.read() as connection:
            return releases.current_release(connection, self.project.name)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _in_utc(at: Day | datetime) -> datetime:
    if not isinstance(at, datetime):
        return datetime.combine(at, time(), UTC)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _forget(folder: Path) -> None:
    """Let the modules of opened projects be imported anew: they may have been edited, and two projects may both
    have a `sources.py`."""
    _OPENED.add(folder)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is not None and name != "__main__" and any(_holds(each, Path(file)) for each in _OPENED):
            del sys.modules[name]
    sys.path[:] = [each for each in sys.path if each != str(folder)]


def _holds(folder: Path, file: Path) -> bool:
    """Whether a file is the project's own: a virtual environment may well lie within its folder."""
    if not file.is_relative_to(folder):
        return False
    return not any(part.startswith(".") or part == "site-packages" for part in file.relative_to(folder).parts)
