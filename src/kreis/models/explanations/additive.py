"""A model as a sum, from which what each feature adds follows exactly."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from kreis.arrays import Floats
from kreis.digests import canonical_json
from kreis.errors import RefusalError
from kreis.formats import check_format
from kreis.models.by_group import ByGroup
from kreis.models.explanations.arrays_file import read_arrays, write_arrays
from kreis.models.explanations.layers import Layers
from kreis.models.explanations.trees import Trees
from kreis.models.explanations.weights import Weights

__all__ = ["NEVER", "Additive", "Link"]

Link: TypeAlias = Literal["identity", "sigmoid", "softmax", "exp"]
"""What turns the sums (the "margin") into what the model says."""
_FORMAT = "kreis.explanation/1"
Part: TypeAlias = Trees | Weights | Layers
_KINDS: dict[str, type[Part]] = {"trees": Trees, "weights": Weights, "layers": Layers}
NEVER = -1e4
"""The sum of a class that no training row has: its probability is 0."""
MOST_COLUMNS = 1_000_000
MOST_CELLS = 2**24
"""Columns times numbers that a row is given: so many are computed for each row."""
MOST_PARTS = 1_000


class _Head(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    format: str
    features: int
    columns: list[str]
    origins: list[int]
    parts: list[str]
    link: Link
    ascending: bool = False
    finite: bool = False
    fronts: int = 0
    mapped: bool = False
    by_group: ByGroup | msgspec.UnsetType = msgspec.UNSET
    group_at: int | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, eq=False, kw_only=True)
class Additive:
    """The k sums of a model over w columns, which are made of its features."""

    columns: tuple[str, ...]
    """Their names."""
    origins: tuple[int, ...]
    """The place of the feature that each column is made of, ascending."""
    features: int
    """How many features there are."""
    parts: tuple[Part, ...]
    """What is added up."""
    offset: Floats
    """What is added to all, shape (k,)."""
    link: Link = "identity"
    ascending: bool = False
    """Whether a row's sums are put in order at the end, as quantiles are."""
    finite: bool = False
    """Whether an infinite value counts as missing."""
    mapped: bool = False
    """Whether a rising map of the score stands behind the link: a recalibration."""
    by_group: ByGroup | None = None
    """The thresholds by which groups are decided; the score that is answered is moved by them."""
    group_at: int | None = None
    """The place of the feature that says the group."""
    fronts: tuple[bytes, ...] = ()
    """The ONNX graphs that make the columns of the features, one after the other."""

    @classmethod
    def of(
        cls,
        part: Part,
        columns: Sequence[str],
        *,
        link: Link = "identity",
        offset: npt.ArrayLike = 0.0,
        outputs: int = 1,
        finite: bool = False,
    ) -> Additive:
        """From what a trainer made: its columns are the features.

        Args:
            part: What it made.
            columns: Their names.
            link: What turns the sums into what the model says.
            offset: What is added to all.
            outputs: k.
            finite: Whether an infinite value counts as missing.
        """
        return cls(
            columns=tuple(columns),
            origins=tuple(range(len(columns))),
            features=len(columns),
            parts=(part,),
            offset=np.zeros(outputs) + np.asarray(offset, dtype=np.float64),
            link=link,
            finite=finite,
        )

    @classmethod
    def constant(cls, amount: float, *, link: Link) -> Additive:
        """The same for all rows."""
        return cls(columns=(), origins=(), features=0, parts=(), offset=np.array([amount]), link=link)

    @property
    def outputs(self) -> int:
        """How many numbers a row is given."""
        return len(self.offset)

    def plus(self, amount: npt.ArrayLike) -> Additive:
        """With something more, or less, for all rows alike."""
        return dataclasses.replace(self, offset=self.offset + np.asarray(amount, dtype=np.float64))

    def times(self, factor: float) -> Additive:
        """All of it so many times: at another temperature."""
        parts = tuple(part.times(factor) for part in self.parts)
        return dataclasses.replace(self, parts=parts, offset=self.offset * factor)

    def recalibrated(self) -> Additive:
        """With a rising map of the score behind the link, which is no part of the sum."""
        return dataclasses.replace(self, mapped=True)

    def decided_by(self, by_group: ByGroup, place: int) -> Additive:
        """With thresholds of groups behind the link, which are no part of the sum.

        Args:
            by_group: The thresholds.
            place: That of the feature that says the group.
        """
        return dataclasses.replace(self, by_group=by_group, group_at=place)

    def around(self, offsets: npt.ArrayLike) -> Additive:
        """Of one number several, each with something more or less."""
        moved = np.asarray(offsets, dtype=np.float64)
        repeated = [part.at_output(place, len(moved)) for place in range(len(moved)) for part in self.parts]
        return dataclasses.replace(self, parts=tuple(repeated), offset=self.offset[0] + moved)

    @classmethod
    def together(cls, sums: Sequence[Additive], *, ascending: bool = False) -> Additive:
        """Of several models of one number, one of all their numbers."""
        parts = [part.at_output(at, len(sums)) for at, each in enumerate(sums) for part in each.parts]
        offset = np.array([each.offset[0] for each in sums])
        first = next((each for each in sums if each.parts), sums[0])
        return dataclasses.replace(first, parts=tuple(parts), offset=offset, ascending=ascending)

    def to_bytes(self) -> bytes:
        """As a package keeps it."""
        arrays = {"offset": self.offset}
        for place, front in enumerate(self.fronts):
            arrays[f"front.{place}"] = np.frombuffer(front, dtype=np.uint8)
        for place, part in enumerate(self.parts):
            arrays |= {f"{place}.{name}": values for name, values in part.arrays().items()}
        head = _Head(
            format=_FORMAT,
            features=self.features,
            columns=list(self.columns),
            origins=list(self.origins),
            parts=[name for part in self.parts for name, kind in _KINDS.items() if isinstance(part, kind)],
            link=self.link,
            ascending=self.ascending,
            finite=self.finite,
            fronts=len(self.fronts),
            mapped=self.mapped,
            by_group=self.by_group or msgspec.UNSET,
            group_at=msgspec.UNSET if self.group_at is None else self.group_at,
        )
        return write_arrays(arrays, {"kreis": canonical_json(msgspec.to_builtins(head)).decode()})

    @classmethod
    def from_bytes(cls, content: bytes) -> Additive:
        """The inverse.

        Raises:
            RefusalError: the bytes are no such sum.
            ProjectError: they are of a later format.
        """
        where = "explanation"
        arrays, said = read_arrays(content)
        text = said.get("kreis", "").encode()
        check_format(text, _FORMAT, where=where)
        try:
            head = msgspec.json.decode(text, type=_Head)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise RefusalError(f"this version does not read what it says: {error}", where=where) from error
        offset = arrays.pop("offset", np.empty(0)).astype(np.float64)
        width = len(head.columns)
        wrong = len(head.origins) != width or width > MOST_COLUMNS or head.fronts > len(arrays)
        wrong = wrong or offset.ndim != 1 or not len(offset) or not np.isfinite(offset).all()
        ends = [0, *head.origins, head.features - 1] if width else []
        if wrong or any(low > high for low, high in pairwise(ends)):
            raise RefusalError("its columns come from no features, or it gives no numbers", where=where)
        if width * len(offset) > MOST_CELLS or len(head.parts) > MOST_PARTS:
            said_of = f"{width:,} columns, {len(offset):,} numbers and {len(head.parts):,} parts"
            raise RefusalError(f"it has {said_of}, which are too many", where=where)
        by_group, group_at = head.by_group or None, None if head.group_at is msgspec.UNSET else head.group_at
        if by_group is not None and not (by_group.sound and group_at in range(head.features)):
            raise RefusalError("its thresholds of groups are no shares, or of no feature", where=where)
        if not set(head.parts) <= set(_KINDS):
            raise RefusalError(f"it adds up {sorted(set(head.parts) - set(_KINDS))}", where=where)
        fronts = tuple(arrays.get(f"front.{place}", np.empty(0)).tobytes() for place in range(head.fronts))
        held: dict[str, dict[str, npt.NDArray[Any]]] = {}
        for name, each in arrays.items():
            place, _, of = name.partition(".")
            held.setdefault(place, {})[of] = each
        parts = [
            _KINDS[kind].from_arrays(held.get(str(place), {}), columns=width, outputs=len(offset))
            for place, kind in enumerate(head.parts)
        ]
        return cls(
            columns=tuple(head.columns),
            origins=tuple(head.origins),
            features=head.features,
            parts=tuple(parts),
            offset=offset,
            link=head.link,
            ascending=head.ascending,
            finite=head.finite,
            fronts=fronts,
            mapped=head.mapped,
            by_group=by_group,
            group_at=group_at,
        )
