"""Labels of rows, as tables have them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from kreis.errors import ProjectError
from kreis.tasks.outcomes import class_text

if TYPE_CHECKING:
    import polars as pl

__all__ = ["label_numbers"]

_SHOWN = 8
"""Labels listed in an error."""


def label_numbers(column: pl.Series, labels: Sequence[str], *, separator: str, where: str) -> pl.Series:
    """The labels of each row as one number, null where not known: an empty list, or text, carries none.

    The numbers themselves, as the log has them, are taken too.

    Raises:
        ProjectError: it holds neither lists nor texts, or labels that are not declared; the message counts them.
    """
    import polars as pl

    dtype = column.dtype
    if dtype == pl.Null:
        return column.cast(pl.Float64)
    if dtype.is_float() and _all_numbers(column, len(labels)):
        return column.fill_nan(None).cast(pl.Float64)
    texts = dtype in (pl.String, pl.Categorical, pl.Enum)
    if not (texts or isinstance(dtype, pl.List)):
        hint = f'a list of labels, or a text with labels separated by "{separator}"'
        raise ProjectError(f"the outcome {column.name!r} is {dtype}", where=where, hint=hint)
    places = {name: place for place, name in enumerate(labels)}
    counts: Counter[str] = Counter()
    read: dict[object, float] = {}
    wrong: dict[object, list[str]] = {}
    numbers: list[float | None] = []
    for value in column.cast(pl.String).to_list() if texts else column.to_list():
        key = value if texts or value is None else tuple(value)
        if key is not None and key not in read:
            names = _parts(value, separator) if texts else [class_text(each) for each in value if each is not None]
            read[key] = float(sum(2 ** places[each] for each in set(names) if each in places))
            wrong[key] = [each for each in names if each not in places]
        counts.update(wrong.get(key, ()))
        numbers.append(None if key is None else read[key])
    if counts:
        _refuse(column.name, counts, where)
    return pl.Series(column.name, numbers, dtype=pl.Float64)


def _parts(text: str, separator: str) -> list[str]:
    return [each.strip() for each in text.split(separator) if each.strip()]


def _all_numbers(column: pl.Series, count: int) -> bool:
    known = column.fill_nan(None).drop_nulls()
    return bool(((known % 1 == 0) & (known >= 0) & (known < 2.0**count)).all())


def _refuse(name: str, counts: Counter[str], where: str) -> None:
    shown = ", ".join(f"{label!r} ({count:,})" for label, count in _most(counts))
    more = f" and {len(counts) - _SHOWN:,} more" if len(counts) > _SHOWN else ""
    message = f"the outcome {name!r} holds labels that the goal does not name: {shown}{more}"
    raise ProjectError(message, where=where, hint="add them to labels=[…], or leave them out in the table")


def _most(counts: Counter[str]) -> Iterable[tuple[str, int]]:
    return sorted(counts.most_common(), key=lambda each: (-each[1], each[0]))[:_SHOWN]
