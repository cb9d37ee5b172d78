"""What a split is, and what every kind of it answers: `kreis.training.splits.testing` holds the tests that each
passes.
"""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Codes, Floats
from kreis.errors import ProjectError
from kreis.tasks.task import Task
from kreis.texts import counted
from kreis.training.data import Indices, Microseconds

if TYPE_CHECKING:
    from kreis.preparation.tables import Spine

__all__ = [
    "BlocksAre",
    "Labels",
    "Split",
    "SplitRule",
    "UsualSplit",
    "by_chance",
    "check_part",
    "check_share",
    "groups_of",
    "kinds_of",
    "least_of_each",
    "taken_to",
]

BlocksAre = Literal["days", "groups", "rows"]
Labels = npt.NDArray[Any]

_TWIN = re.compile(r"^([0-9a-f]{16})-\d+$")
"""A row's name of its content, and of its place among those that hold the same."""
_MOST_KINDS = 20
"""So many different numbers are kinds of their own; of more, each tenth is one."""


class Split(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Index arrays, ascending, over the rows of a frame; times are microseconds since 1970 UTC.

    `train` is everything that may teach: `fit` and `validation`, and the rows between whose outcome came too late
    for `fit`. `test` is touched by evaluation alone.
    """

    fit: Indices
    validation: Indices
    train: Indices
    test: Indices
    validation_start: int | None = None
    """None, as the other moments, where the split is none in time."""
    train_end: int | None = None
    """The cut-off: train asks before it and is complete by it."""
    test_start: int | None = None
    test_end: int | None = None
    validation_blocks: Codes | None = None
    """The block of each validation row (`SplitRule.blocks`); its day, where nobody says."""
    folds: tuple[Split, ...] = ()
    """Where each row judges what was learned from others: the parts of each fold, those of a repeat after another."""

    @property
    def judging(self) -> Indices:
        """The rows that judge: fold after fold, or the test part."""
        return np.concatenate([fold.test for fold in self.folds]) if self.folds else self.test


class SplitRule(Protocol):
    """A way to say which rows teach and which judge."""

    @property
    def blocks_are(self) -> BlocksAre:
        """What is independent of each other among the rows that judge: intervals rest on these."""
        ...

    @property
    def holds_out(self) -> bool:
        """Whether the rows that judge are kept from the model that is released."""
        ...

    @property
    def days_tested(self) -> float:
        """How many days' worth of a year's error a comparison on its test rows may spend at most."""
        ...

    def parameters(self) -> dict[str, Any]:
        """What determines the parts, as a JSON document."""
        ...

    def reads(self, spine: Spine) -> str | None:
        """The column of the spine that it parts by; None where it looks at times alone."""
        ...

    def split(
        self,
        time: Microseconds,
        known_at: Microseconds,
        outcomes: Floats,
        *,
        task: Task,
        until: int | None = None,
        horizon: timedelta = timedelta(0),
        labels: Labels | None = None,
    ) -> Split:
        """Split n rows.

        Args:
            time: When each question was asked, shape (n,).
            known_at: When each outcome could be known, shape (n,).
            outcomes: What happened, shape (n,).
            task: Says whether a part can teach or judge.
            until: The run's moment.
            horizon: How long outcomes take.
            labels: The column that it `reads`, as texts, shape (n,).

        Raises:
            ProjectError: a part is empty, or cannot teach or judge; says which, with counts.
        """
        ...

    def blocks(self, time: Microseconds, labels: Labels | None) -> Codes:
        """The block of each of some rows, shape (n,)."""
        ...


class UsualSplit:
    """What most splits have in common; frozen dataclasses are made of it."""

    kind: ClassVar[str]

    @property
    def blocks_are(self) -> BlocksAre:
        """Each row stands for itself."""
        return "rows"

    @property
    def holds_out(self) -> bool:
        """Yes."""
        return True

    @property
    def days_tested(self) -> float:
        """A month's worth."""
        return 30.0

    def parameters(self) -> dict[str, Any]:
        """Its fields."""
        return {"kind": self.kind, **asdict(self)}  # type: ignore[call-overload]  # what is made of it is a dataclass

    def blocks(self, time: Microseconds, labels: Labels | None) -> Codes:
        """Each row is one."""
        return np.arange(len(time), dtype=np.int64)


def by_chance(labels: Labels, seed: int) -> npt.NDArray[np.uint64]:
    """A number for each label that looks like chance and is always the same, shape (n,): a row that stays in the file
    stays, but for few, in its part, however many are added. Rows that `project.rows` names by their content draw alike
    where they hold the same: the model is not judged on a copy of what it has seen.
    """
    salt = seed.to_bytes(16, "little", signed=True)
    texts = (_TWIN.sub(r"\1", text) if "-" in (text := str(each)) else text for each in labels)
    drawn = b"".join(blake2b(text.encode(), digest_size=8, salt=salt).digest() for text in texts)
    return np.frombuffer(drawn, dtype="<u8").astype(np.uint64)


def kinds_of(outcomes: Floats, task: Task) -> Codes:
    """The kind of each outcome, as codes, shape (n,): each class; of many different numbers the tenth it lies in; and
    what is not known.
    """
    values, codes = np.unique(outcomes, return_inverse=True)  # all that are not known are one value
    known = ~np.isnan(outcomes)
    if len(values) > _MOST_KINDS and known.any() and task.labels(outcomes[known]).dtype.kind == "f":
        edges = np.unique(np.nanquantile(outcomes, np.linspace(0.1, 0.9, 9)))
        codes = np.where(known, np.searchsorted(edges, outcomes, side="right"), len(edges) + 1)
    return codes.astype(np.int64)


def check_share(name: str, share: float, where: str) -> None:
    """Check a share that a user declares.

    Raises:
        ProjectError: it does not lie between 0 and 1.
    """
    if not 0 < share < 1:
        raise ProjectError(f"{name} must be a share between 0 and 1, not {share}", where=where, hint="write 0.2")


def check_part(task: Task, part: str, outcomes: Floats, where: str, hint: str) -> None:
    """Check that a part can teach or judge.

    Raises:
        ProjectError: it cannot; says what it has.
    """
    if what := task.lacking(outcomes):
        raise ProjectError(f"the {part} part has {what}", where=where, hint=hint)


def groups_of(labels: Labels | None, by: str, where: str) -> tuple[Labels, Codes]:
    """The names of all groups, and the group of each row, shape (n,).

    Raises:
        ProjectError: rows name no group.
    """
    nameless = 0 if labels is None else int((labels == "").sum())
    if labels is None or nameless:
        said = "rows come without" if labels is None else f"{counted(nameless, 'row has', 'rows have')} no"
        raise ProjectError(f"{said} {by!r}", where=where, hint="say to which group each belongs")
    names, codes = np.unique(labels, return_inverse=True)
    return names, codes.astype(np.int64)


def least_of_each(drawn: Any, kinds: Codes, share: float) -> Booleans:
    """Whether each row is among the share of its kind that drew least, shape (n,). Where that is no whole number of
    rows, it is rounded by what the rows drew, so that kinds of few rows have their share too, all together.
    """
    if not len(drawn):
        return np.zeros(0, dtype=bool)
    codes, sizes = np.unique(kinds, return_inverse=True, return_counts=True)[1:]
    order, begins = np.lexsort((drawn, codes)), np.cumsum(sizes) - sizes
    ranks = np.empty(len(codes), dtype=np.int64)
    ranks[order] = np.arange(len(codes)) - np.repeat(begins, sizes)
    chance = np.add.reduceat(drawn[order], begins) / 2.0**64  # uniform: unsigned sums wrap around
    taken: Booleans = ranks < np.floor(sizes * share + chance)[codes]
    return taken


def taken_to(drawn: Any, sizes: Codes, share: float) -> Booleans:
    """The groups that drew least, as many as hold at least a share of the rows; never all of them."""
    order = np.argsort(drawn, kind="stable")
    before = np.cumsum(sizes[order]) - sizes[order]
    taken = np.zeros(len(sizes), dtype=bool)
    taken[order] = before < share * sizes.sum()
    if taken.all() and len(sizes):
        taken[order[-1]] = False
    return taken
