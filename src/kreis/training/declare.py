"""What a project may name as a candidate, made into one and checked where it is declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from kreis.errors import ProjectError
from kreis.expressions.tree import columns
from kreis.training.candidates.estimator import Estimator
from kreis.training.candidates.rule import Rule

if TYPE_CHECKING:
    from kreis.training.candidate import Candidate
    from kreis.training.search import Search, Space

__all__ = ["CandidateDeclaration", "Classifier", "as_candidate", "as_search", "check_candidates"]


class Classifier(Protocol):
    """What scikit-learn calls a classifier with probabilities."""

    def fit(self, X: Any, y: Any) -> Any:  # noqa: N803 (its names)
        """Learn."""
        ...

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        """Probabilities of both classes."""
        ...


@dataclass(frozen=True, kw_only=True)
class CandidateDeclaration:
    """A way to answer the question, competing with the others."""

    name: str
    candidate: Candidate
    baseline: bool
    search: Search | None
    features: tuple[str, ...] | None
    """Full names of the features it may use; all if not given."""

    def uses(self, known: Sequence[str]) -> list[str]:
        """The features that it uses: as declared, or those that a rule reads, or all of the known ones.

        Raises:
            ProjectError: it names one that is not known.
        """
        where = f"candidate {self.name!r}"
        read = columns(self.candidate.expression) if isinstance(self.candidate, Rule) else frozenset()
        for feature in [*(self.features or ()), *sorted(read)]:
            if feature not in known:
                raise ProjectError.unknown_name("feature", feature, known, where=where)
        if self.features is None:
            return [name for name in known if name in read] if isinstance(self.candidate, Rule) else list(known)
        for feature in sorted(read.difference(self.features)):
            raise ProjectError(f"it reads {feature!r}, which is not among its features", where=where)
        for feature in self.features:
            if self.features.count(feature) > 1:
                raise ProjectError(f"its features name {feature!r} twice", where=where, hint="name it once")
        return list(self.features)


def check_candidates(
    candidates: Sequence[CandidateDeclaration], known: Sequence[str], fallback: str | None = None
) -> None:
    """What can only be checked when all is declared: the features of each, and that there is something to beat.

    Args:
        candidates: All of them.
        known: The features that there are.
        fallback: The candidate that answers when the model cannot.

    Raises:
        ProjectError: no candidate is a baseline, one uses a feature that no view provides, one that may be released
            uses none at all, or the fallback is no candidate.
    """
    if not any(declared.baseline for declared in candidates):
        raise ProjectError(
            "no candidate is a baseline: there is nothing to be better than",
            hint='declare one: project.candidate("rule", Rule(...), baseline=True)',
        )
    only_baselines = all(declared.baseline for declared in candidates)
    for declared in candidates:
        if not declared.uses(known) and (only_baselines or not declared.baseline or declared.name == fallback):
            what = "is to answer when the model cannot" if declared.name == fallback else "may be released"
            raise ProjectError(
                f"it {what}, and reads no feature: a package holds at least one",
                where=f"candidate {declared.name!r}",
                hint=f'compare a feature with what it never reaches: Rule(pl.col("{_example(known)}") < -1e9)',
            )
    if fallback is not None and fallback not in (names := [declared.name for declared in candidates]):
        raise ProjectError.unknown_name("candidate", fallback, names, where="release")


def _example(known: Sequence[str]) -> str:
    return known[0] if known else "order__amount"


def as_candidate(thing: Candidate | Classifier) -> Candidate:
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
