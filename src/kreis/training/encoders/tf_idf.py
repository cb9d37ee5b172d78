"""Texts as weights of their words."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.models.scoring import Matrix
from kreis.training.encoders.encoder import Column, ColumnKind, Encoding
from kreis.training.encoders.front import Front
from kreis.training.encoders.targets import Targets

__all__ = ["TfIdf", "Words"]

CELLS = 2**28
"""At most so many weights in training (1 GiB as float32): of more rows, fewer words are taken."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TfIdf:
    """The commonest words of the rows that teach, each by how often it is in a text and how few texts it is in.

    A word is two or more letters, digits or underscores of any script, in lower case; other words count nothing, and
    a text without a known word is all zeros. Weights are scikit-learn's (smoothed inverse document frequency, length
    1); words outside the vocabulary of the rows that teach are left out.

    Example:

    >>> TfIdf(words=2_000, pairs=True).words
    2000
    """

    name: ClassVar[str] = "tf-idf"
    words: int = 5_000
    """At most so many; the commonest are taken."""
    least: int = 2
    """A word is in at least so many texts."""
    pairs: bool = False
    """Whether two words in a row count as one more, among the same number."""

    def __post_init__(self) -> None:
        for field in ("words", "least"):
            value = getattr(self, field)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ProjectError(f"{field} must be a whole number from 1, not {value!r}", where="TfIdf")

    def fit(self, column: Column, targets: Targets, *, seed: int) -> Words:
        """Take the words, and count the texts that they are in.

        Raises:
            ProjectError: no word is in enough texts.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer

        texts = [] if column.texts is None else column.texts.tolist()
        most = max(1, min(self.words, CELLS // max(1, len(texts))))
        vectorizer = TfidfVectorizer(min_df=self.least, max_features=most, ngram_range=(1, 2 if self.pairs else 1))
        try:
            vectorizer.fit(texts)
        except ValueError as error:
            raise ProjectError(
                f"no word is in {self.least} of its {len(texts):,} texts",
                where="TfIdf",
                hint="leave the feature out, or lower `least`",
            ) from error
        return Words(vectorizer=vectorizer, vocabulary=tuple(vectorizer.get_feature_names_out().tolist()))


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Words:
    """A vocabulary, and the weight of each word."""

    vectorizer: Any
    """scikit-learn's, against which the graph is proved."""
    vocabulary: Sequence[str]
    kind: ColumnKind = "word"
    taught: Matrix | None = None

    @property
    def numbers(self) -> Floats:
        """It knows words, not categories."""
        return np.empty(0)

    @property
    def names(self) -> Sequence[str]:
        """The words."""
        return [f" has {word}" for word in self.vocabulary]

    @property
    def group(self) -> str:
        """Each is computed by itself."""
        return str(id(self))

    def encode(self, column: Column) -> Matrix:
        """By scikit-learn."""
        texts = [""] * len(column.numbers) if column.texts is None else column.texts.tolist()
        if not texts:
            return np.empty((0, len(self.vocabulary)), dtype=np.float32)
        weights: Matrix = self.vectorizer.transform(texts).astype(np.float32).toarray()
        return weights

    @classmethod
    def in_front(cls, front: Front, encodings: Mapping[int, Encoding]) -> str:
        """Take the text apart, count the words, weigh them, and bring each row to length 1."""
        ((place, each),) = encodings.items()
        words = cast("Words", each)
        which = front.constant(front.texts[place], np.int64)
        text = front.node("Gather", "texts", which, axis=1)
        tokens = front.node(
            "Tokenizer",
            text,
            domain="com.microsoft",
            mark=0,
            mincharnum=1,
            pad_value="#",
            tokenexp=r"[\p{L}\p{N}_][\p{L}\p{N}_]+",
        )
        counts = front.node("TfIdfVectorizer", tokens, mode="TF", max_skip_count=0, **_pool(words.vocabulary))
        weighed = front.node("Mul", counts, front.constant(words.vectorizer.idf_, np.float32))
        return front.node("LpNormalization", weighed, p=2, axis=1)


def _pool(vocabulary: Sequence[str]) -> dict[str, Any]:
    """The vocabulary as ONNX takes it: words, then pairs, each with the place of its weight."""
    places = {word: place for place, word in enumerate(vocabulary)}
    words = [word for word in vocabulary if " " not in word]
    pairs = [word for word in vocabulary if " " in word]
    return {
        "pool_strings": [*words, *(part for pair in pairs for part in pair.split(" "))],
        "ngram_counts": [0, len(words)] if pairs else [0],
        "ngram_indexes": [places[each] for each in (*words, *pairs)],
        "min_gram_length": 1 if words else 2,
        "max_gram_length": 2 if pairs else 1,
    }
