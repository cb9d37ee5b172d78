"""What the texts of a column mean: numbers, moments, true or false, or texts.

A column is a number only if each of its values is one; nothing is lost: "042" stays a text, and so does a number with
more digits than float64 holds. What stands for a missing value depends on the column: "NA" among numbers is one, among
texts it may be a country.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec
import polars as pl

from kreis.collection.connectors.files import note

__all__ = ["MISSING_AMONG_NUMBERS", "TextColumn", "look_at", "read_as"]

Kind: TypeAlias = Literal["integer", "number", "boolean", "date", "datetime", "text"]

MISSING_AMONG_NUMBERS: Final = (
    "?", "NA", "N/A", "n/a", "na", "NaN", "nan", "NULL", "Null", "null", "None", "none", "#N/A", "-", "unknown",
)  # fmt: skip
"""Texts that stand for a missing value in a column of numbers, moments or booleans, beside blanks."""
MISSING_AMONG_TEXTS: Final = ("?",)
_DATES: Final = ("%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y")
_CLOCKS: Final = (
    "{}",
    "{} %H:%M:%S%.f",
    "{}T%H:%M:%S%.f",
    "{} %H:%M",
    "{}T%H:%M",
    "{}T%H:%M:%S%.f%#z",
    "{} %H:%M:%S%.f%#z",
)
_LARGEST = 2.0**53
"""From here on float64 does not tell whole numbers apart."""
_FIRST_ROWS, _LOOK = 20_000, 500
"""Of so many first rows, so many values that are not missing say what a column may be."""
_NEARLY = 0.9
"""A share of values from which on a column is worth a closer look."""
_EXAMPLE = 40
_EACH = 3
"""Of so many columns the same is said one by one."""


class TextColumn(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a column that came as text."""

    kind: Kind
    missing: tuple[str, ...] = MISSING_AMONG_TEXTS
    """Texts that stand for a missing value, beside blanks."""
    form: str = ""
    """Of moments, for strptime."""
    comma: bool = False
    """Whether a comma stands before the decimals."""


def read_as(name: str, column: TextColumn) -> pl.Expr:
    """A text column as what it means."""
    text = _present(name, column.missing)
    if column.comma:
        text = text.str.replace(",", ".", literal=True)
    if column.kind in ("integer", "number"):
        return text.cast(pl.Int64 if column.kind == "integer" else pl.Float64)
    if column.kind == "boolean":
        return text.str.to_lowercase() == "true"
    if column.kind == "date":
        return text.str.to_date(column.form)
    if column.kind == "datetime":
        moment = text.str.to_datetime(column.form, time_unit="us")
        return moment.dt.convert_time_zone("UTC") if column.form.endswith("z") else moment
    return text


def _present(name: str, missing: Sequence[str]) -> pl.Expr:
    """The text without blanks around it; null where it stands for a missing value."""
    text = pl.col(name).str.strip_chars()
    return pl.when((text != "") & ~text.is_in(list(missing))).then(text)


def look_at(
    frame: pl.LazyFrame, names: Sequence[str], *, decimal_comma: bool, missing: tuple[str, ...] | None = None
) -> dict[str, TextColumn]:
    """Find out what text columns mean, from all of their values; what is done to them is noted.

    The first rows say what a column may be; one pass over all rows says whether it is.

    Args:
        frame: The table.
        names: The columns to look at, all of texts.
        decimal_comma: Whether a comma may stand before decimals.
        missing: The texts that stand for a missing value, in place of the usual ones.

    Returns:
        By column.
    """
    if not names:
        return {}
    words = MISSING_AMONG_NUMBERS if missing is None else missing
    plans = {
        name: _plan(each, decimal_comma=decimal_comma) for name, each in _first_values(frame, names, words).items()
    }
    asked = _ask(frame, {name: _questions(name, plan, words) for name, plan in plans.items()})
    doubtful = [name for name, counts in asked.items() if counts.get("numbers", counts["rows"]) != counts["rows"]]
    more = _ask(frame, {name: _doubts(name, words) for name in doubtful})
    found = {}
    _tell_edges([name for name in names if asked[name]["edges"]])
    asked = {name: asked[name] | more.get(name, {}) for name in names}
    for name, counts in asked.items():
        found[name] = _meaning(counts, plans[name], words, MISSING_AMONG_TEXTS if missing is None else missing)
    _tell_missing(found, asked)
    for name, column in found.items():
        _tell(name, column, asked[name])
    return found


class _Plan(msgspec.Struct, frozen=True):
    """What a column may be, by its first values."""

    number: bool
    comma: bool
    boolean: bool
    forms: tuple[str, ...]


def _first_values(frame: pl.LazyFrame, names: Sequence[str], words: Sequence[str]) -> dict[str, pl.Series]:
    first = frame.select(names).head(_FIRST_ROWS).collect()
    shown = first.select(_present(name, words).alias(name) for name in names)
    return {name: shown[name].drop_nulls().head(_LOOK) for name in names}


def _plan(values: pl.Series, *, decimal_comma: bool) -> _Plan:
    """Nearly all of the first values decide what is worth asking of all; an empty beginning tells nothing."""
    enough = _NEARLY * len(values)

    def fits(text: pl.Expr) -> bool:
        return int(values.to_frame("v").select(text.is_not_null().sum()).item()) >= enough

    text = pl.col("v")
    comma = decimal_comma and fits(text.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False))
    lower = text.str.to_lowercase()
    return _Plan(
        number=fits(text.cast(pl.Float64, strict=False)),
        comma=comma and bool(len(values)) and bool(values.str.contains(",", literal=True).any()),
        boolean=fits(pl.when(lower.is_in(["true", "false"])).then(text)),
        forms=tuple(_forms(values)),
    )


def _ask(frame: pl.LazyFrame, questions: Mapping[str, Mapping[str, pl.Expr]]) -> dict[str, dict[str, Any]]:
    """Answer questions about columns, all in one pass."""
    flat = [(name, key, ask) for name, asks in questions.items() for key, ask in asks.items()]
    if not flat:
        return {}
    expressions = [ask.alias(str(place)) for place, (_, _, ask) in enumerate(flat)]
    row = frame.select(expressions).collect(engine="streaming").row(0)
    found: dict[str, dict[str, Any]] = {name: {} for name in questions}
    for (name, key, _), value in zip(flat, row, strict=True):
        found[name][key] = value
    return found


def _forms(values: pl.Series) -> list[str]:
    """The forms of a moment that all of some values have."""
    if values.is_empty() or not values.str.contains(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d").all():
        return []
    found = []
    for date in _DATES:
        for clock in _CLOCKS:
            form = clock.format(date)
            if _as_moment(values.to_frame("v"), form) == len(values):
                found.append(form)
    return found


def _as_moment(values: pl.DataFrame, form: str) -> int:
    return int(values.select(_moment(pl.col("v"), form).is_not_null().sum()).item())


def _moment(text: pl.Expr, form: str) -> pl.Expr:
    if "%H" not in form:
        return text.str.to_date(form, strict=False)
    return text.str.to_datetime(form, time_unit="us", strict=False)


def _questions(name: str, plan: _Plan, words: Sequence[str]) -> dict[str, pl.Expr]:
    stripped = pl.col(name).str.strip_chars()
    blank = stripped == ""
    asked = {
        "rows": (~blank).sum(),
        "blank": blank.sum(),
        "edges": (~blank & (stripped.str.len_bytes() != pl.col(name).str.len_bytes())).any(),
    }
    if plan.number:
        text = stripped if words == MISSING_AMONG_NUMBERS else _present(name, words)
        number, whole = text.cast(pl.Float64, strict=False), text.cast(pl.Int64, strict=False)
        asked |= {
            "numbers": number.is_finite().sum(),
            "whole": whole.is_not_null().sum(),
            "largest": number.filter(number.is_finite()).abs().max(),
            "zeros": (stripped.str.starts_with("0") & (whole != 0)).any(),
        }
    if plan.comma:
        swapped = stripped.str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)
        asked |= {
            "commas": swapped.is_finite().sum(),
            "thousands": stripped.str.contains(r"^[+-]?\d{1,3},\d{3}$").sum(),
            "with comma": stripped.str.contains(",", literal=True).sum(),
        }
    if plan.boolean:
        asked["boolean"] = stripped.str.to_lowercase().is_in(["true", "false"]).sum()
    asked |= {f"form {form}": _moment(stripped, form).is_not_null().sum() for form in plan.forms}
    return asked if plan.number else asked | _words(name, words)


def _words(name: str, words: Sequence[str]) -> dict[str, pl.Expr]:
    """How many values stand for a missing one, among numbers."""
    stripped = pl.col(name).str.strip_chars()
    word = stripped.is_in(list(words))
    return {
        "words": word.sum(),
        "word": stripped.filter(word & (stripped != "?")).first(),
        "question": (stripped == "?").sum(),
    }


def _doubts(name: str, words: Sequence[str]) -> dict[str, pl.Expr]:
    """What is still to be asked where not every value is a number."""
    text = _present(name, words)
    return {**_words(name, words), "no number": text.filter(text.cast(pl.Float64, strict=False).is_null()).first()}


def _meaning(
    counts: Mapping[str, Any], plan: _Plan, missing: tuple[str, ...], among_texts: tuple[str, ...]
) -> TextColumn:
    rows = counts["rows"] - counts.get("words", 0)
    if not rows:
        return TextColumn(kind="text", missing=missing)
    exact = not _no_amount(counts)
    if counts.get("numbers") == rows and exact:
        return TextColumn(kind="integer" if counts["whole"] == rows else "number", missing=missing)
    if counts.get("commas") == rows and exact and counts["thousands"] < counts["with comma"]:
        return TextColumn(kind="number", missing=missing, comma=True)
    if counts.get("boolean") == rows:
        return TextColumn(kind="boolean", missing=missing)
    fitting = [form for form in plan.forms if counts[f"form {form}"] == rows]
    if len({form.split("%H")[0] for form in fitting}) == 1:  # 01/02/2020 in every row: nobody can say which is the day
        return TextColumn(kind="datetime" if "%H" in fitting[0] else "date", missing=missing, form=fitting[0])
    return TextColumn(kind="text", missing=among_texts)


def _no_amount(counts: Mapping[str, Any]) -> str:
    """Why digits are no amount; empty where they may be one."""
    if counts.get("zeros"):
        return "leading zeros"
    if counts.get("whole") and counts["whole"] == counts["rows"] - counts.get("words", 0):
        return "more digits than a number holds exactly" if counts["largest"] >= _LARGEST else ""
    return ""


def _tell_edges(names: Sequence[str]) -> None:
    if names:
        more = f" and {len(names) - 1:,} more columns" if len(names) > 1 else ""
        note(f"blanks around the values of {names[0]}{more} are removed")


def _tell_missing(found: Mapping[str, TextColumn], asked: Mapping[str, Mapping[str, Any]]) -> None:
    """Note what is taken for missing, and what is not although it looks so; the same of many columns is said once."""
    said: dict[str, dict[str, int]] = {}
    for name, column in found.items():
        counts = asked[name]
        words, question = counts.get("words", 0), counts.get("question", 0)
        kept = column.missing == MISSING_AMONG_TEXTS
        such = f"values such as {counts.get('word')!r}"
        for count, phrase in (
            (counts["blank"], "blank values are missing values"),
            (question if kept or question == words else 0, "values '?' are missing values"),
            (words if not kept and words > question else 0, f"{such} are missing values"),
            (words - question if kept else 0, f"{such} are kept as a text of their own"),
        ):
            if count:
                said.setdefault(phrase, {})[name] = count
    for phrase, columns in said.items():
        if len(columns) <= _EACH:
            for name, count in columns.items():
                note(f"{name}: {count:,} {phrase}")
        else:
            first, more = next(iter(columns)), len(columns) - 1
            note(f"{first} and {more:,} more columns: {sum(columns.values()):,} {phrase}")


def _tell(name: str, column: TextColumn, counts: Mapping[str, Any]) -> None:
    """Note how a column is read, where that is not as usual."""
    if column.comma:
        note(f"{name}: a comma stands before the decimals")
    if column.form and not column.form.startswith("%Y"):
        note(f"{name}: dates are read as {_spoken(column.form)}")
    if column.kind == "text":
        _tell_digits(name, counts)


def _tell_digits(name: str, counts: Mapping[str, Any]) -> None:
    rows = counts["rows"] - counts.get("words", 0)
    numbers = counts.get("numbers", 0)
    if numbers == rows and (why := _no_amount(counts)):
        note(f"{name}: digits with {why} are texts, not numbers")
    elif rows > numbers >= _NEARLY * rows:
        odd = str(counts["no number"])[:_EXAMPLE]
        note(f"{name}: {rows - numbers:,} of {rows:,} values are no numbers, such as {odd!r}: it is a text")


def _spoken(form: str) -> str:
    return form.replace("%Y", "year").replace("%m", "month").replace("%d", "day").split(" ")[0].split("T")[0]
