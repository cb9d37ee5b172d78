"""What a user declares to forecast series: one word, which declares tables, a spine and views as any project has."""

from __future__ import annotations

from collections.abc import Sequence

from kreis.collection.sources import Source
from kreis.declarations import at, users_line
from kreis.durations import duration
from kreis.errors import ProjectError
from kreis.preparation.declare import Views
from kreis.preparation.series import (
    AHEAD,
    FORECAST,
    HORIZON,
    KNOWN_AT,
    ORIGIN,
    PERIOD,
    Series,
    history_of,
    questions_of,
)
from kreis.preparation.tables import Spine, Table

__all__ = ["Forecasts"]


class Forecasts(Views):
    """Series to be forecast."""

    def series(
        self,
        name: str,
        *,
        table: Table | Source | str,
        key: str,
        time: str,
        value: str,
        known_at: str,
        every: str,
        horizons: Sequence[int],
        season: int | None = None,
        lags: int = 3,
        windows: Sequence[int] | None = None,
        delay: str | None = None,
    ) -> Series:
        """Declare series to be forecast: the spine (one row for each series, origin and horizon) and its features.

        An origin is the moment at which a period is over (and `delay` has passed). What is known then are the last
        value, lags and changes, means and spreads over windows, the trend, the value at the same place of the last
        season, the horizon and the calendar of the period that is asked about.

        Args:
            name: What is forecast, "share": the outcome's name, and that of the feature view (`share__last`).
            table: The table or source with one row for each series and period.
            key: The column that names a series.
            time: The column with the first moment of each period.
            value: The column with its value.
            known_at: The column with the moment from which that was known.
            every: How long a period is: "15m", "1h", "1d", "1w", "1mo", "1q", "1y".
            horizons: How many periods ahead: [1, 2, 3, 4].
            season: After how many periods things repeat: 4 for quarters, 24 for hours.
            lags: How many earlier values are features.
            windows: Over how many periods means and spreads are taken; a season (or four periods) if not given.
            delay: How long after a period's end its value is usually known: forecasts are made then.

        Returns:
            The series, whose `last_value`, `drift_line` and `seasonal_naive` are baselines: `Rule(shares.last_value)`.

        Raises:
            ProjectError: a spine is declared already, a name is taken, or a number or a duration is none.
        """
        where = users_line()
        with at(where):
            if delay is not None:
                duration(delay, f"series {name!r}, delay")
            found = Series(
                name=name,
                table=table if isinstance(table, str) else table.name,
                key=key,
                time=time,
                value=value,
                known_at=known_at,
                every=every,
                horizons=tuple(horizons),
                season=season,
                lags=lags,
                windows=tuple(windows) if windows is not None else (season if season and season > 1 else 4,),
                delay=delay,
            )
            if key in (FORECAST, ORIGIN, HORIZON, PERIOD, KNOWN_AT, *found.columns):
                raise ProjectError(f"a key cannot be called {key!r}", where=f"series {name!r}", hint="rename it")
            self._declare_questions(found, where)
        self._declare_features(found, where)
        return found

    def _declare_questions(self, series: Series, where: str) -> None:
        table = Table(
            name=f"{series.name}_forecasts",
            layer="gold",
            function=questions_of(series),
            inputs=(series.table,),
            place=where,
        )
        self._add_spine(
            Spine(
                table=table,
                id=FORECAST,
                time=ORIGIN,
                keys=(series.key,),
                outcome=series.name,
                outcome_known_at=KNOWN_AT,
                outcome_within=series.outcome_within,
                judge_by=(HORIZON,),
                overlapping=True,
            ),
            where,
        )

    def _declare_features(self, series: Series, where: str) -> None:
        import polars as pl

        history = Table(
            name=f"{series.name}_history",
            layer="gold",
            function=history_of(series),
            inputs=(series.table,),
            place=where,
        )
        self._declare_table(history, where)
        self.feature_view(
            series.name,
            entity=series.key,
            table=history,
            event_time=series.time,
            known_at=series.known_at,
            features={each: pl.col(each) for each in series.columns},
            ttl=series.ttl,
        )
        self.request_view(AHEAD, fields={HORIZON: "integer", PERIOD: "datetime"}, features=series.calendar)
