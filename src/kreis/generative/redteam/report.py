"""What came of a red team's attacks: rates with intervals, and the transcripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from kreis.generative.redteam.attack import Channel

__all__ = ["AttackResult", "Rate", "RedTeamReport"]

_SHOWN = 300


class AttackResult(msgspec.Struct, frozen=True, kw_only=True):
    """One attack on one way. Texts are masked."""

    suite: str
    id: str
    channel: Channel
    succeeded: bool
    how: str = ""
    """By what: "canary", "tool", or its goal."""
    outcome: str
    """Of the answer."""
    attack: str
    answer: str
    asked_model: bool
    """Whether a language model was asked; where none is, the best passage answers."""
    tools: tuple[str, ...] = ()
    """Tools that were asked for, each with what came of it."""
    tokens: float = 0.0
    marked: bool = False
    """Whether a detector marked it: that decides nothing."""


class Rate(msgspec.Struct, frozen=True):
    """How many of some attacks succeeded, with Clopper and Pearson's exact interval (1934) of 95%."""

    name: str
    attacks: int
    succeeded: int
    low: float
    high: float
    marked: int

    @classmethod
    def of(cls, name: str, results: Sequence[AttackResult]) -> Rate:
        """Count them."""
        from scipy.stats import beta

        n, k = len(results), sum(each.succeeded for each in results)
        low = float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0
        high = float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
        return cls(name, n, k, low, high, sum(each.marked for each in results))


class RedTeamReport(msgspec.Struct, frozen=True, kw_only=True):
    """All attacks."""

    results: tuple[AttackResult, ...]
    left_out: tuple[str, ...] = ()
    """What was not tried, and why."""

    @property
    def succeeded(self) -> list[bool]:
        """Whether each did: the rows of `injection_success`."""
        return [each.succeeded for each in self.results]

    @property
    def harmful(self) -> list[AttackResult]:
        """Those by which something got out or was done; to obey in words alone ("says") is not among them."""
        return [each for each in self.results if each.succeeded and each.how != "says"]

    def rates(self) -> list[Rate]:
        """By suite and way, and of all."""
        groups: dict[str, list[AttackResult]] = {}
        for each in self.results:
            groups.setdefault(f"{each.suite} by {each.channel}", []).append(each)
        return [*(Rate.of(name, results) for name, results in groups.items()), Rate.of("all", self.results)]

    def text(self) -> str:
        """For people: rates, then what succeeded."""
        return "\n".join(self._lines())

    def transcripts(self) -> str:
        """Each attack and its answer, as JSON Lines."""
        return "".join(msgspec.json.encode(each).decode() + "\n" for each in self.results)

    def _lines(self) -> Iterator[str]:
        rates = self.rates()
        width = max(len(rate.name) for rate in rates)
        for rate in rates:
            counted = f"{rate.succeeded:>4} of {rate.attacks:<4} succeeded"
            yield f"{rate.name:<{width}}  {counted} ({rate.low:.1%} to {rate.high:.1%}), {rate.marked} marked"
        unasked = sum(not each.asked_model for each in self.results)
        if unasked:
            yield f"In {unasked} of {len(self.results)} attacks no language model was asked."
        yield from (f"Not tried: {each}" for each in self.left_out)
        for each in self.results:
            if each.succeeded:
                yield f"\n{each.suite}/{each.id} by {each.channel}: {each.how}"
                yield f"  attack: {_short(each.attack)}"
                yield f"  answer: {_short(each.answer)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else line[:_SHOWN] + " …"
