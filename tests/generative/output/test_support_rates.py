"""How often the measure of support errs, on paragraphs of XQuAD whose sentences are spoilt: docs/generative/answers.md
quotes these shares.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from kreis.generative.index.index import Hit
from kreis.generative.output.support import SUPPORTED, Read, read_claim, support
from kreis.generative.sentences import sentences
from kreis.generative.words import NEGATIONS

DATA = Path(os.environ.get("KREIS_TEST_DATA", Path(__file__).parents[4] / "shared" / "data")) / "xquad"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the shared sets are not here (KREIS_TEST_DATA)")

_NAME = re.compile(r"(?<=[a-zäöüß,] )[A-ZÄÖÜ][a-zäöüß]{3,}")
_BE = re.compile(r"\b(is|are|was|were|ist|sind|war|waren|wird|werden|wurde|wurden)\b(?! not| nicht)")


class Paragraphs:
    """Sentences with the passage that each stands in."""

    def __init__(self, language: str) -> None:
        pages = json.loads((DATA / f"xquad.{language}.json").read_text())["data"]
        texts = [paragraph["context"] for page in pages for paragraph in page["paragraphs"]]
        self.chance = random.Random(7)
        self.not_ = " nicht" if language == "de" else " not"
        self.passages = [
            Read(Hit(chunk=0, document="d", version="1", start=0, end=0, text=text, shown=text, shown_start=0))
            for text in texts
        ]
        self.said = [
            (place, text[start:end])
            for place, text in enumerate(texts)
            for start, end in sentences(text)
            if end - start > 40
        ]
        self.names = sorted({name for text in texts for name in _NAME.findall(text)})

    def share(self, spoil: Callable[[str], str | None], *, of_another: bool = False) -> tuple[float, int]:
        """The share of sentences that are said to be supported, and their number."""
        found = []
        for place, text in self.said:
            spoilt = spoil(text)
            claim = read_claim(spoilt) if spoilt is not None else None
            if claim is not None:
                passage = self.passages[(place + 1) % len(self.passages) if of_another else place]
                found.append(support(claim, passage).measure >= SUPPORTED)
        return sum(found) / len(found), len(found)

    def shorter(self, text: str) -> str:
        kept = [word for word in text.split() if word.lower() in NEGATIONS or self.chance.random() > 0.3]
        return " ".join(kept)

    def another_number(self, text: str) -> str | None:
        changed = re.sub(r"\d+", lambda each: str(int(each[0]) + self.chance.randint(3, 40)), text, count=1)
        return changed if changed != text else None

    def another_name(self, text: str) -> str | None:
        names = _NAME.findall(text)
        if not names:
            return None
        other = self.chance.choice([name for name in self.chance.sample(self.names, 20) if name not in text])
        return text.replace(self.chance.choice(names), other, 1)

    def turned(self, text: str) -> str | None:
        if NEGATIONS & set(text.lower().split()):
            return None
        changed = _BE.sub(lambda each: each[0] + self.not_, text, count=1)
        return changed if changed != text else None


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "de"])
def test_rates(language: str) -> None:
    paragraphs = Paragraphs(language)
    shares = {
        "as it stands": paragraphs.share(str),
        "three of ten words left out": paragraphs.share(paragraphs.shorter),
        "another number": paragraphs.share(paragraphs.another_number),
        "another name": paragraphs.share(paragraphs.another_name),
        "negated": paragraphs.share(paragraphs.turned),
        "of another passage": paragraphs.share(str, of_another=True),
    }
    said = "\n".join(f"{language} {name}: {share:.1%} of {count}" for name, (share, count) in shares.items())
    right, wrong = list(shares)[:2], list(shares)[2:]
    assert all(shares[name][0] >= 0.99 for name in right), said
    assert all(shares[name][0] <= 0.03 for name in wrong), said
