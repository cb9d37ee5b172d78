"""Which answered questions are shown with a question: those nearest to it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from kreis.generative.index.index import Access
from kreis.generative.prompts.prompt import Example
from kreis.generative.words import content_stems

__all__ = ["NearestExamples"]


class NearestExamples:
    """Finds examples by the words that they share with a question: the cosine of their tf-idf vectors.

    Args:
        examples: Answered questions, of the validation part.
    """

    def __init__(self, examples: Sequence[Example]) -> None:
        self._examples = examples
        stems = [set(content_stems(example.question)) for example in examples]
        df = Counter(stem for each in stems for stem in each)
        self._weight = {stem: math.log(1 + len(examples) / count) for stem, count in df.items()}
        self._stems = stems
        self._length = [self._norm(each) for each in stems]

    def near(self, question: str, count: int, access: Access) -> list[Example]:
        """At most `count` examples, nearest first: never the question itself, nor one that the person may not read.

        Args:
            question: What is asked.
            count: How many at most.
            access: Who asks.
        """
        asked = set(content_stems(question))
        length = self._norm(asked)
        found = []
        for place, (example, stems) in enumerate(zip(self._examples, self._stems, strict=True)):
            shared = sum(self._weight[stem] ** 2 for stem in asked & stems)
            if shared and _may_see(access, example) and example.question.strip() != question.strip():
                found.append((-shared / (length * self._length[place]), place))
        return [self._examples[place] for _, place in sorted(found)[:count]]

    def _norm(self, stems: set[str]) -> float:
        return math.sqrt(sum(self._weight.get(stem, 0.0) ** 2 for stem in stems)) or 1.0


def _may_see(access: Access, example: Example) -> bool:
    groups = not example.groups or not access.groups.isdisjoint(example.groups)
    return example.tenant in ("", access.tenant) and groups
