"""What a project may name as a candidate, made into one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from kreis.training.candidates.estimator import Estimator

if TYPE_CHECKING:
    from kreis.training.candidate import Candidate
    from kreis.training.search import Search, Space

__all__ = ["as_candidate", "as_search"]


def as_candidate(thing: Any) -> Candidate:
    """A candidate as it is; a classifier instance wrapped in `Estimator`.

    Raises:
        ProjectError: it is neither.
    """
    if all(callable(getattr(thing, name, None)) for name in ("parameters", "with_parameters", "fit")):
        return cast("Candidate", thing)
    return Estimator(thing)


def as_search(candidate: Candidate, search: Search | Mapping[str, Space] | None) -> Search | None:
    """A search that the candidate can take, checked; a bare mapping of spaces gets the default number of trials.

    Raises:
        ProjectError: the candidate has no such parameter, or a value would be out of bounds.
    """
    from kreis.training.search import Search

    if search is None:
        return None
    checked = search if isinstance(search, Search) else Search(dict(search))
    checked.check(candidate)
    return checked
