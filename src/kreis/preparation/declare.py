"""What a user declares for preparation: tables, the rows to predict, and views of what is known about them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from kreis.collection.declare import Sources
from kreis.declarations import Declared, Named, at, place_of, users_line
from kreis.durations import duration
from kreis.errors import ProjectError
from kreis.preparation import view_rules
from kreis.preparation.tables import AT_ONCE, NO_OUTCOME, Spine, Table, inputs_of, order
from kreis.preparation.views import FeatureView, FieldType, Policy, RequestView
from kreis.requirements.goal import Goal
from kreis.tasks.task import answers_questions

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Tables", "Views"]

TableFunction = Callable[..., "pl.LazyFrame"]


class Tables(Sources):
    """Tables made from the sources; one of them, the spine, holds the rows to predict."""

    def __init__(self, name: str, *, goal: Goal) -> None:
        super().__init__(name, goal=goal)
        self._tables = Named[Table]("tables")
        self._spine: Declared[Spine] | None = None

    @property
    def tables(self) -> Mapping[str, Table]:
        """The derived tables, by name; the spine's is among them."""
        return self._tables

    @property
    def spine_declaration(self) -> Spine | None:
        """The rows to predict; None as long as they are not declared."""
        return None if self._spine is None else self._spine.value

    @property
    def horizon(self) -> timedelta:
        """How long outcomes take."""
        return timedelta() if self._spine is None else self._spine.value.horizon

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
        outcome: str | None = None,
        outcome_known_at: str | None = None,
        outcome_within: str = "36h",
        positive: str | float | bool | None = None,
    ) -> Callable[[TableFunction], Spine]:
        """Declare the rows to predict, given by a function as a table is. See `kreis.preparation.tables.Spine`.

        Args:
            id: The column that names a row, once.
            time: The column with the moment at which it is asked about.
            keys: The columns with the keys of its entities.
            outcome: The column with what happened; None where nothing ever becomes known (clustering).
            outcome_known_at: The column with the moment from which that was known.
            outcome_within: How long outcomes take: "36h", "14d".
            positive: The value of `outcome` that means yes, where it is neither true/false nor 1/0.

        Raises:
            ProjectError: there is a spine already, `outcome_within` is no duration, `positive` no value, or one of
                `outcome` and `outcome_known_at` is given without the other.
        """

        def declare_spine(function: TableFunction) -> Spine:
            where = place_of(function)
            self._refuse_second_spine(where)
            table = self._add_table(function, "gold")
            duration(outcome_within, f"{where}, outcome_within")
            if positive is not None and not (isinstance(positive, str | int | float) and positive == positive):
                hint = 'the value itself: positive="yes", positive=2'
                raise ProjectError(f"positive={positive!r} is not a valid value", where=where, hint=hint)
            if (outcome is None) != (outcome_known_at is None):
                missing = "outcome" if outcome is None else "outcome_known_at"
                hint = "an outcome has a moment from which it is known; leave both out where there is none"
                raise ProjectError(f"{missing} is missing", where=where, hint=hint)
            spine = Spine(
                table=table,
                id=id,
                time=time,
                keys=tuple(keys),
                outcome=outcome or NO_OUTCOME,
                outcome_known_at=outcome_known_at or time,
                outcome_within=AT_ONCE if outcome is None else outcome_within,
                positive=positive,
            )
            self._spine = Declared(spine, where)
            return spine

        return declare_spine

    def ordered_tables(self) -> list[Table]:
        """The tables, each after those that it reads."""
        return order(self.tables, tuple(self.sources))

    def check(self) -> None:
        """Check that there is a spine, and that each table reads what there is."""
        super().check()
        if answers_questions(self.goal.task):
            self._refuse_rows()
            return
        if self._spine is None:
            raise ProjectError(
                "no spine is declared: kreis does not know which rows to predict",
                where=self._file,
                hint="write a function under @project.spine(id=…, time=…, keys=…, outcome=…, outcome_known_at=…)",
            )
        if self._spine.value.outcome == NO_OUTCOME and self.goal.task.needs_outcomes:
            said = f"the spine names no outcome, and {self.goal.task.name} learns from outcomes"
            raise ProjectError(said, where=self._spine.place, hint="outcome=…, outcome_known_at=…")
        self.ordered_tables()

    def _refuse_rows(self) -> None:
        """A goal that asks for answers has no rows to predict."""
        declared = [*(self._tables.place(name) for name in self._tables)]
        if declared:
            hint = "documents are declared by @project.documents; a goal about rows has another metric"
            raise ProjectError("the goal asks for answers, and a table is declared", where=declared[0], hint=hint)

    def _add_table(
        self, function: TableFunction, layer: Literal["silver", "gold"], *, corrections: bool = False
    ) -> Table:
        name, where = function.__name__, place_of(function)
        inputs = inputs_of(function)
        table = Table(name=name, layer=layer, function=function, inputs=inputs, corrections=corrections)
        self._declare_table(table, where)
        return table

    def _declare_table(self, table: Table, where: str) -> None:
        self._refuse_taken(table.name, where)
        self._tables.add(table.name, table, where)

    def _add_spine(self, spine: Spine, where: str) -> None:
        """Declare rows to predict that kreis itself makes, and their table."""
        self._refuse_second_spine(where)
        self._declare_table(spine.table, where)
        self._spine = Declared(spine, where)

    def _refuse_second_spine(self, where: str) -> None:
        if self._spine is not None:
            hint = f"{self._spine.value.table.name!r} is it already"
            raise ProjectError("a project has one spine", where=where, hint=hint)

    def _readable(self) -> frozenset[str]:
        return super()._readable() | frozenset(self._tables)


class Views(Tables):
    """What is known about the rows to predict: from the tables, and from the request itself."""

    def __init__(self, name: str, *, goal: Goal) -> None:
        super().__init__(name, goal=goal)
        self._views = Named[FeatureView | RequestView]("views")
        self._perfect: dict[str, Declared[str]] = {}
        self._overruled: dict[str, Declared[str]] = {}

    @property
    def views(self) -> Mapping[str, FeatureView]:
        """The feature views, by name."""
        return {name: view for name, view in self._views.items() if isinstance(view, FeatureView)}

    @property
    def request_views(self) -> Mapping[str, RequestView]:
        """The request views, by name."""
        return {name: view for name, view in self._views.items() if isinstance(view, RequestView)}

    @property
    def all_views(self) -> list[FeatureView | RequestView]:
        """Feature views, then request views, in order of declaration."""
        return [*self.views.values(), *self.request_views.values()]

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The full names of all features: views first, then request views, in order of declaration."""
        return tuple(name for view in self.all_views for name in view.feature_names)

    @property
    def category_names(self) -> frozenset[str]:
        """The full names of the features that are categories."""
        return frozenset(name for view in self.all_views for name in view.categories)

    @property
    def text_names(self) -> frozenset[str]:
        """The full names of the features that are read as texts."""
        return frozenset(name for view in self.request_views.values() for name in view.texts)

    @property
    def perfect_features(self) -> Mapping[str, str]:
        """Features that may predict the outcome perfectly, and why."""
        return {feature: because.value for feature, because in self._perfect.items()}

    @property
    def overruled_leaks(self) -> Mapping[str, str]:
        """Leaks that a person lets stand, by column, and why."""
        return {**self.perfect_features, **{column: because.value for column, because in self._overruled.items()}}

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
        """Declare what is known about an entity at a moment. See `kreis.preparation.views.FeatureView`.

        Args:
            name: Its name, with which the names of its features begin.
            entity: The column, of the table and of the spine, with the entity's key.
            table: The table that it reads.
            event_time: The column that says when a row happened.
            known_at: The column that says when it could be known.
            features: Expressions by name: aggregations with `windows`, else of the latest row.
            windows: Spans to look back: "24h", "7d".
            ttl: Without windows: how old the latest row may be.

        Raises:
            ProjectError: the name is taken, or an expression or a duration is not allowed.
        """
        where = users_line()
        with at(where):
            view = view_rules.feature_view(
                name,
                entity=entity,
                table=table if isinstance(table, str) else table.name,
                event_time=event_time,
                known_at=known_at,
                features=features,
                windows=windows,
                ttl=ttl,
            )
        self._views.add(name, view, where)
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
        """Declare features computed from a request's own fields. See `kreis.preparation.views.RequestView`.

        Args:
            name: Its name, with which the names of its features begin.
            fields: Fields of a request and their types; in training, columns of the spine.
            features: Expressions over the fields, by name.
            missing: What becomes of a request without a required field: "refuse" or "flag".
            unexpected: What becomes of a value that the contract does not allow: "refuse" or "flag".

        Raises:
            ProjectError: the name is taken, or an expression or a type is not allowed.
        """
        where = users_line()
        with at(where):
            view = view_rules.request_view(
                name, fields=fields, features=features, missing=missing, unexpected=unexpected
            )
        self._views.add(name, view, where)
        return view

    def allow_perfect_feature(self, feature: str, *, because: str) -> None:
        """Let a feature predict the outcome perfectly. Without this it is refused: as a rule it is the outcome itself.

        Args:
            feature: Its full name.
            because: Why it can be known at the moment of the decision; it stands on record with every run.

        Raises:
            ProjectError: no reason is given.
        """
        if not because.strip():
            raise ProjectError("no reason is given", where=users_line(), hint='because="a law fixes it beforehand"')
        self._perfect[feature] = Declared(because, users_line())

    def overrule_leak(self, column: str, *, because: str) -> None:
        """Let a leak stand that a run refuses, or warns of: a person answers for it, by name.

        Args:
            column: What the refusal names: a feature, a column of the rows, or "twins".
            because: Why it is none; it stands on record with every run, and among its warnings.

        Raises:
            ProjectError: no reason is given.
        """
        if not because.strip():
            raise ProjectError("no reason is given", where=users_line(), hint='because="the call is over by then"')
        self._overruled[column] = Declared(because, users_line())

    def check_overruled(self, known: Collection[str]) -> None:
        """Check that what is overruled is there.

        Args:
            known: What else than features may be overruled; which columns there are only a run knows.

        Raises:
            ProjectError: it is neither.
        """
        for column, because in self._overruled.items():
            if column not in (names := {*self.feature_names, *known}):
                raise ProjectError.unknown_name("feature or column", column, names, where=because.place)

    def check(self) -> None:
        """Check each view against spine and tables, and that features which may be perfect are there."""
        super().check()
        if (spine := self.spine_declaration) is not None:
            for view in self.all_views:
                with at(self._views.place(view.name)):
                    view_rules.check_in_project(view, spine, self.tables)
        self._check_group()
        for feature, because in self._perfect.items():
            if feature not in self.feature_names:
                raise ProjectError.unknown_name("feature", feature, self.feature_names, where=because.place)

    def _check_group(self) -> None:
        """Where rows are decided among each other, a request says which belong together, as the spine does."""
        within = self.goal.task.plain.within
        if within is None or self.spine_declaration is None:
            return
        fields = {name for view in self.request_views.values() for name in view.fields}
        sent = {*self.spine_declaration.keys, *fields}
        if within not in sent:
            raise ProjectError.unknown_name("key or field of a request that names a group", within, sent, where="Goal")
