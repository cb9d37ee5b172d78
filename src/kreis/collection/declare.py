"""What a user declares for collection: sources. What can be known without data is checked here, at the user's line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, get_args

from kreis.collection.contracts.contract import Contract
from kreis.collection.sources import Changed, Source, Window
from kreis.declarations import Named, place_of
from kreis.durations import duration
from kreis.errors import ProjectError
from kreis.requirements.declare import Purpose
from kreis.requirements.goal import Goal

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Sources"]

SourceFunction = Callable[[Window], "pl.LazyFrame"]


class Sources(Purpose):
    """Where data come from."""

    def __init__(self, name: str, *, goal: Goal) -> None:
        super().__init__(name, goal=goal)
        self._sources = Named[Source]("sources")

    @property
    def sources(self) -> Mapping[str, Source]:
        """The sources, by name."""
        return self._sources

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
            name, where = function.__name__, place_of(function)
            again = timedelta(0) if late is None else duration(late, f"{where}, late")
            if changed not in get_args(Changed):
                raise ProjectError.unknown_name("value of changed", changed, get_args(Changed), where=where)
            if not (self.folder / contract).is_file():
                raise ProjectError(
                    f"source {name!r} has no contract at {contract}",
                    where=where,
                    hint=f"write {contract} (Open Data Contract Standard); `kreis init` shows one",
                )
            source = Source(
                name=name,
                contract=Contract.load(self.folder / contract),
                known_at=known_at,
                read=function,
                version=version,
                late=again,
                changed=changed,
            )
            self._add_source(source, where)
            return source

        return declare_source

    def check(self) -> None:
        """Check that there is a source."""
        super().check()
        if not self.sources:
            raise ProjectError("no source is declared", where=self._file, hint="write a function under @project.source")

    def _add_stored(
        self,
        name: str,
        *,
        contract: dict[str, Any],
        known_at: str,
        read: Callable[[Any, Window], pl.LazyFrame],
        late: timedelta,
        where: str,
    ) -> Source:
        """Declare a source whose rows lie in the lake already, written there by kreis itself.

        Args:
            name: Its name.
            contract: What its rows promise, as plain data.
            known_at: The column with the moment from which a row could be known.
            read: Gives the rows of a window; takes the lake first.
            late: How far back each collection reads again.
            where: The user's line.

        Raises:
            ProjectError: the name is taken, two columns share a name, or one has a name that is reserved.
        """

        def unbound(window: Window) -> pl.LazyFrame:
            hint = "read it in a run: kreis run"
            raise ProjectError(f"source {name!r} is read from the lake", where=where, hint=hint)

        promised = Contract.of(contract, where)
        source = Source(name=name, contract=promised, known_at=known_at, read=unbound, late=late, stored=read)
        self._add_source(source, where)
        return source

    def _add_source(self, source: Source, where: str) -> None:
        self._refuse_taken(source.name, where)
        self._sources.add(source.name, source, where)

    def _readable(self) -> frozenset[str]:
        """What a table may read, by name."""
        return frozenset(self._sources)

    def _refuse_taken(self, name: str, where: str) -> None:
        if name in self._readable():
            raise ProjectError(f"there is already a source or table called {name!r}", where=where, hint="rename one")
