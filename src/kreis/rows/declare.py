"""What a user declares of a table whose rows have no times: one call in place of source, spine and views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kreis.collection.contracts.contract import Contract
from kreis.collection.sources import Source
from kreis.declarations import at, users_line
from kreis.durations import duration
from kreis.errors import ProjectError
from kreis.preparation import view_rules
from kreis.preparation.tables import AT_ONCE, NO_OUTCOME, Spine, Table
from kreis.preparation.views import FieldType, Policy
from kreis.training.declare import Candidates
from kreis.training.splits.at_random import RandomSplit
from kreis.training.splits.by_group import GroupSplit
from kreis.training.splits.given_test import PART, GivenTest

if TYPE_CHECKING:
    import polars as pl

    from kreis.rows.columns import RowColumn
    from kreis.rows.source import Opened, Place, RowsOf

__all__ = ["SOURCE", "SPINE", "VIEW", "RowsDeclared"]

SOURCE, SPINE, VIEW = "rows", "rows_to_predict", "row"
"""What the source, the rows to predict and the view of a table without times are called."""
_FIELDS: dict[str, FieldType] = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
    "date": "datetime",
    "timestamp": "datetime",
}
"""A contract's logical types, and the types of request fields."""


@dataclass(frozen=True, kw_only=True)
class _Roles:
    """What some of the columns are for, by the names that kreis gives them."""

    id: str
    outcome: str
    time: str
    group: str | None
    weight: str | None
    judge_by: tuple[str, ...]
    leave_out: frozenset[str]

    @property
    def taken(self) -> frozenset[str]:
        """Those that are no features."""
        named = {self.id, self.outcome, self.time, self.group, self.weight, *self.judge_by}
        return self.leave_out | {each for each in named if each is not None}


class RowsDeclared(Candidates):
    """A table whose columns are the features."""

    def rows(  # noqa: PLR0913 (one call in place of source, spine, views and split)
        self,
        source: Place,
        *,
        outcome: str | None = None,
        id: str | None = None,  # noqa: A002 (the word that the user writes)
        positive: str | float | bool | None = None,
        features: Mapping[str, pl.Expr] | Sequence[str] | None = None,
        leave_out: Sequence[str] = (),
        judge_by: Sequence[str] = (),
        time: str | None = None,
        group: str | None = None,
        weight: str | None = None,
        test: Place | None = None,
        contract: str | None = None,
        outcome_within: str = "36h",
        missing: Policy = "flag",
        unexpected: Policy = "flag",
        separator: str | None = None,
        header: bool | None = None,
        quotes: bool | None = None,
        missing_values: Sequence[str] | None = None,
        sheet: str | None = None,
    ) -> Spine:
        """Declare a table whose rows are asked about, and whose columns are what is known of them.

        It stands for a source `rows`, which is replaced as a whole when it changes, for the rows to predict, and for a
        request view `row`: the column `age` is the feature `row__age`, and a request's field `age`. Names become
        letters, digits and single underscores (`capital-gain`: `capital_gain`); either may be written here.

        Numbers and booleans are features as they are, texts of few different values as categories, dates by their
        parts. What is left out (constants, ids, lists) is told with every run. A missing value is missing for the
        model; a category that was never seen counts as missing.

        Args:
            source: A file (CSV with any separator, plain or packed, Parquet, JSON Lines, Excel, a Delta table's
                folder), relative to the project; a Polars frame; or a function that gives one.
            outcome: The column with what happened; rows without it teach nothing. Left out where there is none, as in
                clustering.
            id: The column that names a row. Without it a row is named by its content, and by its place among rows that
                hold the same.
            positive: The value of `outcome` that means yes, where it is neither true/false nor 1/0.
            features: Names of columns, or expressions by name, in place of what is chosen by itself.
            leave_out: Columns that are no features.
            judge_by: Columns that are no features, but by which results are shown, and guardrails may look.
            time: The column with the moment of each row, if there is one: then the rows are split in time.
            group: The column that says which rows belong together; none of them is then parted from the others. A
                request may bring it, as rows that are ranked must; of a ranking it is the column that its metric names.
            weight: The column that says what a row weighs in training.
            test: A second table of the same columns: its rows judge.
            contract: Path of a data contract; without one the types of the columns are all that is asked.
            outcome_within: How long outcomes take in service.
            missing: What becomes of a request without a field that the contract requires: "refuse" or "flag".
            unexpected: What becomes of a value that the contract does not allow: "refuse" or "flag".
            separator: Between the fields of a CSV file; found out if not given, as the next three are.
            header: Whether the first line of a CSV file names its columns.
            quotes: Whether a field of a CSV file may stand in double quotes.
            missing_values: The texts that stand for a missing value.
            sheet: Of a workbook.

        Raises:
            ProjectError: a spine is there already, the table cannot be read, or a column is not there.

        Example:

        >>> import polars as pl
        >>> from kreis import DecisionValue, Goal, Project
        >>> value = DecisionValue("EUR per 1,000 loans", true_positive=0.0, false_positive=-9.0, false_negative=-40.0)
        >>> project = Project("credit", goal=Goal(question="Will it default?", decision="Refuse.", metric=value))
        >>> loans = pl.DataFrame({"amount": [5_000, 9_000], "purpose": ["car", "house"], "bad": [0, 1]})
        >>> spine = project.rows(loans, outcome="bad")
        >>> project.feature_names
        ('row__amount', 'row__purpose')
        """
        from kreis.rows.source import Opened, RowsOf

        where = users_line()
        options: dict[str, Any] = {"separator": separator, "header": header, "quotes": quotes, "sheet": sheet}
        options["missing"] = None if missing_values is None else tuple(missing_values)
        self._refuse_second_spine(where)
        with at(where):
            duration(outcome_within, "outcome_within")
            table = Opened.of(source, self.folder, options)
            judged = None if test is None else Opened.of(test, self.folder, options)
            columns, document, file = self._described(table, contract)
            together = self.goal.task.plain.within if group is None else group
            roles = _roles(columns, id, outcome, time, together, weight, judge_by, leave_out)
            names = {each.name: each.source_name for each in columns}
            promised = _promised(document, file, roles, named=id is not None, timed=time is not None, tested=judged)
            reads = RowsOf(
                table=table,
                test=judged,
                id=None if id is None else names[roles.id],
                outcome=names.get(roles.outcome),
                time=None if time is None else next(each for each in promised.plan.columns if each.name == roles.time),
            )
            self._declare_source(reads, promised, roles.time, where)
        spine = self._declare_spine(roles, positive, outcome_within, timeless=time is None, where=where)
        self._declare_view(columns, roles, features, missing, unexpected, where)
        self._choose_split(roles, tested=test is not None, timeless=time is None)
        return spine

    def _described(self, table: Opened, contract: str | None) -> tuple[list[RowColumn], dict[str, Any], str]:
        """The columns of a table, and its contract: the user's, or one of its types."""
        from kreis.rows.columns import LOOKED_AT, columns_of
        from kreis.rows.contract import derived, read

        head = table.frame(LOOKED_AT)
        if contract is None:
            columns = columns_of(head)
            return columns, derived(SOURCE, columns), "the types of its columns"
        path = self.folder / contract
        declared = Contract.load(path)
        known = {each.source_name: (each.name, each.logical_type) for each in declared.plan.columns}
        return columns_of(head, known), read(path), str(path)

    def _declare_source(self, reads: RowsOf, contract: Contract, known_at: str, where: str) -> None:
        source = Source(
            name=SOURCE,
            contract=contract,
            known_at=known_at,
            read=reads,
            version=reads.identity,
            whole=reads.time is None,
        )
        self._add_source(source, where)

    def _declare_spine(
        self, roles: _Roles, positive: str | float | bool | None, outcome_within: str, *, timeless: bool, where: str
    ) -> Spine:
        table = Table(name=SPINE, layer="gold", function=_handed_on, inputs=(SOURCE,), place=where)
        spine = Spine(
            table=table,
            id=roles.id,
            time=roles.time,
            keys=(),
            outcome=roles.outcome,
            outcome_known_at=roles.time,
            outcome_within=AT_ONCE if roles.outcome == NO_OUTCOME else outcome_within,
            positive=positive,
            timeless=timeless,
            judge_by=roles.judge_by,
            weight=roles.weight,
            group=roles.group,
        )
        self._add_spine(spine, where)
        return spine

    def _declare_view(
        self,
        columns: Sequence[RowColumn],
        roles: _Roles,
        features: Mapping[str, pl.Expr] | Sequence[str] | None,
        missing: Policy,
        unexpected: Policy,
        where: str,
    ) -> None:
        from kreis.rows.features import chosen

        with at(where):
            usable = [each for each in columns if each.name not in roles.taken]
            found = chosen(usable, features, every=columns)
            self.notes.extend(found.said)
            brought = [*found.read, *(each for each in columns if each.name == roles.group)]
            fields = {each.name: _FIELDS[each.kind] for each in brought}
            view = view_rules.request_view(
                VIEW, fields=fields, features=found.features, missing=missing, unexpected=unexpected
            )
        self._views.add(VIEW, view, where)

    def _choose_split(self, roles: _Roles, *, tested: bool, timeless: bool) -> None:
        if tested:
            self._split_by_default = GivenTest()
        elif timeless and roles.group is not None:
            self._split_by_default = GroupSplit(by=roles.group)
        elif timeless:
            self._split_by_default = RandomSplit()

    def check(self) -> None:
        """Check that nothing is looked up by time for rows that have none."""
        spine = self.spine_declaration
        if spine is not None and spine.timeless:
            for name in self.views:
                raise ProjectError(
                    f"feature view {name!r} looks up what was known at a row's moment, and these rows have none",
                    where=self._views.place(name),
                    hint="name their time: project.rows(…, time=…)",
                )
        super().check()


def _handed_on(**frames: pl.LazyFrame) -> pl.LazyFrame:
    """The rows to predict are those of the source."""
    return frames[SOURCE]


def _promised(
    document: dict[str, Any], file: str, roles: _Roles, *, named: bool, timed: bool, tested: Opened | None
) -> Contract:
    from kreis.rows.contract import completed

    added = {} if named else {roles.id: "string"}
    added |= {} if timed else {roles.time: "timestamp"}
    added |= {} if tested is None else {PART: "string"}
    return completed(document, file, added=added, key=roles.id, time=roles.time, replaced=not timed)


def _roles(
    columns: Sequence[RowColumn],
    id: str | None,  # noqa: A002 (as declared)
    outcome: str | None,
    time: str | None,
    group: str | None,
    weight: str | None,
    judge_by: Sequence[str],
    leave_out: Sequence[str],
) -> _Roles:
    """What columns are for, each name as kreis has it.

    Raises:
        ProjectError: the table has no such column, or one of a name that kreis gives itself.
    """
    from kreis.rows.source import ID, MOMENT

    given = {each.source_name: each.name for each in columns} | {each.name: each.name for each in columns}
    for name in (ID, MOMENT, PART):
        if name in given:
            raise ProjectError(f"kreis itself adds a column {name!r}", where="project.rows", hint="rename the table's")

    def known(role: str, name: str) -> str:
        if name not in given:
            raise ProjectError.unknown_name("column", name, given, where=f"project.rows, {role}")
        return given[name]

    return _Roles(
        id=ID if id is None else known("id", id),
        outcome=NO_OUTCOME if outcome is None else known("outcome", outcome),
        time=MOMENT if time is None else known("time", time),
        group=None if group is None else known("group", group),
        weight=None if weight is None else known("weight", weight),
        judge_by=tuple(known("judge_by", name) for name in judge_by),
        leave_out=frozenset(known("leave_out", name) for name in leave_out),
    )
