"""What all guards together cost per answer of 200 words.

    python benchmarks/guards.py

CPU time per call, the median of many, over answers with and without personal data, links and numbers, in English and
German. The bound is 1 ms.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial

from kreis.generative.guards.guards import guards_of
from kreis.generative.guards.policy import GuardPolicy
from kreis.generative.index.index import Hit

ENGLISH = (
    "Every employee has thirty days of paid leave a year, and whoever works part of the week has as many as fit to it. "
    "Leave is asked for in the portal at least two weeks before it begins; the manager answers within three days. "
)
GERMAN = (
    "Jede Mitarbeiterin hat dreißig Tage bezahlten Urlaub im Jahr, und wer nur einen Teil der Woche arbeitet, "
    "entsprechend weniger. Der Urlaub wird mindestens zwei Wochen vorher im Portal beantragt; die Leitung antwortet "
    "innerhalb von drei Tagen. "
)
PERSONAL = (
    "Write to Eva Lang, eva.lang@firm.example, +49 30 1234567, Lindenstraße 5, 10969 Berlin, "
    "DE89 3704 0044 0532 0130 00, card 4111 1111 1111 1111, born on 3 May 1980, "
    "or see [the page](https://docs.firm.example/leave) and "
    "https://other.example/x?q=1. "
)
SHOWN = (
    "Paid leave: 30 days for whoever works the whole week. It is asked for in the portal, two weeks ahead. Managers "
    "answer in three days; without an answer, leave counts as given. Days that are left go over into the next year. "
)
TABLE = "| 2024-01-31 | 1,204.50 | 17 | 88 % | 3.14159 |\n| 2024-02-29 | 998.00 | 21 | 91 % | 2.71828 |\n"
BOUND_MS = 1.0


def words(text: str, count: int = 200) -> str:
    """A text repeated to so many words."""
    many = text
    while len(many.split()) < count:
        many += text
    return " ".join(many.split(" ")[:count])


ANSWERS = {
    "English": words(ENGLISH),
    "German": words(GERMAN),
    "English, with eight pieces of personal data": words(PERSONAL + 5 * ENGLISH),
    "German, with eight pieces of personal data": words(PERSONAL + 5 * GERMAN),
    "a table of numbers": words(TABLE),
}


def milliseconds(call: Callable[[], object], repeats: int = 300) -> float:
    """The median CPU time of a call."""
    call()
    taken = []
    for _ in range(repeats):
        start = time.process_time_ns()
        call()
        taken.append(time.process_time_ns() - start)
    return statistics.median(taken) / 1e6


def main() -> None:
    policy = GuardPolicy(hosts=("docs.firm.example",), no_copying=("proprietary",), names=("Eva Lang",))
    guards = guards_of(policy, system="You answer questions of employees from the passages alone. " * 4)
    fields = {"document": "leave.md", "version": "1", "start": 0, "end": 1, "shown_start": 0, "licence": "proprietary"}
    shown = words(SHOWN)
    passages = [Hit(chunk=number, text=shown, shown=shown, **fields) for number in range(5)]  # type: ignore[arg-type]
    worst = 0.0
    for name, text in ANSWERS.items():
        answer = milliseconds(partial(guards.answer, text, passages))
        stored, question = milliseconds(partial(guards.stored, text)), milliseconds(partial(guards.question, text))
        worst = max(worst, answer)
        print(f"{name:<44} answer {answer:.3f} ms, as stored {stored:.3f} ms, as a question {question:.3f} ms")
        for guard in guards._guards:
            print(f"    {guard.name:<18} {milliseconds(partial(guard.act, text, 'answer', passages)):.3f} ms")
    copied = milliseconds(partial(guards.answer, shown, passages))
    print(f"an answer that is copied word for word, and cut: {copied:.3f} ms")
    print(f"worst other answer {worst:.3f} ms; bound {BOUND_MS} ms: {'held' if worst <= BOUND_MS else 'BROKEN'}")


if __name__ == "__main__":
    main()
