"""Rows to learn from, as arrays: features, outcomes, and their two times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.models.scoring import Matrix, Texts
from kreis.texts import counted

if TYPE_CHECKING:
    import polars as pl

__all__ = ["TrainingData", "text_matrix"]

Indices = npt.NDArray[np.intp]
Microseconds = npt.NDArray[np.int64]


class TrainingData(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """n rows whose outcome is known, or NaN where the task asks for none. Times are microseconds since 1970 UTC."""

    features: tuple[str, ...]
    matrix: Matrix
    """float32 of shape (n, f), NaN where missing: features rounded as the service rounds them."""
    outcomes: Floats
    """What happened, as numbers, shape (n,)."""
    time: Microseconds
    """When the question was asked, shape (n,)."""
    known_at: Microseconds
    """When the outcome could be known, shape (n,)."""
    texts: Texts | None = None
    """Of the features that are read as texts, what they say: shape (n, t), "" where missing."""
    text_fields: Mapping[str, str] = {}
    """These t features in order, and the field of a request that each is."""
    categories: Mapping[str, Mapping[float, str]] = {}
    """Features that are categories: their numbers, and the texts that these name, as far as they are known."""
    labels: npt.NDArray[Any] | None = None
    """What the split reads of each row (an id, a group, a part), shape (n,); None where it reads times alone."""
    weights: Floats | None = None
    """What each row weighs in training, shape (n,); None where all weigh alike."""
    groups: npt.NDArray[np.int64] | None = None
    """Which rows belong together, as codes, shape (n,); None where none do."""
    columns: Mapping[str, npt.NDArray[Any]] = {}
    """Columns by which groups are told apart, no features, as texts of shape (n,); "missing" where missing."""

    def __post_init__(self) -> None:
        rows = len(self.matrix)
        if self.matrix.shape != (rows, len(self.features)):
            raise ProjectError(
                f"{counted(len(self.features), 'feature is', 'features are')} named, the rows have shape"
                f" {self.matrix.shape}",
                where="training",
            )
        if {len(self.outcomes), len(self.time), len(self.known_at)} != {rows}:
            raise ProjectError("features, outcomes and times differ in their number of rows", where="training")

    @classmethod
    def from_frame(
        cls,
        frame: pl.DataFrame,
        *,
        features: Sequence[str],
        outcome: str,
        time: str,
        known_at: str,
        categories: Mapping[str, Mapping[float, str]] | None = None,
        labels: str | None = None,
        weight: str | None = None,
        group: str | None = None,
        known_only: bool = True,
        texts: Mapping[str, str] | None = None,
        columns: Sequence[str] = (),
    ) -> TrainingData:
        """Take the named columns of a frame.

        Args:
            frame: one row for each question.
            features: columns that hold numbers or booleans.
            outcome: a column of numbers or booleans, null where not known.
            time: a datetime column, when the question was asked.
            known_at: a datetime column, when the outcome could be known.
            categories: those of the features that are categories, with their numbers and texts.
            labels: the column that the split reads, if any.
            weight: the column that says what a row weighs, if any.
            group: the column that says which rows belong together, if any.
            known_only: whether rows without an outcome are left out; else it is NaN, and known at the row's own time.
            texts: those of the features that are read as texts, and the column of each.
            columns: those by which groups are told apart.

        Raises:
            ProjectError: a column is absent, a time is missing in a row that has an outcome, or a weight is no positive
                number.
        """
        import polars as pl

        for kind, name in [*(("feature", each) for each in features), ("column", outcome), ("column", time)]:
            if name not in frame.columns:
                raise ProjectError.unknown_name(kind, name, frame.columns, where="training frame")
        if known_at not in frame.columns:
            raise ProjectError.unknown_name("column", known_at, frame.columns, where="training frame")
        is_known = pl.col(outcome).is_not_null()
        rows = frame.filter(is_known) if known_only else _with_unknown(frame, outcome, time, known_at)
        if rows[time].null_count() or rows[known_at].null_count():
            raise ProjectError(f"{time!r} or {known_at!r} is missing in rows with an outcome", where="training frame")
        matrix = np.empty((rows.height, len(features)), dtype=np.float32)
        with np.errstate(over="ignore"):
            for place, name in enumerate(features):
                matrix[:, place] = rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return cls(
            features=tuple(features),
            matrix=matrix,
            outcomes=rows[outcome].cast(pl.Float64).fill_null(float("nan")).to_numpy(),
            time=_microseconds(rows[time]),
            known_at=_microseconds(rows[known_at]),
            texts=text_matrix(rows, list(texts.values())) if texts else None,
            text_fields=texts or {},
            categories=categories or {},
            labels=None if labels is None else rows[labels].cast(pl.String).fill_null("").to_numpy(),
            weights=None if weight is None else _weights(rows[weight]),
            groups=None if group is None else _codes(rows[group]),
            columns={name: rows[name].cast(pl.String).fill_null("missing").to_numpy() for name in columns},
        )

    def __len__(self) -> int:
        return len(self.matrix)

    def take(self, rows: Indices) -> TrainingData:
        """Some of the rows, in the order of their indices."""
        return TrainingData(
            features=self.features,
            matrix=self.matrix[rows],
            outcomes=self.outcomes[rows],
            time=self.time[rows],
            known_at=self.known_at[rows],
            texts=None if self.texts is None else self.texts[rows],
            text_fields=self.text_fields,
            categories=self.categories,
            labels=None if self.labels is None else self.labels[rows],
            weights=None if self.weights is None else self.weights[rows],
            groups=None if self.groups is None else self.groups[rows],
            columns={name: column[rows] for name, column in self.columns.items()},
        )

    def select(self, features: Sequence[str]) -> TrainingData:
        """With some of the features, in the order given; itself where these are its own."""
        if tuple(features) == self.features:
            return self
        places = [self.features.index(name) for name in features]
        return msgspec.structs.replace(
            self,
            features=tuple(features),
            matrix=np.ascontiguousarray(self.matrix[:, places]),
            texts=self.texts_of(features),
            text_fields={name: field for name, field in self.text_fields.items() if name in features},
            categories={name: each for name, each in self.categories.items() if name in features},
        )

    def texts_of(self, features: Sequence[str]) -> Texts | None:
        """What those of some features say that are read as texts, in their order; None where none is."""
        places = [place for place, name in enumerate(self.text_fields) if name in features]
        return None if self.texts is None or not places else self.texts[:, places]


def text_matrix(frame: pl.DataFrame, columns: Sequence[str]) -> Texts:
    """Columns of texts as an array of shape (n, t), "" where missing."""
    import polars as pl

    found = np.empty((frame.height, len(columns)), dtype=np.object_)
    for place, name in enumerate(columns):
        found[:, place] = frame[name].cast(pl.String).fill_null("").to_list()
    return found


def _weights(column: pl.Series) -> Floats:
    import polars as pl

    weights = column.cast(pl.Float64, strict=False).to_numpy()
    wrong = ~(np.isfinite(weights) & (weights > 0))
    if wrong.any():
        said = f"{counted(int(wrong.sum()), 'row has', 'rows have')} no weight above 0"
        raise ProjectError(said, where=f"column {column.name!r}", hint="give each row a positive number, or drop it")
    return weights


def _with_unknown(frame: pl.DataFrame, outcome: str, time: str, known_at: str) -> pl.DataFrame:
    """All rows; nothing became known of those without an outcome, so they wait for nothing."""
    import polars as pl

    unknown = pl.col(outcome).is_null()
    return frame.with_columns(pl.when(unknown).then(time).otherwise(known_at).alias(known_at))


def _microseconds(column: pl.Series) -> Microseconds:
    return column.dt.epoch("us").to_numpy().astype(np.int64, copy=False)


def _codes(column: pl.Series) -> npt.NDArray[np.int64]:
    import polars as pl

    if column.null_count():
        said = f"{counted(column.null_count(), 'row names', 'rows name')} no group"
        raise ProjectError(said, where=f"column {column.name!r}", hint="say for each row what it belongs to")
    return (column.cast(pl.String).rank("dense").to_numpy() - 1).astype(np.int64)
