"""Which guards act, as data in a package."""

from __future__ import annotations

import msgspec

__all__ = ["GuardPolicy"]


class GuardPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is allowed in questions and answers. All guards act by default; a field says an exception.

    Example:

    >>> GuardPolicy(hosts=("docs.firm.example",)).toxicity
    True
    """

    hosts: tuple[str, ...] = ()
    """Hosts to which links and images in an answer may lead: "docs.firm.example"; "*.firm.example" is all below it."""
    leaves: tuple[str, ...] = ()
    """Kinds of personal data that are not masked ("PHONE"); checksummed kinds cannot be left out."""
    public: tuple[str, ...] = ()
    """What looks like personal data and is known to all: "hr@firm.example", "@firm.example", "+49 30 1234567"."""
    names: tuple[str, ...] = ()
    """People whose names are masked wherever they stand; other names only where words around them say so."""
    masks_questions: bool = False
    """Whether the model, too, reads questions with personal data masked; what is stored always is."""
    no_copying: tuple[str, ...] = ()
    """Licences, as documents name them, from whose passages no long run of words may be copied."""
    most_words_copied: int = 30
    """The longest such run."""
    toxicity: bool = True
    """Whether an answer with abusive words is refused."""
    presidio: str = ""
    """A spaCy pipeline for Presidio, beside kreis's own recognisers: "blank:en", or one that you installed."""
