"""What every cache does: it gives an answer again to the same question of who may read just the same."""

from __future__ import annotations

import math
from threading import Thread

import msgspec
import pytest
from tests.generative.cache.behaviour.conftest import AllAlike, NewCache
from tests.generative.cache.other_questions import OTHER_QUESTIONS, SAME_QUESTIONS

from kreis.generative.cache.memory import MemoryCache, Scope
from kreis.generative.index.index import Access, Hit
from kreis.generative.language_models.model import Message
from kreis.generative.questions import SIGNALS, Answered, Citation, Question

SCOPE = Scope("pipeline", "index 1")
ASKED = "How long is parental leave?"
AGAIN = "how long is the parental leave"
DAY = 86_400 * 1_000_000


def answer(text: str = "36 months.", question: str = ASKED, document: str = "leave.md", **fields) -> Answered:
    hit = Hit(chunk=1, document=document, version="1", start=0, end=9, text="t", shown="t", shown_start=0)
    cited = Citation(document=document, version="1", start=0, end=9, quote="36 months")
    fields = {"outcome": "answered", "passages": (hit,), "citations": (cited,)} | fields
    return Answered(text=text, question=question, **fields)


def keep(cache: MemoryCache, question: Question | None = None, answered: Answered | None = None, scope=SCOPE) -> bool:
    question = question or Question(text=ASKED)
    return cache.keep(question, answered or answer(question=question.text), scope)


def find(cache: MemoryCache, text: str = ASKED, scope: Scope = SCOPE, **fields) -> Answered | None:
    return cache.find(Question(text=text, **fields), text, scope)


@pytest.mark.parametrize(("first", "second"), SAME_QUESTIONS)
def test_the_same_question_gets_the_answer_again(new_cache: NewCache, first: str, second: str):
    cache = new_cache()
    assert keep(cache, Question(text=first), answer("So it is.", question=first))
    found = find(cache, second)
    assert found is not None
    assert (found.text, found.question, found.cached) == ("So it is.", second, True)
    assert found.citations == answer().citations


@pytest.mark.parametrize(("kind", "first", "second"), OTHER_QUESTIONS)
def test_another_question_gets_none_whatever_the_cosine(new_cache: NewCache, kind: str, first: str, second: str):
    """Negations, opposites, roles, numbers, units, dates, names: by vectors that are all the same."""
    for one, other in ((first, second), (second, first)):
        cache = new_cache(by=AllAlike())
        keep(cache, Question(text=one), answer(question=one))
        assert find(cache, other) is None, kind


def test_the_most_alike_of_several_is_given(new_cache: NewCache):
    cache = new_cache(threshold=0.5)
    keep(cache, Question(text="How long is sick leave?"), answer("Six weeks.", question="How long is sick leave?"))
    keep(cache)
    found = find(cache, AGAIN)
    assert found is not None
    assert found.text == "36 months."


def test_below_the_threshold_nothing_is_found(new_cache: NewCache):
    cache = new_cache(threshold=0.9999)
    keep(cache)
    assert find(cache, AGAIN) is None
    assert find(cache) is not None


def test_an_answer_does_not_leave_its_tenant_groups_or_filters(new_cache: NewCache):
    cache = new_cache()
    access = Access(tenant="acme", groups=frozenset({"managers"}))
    keep(cache, Question(text=ASKED, access=access, filters={"language": "en"}))
    assert find(cache, access=access, filters={"language": "en"})
    others = [
        Access(tenant="globex", groups=frozenset({"managers"})),
        Access(groups=frozenset({"managers"})),
        Access(tenant="acme"),
        Access(tenant="acme", groups=frozenset({"managers", "board"})),
    ]
    assert not any(find(cache, access=other, filters={"language": "en"}) for other in others)
    assert not find(cache, access=access)
    assert not find(cache, access=access, filters={"language": "de"})


def test_another_prompt_model_or_index_has_answers_of_its_own(new_cache: NewCache):
    cache = new_cache()
    keep(cache)
    assert find(cache, scope=Scope("another pipeline", "index 1")) is None
    assert find(cache, scope=Scope("pipeline", "index 2")) is None
    assert keep(cache, scope=Scope("another pipeline", "index 1"))
    assert keep(cache, scope=Scope("a third pipeline", "index 2"))
    assert len(cache) == 3, "pipelines answer beside each other, as in a canary"


def test_a_new_version_of_the_index_empties_it(new_cache: NewCache):
    cache = new_cache()
    keep(cache)
    keep(cache, scope=Scope("pipeline", "index 2"))
    assert len(cache) == 1
    assert find(cache) is None


def test_answers_grow_old(new_cache: NewCache):
    cache = new_cache()
    keep(cache, Question(text=ASKED, at=DAY))
    assert find(cache, at=DAY)
    assert find(cache, at=2 * DAY)
    assert find(cache, at=2 * DAY + 1) is None
    assert find(cache, at=DAY - 1) is None, "a clock that went back says nothing of an age"


def test_it_holds_so_many_and_drops_the_oldest(new_cache: NewCache):
    cache = new_cache(entries=3)
    for number in range(5):
        access = Access(tenant=f"tenant {number % 2}")
        text = f"What does paragraph {number} say?"
        keep(cache, Question(text=text, access=access, at=number), answer(question=text))
    assert len(cache) == 3
    kept = [
        find(cache, f"What does paragraph {number} say?", access=Access(tenant=f"tenant {number % 2}"), at=5)
        for number in range(5)
    ]
    assert [each is not None for each in kept] == [False, False, True, True, True]


def test_personal_data_is_neither_kept_nor_asked_for(new_cache: NewCache):
    cache = new_cache()
    said = Question(text="When is the payday of jane@example.test?")
    masked = "When is the payday of <E-MAIL>?"
    assert not cache.keep(said, answer(question=masked), SCOPE)
    assert len(cache) == 0
    assert keep(cache, Question(text=masked), answer("On the 30th.", question=masked))
    assert cache.find(said, masked, SCOPE) is None


@pytest.mark.parametrize(
    "answered",
    [
        answer(outcome="abstained"),
        answer(outcome="refused"),
        answer(outcome="failed"),
        answer(tools=("lookup_order",)),
        answer(cached=True),
    ],
)
def test_what_was_not_answered_from_documents_alone_is_not_kept(new_cache: NewCache, answered: Answered):
    cache = new_cache()
    assert not keep(cache, answered=answered)
    assert len(cache) == 0


def test_a_question_within_a_conversation_is_not_one_alone(new_cache: NewCache):
    cache = new_cache()
    before = (Message(role="user", text="And for managers?"),)
    assert not keep(cache, Question(text=ASKED, history=before))
    keep(cache)
    assert find(cache, history=before) is None


def test_what_it_cost_is_not_spent_again(new_cache: NewCache):
    cache = new_cache()
    signals = tuple(float(place + 1) for place in range(len(SIGNALS)))
    keep(cache, answered=answer(signals=signals))
    found = find(cache)
    assert found is not None
    spent = dict(zip(SIGNALS, found.signals, strict=True))
    assert (spent["tokens"], spent["money"], spent["model_ms"]) == (0.0, 0.0, 0.0)
    assert (spent["confidence"], spent["support"]) == (1.0, 4.0)


def test_another_embedding_model_finds_nothing(new_cache: NewCache):
    cache = new_cache(embedding="another model")
    assert not keep(cache)
    assert find(cache) is None


def test_a_document_or_a_person_is_forgotten(new_cache: NewCache):
    cache = new_cache()
    keep(cache, Question(text="Where is the printer?"), answer("Upstairs.", "Where is the printer?", "office.md"))
    keep(cache, Question(text="Who leads sales?"), answer('Ask "Jürgen\nMüller".', "Who leads sales?", "people.md"))
    keep(cache)
    assert cache.forget(documents=["leave.md", "no.md"]) == 1
    assert cache.forget(texts=['"jürgen\nMÜLLER"']) == 1
    assert cache.forget(texts=["", "nobody"]) == 0
    assert len(cache) == 1
    assert find(cache, "Where is the printer?") is not None
    assert find(cache) is None


def test_threads_share_it(new_cache: NewCache):
    cache, found = new_cache(entries=40), []

    def ask(number: int) -> None:
        text = f"What does paragraph {number} say?"
        keep(cache, Question(text=text), answer(f"{number}", question=text))
        found.append((number, find(cache, text)))

    threads = [Thread(target=ask, args=(number,)) for number in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) == 40
    assert all(each is not None and each.text == str(number) for number, each in found)


def test_what_is_given_again_can_be_logged(new_cache: NewCache):
    cache = new_cache()
    keep(cache, answered=answer(signals=(0.9, *([math.nan] * (len(SIGNALS) - 1)))))
    found = find(cache)
    assert found is not None
    assert msgspec.json.decode(msgspec.json.encode(found))["cached"] is True


def test_nothing_is_given_from_a_document_that_has_expired(new_cache: NewCache):
    """Nor from one of several passages; the moment at which it expires is too late, as in an index."""
    cache = new_cache()
    [hit] = answer().passages
    passages = (hit, msgspec.structs.replace(hit, chunk=2, expires=2 * DAY))
    keep(cache, Question(text=ASKED, at=2 * DAY - 1000), answer(passages=passages))
    assert find(cache, at=2 * DAY - 1) is not None
    assert find(cache, at=2 * DAY) is None
