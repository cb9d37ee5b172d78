"""Questions and answers, or texts, in rows: CSV and JSON Lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import msgspec

from kreis.digests import digest_of
from kreis.errors import ProjectError
from kreis.generative.documents.loaders.loader import Found, Gap, as_text, groups_of, moment_of

__all__ = ["CsvRows", "JsonLines"]

_SEPARATORS = ",;\t|"
_NAMES = {
    "id": ("id", "_id"),
    "question": ("question", "frage"),
    "answer": ("answer", "antwort"),
    "text": ("text",),
    "title": ("title", "titel"),
    "owner": ("owner", "author"),
    "licence": ("licence", "license"),
    "language": ("language", "lang"),
    "source": ("source", "link", "url"),
}
"""A field, and the columns that may hold it; the first that is there and not empty counts."""
_HINT = "name its columns question and answer, or text (and title)"


class CsvRows(msgspec.Struct, frozen=True):
    """One text for each row: its columns are `question` and `answer`, or `text`. Others say what is known of it: `id`
    (else the question names it), `title`, `owner`, `licence`, `language`, `groups`, `source`, `known_at`, `expires`.
    """

    kind: str = "a table of questions and answers"
    endings: tuple[str, ...] = (".csv", ".tsv")
    media_types: tuple[str, ...] = ("text/csv", "text/tab-separated-values")

    def load(self, data: bytes, name: str) -> Iterator[Found | Gap]:
        """See `Loader.load`."""
        text = as_text(data, name)
        header = text.partition("\n")[0]
        separator = max(_SEPARATORS, key=header.count)
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        names = [each.strip().lower() for each in next(rows, [])]
        _check(names, name)
        try:
            for row in rows:
                if any(row):
                    fitting = len(row) == len(names)
                    yield (
                        _found(dict(zip(names, row, strict=False)), rows.line_num, name)
                        if fitting
                        else Gap(
                            part=f"#line {rows.line_num}", reason=f"{len(row)} fields stand in place of {len(names)}"
                        )
                    )
        except csv.Error as error:
            raise ProjectError(f"not readable as CSV: {error}", where=f"{name}:{rows.line_num}") from error


class JsonLines(msgspec.Struct, frozen=True):
    """One text for each line, an object with the names of `CsvRows`."""

    kind: str = "questions and answers in JSON Lines"
    endings: tuple[str, ...] = (".jsonl", ".ndjson")
    media_types: tuple[str, ...] = ("application/jsonl", "application/x-ndjson")

    def load(self, data: bytes, name: str) -> Iterator[Found | Gap]:
        """See `Loader.load`."""
        for number, line in enumerate(as_text(data, name).split("\n"), 1):
            if not line.strip():
                continue
            try:
                row = msgspec.json.decode(line, type=dict[str, Any])
            except (msgspec.DecodeError, RecursionError) as error:
                yield Gap(part=f"#line {number}", reason=f"it is no JSON object: {error}")
                continue
            yield _found({str(key).lower(): value for key, value in row.items()}, number, name)


def _check(names: list[str], name: str) -> None:
    has = {field: any(each in names for each in columns) for field, columns in _NAMES.items()}
    if not has["text"] and not (has["question"] and has["answer"]):
        raise ProjectError(f"its columns are {', '.join(names)[:200] or 'none'}", where=name, hint=_HINT)


def _found(row: dict[str, Any], number: int, name: str) -> Found | Gap:
    said = {
        field: next((str(row[each]).strip() for each in columns if row.get(each) not in (None, "")), "")
        for field, columns in _NAMES.items()
    }
    question, answer = said["question"], said["answer"]
    text = f"# {' '.join(question.split())}\n\n{answer}" if question and answer else said["text"]
    if not text:
        return Gap(part=f"#line {number}", reason=f"it has no answer and no text; {_HINT}")
    where = f"{name}:{number}"
    try:
        known_at, expires = (moment_of(row.get(each), each, where) for each in ("known_at", "expires"))
    except ProjectError as error:
        return Gap(part=f"#line {number}", reason=error.message)
    return Found(
        text=text.replace("\r\n", "\n"),
        part="#" + (said["id"] or digest_of((question or text).encode())[:12]),
        title=said["title"] or question,
        owner=said["owner"],
        licence=said["licence"],
        language=said["language"],
        source=said["source"],
        groups=groups_of(row.get("groups") or None),
        known_at=known_at,
        expires=expires,
    )
