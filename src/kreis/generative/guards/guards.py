"""All guards of a policy, in the order in which they act at each place."""

from __future__ import annotations

from collections.abc import Sequence

from kreis.generative.guards.canary import Canary
from kreis.generative.guards.copying import Copying
from kreis.generative.guards.guard import Guard, Where
from kreis.generative.guards.hidden import HiddenCharacters
from kreis.generative.guards.injection import Injection
from kreis.generative.guards.links import Links
from kreis.generative.guards.personal_data.guard import PersonalData
from kreis.generative.guards.policy import GuardPolicy
from kreis.generative.guards.secrets import Secrets
from kreis.generative.guards.toxicity import Toxicity
from kreis.generative.index.index import Hit
from kreis.generative.questions import Verdict

__all__ = ["Guards", "guards_of"]


class Guards:
    """Reads whatever goes into a prompt, comes out of a model, or is stored. Safe to share between threads.

    Example:

    >>> guards = guards_of(GuardPolicy())
    >>> text, verdicts = guards.answer("Pay to DE89 3704 0044 0532 0130 00, see [here](https://x.example/?q=1).")
    >>> text
    'Pay to [IBAN], see here.'
    >>> [(each.guard, each.did) for each in verdicts]
    [('links', 'removed'), ('personal data', 'masked')]
    """

    def __init__(self, guards: Sequence[Guard], canary: Canary, masks: Sequence[Guard]) -> None:
        self._guards = tuple(guards)
        self._canary = canary
        self._masks = tuple(masks)

    def question(self, text: str) -> tuple[str, list[Verdict]]:
        """What is asked: nothing is refused here; what looks like an instruction to the system is marked."""
        return self._at(text, "question")

    def history(self, text: str) -> tuple[str, list[Verdict]]:
        """An earlier turn, which the caller sent."""
        return self._at(text, "history")

    def passage(self, text: str) -> tuple[str, list[Verdict]]:
        """A document's text before a model reads it: hidden characters are taken out, orders are marked."""
        return self._at(text, "passage")

    def tool_result(self, text: str) -> tuple[str, list[Verdict]]:
        """What a tool said before a model reads it."""
        return self._at(text, "tool result")

    def answer(self, text: str, passages: Sequence[Hit] = ()) -> tuple[str, list[Verdict]]:
        """What a model said, before anybody reads it; empty with a verdict "refused" where it may not be said.

        Of a stream, give it all that was said so far: secrets and canaries may be spread over sentences.
        """
        return self._at(text, "answer", passages)

    def stored(self, text: str) -> str:
        """As it may stand in logs, caches and reports: personal data, secrets and canaries masked."""
        for guard in self._masks:
            text, _ = guard.act(text, "answer")
        return self._canary.masked(text)

    def planted(self, system: str) -> str:
        """A system prompt with a canary in it, by which an answer that repeats it is known."""
        return self._canary.planted(system)

    def leaks(self, text: str) -> bool:
        """Whether a text holds the canary, plainly or in a disguise."""
        return self._canary.found(text)

    def _at(self, text: str, where: Where, passages: Sequence[Hit] = ()) -> tuple[str, list[Verdict]]:
        verdicts: list[Verdict] = []
        for guard in self._guards:
            if where in guard.places:
                text, found = guard.act(text, where, passages)
                verdicts += found
                if any(each.did == "refused" for each in found):
                    return "", verdicts
        return text, verdicts


def guards_of(policy: GuardPolicy, *, system: str = "") -> Guards:
    """Open the guards of a policy.

    Args:
        policy: What is allowed.
        system: The fixed text of the system prompt: an answer that repeats it is refused.

    Raises:
        ProjectError: the policy names something that there is not, or a pattern of a host is none.
        MissingLibraryError: it asks for Presidio, which is not installed.
    """
    canary, hidden = Canary(system), HiddenCharacters()
    secrets, personal = Secrets(), PersonalData(policy)
    guards: list[Guard] = [canary, hidden, Injection(), Links(policy.hosts), secrets, personal]
    if policy.no_copying:
        guards.append(Copying(policy.no_copying, policy.most_words_copied))
    if policy.toxicity:
        guards.append(Toxicity())
    return Guards(guards, canary, (hidden, secrets, personal))
