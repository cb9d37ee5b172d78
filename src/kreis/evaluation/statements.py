"""What papers about a model and its data need from people: the record cannot know it, so it is asked for by name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

__all__ = ["DATA", "MODEL", "Asked", "Statement", "keys_of"]


class Asked(msgspec.Struct, frozen=True):
    """Something that a person is asked for."""

    key: str
    section: str
    """Of the model card (Mitchell et al. 2019) or of the datasheet (Gebru et al. 2021)."""
    question: str


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said."""

    key: str
    text: str
    actor: str
    at: datetime


MODEL: Sequence[Asked] = (
    Asked("contact", "Model details", "Who answers for the model, and where do questions go?"),
    Asked("license", "Model details", "Under which licence may it be used (an SPDX name such as MIT)?"),
    Asked("intended_users", "Intended use", "Who is meant to use it?"),
    Asked("out_of_scope", "Intended use", "What must it not be used for?"),
    Asked("factors", "Factors", "Which groups, instruments or surroundings may matter that the tables do not hold?"),
    Asked("ethical_considerations", "Ethical considerations", "Whom may it harm, and what was done about it?"),
    Asked("caveats", "Caveats and recommendations", "What else should somebody know before they rely on it?"),
)
"""For the model card."""

DATA: Sequence[Asked] = (
    Asked("motivation", "Motivation", "For what purpose was the data set created, by whom, and who paid for it?"),
    Asked("instances", "Composition", "What does a row stand for, and what of the world is missing among the rows?"),
    Asked("sensitive", "Composition", "Does it identify people, or say what is sensitive about them?"),
    Asked("collection", "Collection process", "How was the data acquired, over which time, by whom?"),
    Asked("consent", "Collection process", "Were the people told, did they consent, and how can they take it back?"),
    Asked("labelling", "Preprocessing, cleaning, labelling", "Who labelled it, and is the raw data kept?"),
    Asked("uses", "Uses", "What has it been used for, and what should it not be used for?"),
    Asked("license", "Distribution", "Under which licence or terms may it be passed on?"),
    Asked("maintenance", "Maintenance", "Who maintains it, how can errors be reported, how long is it kept?"),
)
"""For the datasheet of a source; a key is written with the source before it: "orders.consent"."""


def keys_of(sources: Sequence[str]) -> dict[str, Asked]:
    """All that people are asked for, by key as it is written.

    Args:
        sources: Names of the sources.
    """
    of_data = {f"{source}.{each.key}": each for source in sources for each in DATA}
    return {**{each.key: each for each in MODEL}, **of_data}
