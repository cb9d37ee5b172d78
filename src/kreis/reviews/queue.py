"""A review queue: items to be labelled, by several people who do not see each other's labels, and what came of it.

Items and labels are tables of the lake; each label is there for good, with who gave it and when. Reviewers meet a queue
at its desk, which decides what was said first.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import numpy as np
import polars as pl

from kreis.arrays import Floats
from kreis.clock import Clock, microseconds, moment
from kreis.digests import digest_of_document
from kreis.errors import CorruptionError, ProjectError
from kreis.evaluation.agreement import Scale, agreement, share_by_judge
from kreis.evaluation.intervals import Estimate
from kreis.lake.store import Lake
from kreis.reviews.desk import Desk
from kreis.reviews.items import Given, Item, Label

__all__ = ["ITEMS", "LABELS", "Decided", "Queue", "ReviewState"]

ITEMS, LABELS = "log/review_items", "log/review_labels"
_TIME = pl.Datetime("us", "UTC")
_OF_ITEMS: dict[str, Any] = dict.fromkeys(["queue", "item", "fields", "judge"], pl.String) | {"at": _TIME}
_OF_LABELS: dict[str, Any] = {
    **dict.fromkeys(["queue", "item", "label", "by", "kind", "comment"], pl.String),
    "at": _TIME,
}


class ReviewState(msgspec.Struct, frozen=True, kw_only=True):
    """How a queue stands."""

    queue: str
    items: int
    labels: list[str]
    """That may be given."""
    reviewers: dict[str, int]
    """How many items each has labelled."""
    open: int
    """Items that lack labels."""
    disputed: list[str]
    """Items on which people differ, and nobody has decided."""
    agreement: Estimate | None
    """Krippendorff's alpha; None where no item was labelled by two."""
    judge_agreement: Estimate | None = None
    """Of the judge with what people settled on."""
    shares: dict[str, Estimate] = {}
    """By label, what share of all items it has: by people, and by the judge corrected by them where there is one."""


class Decided(NamedTuple):
    """What people settled on, of some items."""

    labels: dict[str, str]
    """By item, where enough people agree or somebody settled it."""
    disputed: list[str]
    agreement: Estimate | None
    """Krippendorff's alpha; None where no item was labelled by two."""
    said: list[list[str]]
    """Each label: item, reviewer, label."""


class Queue:
    """One queue of a project.

    Args:
        lake: Where its tables are.
        desk: Where reviewers get items and leave labels.
        name: Its name.
        labels: What may be said of an item, in order.
        actor: Who acts, for the record.
        clock: Says when.
        per_item: How many people label each item.
    """

    def __init__(
        self, lake: Lake, desk: Desk, name: str, labels: Sequence[str], *, actor: str, clock: Clock, per_item: int = 2
    ) -> None:
        if len(set(labels)) < 2 or per_item < 1:
            hint = 'labels=["right", "wrong"], per_item=2'
            raise ProjectError("a queue needs two different labels, and a reviewer", where=f"queue {name}", hint=hint)
        self._lake, self.name, self.labels, self._actor = lake, name, list(labels), actor
        self._desk, self._clock, self._per_item = desk, clock, per_item

    def put(self, items: Sequence[Item]) -> int:
        """Add items; those that it has already are left as they are.

        Returns:
            How many were new.
        """
        known = set(self._rows(ITEMS)["item"])
        new = {each.item: each for each in items if each.item not in known}
        at = self._clock.now()
        rows = [(self.name, each.item, _json(each.shown), each.judge, at) for each in new.values()]
        self._write(ITEMS, rows, _OF_ITEMS, f"{len(rows)} items for review")
        self.publish()
        return len(rows)

    def next(self, reviewer: str, count: int = 20) -> list[Item]:
        """Items for one reviewer; see `Desk.next`."""
        self.publish()
        return self._desk.next(self.name, reviewer, count)[1]

    def take(self, reviewer: str, labels: Sequence[Label]) -> int:
        """Write down what a reviewer said; see `Desk.take`.

        Returns:
            How many were new.

        Raises:
            ProjectError: no such item or label, or the reviewer said otherwise before; then none is taken.
        """
        self.publish()
        new = self._desk.take(self.name, reviewer, labels, microseconds(self._clock.now()))
        self.receive()
        return new

    def receive(self) -> int:
        """Take the labels that were left at the desk into the lake.

        Returns:
            How many were new.

        Raises:
            CorruptionError: the lake holds another label by the same person for the same item.
        """
        known = {(item, by): label for item, by, label in self._given().select("item", "by", "label").iter_rows()}
        left = self._desk.given(self.name)
        for each in left:
            if known.get((each.item, each.by), each.label) != each.label:
                hint = "labels are left where the service runs: work on reviews there, and nowhere else"
                problem = f"{each.by} said {each.label!r} of {each.item!r}, and the lake holds another label"
                raise CorruptionError(problem, where=f"queue {self.name}", hint=hint)
        new = [each for each in left if (each.item, each.by) not in known]
        rows = [(self.name, each.item, each.label, each.by, "label", each.comment, moment(each.at)) for each in new]
        self._write(LABELS, rows, _OF_LABELS, f"{len(rows)} labels")
        return len(rows)

    def publish(self) -> None:
        """Let the desk hold what the lake holds; what was left there comes first."""
        self.receive()
        given = self._given().select("item", "by", "label", "comment", "at")
        self._desk.publish(
            self.name,
            self.labels,
            self._per_item,
            self._shown(),
            self._settled().keys(),
            [Given(item, by, label, said, microseconds(at)) for item, by, label, said, at in given.iter_rows()],
        )

    def held(self) -> tuple[dict[str, str], list[Given]]:
        """By item what is shown, as JSON; and all labels, in the lake and at the desk. For an erasure, which looks at
        all and changes nothing.
        """
        said = [(each.item, each.by, each.label, each.comment) for each in self._desk.given(self.name)]
        columns = ("item", "by", "label", "comment")
        rows = {*said, *self._rows(LABELS).select(columns).iter_rows()}
        return self._shown(), [Given(item, by, label, comment, 0) for item, by, label, comment in sorted(rows)]

    def forget(self, items: Collection[str], labels: Collection[tuple[str, str]]) -> None:
        """Let the desk forget items, and labels by item and reviewer, which the lake has forgotten."""
        self._desk.forget(self.name, items, labels)

    def settle(self, label: Label, by: str) -> None:
        """Decide what an item is, having seen what the others said.

        Raises:
            ProjectError: no such item or label.
        """
        known, where = set(self._rows(ITEMS)["item"]), f"queue {self.name}"
        if label.item not in known:
            raise ProjectError.unknown_name("item", label.item, sorted(known), where=where)
        if label.label not in self.labels:
            raise ProjectError.unknown_name("label", label.label, self.labels, where=f"{where}, item {label.item}")
        row = (self.name, label.item, label.label, by, "settled", label.comment, self._clock.now())
        self._write(LABELS, [row], _OF_LABELS, "1 label")
        self.publish()

    def said_of(self, item: str) -> list[tuple[str, str, str]]:
        """All that was said of an item: by whom, the label, the comment. For who settles it."""
        self.receive()
        rows = self._given().filter(pl.col("item") == item).sort("at", "by")
        return list(rows.select("by", "label", "comment").iter_rows())

    def state(self, scale: Scale = "nominal") -> ReviewState:
        """How it stands: agreement between people, of the judge with them, and the share of each label."""
        self.receive()
        items, given, settled = self._rows(ITEMS), self._given(), self._settled()
        counts = dict(given.group_by("item").len().iter_rows())
        disputed = self._disputed(given, settled)
        decided = {**self._unanimous(given, disputed), **settled}
        judged = {item: said for item, said in items.select("item", "judge").iter_rows() if said in self.labels}
        both = [(decided[item], said) for item, said in judged.items() if item in decided]
        pairs = np.array([[self._number(one), self._number(other)] for one, other in both]).T
        return ReviewState(
            queue=self.name,
            items=len(items),
            labels=self.labels,
            reviewers=dict(given.group_by("by").len().sort("by").iter_rows()),
            open=sum(counts.get(item, 0) < self._per_item and item not in settled for item in items["item"]),
            disputed=disputed,
            agreement=agreement(self._matrix(given), scale=scale) if _twice(counts) else None,
            judge_agreement=agreement(pairs, scale=scale) if both else None,
            shares={label: self._share(label, decided, judged) for label in self.labels} if len(decided) > 1 else {},
        )

    def decided(self, items: Collection[str]) -> Decided:
        """What people settled on of some items, whatever else is in the queue."""
        self.receive()
        given = self._given().filter(pl.col("item").is_in(list(items)))
        settled = {item: label for item, label in self._settled().items() if item in items}
        counts = dict(given.group_by("item").len().iter_rows())
        disputed = self._disputed(given, settled)
        done = {
            item: label for item, label in self._unanimous(given, disputed).items() if counts[item] >= self._per_item
        }
        said = sorted(map(list, given.select("item", "by", "label").iter_rows()))
        return Decided({**done, **settled}, disputed, agreement(self._matrix(given)) if _twice(counts) else None, said)

    def _disputed(self, given: pl.DataFrame, settled: Collection[str]) -> list[str]:
        differing = given.group_by("item").agg(pl.col("label").n_unique().alias("said"))
        return sorted(set(differing.filter(pl.col("said") > 1)["item"]) - {*settled})

    def _share(self, label: str, decided: dict[str, str], judged: dict[str, str]) -> Estimate:
        both = [item for item in decided if item in judged]
        if len(both) < 2:
            people = [each == label for each in decided.values()]
            return share_by_judge(people, people, [])
        alone = [said == label for item, said in judged.items() if item not in decided]
        return share_by_judge(
            [decided[item] == label for item in both], [judged[item] == label for item in both], alone
        )

    def _unanimous(self, given: pl.DataFrame, disputed: Sequence[str]) -> dict[str, str]:
        rows = given.filter(~pl.col("item").is_in(list(disputed))).unique("item", keep="first", maintain_order=True)
        return dict(rows.select("item", "label").iter_rows())

    def _matrix(self, given: pl.DataFrame) -> Floats:
        """Labels as numbers, shape (reviewers, items)."""
        people = {name: row for row, name in enumerate(given["by"].unique().sort())}
        items = {name: column for column, name in enumerate(given["item"].unique().sort())}
        matrix = np.full((len(people), len(items)), math.nan)
        for by, item, label in given.select("by", "item", "label").iter_rows():
            matrix[people[by], items[item]] = self._number(label)
        return matrix

    def _number(self, label: str) -> float:
        return float(self.labels.index(label))

    def _shown(self) -> dict[str, str]:
        return dict(self._rows(ITEMS).select("item", "fields").iter_rows())

    def _given(self) -> pl.DataFrame:
        return self._rows(LABELS).filter(pl.col("kind") == "label")

    def _settled(self) -> dict[str, str]:
        rows = self._rows(LABELS).filter(pl.col("kind") == "settled").sort("at", maintain_order=True)
        return dict(rows.select("item", "label").iter_rows())

    def _rows(self, table: str) -> pl.DataFrame:
        schema = _OF_ITEMS if table == ITEMS else _OF_LABELS
        if self._lake.latest(table) is None:
            return pl.DataFrame(schema=schema)
        return self._lake.scan(table).filter(pl.col("queue") == self.name).collect()

    def _write(self, table: str, rows: list[tuple[Any, ...]], schema: dict[str, Any], reason: str) -> None:
        if rows:
            step = digest_of_document([table, *([_plain(each) for each in row] for row in rows)])
            frame = pl.DataFrame(rows, schema=schema, orient="row")
            self._lake.append(table, frame, step=step, actor=self._actor, reason=f"queue {self.name}: {reason}")


def _twice(counts: dict[str, int]) -> bool:
    return any(count > 1 for count in counts.values())


def _json(shown: dict[str, Any]) -> str:
    return msgspec.json.encode(shown).decode()


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
