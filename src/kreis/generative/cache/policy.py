"""When an answer may be given again, as data in a package; and how its threshold is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count, takewhile

import msgspec
import numpy as np

from kreis.errors import ProjectError
from kreis.generative.cache.agreement import nearest_that_agrees
from kreis.generative.embeddings.embedding import Embedder
from kreis.tasks.metrics.counts import share_limit, share_needs

__all__ = ["CachePolicy", "FittedCache", "QuestionPair", "fit_threshold"]


class CachePolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a question is taken for one that was answered before."""

    threshold: float
    """The cosine from which on two questions may be the same."""
    embedding: str
    """Digest of the model that the threshold was found with; with another one nothing is kept."""
    entries: int
    """Answers that are kept at most; the oldest go first. What was shown holds for no more than were tried."""
    seconds: int = 86_400
    """How old an answer may be."""


class QuestionPair(msgspec.Struct, frozen=True):
    """A question that was answered, one that is asked later, and whether one answer serves both."""

    answered: str
    asked: str
    same: bool


class FittedCache(msgspec.Struct, frozen=True, kw_only=True):
    """What labelled pairs show."""

    policy: CachePolicy | None
    """None: the cache stays off."""
    said: str
    """What was shown; or why the cache stays off."""
    topics: int
    """Groups of questions that are the same; all their questions were put to a cache which held all answered ones."""
    wrong: int = 0
    """Topics of which a question would get the answer to another topic."""
    limit: float = 1.0
    """The share of such topics is shown to be at most this (Clopper and Pearson 1934, upper limit)."""
    asked: int = 0
    """Questions that were put."""
    right: int = 0
    """Those that would get the answer to their own topic."""


def fit_threshold(
    pairs: Sequence[QuestionPair], embedder: Embedder, *, at_most: float = 0.01, level: float = 0.95
) -> FittedCache:
    """The lowest cosine from which on wrong hits are shown to be rare enough.

    Each question of the pairs is put to a cache that holds all the answered ones: it meets the one most like it, as in
    service, not one drawn at random. A hit is wrong unless the two are labelled the same, or follow to be. Questions of
    one topic go wrong together, so topics are counted. Their number only grows as the threshold falls, so the limit
    holds for the threshold that is chosen by it, too (Bates and others 2021, "Distribution-free, risk-controlling
    prediction sets", theorem 1).

    Args:
        pairs: Labelled by people.
        embedder: What the cache will use.
        at_most: The share of topics of which a question may get another's answer; so of questions, too, where topics
            are asked about alike.
        level: How sure that is to be.

    Raises:
        ProjectError: `at_most` or `level` is not between 0 and 1.
    """
    for name, value in (("at_most", at_most), ("level", level)):
        if not 0 < value < 1:
            raise ProjectError(f"{name} is {value}", where="fit_threshold", hint=f"{name} lies between 0 and 1")
    answered, asked = (list(dict.fromkeys(getattr(pair, side) for pair in pairs)) for side in ("answered", "asked"))
    topic = _topics(pairs)
    n = len({topic[question] for question in asked})
    off = FittedCache(policy=None, said="", topics=n, asked=len(asked))
    may = sum(1 for _ in takewhile(lambda hits: share_limit(hits, n, level=level) <= at_most, count()))
    if not may:
        said = (
            f"off: {n:,} topics cannot show that in at most {at_most:.2%} of them a question gets another's answer;"
            f" label pairs of at least {share_needs(at_most, level=level):,}"
        )
        return msgspec.structs.replace(off, said=said)
    right, wrong = _hits(topic, answered, asked, embedder)
    if len(wrong) >= may:
        threshold = float(np.nextafter(np.float32(wrong[may - 1]), np.float32(2)))  # just above the first too many
    else:
        threshold = min([*wrong, *right], default=1.0)
    if threshold > 1:
        said = "off: other questions have the same vector; look at the labels, or take another embedding model"
        return msgspec.structs.replace(off, said=said)
    hits, misses = (sum(each >= threshold for each in some) for some in (right, wrong))
    limit = share_limit(misses, n, level=level)
    said = (
        f"on from a cosine of {threshold:.4f}: {hits:,} of {len(asked):,} questions get their own answer from a cache"
        f" of {len(answered):,}, and in {misses:,} of {n:,} topics one gets another's: at most {limit:.2%}"
        f" ({level:.0%} sure)"
    )
    policy = CachePolicy(threshold=threshold, embedding=embedder.digest, entries=len(answered))
    return msgspec.structs.replace(off, policy=policy, said=said, wrong=misses, right=hits, limit=limit)


def _hits(
    topic: Mapping[str, str], answered: Sequence[str], asked: Sequence[str], embedder: Embedder
) -> tuple[list[float], list[float]]:
    """Were there no threshold: the cosine of each right hit, and the highest of each topic's wrong ones, falling."""
    held, put = embedder.queries(answered), embedder.queries(asked)
    right: list[float] = []
    wrong: dict[str, float] = {}
    for question, vector in zip(asked, put, strict=True):
        cosines = held @ vector
        place = nearest_that_agrees(question, answered, cosines, at_least=-1.0)
        if place is not None and topic[question] == topic[answered[place]]:
            right.append(float(cosines[place]))
        elif place is not None:
            wrong[topic[question]] = max(wrong.get(topic[question], -1.0), float(cosines[place]))
    return sorted(right, reverse=True), sorted(wrong.values(), reverse=True)


def _topics(pairs: Sequence[QuestionPair]) -> dict[str, str]:
    """Which questions are the same: each one's topic, named by a question of it."""
    above: dict[str, str] = {}

    def top(question: str) -> str:
        while (higher := above.setdefault(question, question)) != question:
            question = higher
        return question

    for pair in pairs:
        one, other = top(pair.answered), top(pair.asked)
        if pair.same:
            above[one] = other
    return {question: top(question) for question in list(above)}
