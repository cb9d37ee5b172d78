"""alike: texts that share most of their runs of five words, found without comparing all of them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kreis.generative.documents.alike import alike

WORDS = [f"word{number}" for number in range(2_000)]


def page(seed, length=300):
    return " ".join(random.Random(seed).choices(WORDS, k=length))


def jaccard(one, other):
    runs = [
        {tuple(words[at : at + 5]) for at in range(len(words) - 4)} for words in (one.lower().split(), other.split())
    ]
    return len(runs[0] & runs[1]) / len(runs[0] | runs[1])


@pytest.mark.parametrize("changed", [0, 1, 3])
def test_the_share_is_that_of_the_runs_of_five_words(changed):
    original = page(1)
    words = original.split()
    for at in range(changed):
        words[40 * at + 20] = "other"
    (found,) = alike([page(2), original, page(3), " ".join(words)], 0.5)
    assert (found.first, found.second) == (1, 3)
    assert found.share == pytest.approx(jaccard(original, " ".join(words)))


def test_every_pair_above_the_share_is_found():
    texts = []
    for seed in range(150):
        words = page(seed).split()
        texts.append(" ".join(words))
        for at in random.Random(seed).sample(range(300), 4):
            words[at] = "other"
        texts.append(" ".join(words))
    wanted = {(2 * at, 2 * at + 1) for at in range(150) if jaccard(texts[2 * at], texts[2 * at + 1]) >= 0.8}
    assert len(wanted) > 140
    assert {(each.first, each.second) for each in alike(texts, 0.8)} == wanted


def test_of_several_the_most_alike_is_named():
    words = page(1).split()
    near, far = words.copy(), words.copy()
    near[50] = far[50] = far[150] = far[250] = "other"
    found = alike([" ".join(far), " ".join(words), page(2), " ".join(near)], 0.8)
    assert [(each.first, each.second) for each in found] == [(0, 1), (1, 3)]


def test_a_text_of_five_words_can_be_alike_and_one_of_four_cannot():
    assert len(alike(["one two three four five"] * 2, 0.8)) == 1
    assert alike(["one two three four"] * 2, 0.8) == []


def test_what_stands_on_every_page_makes_none_alike():
    texts = [f"{page(0, 40)} {page(seed, 200)}" for seed in range(1, 200)]
    assert alike(texts, 0.8) == []


@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_texts_can_be_compared(texts):
    for first, second, share in alike(texts, 0.8):
        assert first < second
        assert 0.8 <= share <= 1
