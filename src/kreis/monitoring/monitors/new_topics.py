"""What people ask and no document answers: questions that are passed on, by topic."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import blake2b
from typing import Any

from kreis.errors import ProjectError
from kreis.generative.words import content_stems, words
from kreis.monitoring.monitor import Finding, State, Watched, already_seen, full_name, require_positive, with_day
from kreis.monitoring.observe import AnsweredQuestion, DayOfTraffic
from kreis.texts import counted

__all__ = ["NewTopics"]

_MOST = 2_000
"""Questions that are remembered."""
_SHOWN = 5
_FEW = 3
"""Questions that a word must be in to count, and to be shown."""
_COMMON = 0.5
"""A word is the topic's where so many of its questions have it."""


@dataclass(frozen=True, kw_only=True)
class NewTopics:
    """Reports, and sends the work back, when many questions about one thing were passed on within some days.

    Questions are grouped in the order in which they came (leader clustering): each joins the group whose middle it is
    most like, by the cosine of the stems of its words, or begins one. Stop words, and words that one or two questions
    have, count for nothing. It goes by words: the same thing in other words is another topic. A topic is reported once,
    with its words and with examples in which words that few of its questions have are left out; the prediction ids
    lead to the whole questions (`kreis why`).

    Example:

    >>> NewTopics(least=40).name
    'new_topics'
    """

    name: str = ""
    """What you call it, where there are several; alerts show it after the kind."""
    least: int = 20
    """Questions that make a topic."""
    days: int = 14
    """How long questions count."""
    alike: float = 0.5
    """The cosine from which on a question belongs to a group."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", full_name("new_topics", self.name))
        require_positive("NewTopics", least=self.least - 1, days=self.days)
        if not 0 < self.alike < 1:
            raise ProjectError(f"alike is {self.alike}", where="NewTopics", hint="above 0 and below 1")

    @property
    def needs_outcomes(self) -> bool:
        """Days are looked at on the morning after."""
        return False

    def observe(self, day: DayOfTraffic, state: State | None, watched: Watched) -> tuple[State, list[Finding]]:
        """Add the day's questions that were passed on, and look for topics among the recent ones."""
        if state is None or state["release"] != watched.release:
            state = {"release": watched.release, "days": [], "asked": [], "told": []}
        if already_seen(state, day.day) or not len(day):
            return state, []
        since = (day.day - timedelta(days=self.days)).isoformat()
        today = {each.prediction: each for each in day.questions if not each.given and each.outcome != "refused"}
        kept = [each for each in state["asked"] if each[0] > since]
        new = [[day.day.isoformat(), each.prediction, _marks(each.text)] for each in today.values()]
        asked = [*kept, *(each for each in new if each[2])][-_MOST:]
        told = [each for each in state["told"] if each[0] > since]
        findings = []
        for group in self._groups(asked):
            topic, known = group.topic, [today[each[1]] for each in group.members if each[1] in today]
            if len(group.members) < self.least or not known:
                continue
            before = next((each for each in told if _same(each[1], topic)), None)
            if before is not None:
                before[0], before[1] = day.day.isoformat(), topic
                continue
            told.append([day.day.isoformat(), topic])
            findings.append(self._finding(day.day, group, topic, known))
        after = {"release": watched.release, "days": with_day(state, day.day), "asked": asked, "told": told}
        return after, findings

    def _groups(self, asked: Sequence[Sequence[Any]]) -> list[_Group]:
        """Leader clustering of remembered questions, the largest group first."""
        having = Counter(mark for each in asked for mark in each[2])
        groups: list[_Group] = []
        by_mark: dict[int, set[int]] = {mark: set() for mark, count in having.items() if count >= _FEW}
        for each in asked:
            marks = [mark for mark in each[2] if mark in by_mark]
            if not marks:
                continue
            near = set().union(*(by_mark[mark] for mark in marks))
            likeness = [(groups[place].likeness(marks), -place) for place in near]
            best, place = max(likeness, default=(0.0, 0))
            if best < self.alike:
                place = -len(groups)
                groups.append(_Group())
            groups[-place].add(each, marks)
            for mark in marks:
                by_mark[mark].add(-place)
        return sorted(groups, key=lambda group: len(group.members), reverse=True)

    def _finding(self, day: date, group: _Group, topic: Sequence[int], known: Sequence[AnsweredQuestion]) -> Finding:
        about = Counter(
            word for each in known for word in set(words(each.text)) if _marks(word) and _marks(word)[0] in topic
        )
        named = [word for word, _ in about.most_common(_SHOWN)]
        shown = list(dict.fromkeys(group.excerpt(each.text) for each in known))[:_SHOWN]
        said = "; ".join(f'"{each}"' for each in shown)
        count = len(group.members)
        detail = {
            "day": day.isoformat(),
            "questions": count,
            "words": named,
            "examples": shown,
            "predictions": [each[1] for each in group.members[-_SHOWN:]],
        }
        return Finding(
            level="warning",
            monitor=self.name,
            cause=" ".join(named[:3]),
            summary=f"{counted(count, 'question')} in {counted(self.days, 'day')} have no answer:"
            f" {', '.join(named)} (such as {said})",
            detail=detail,
            sends_back=True,
        )


class _Group:
    """Questions that are alike, each as day, prediction and marks."""

    def __init__(self) -> None:
        self.members: list[Sequence[Any]] = []
        self._counts: Counter[int] = Counter()
        self._square = 0
        """Of the length of the sum of its questions."""

    def add(self, question: Sequence[Any], marks: Sequence[int]) -> None:
        """Take a question in, by the marks that count."""
        self.members.append(question)
        for mark in marks:
            self._square += 2 * self._counts[mark] + 1
            self._counts[mark] += 1

    def likeness(self, marks: Sequence[int]) -> float:
        """The cosine between a question and the sum of those that are in."""
        dot = sum(self._counts[mark] for mark in marks)
        return dot / math.sqrt(len(marks) * self._square) if dot else 0.0

    @property
    def topic(self) -> list[int]:
        """The marks that most of its questions have; the most frequent one at least."""
        found = [mark for mark, count in self._counts.items() if count >= _COMMON * len(self.members)]
        return sorted(found or [self._counts.most_common(1)[0][0]])

    def excerpt(self, text: str) -> str:
        """A question without the words that few have: they might name a person."""
        shown = ["…" if any(self._counts[mark] < _FEW for mark in _marks(word)) else word for word in words(text)]
        return " ".join(word for place, word in enumerate(shown) if word != "…" or shown[place - 1 : place] != ["…"])


def _marks(text: str) -> list[int]:
    """What stands for a question's stems where it is remembered: words that might name a person are kept nowhere."""
    stems = set(content_stems(text))
    return sorted(int.from_bytes(blake2b(each.encode(), digest_size=6).digest()) for each in stems)


def _same(one: Sequence[int], other: Sequence[int]) -> bool:
    return 2 * len(set(one) & set(other)) >= max(len(one), len(other))
