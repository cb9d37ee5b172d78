"""What a user declares: one typed `Project`, gathering what each discipline lets them declare.

Everything is checked as it is declared, as far as it can be; `Project.check` does the rest once the whole
is known. Every error names the place in the user's file and what to do next.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from kreis.collection import declare as collection
from kreis.collection.sources import Changed, Source, Window
from kreis.deployment.canary import Canary, ReleaseDeclaration
from kreis.deployment.predictions.answers import COLUMNS, Answers
from kreis.errors import KreisError, ProjectError
from kreis.monitoring import declare as monitoring
from kreis.monitoring.declare import MonitorDeclaration
from kreis.monitoring.monitor import Monitor
from kreis.preparation import declare
from kreis.preparation.tables import Spine, Table, inputs_of, order, place_of
from kreis.preparation.views import FeatureView, FieldType, Policy, RequestView, parse_duration
from kreis.requirements.goal import Goal
from kreis.tasks.metrics.registry import metric_named
from kreis.training.candidate import Candidate
from kreis.training.declare import CandidateDeclaration, Classifier, as_candidate, as_search, check_candidates
from kreis.training.search import Search, Space
from kreis.training.splits import TimeSplit

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Project"]

T = TypeVar("T")

SourceFunction = Callable[[Window], "pl.LazyFrame"]
TableFunction = Callable[..., "pl.LazyFrame"]


@dataclass(kw_only=True)
class _Declared:
    sources: dict[str, Source] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)
    views: dict[str, FeatureView] = field(default_factory=dict)
    request_views: dict[str, RequestView] = field(default_factory=dict)
    candidates: dict[str, CandidateDeclaration] = field(default_factory=dict)
    monitors: list[MonitorDeclaration] = field(default_factory=list)
    perfect: dict[str, str] = field(default_factory=dict)
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
            ProjectError: the name holds anything else, or a guardrail names a metric that does not exist.
        """
        if not name or not name.replace("-", "").isalnum() or not name.isascii():
            raise ProjectError(
                f"{name!r} cannot name a project", where=_caller(), hint="use letters, digits and hyphens"
            )
        for guardrail in goal.guardrails:
            metric_named(guardrail.metric, goal.metric, where=f"{_caller()}, Guardrail({guardrail.metric!r})")
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
    def perfect_features(self) -> Mapping[str, str]:
        """Features that may predict the outcome perfectly, and why."""
        return self._declared.perfect

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
        self,
        *,
        contract: str,
        known_at: str,
        version: Callable[[], str] | None = None,
        late: str | None = "7d",
        changed: Changed = "replace",
    ) -> Callable[[SourceFunction], Source]:
        """Declare a source: a function of a `Window` that returns rows with `after < known_at <= until`.

        Args:
            contract: Path of its data contract (Open Data Contract Standard YAML), relative to the project.
            known_at: Column with the moment from which a row could be known.
            version: A cheap probe of the outside data; when its answer changes, the source is read from the
                beginning. Without it, the files that the source reads are looked at.
            late: Each collection reads this span before the last one again, for rows that reach the source late.
            changed: Where the source gives a row otherwise than before, without a later known-at: "replace" what was
                collected, or "keep" it and set the other aside.

        Raises:
            ProjectError: the contract is missing or wrong, the name is taken, or `late` or `changed` is none.
        """

        def declare_source(function: SourceFunction) -> Source:
            where = place_of(function)
            self._refuse_taken(function.__name__, where)
            source = collection.source(
                function,
                folder=self.folder,
                contract=contract,
                known_at=known_at,
                version=version,
                late=timedelta(0) if late is None else _duration(late, where, "late"),
                changed=changed,
                where=where,
            )
            self._declared.sources[source.name] = source
            return source

        return declare_source

    def answers(
        self,
        name: str = "answers",
        *,
        keys: Sequence[str] = (),
        fields: Mapping[str, FieldType] | None = None,
        late: str = "90d",
    ) -> Source:
        """Declare the service's own answers as a source: logged predictions whose outcome is known.

        Its rows have `prediction`, `reference`, `asked_at`, `model`, `score`, `decision`, `outcome` and `known_at` (the
        outcome's), then the keys and fields. An outcome sent again, otherwise and later, is a correction.

        Args:
            name: What tables call it.
            keys: Entities whose keys the requests name.
            fields: Request fields and their types, as in a request view.
            late: How far back outcomes are looked for that were sent long after they were known.

        Raises:
            ProjectError: the name is taken, a column would come twice, or `late` is no duration.
        """
        where = _caller()
        self._refuse_taken(name, where)
        columns = [*COLUMNS, *keys, *(fields or {})]
        if len(set(columns)) < len(columns):
            twice = next(each for each in columns if columns.count(each) > 1)
            raise ProjectError(f"{name!r} would have two columns {twice!r}", where=where, hint="leave one of them out")
        answers = Answers(tuple(keys), tuple((fields or {}).items()))
        source = collection.stored(
            name,
            contract=answers.contract(name),
            known_at="known_at",
            read=answers.read,
            late=_duration(late, where, "late"),
            where=where,
        )
        self._declared.sources[name] = source
        return source

    def table(self, *, layer: Literal["silver", "gold"], corrections: bool = False) -> Callable[[TableFunction], Table]:
        """Declare a derived table: a function whose parameters name the sources and tables that it reads.

        Args:
            layer: "silver" or "gold".
            corrections: Whether it gets every version of a row that was corrected, with the column `superseded_at`,
                which it hands on: then a feature view sees at each moment the version known by then. Without it, it
                gets the version known last.
        """

        def declare_table(function: TableFunction) -> Table:
            return self._add_table(function, layer, corrections=corrections)

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
            ProjectError: there is a spine already, `outcome_within` is no duration, or `positive` no value.
        """

        def declare_spine(function: TableFunction) -> Spine:
            if self.spine_declaration is not None:
                raise ProjectError(
                    "a project has one spine",
                    where=place_of(function),
                    hint=f"{self.spine_declaration.table.name!r} is it already",
                )
            self.spine_declaration = declare.spine(
                self._add_table(function, "gold"),
                id=id,
                time=time,
                keys=keys,
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
        self,
        name: str,
        *,
        fields: Mapping[str, FieldType],
        features: Mapping[str, pl.Expr],
        missing: Policy = "refuse",
        unexpected: Policy = "flag",
    ) -> RequestView:
        """Declare features computed from a request's own fields. See `kreis.preparation.views.RequestView`."""
        where = _caller()
        if name in self.views or name in self.request_views:
            raise ProjectError(f"there are two views called {name!r}", where=where, hint="rename one")
        view = _placed(
            where,
            lambda: declare.request_view(
                name, fields=fields, features=features, missing=missing, unexpected=unexpected
            ),
        )
        self._declared.request_views[name] = view
        self._declared.places[f"view {name}"] = where
        return view

    def split(self, split: TimeSplit) -> None:
        """Declare which rows train and which judge."""
        self._once("split")
        self.split_declaration = split

    def candidate(
        self,
        name: str,
        candidate: Candidate | Classifier,
        *,
        baseline: bool = False,
        search: Search | Mapping[str, Space] | None = None,
        features: Sequence[str] | None = None,
    ) -> None:
        """Declare a way to answer the question.

        Args:
            name: Its name.
            candidate: `Rule`, `Logistic`, `GradientBoosting`, or a scikit-learn classifier (see `Estimator`).
            baseline: Whether others must beat it.
            search: Which of its parameters to search; a mapping of spaces gets the default number of trials.
            features: Full names of the features that it may use; all if not given.

        Raises:
            ProjectError: the name is taken, it is no candidate, or it has no parameter to search by that name.
        """
        where = _caller()
        if name in self.candidates:
            raise ProjectError(f"there are two candidates called {name!r}", where=where, hint="rename one")
        made = _placed(where, lambda: as_candidate(candidate))
        self._declared.places[f"candidate {name}"] = where
        self._declared.candidates[name] = CandidateDeclaration(
            name=name,
            candidate=made,
            baseline=baseline,
            search=_placed(where, lambda: as_search(made, search)),
            features=None if features is None else tuple(features),
        )

    def allow_perfect_feature(self, feature: str, *, because: str) -> None:
        """Let a feature predict the outcome perfectly. Without this it is refused: as a rule it is the outcome itself.

        Args:
            feature: Its full name.
            because: Why it can be known at the moment of the decision; it stands on record with every run.

        Raises:
            ProjectError: no reason is given.
        """
        if not because.strip():
            raise ProjectError("no reason is given", where=_caller(), hint='because="a law fixes it beforehand"')
        self._declared.perfect[feature] = because
        self._declared.places[f"perfect {feature}"] = _caller()

    def release(self, canary: Canary, *, fallback: str | None = None, approval: str | None = None) -> None:
        """Declare how a model that passed goes live, which candidate answers when it cannot, who must say yes."""
        self._once("release")
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
        self._declared.monitors += monitoring.declared(
            monitors, self.monitors, to=sends_back_to, at_most_every=at_most_every, where=_caller()
        )

    def _once(self, what: str) -> None:
        if what in (places := self._declared.places):  # it would replace the first in silence
            raise ProjectError(f"a project has one {what}", where=_caller(), hint=f"another one is at {places[what]}")
        places[what] = _caller()

    def ordered_tables(self) -> list[Table]:
        """The tables, each after those that it reads."""
        return order(self.tables, tuple(self.sources))

    def check(self) -> None:
        """Check what can only be checked when all is declared.

        Raises:
            ProjectError: the first thing that is wrong, with place and remedy.
        """
        where = self._file
        for guardrail in self.goal.guardrails:
            metric_named(guardrail.metric, self.goal.metric, where=f"{where}, Guardrail({guardrail.metric!r})")
        if not self.sources:
            raise ProjectError("no source is declared", where=where, hint="write a function under @project.source")
        if self.spine_declaration is None:
            raise ProjectError(
                "no spine is declared: kreis does not know which rows to predict",
                where=where,
                hint="write a function under @project.spine(id=…, time=…, keys=…, outcome=…, outcome_known_at=…)",
            )
        self.ordered_tables()
        for view in self.all_views:
            place = self._declared.places[f"view {view.name}"]
            _placed(place, partial(declare.check_in_project, view, self.spine_declaration, self.tables))
        self._check_candidates()

    def _check_candidates(self) -> None:
        places = self._declared.places
        try:
            check_candidates(
                list(self.candidates.values()), self.feature_names, fallback=self.release_declaration.fallback
            )
        except ProjectError as error:
            place = places.get((error.where or "").replace("'", ""), self._file)
            error.where = f"{place}, {error.where}" if error.where else place
            raise
        for feature in self.perfect_features:
            if feature not in self.feature_names:
                place = places[f"perfect {feature}"]
                raise ProjectError.unknown_name("feature", feature, self.feature_names, where=place)
        monitoring.check_features(self.monitors, self.feature_names)

    def _add_table(
        self, function: TableFunction, layer: Literal["silver", "gold"], *, corrections: bool = False
    ) -> Table:
        where = place_of(function)
        self._refuse_taken(function.__name__, where)
        table = Table(
            name=function.__name__,
            layer=layer,
            function=function,
            inputs=inputs_of(function),
            corrections=corrections,
        )
        self._declared.tables[table.name] = table
        return table

    def _refuse_taken(self, name: str, where: str) -> None:
        if name in self.sources or name in self.tables:
            raise ProjectError(f"there is already a source or table called {name!r}", where=where, hint="rename one")


def _duration(text: str, where: str, what: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ProjectError(str(error), where=f"{where}, {what}") from error


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
