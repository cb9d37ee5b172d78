"""What a contract can demand of documents, as data: `quality` rules of type custom with the engine kreis.

A check of rows says which documents are bad; a check of batches tells of what is found among them. `compile_custom` of
the contracts turns them into rules like all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from kreis.errors import ProjectError
from kreis.generative.documents.alike import alike
from kreis.generative.documents.language import LANGUAGES, language_of
from kreis.generative.guards.personal_data.guard import PersonalData as PersonalDataGuard
from kreis.generative.guards.personal_data.kinds import KINDS
from kreis.generative.guards.policy import GuardPolicy

__all__ = [
    "DocumentCheck",
    "Duplicated",
    "Empty",
    "Expired",
    "InLanguage",
    "NearDuplicated",
    "PersonalData",
]

_TOLD = 5


class Empty(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="check", tag="empty"):
    """A text without a letter or a digit."""


class Duplicated(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="check", tag="duplicated"):
    """The same text under two ids: the second is bad."""


class Expired(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="check", tag="expired"):
    """No longer to be answered from at the moment of the collection."""


class InLanguage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="check", tag="language"):
    """The text is in another language than these, as far as its words tell."""

    languages: tuple[str, ...]
    """ISO 639-1, of those that kreis can tell."""

    phrase = "not in one of the languages"

    def __post_init__(self) -> None:
        """Check the languages.

        Raises:
            ProjectError: none are given, or kreis cannot tell one.
        """
        if not self.languages:
            raise ProjectError("no language is allowed", hint="languages: [en, de]")
        for each in self.languages:
            if each not in LANGUAGES:
                raise ProjectError.unknown_name("language that kreis can tell", each, LANGUAGES)

    def found(self, texts: Sequence[str | None]) -> list[str | None]:
        """For each text what is wrong with it; None where nothing is."""
        guessed = [language_of(text or "") for text in texts]
        return [each if each and each not in self.languages else None for each in guessed]


class PersonalData(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="check", tag="personal_data"):
    """The text holds personal data."""

    allowed: tuple[str, ...] = ()
    """Kinds that it may hold: "EMAIL"."""
    public: tuple[str, ...] = ()
    """What looks like personal data and is known to all: "hr@firm.example", "@firm.example"."""

    phrase = "holds personal data"

    def __post_init__(self) -> None:
        """Check the kinds.

        Raises:
            ProjectError: there is no such kind.
        """
        for each in self.allowed:
            if each not in KINDS:
                raise ProjectError.unknown_name("kind of personal data", each, KINDS)

    def found(self, texts: Sequence[str | None]) -> list[str | None]:
        """For each text what is wrong with it; None where nothing is."""
        guard = PersonalDataGuard(GuardPolicy(public=self.public))
        kinds = [{each.kind for each in guard.find(text or "")} - set(self.allowed) for text in texts]
        return [", ".join(sorted(each)) or None for each in kinds]


class NearDuplicated(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="check", tag="near_duplicated"):
    """Texts that are nearly the same as another, among those that a collection reads."""

    at_least: float = 0.8
    """The share of runs of five words that both have."""

    def __post_init__(self) -> None:
        """Check the share.

        Raises:
            ProjectError: it is none.
        """
        if not 0.5 <= self.at_least <= 1:
            raise ProjectError(f"at_least is a share from 0.5 to 1, not {self.at_least}", hint="at_least: 0.8")

    def found_among(self, ids: Sequence[str | None], texts: Sequence[str | None]) -> list[str]:
        """What is found, in sentences; the same text twice is left to `duplicated`."""
        pairs = [
            each
            for each in alike([text or "" for text in texts], self.at_least)
            if ids[each.first] != ids[each.second] and texts[each.first] != texts[each.second]
        ]
        told = [f"{ids[a]!r} and {ids[b]!r} are {share:.0%} alike" for a, b, share in pairs[:_TOLD]]
        return [*told, f"{len(pairs) - _TOLD:,} more documents are like another"] if len(pairs) > _TOLD else told


DocumentCheck: TypeAlias = Empty | Duplicated | Expired | InLanguage | PersonalData | NearDuplicated
