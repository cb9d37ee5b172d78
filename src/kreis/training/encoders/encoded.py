"""Features with those of them that are encoded: as rows for a trainer, and as operations in front of its graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from kreis.models.explanations.additive import Additive
from kreis.models.scoring import Matrix, Texts
from kreis.training.encoders.encoder import Column, ColumnKind, Encoding
from kreis.training.encoders.front import Front

__all__ = ["EncodedFeatures"]


class EncodedFeatures:
    """What a trainer sees of the features of a model: each encoded one as its columns, in its place."""

    def __init__(
        self, features: Sequence[str], encodings: Mapping[str, Encoding], text_features: Sequence[str] = ()
    ) -> None:
        """Put together.

        Args:
            features: Of the model, in order.
            encodings: Of those that are encoded.
            text_features: Those that are read as texts, in order.
        """
        self.features = tuple(features)
        self.texts = {self.features.index(name): place for place, name in enumerate(text_features)}
        self.encodings = {self.features.index(name): each for name, each in encodings.items()}
        self.names: list[str] = []
        """Of the columns."""
        self.kinds: list[ColumnKind] = []
        """Of the columns."""
        self.origins: list[str] = []
        """The feature that each column comes from."""
        for place, feature in enumerate(self.features):
            encoding = self.encodings.get(place)
            names = [feature] if encoding is None else [feature + name for name in encoding.names]
            self.names += names
            self.kinds += ["number" if encoding is None else encoding.kind] * len(names)
            self.origins += [feature] * len(names)

    def encode(self, matrix: Matrix, texts: Texts | None = None, *, teaching: bool = False) -> Matrix:
        """The columns of rows, float32 (n, w).

        Args:
            matrix: The features, float32 (n, f).
            texts: What those say that are read as texts, shape (n, t).
            teaching: Whether these are the rows that taught the encodings.
        """
        given = np.empty((len(matrix), len(self.names)), dtype=np.float32)
        at = 0
        for place in range(len(self.features)):
            encoding = self.encodings.get(place)
            if encoding is None:
                columns = matrix[:, place, np.newaxis]
            elif teaching and encoding.taught is not None:
                columns = encoding.taught
            else:
                said = None if texts is None or place not in self.texts else texts[:, self.texts[place]]
                columns = encoding.encode(Column(numbers=matrix[:, place], texts=said))
            given[:, at : at + columns.shape[1]] = columns
            at += columns.shape[1]
        return given

    def in_front_of(self, content: bytes) -> bytes:
        """A model of the columns as one of the features.

        Args:
            content: A model as `finish_graph` leaves it.
        """
        import onnx

        from kreis.training.graph import INPUT, outputs_of, versions_of

        model = onnx.load_from_string(content)
        front = Front(self.texts)
        self._in_place(front)
        front.nodes[-1].output[0] = INPUT
        return self._finished(
            [*front.nodes, *model.graph.node],
            [*front.constants, *model.graph.initializer],
            versions_of(model),
            outputs=outputs_of(model),
        )

    def explained(self, additive: Additive) -> Additive:
        """A sum over the columns as one over the features."""
        front = Front(self.texts)
        found = self._in_place(front)
        if len(self.names) == 1:
            found = front.node("Squeeze", found, front.constant([1], np.int64))
        graph = self._finished(front.nodes, front.constants, {"": 17}, outputs=len(self.names), score=found)
        return dataclasses.replace(
            additive,
            origins=tuple(self.features.index(self.origins[each]) for each in additive.origins),
            features=len(self.features),
            fronts=(graph, *additive.fronts),
        )

    def _finished(
        self, nodes: list[Any], constants: list[Any], versions: dict[str, int], *, outputs: int, score: str = "score"
    ) -> bytes:
        from kreis.training.graph import TOKENIZER, finish_graph

        return finish_graph(
            nodes,
            constants,
            "raw",
            len(self.features),
            versions | {"ai.onnx.ml": max(3, versions.get("ai.onnx.ml", 3)), TOKENIZER[0]: 1},
            outputs=outputs,
            score=score,
            texts=len(self.texts),
        )

    def _in_place(self, front: Front) -> str:
        """The tensor of all columns, in order."""
        parts, order = self._columns(front)
        together = front.node("Concat", *parts, axis=1)
        return front.node("Gather", together, front.constant(order, np.int64), axis=1)

    def _columns(self, front: Front) -> tuple[list[str], list[int]]:
        """The tensors that hold all columns, side by side, and which of theirs they are in order."""
        groups: dict[tuple[Any, str], dict[int, Encoding]] = {}
        for place, encoding in self.encodings.items():
            if encoding.names:
                groups.setdefault((type(encoding), encoding.group), {})[place] = encoding
        starts: dict[int, int] = {}
        parts, at = ["raw"], len(self.features)
        for (kind, _), encodings in groups.items():
            parts.append(kind.in_front(front, encodings))
            widths = [len(each.names) for each in encodings.values()]
            starts |= dict(zip(encodings, accumulate([at, *widths[:-1]]), strict=True))
            at += sum(widths)
        order: list[int] = []
        for place in range(len(self.features)):
            known = self.encodings.get(place)
            order += [place] if known is None else [starts.get(place, 0) + each for each in range(len(known.names))]
        return parts, order
