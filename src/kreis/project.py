"""What a user declares: one typed `Project`, gathering what each discipline lets them declare.

Everything is checked as it is declared, as far as it can be; `Project.check` does the rest once the whole
is known. Every error names the place in the user's file and what to do next.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from kreis.collection.contracts.contract import Contract
from kreis.collection.sources import Source, Window
from kreis.deployment.canary import Canary
from kreis.errors import KreisError, ProjectError
from kreis.monitoring.monitor import Monitor
from kreis.preparation import declare
from kreis.preparation.expressions.tree import columns
from kreis.preparation.tables import Spine, Table, inputs_of, order, place_of
from kreis.preparation.views import FeatureView, FieldType, RequestView, parse_duration
from kreis.requirements.goal import Goal
from kreis.training.candidate import Candidate
from kreis.training.candidates.rule import Rule
from kreis.training.search import Search
from kreis.training.splits import TimeSplit

if TYPE_CHECKING:
    import polars as pl

__all__ = ["CandidateDeclaration", "MonitorDeclaration", "Project", "ReleaseDeclaration"]

T = TypeVar("T")

DISCIPLINES = (
    "requirements",
    "collection",
    "preparation",
    "training",
    "evaluation",
    "deployment",
    "monitoring",
)
"""In the order of the circle."""
SourceFunction = Callable[[Window], "pl.LazyFrame"]
TableFunction = Callable[..., "pl.LazyFrame"]


@dataclass(frozen=True, kw_only=True)
class CandidateDeclaration:
    """A way to answer the question, competing with the others."""

    name: str
    candidate: Candidate
    baseline: bool
    search: Search | None
    features: tuple[str, ...] | None
    """Full names of the features it may use; all if not given."""


@dataclass(frozen=True, kw_only=True)
class ReleaseDeclaration:
    """How a model that passed goes live."""

    canary: Canary
    fallback: str | None = None
    """Candidate that answers when the model cannot."""
    approval: str | None = None
    """Role whose yes a release needs."""


@dataclass(frozen=True, kw_only=True)
class MonitorDeclaration:
    """What is watched, and where the work goes back to."""

    monitor: Monitor
    sends_back_to: str
    at_most_every: str
    """How long to wait before a monitor may send the work back again: "7d"."""

    @property
    def pause(self) -> timedelta:
        """`at_most_every` as a duration."""
        return parse_duration(self.at_most_every)


@dataclass(kw_only=True)
class _Declared:
    sources: dict[str, Source] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    views: dict[str, FeatureView] = field(default_factory=dict)
    request_views: dict[str, RequestView] = field(default_factory=dict)
    candidates: dict[str, CandidateDeclaration] = field(default_factory=dict)
    monitors: list[MonitorDeclaration] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    """"candidate NAME", "view NAME" or "release" to file and line."""


class Project:
    """One project: a goal, and what each discipline needs to reach it."""

    def __init__(self, name: str, *, goal: Goal) -> None:
        """Declare a project.

        Args:
            name: Letters, digits and hyphens.
            goal: What it is for.

        Raises:
            ProjectError: the name holds anything else.
        """
        if not name or not name.replace("-", "").isalnum() or not name.isascii():
            raise ProjectError(
                f"{name!r} cannot name a project", where=_caller(), hint="use letters, digits and hyphens"
            )
        self.name = name
        self.goal = goal
        self.spine_declaration: Spine | None = None
        self.split_declaration = TimeSplit(test="30d")
        self.release_declaration = ReleaseDeclaration(canary=Canary(steps=(1.0,)))
        self._declared = _Declared()
        self._file = _caller_file()
        self._folder = Path(self._file).resolve().parent

    @property
    def folder(self) -> Path:
        """The folder of the file that declared the project; contracts are found relative to it."""
        return self._folder

    @property
    def sources(self) -> Mapping[str, Source]:
        """The sources, by name."""
        return self._declared.sources

    @property
    def tables(self) -> Mapping[str, Table]:
        """The derived tables, by name; the spine's is among them."""
        return self._declared.tables

    @property
    def views(self) -> Mapping[str, FeatureView]:
        """The feature views, by name."""
        return self._declared.views

    @property
    def request_views(self) -> Mapping[str, RequestView]:
        """The request views, by name."""
        return self._declared.request_views

    @property
    def candidates(self) -> Mapping[str, CandidateDeclaration]:
        """The candidates, by name."""
        return self._declared.candidates

    @property
    def monitors(self) -> Sequence[MonitorDeclaration]:
        """The monitors, in order of declaration."""
        return self._declared.monitors

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The full names of all features: views first, then request views, in order of declaration."""
        return tuple(name for view in self.all_views for name in view.feature_names)

    @property
    def all_views(self) -> list[FeatureView | RequestView]:
        """Feature views, then request views, in order of declaration."""
        return [*self.views.values(), *self.request_views.values()]

    def source(
        self, *, contract: str, known_at: str, version: Callable[[], str] | None = None
    ) -> Callable[[SourceFunction], Source]:
        """Declare a source: a function of a `Window` that returns rows with `after < known_at <= until`.

        Args:
            contract: Path of its data contract (Open Data Contract Standard YAML), relative to the project.
            known_at: Column with the moment from which a row could be known.
            version: A cheap probe of the outside data; when its answer changes, the source is read anew.

        Raises:
            ProjectError: the contract is missing or wrong, or the name is taken.
        """

        def declare_source(function: SourceFunction) -> Source:
            where = place_of(function)
            self._refuse_taken(function.__name__, where)
            path = self.folder / contract
            if not path.is_file():
                raise ProjectError(
                    f"source {function.__name__!r} has no contract at {contract}",
                    where=where,
                    hint=f"write {contract} (Open Data Contract Standard); `kreis init` shows one",
                )
            source = Source(
                name=function.__name__,
                contract=Contract.load(path),
                known_at=known_at,
                read=function,
                version=version,
            )
            self._declared.sources[source.name] = source
            return source

        return declare_source

    def table(self, *, layer: Literal["silver", "gold"]) -> Callable[[TableFunction], Table]:
        """Declare a derived table: a function whose parameters name the sources and tables that it reads."""

        def declare_table(function: TableFunction) -> Table:
            return self._add_table(function, layer)

        return declare_table

    def spine(
        self,
        *,
        id: str,  # noqa: A002 (the word that the user writes)
        time: str,
        keys: Sequence[str],
        outcome: str,
        outcome_known_at: str,
        outcome_within: str = "36h",
        positive: str | float | bool | None = None,
    ) -> Callable[[TableFunction], Spine]:
        """Declare the rows to predict. See `kreis.preparation.tables.Spine` for the parameters.

        Raises:
            ProjectError: there is a spine already, or `outcome_within` is not a duration.
        """

        def declare_spine(function: TableFunction) -> Spine:
            if self.spine_declaration is not None:
                raise ProjectError(
                    "a project has one spine",
                    where=place_of(function),
                    hint=f"{self.spine_declaration.table.name!r} is it already",
                )
            try:
                parse_duration(outcome_within)
            except ValueError as error:
                raise ProjectError(str(error), where=f"{place_of(function)}, outcome_within") from error
            self.spine_declaration = Spine(
                table=self._add_table(function, "gold"),
                id=id,
                time=time,
                keys=tuple(keys),
                outcome=outcome,
                outcome_known_at=outcome_known_at,
                outcome_within=outcome_within,
                positive=positive,
            )
            return self.spine_declaration

        return declare_spine

    def feature_view(
        self,
        name: str,
        *,
        entity: str,
        table: Table | str,
        event_time: str,
        known_at: str,
        features: Mapping[str, pl.Expr],
        windows: Sequence[str] = (),
        ttl: str | None = None,
    ) -> FeatureView:
        """Declare what is known about an entity at a moment. See `kreis.preparation.views.FeatureView`."""
        where = _caller()
        if name in self.views or name in self.request_views:
            raise ProjectError(f"there are two views called {name!r}", where=where, hint="rename one")
        view = _placed(
            where,
            lambda: declare.feature_view(
                name,
                entity=entity,
                table=table if isinstance(table, str) else table.name,
                event_time=event_time,
                known_at=known_at,
                features=features,
                windows=windows,
                ttl=ttl,
            ),
        )
        self._declared.views[name] = view
        self._declared.places[f"view {name}"] = where
        return view

    def request_view(
        self, name: str, *, fields: Mapping[str, FieldType], features: Mapping[str, pl.Expr]
    ) -> RequestView:
        """Declare features computed from a request's own fields. See `kreis.preparation.views.RequestView`."""
        where = _caller()
        if name in self.views or name in self.request_views:
            raise ProjectError(f"there are two views called {name!r}", where=where, hint="rename one")
        view = _placed(where, lambda: declare.request_view(name, fields=fields, features=features))
        self._declared.request_views[name] = view
        return view

    def split(self, split: TimeSplit) -> None:
        """Declare which rows train and which judge."""
        self.split_declaration = split

    def candidate(
        self,
        name: str,
        candidate: Candidate,
        *,
        baseline: bool = False,
        search: Search | None = None,
        features: Sequence[str] | None = None,
    ) -> None:
        """Declare a way to answer the question.

        Args:
            name: Its name.
            candidate: `Rule`, `Logistic`, `GradientBoosting` or `Estimator`.
            baseline: Whether others must beat it.
            search: Which of its parameters to search.
            features: Full names of the features that it may use; all if not given.

        Raises:
            ProjectError: the name is taken.
        """
        if name in self.candidates:
            raise ProjectError(f"there are two candidates called {name!r}", where=_caller(), hint="rename one")
        self._declared.places[f"candidate {name}"] = _caller()
        self._declared.candidates[name] = CandidateDeclaration(
            name=name,
            candidate=candidate,
            baseline=baseline,
            search=search,
            features=None if features is None else tuple(features),
        )

    def release(self, canary: Canary, *, fallback: str | None = None, approval: str | None = None) -> None:
        """Declare how a model that passed goes live, which candidate answers when it cannot, who must say yes."""
        self._declared.places["release"] = _caller()
        self.release_declaration = ReleaseDeclaration(canary=canary, fallback=fallback, approval=approval)

    def monitor(self, *monitors: Monitor, sends_back_to: str = "collection", at_most_every: str = "7d") -> None:
        """Declare what is watched, and to which discipline the work goes back when it alerts.

        Args:
            monitors: `Drift`, `BusinessMetric`, `Latency`, `Availability`, or your own.
            sends_back_to: A discipline.
            at_most_every: How long to wait before the work may be sent back again; an alert meanwhile waits.

        Raises:
            ProjectError: no such discipline, no duration, not a monitor, or two monitors of one name.
        """
        if sends_back_to not in DISCIPLINES:
            raise ProjectError.unknown_name("discipline", sends_back_to, DISCIPLINES, where=_caller())
        try:
            parse_duration(at_most_every)
        except ValueError as error:
            raise ProjectError(str(error), where=_caller()) from error
        for monitor in monitors:
            self._check_monitor(monitor)
            self._declared.monitors.append(
                MonitorDeclaration(monitor=monitor, sends_back_to=sends_back_to, at_most_every=at_most_every)
            )

    def _check_monitor(self, monitor: Monitor) -> None:
        kind = type(monitor).__name__
        if not isinstance(monitor, Monitor):
            raise ProjectError(
                f"{kind} is not a monitor",
                where=_caller(),
                hint="a monitor has name, needs_outcomes and observe (kreis.monitoring.monitor.Monitor)",
            )
        if monitor.name == "watch" or any(each.monitor.name == monitor.name for each in self.monitors):
            raise ProjectError(
                f"there are two monitors called {monitor.name!r}: their states and alerts would be mixed up",
                where=_caller(),
                hint=f'give one a name: {kind}(name="…")',
            )

    def ordered_tables(self) -> list[Table]:
        """The tables, each after those that it reads."""
        return order(self.tables, tuple(self.sources))

    def check(self) -> None:
        """Check what can only be checked when all is declared.

        Raises:
            ProjectError: the first thing that is wrong, with place and remedy.
        """
        where = self._file
        if not self.sources:
            raise ProjectError("no source is declared", where=where, hint="write a function under @project.source")
        if self.spine_declaration is None:
            raise ProjectError(
                "no spine is declared: kreis does not know which rows to predict",
                where=where,
                hint="write a function under @project.spine(id=…, time=…, keys=…, outcome=…, outcome_known_at=…)",
            )
        self.ordered_tables()
        for view in self.views.values():
            self._check_view(view, self.spine_declaration)
        self._check_candidates()

    def _check_view(self, view: FeatureView, spine: Spine) -> None:
        place = f"{self._declared.places[f'view {view.name}']}, feature view {view.name!r}"
        if view.table not in self.tables:
            raise ProjectError.unknown_name("table", view.table, self.tables, where=place)
        if view.entity not in spine.keys:
            raise ProjectError.unknown_name("key of the spine", view.entity, spine.keys, where=place)

    def _check_candidates(self) -> None:
        known, places = self.feature_names, self._declared.places
        if not any(declared.baseline for declared in self.candidates.values()):
            raise ProjectError(
                "no candidate is a baseline: there is nothing to be better than",
                where=self._file,
                hint='declare one: project.candidate("rule", Rule(...), baseline=True)',
            )
        for declared in self.candidates.values():
            read = columns(declared.candidate.expression) if isinstance(declared.candidate, Rule) else ()
            for feature in [*(declared.features or ()), *sorted(read)]:
                if feature not in known:
                    place = f"{places[f'candidate {declared.name}']}, candidate {declared.name!r}"
                    raise ProjectError.unknown_name("feature", feature, known, where=place)
        fallback = self.release_declaration.fallback
        if fallback is not None and fallback not in self.candidates:
            raise ProjectError.unknown_name("candidate", fallback, self.candidates, where=places["release"])

    def _add_table(self, function: TableFunction, layer: Literal["silver", "gold"]) -> Table:
        where = place_of(function)
        self._refuse_taken(function.__name__, where)
        table = Table(name=function.__name__, layer=layer, function=function, inputs=inputs_of(function))
        self._declared.tables[table.name] = table
        return table

    def _refuse_taken(self, name: str, where: str) -> None:
        if name in self.sources or name in self.tables:
            raise ProjectError(f"there is already a source or table called {name!r}", where=where, hint="rename one")


def _placed(where: str, make: Callable[[], T]) -> T:
    """Say where in the user's file an error arose, before where in the declaration."""
    try:
        return make()
    except KreisError as error:
        error.where = f"{where}, {error.where}" if error.where else where
        raise


def _caller_file() -> str:
    return _user_frame_place()[0]


def _caller() -> str:
    file, line = _user_frame_place()
    return f"{file}:{line}"


def _user_frame_place() -> tuple[str, int]:
    """The innermost frame outside this module: the user's line."""
    frame = sys._getframe(1)
    while frame.f_code.co_filename == __file__ and frame.f_back is not None:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
