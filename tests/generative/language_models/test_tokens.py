"""Estimated tokens are more than a real vocabulary has, and not very many more."""

import asyncio
import json
from pathlib import Path

import pytest

from kreis.generative.language_models.llama_cpp import LlamaCpp
from kreis.generative.language_models.model import Message, Wish
from kreis.generative.language_models.tokens import estimate_prompt, estimate_tokens

ROOT = Path(__file__).parents[3]
TEXTS = {
    "English": (ROOT / "docs" / "how-it-works.md").read_text()[:2_000],
    "German": "Der Arbeitnehmer hat Anspruch auf dreißig Tage Urlaub im Kalenderjahr. Äußerungen gegenüber der "
    "Öffentlichkeit bedürfen der vorherigen Genehmigung durch die Geschäftsführung; größere Beträge müssen einzeln "
    "genehmigt werden, wenn die Rechtsschutzversicherung sie nicht übernimmt.",
    "code": (ROOT / "src" / "kreis" / "clock.py").read_text(),
    "numbers": "0.123456,12345.67,2026-11-26T15:57:58Z\n100,200,300,4000,50000\n" * 5,
    "capitals": "THE BUDGET IS USED UP BY TODAY AND NOBODY KNOWS WHETHER IT RETURNS TOMORROW " * 3,
    "Chinese": "知识库中的每个文档都有一个版本，回答必须引用其来源。" * 4,
    "JSON": json.dumps({"answer": "It is so [1].", "citations": [1, 2, 3], "deep": {"a": [None, True]}}, indent=2) * 3,
    "blanks": "a\n\n\n\nb\t\t\tc      d\n" * 10,
}


@pytest.fixture(scope="module")
def counted() -> dict[str, int]:
    """Tokens of each text by the small model, less those of its chat template."""

    async def count() -> dict[str, int]:
        model = LlamaCpp("smollm2-135m").open()

        async def tokens(text: str) -> int:
            wish = Wish(messages=[Message("user", text)], most_tokens=1, deadline_s=60)
            found = (await model.complete(wish)).tokens_in
            assert found <= estimate_prompt(wish.messages)
            return found

        template = await tokens("a") - 1
        found = {name: await tokens(text) - template for name, text in TEXTS.items()}
        await model.close()
        return found

    return asyncio.run(count())


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_an_estimate_is_above_and_near(counted: dict[str, int], name: str) -> None:
    assert counted[name] <= estimate_tokens(TEXTS[name]) <= 2.2 * counted[name]


def test_nothing_has_no_tokens_and_more_text_has_more() -> None:
    assert estimate_tokens("") == estimate_tokens(" ") == 0
    sizes = [estimate_tokens(TEXTS["German"][:size]) for size in range(0, 200, 20)]
    assert sizes == sorted(sizes)
