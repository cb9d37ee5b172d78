"""What a user declares for training: candidates, made and checked at the user's line, and the split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast

from kreis.declarations import Declared, Named, at, once, users_line
from kreis.errors import ProjectError
from kreis.expressions.tree import columns
from kreis.preparation.declare import Views
from kreis.requirements.goal import Goal
from kreis.tasks.task import answers_questions
from kreis.training.candidate import Candidate, complexity_of
from kreis.training.candidates.estimator import Estimator
from kreis.training.candidates.rule import Rule
from kreis.training.precision import Precision
from kreis.training.preprocessing import Encode, Preprocessing
from kreis.training.recalibration import Calibrate
from kreis.training.splits.in_time import TimeSplit
from kreis.training.weighing import ByClass, ClassWeight

if TYPE_CHECKING:
    from kreis.training.mitigations.mitigation import Mitigation
    from kreis.training.search import Search, Space
    from kreis.training.splits.split import SplitRule

__all__ = ["CandidateDeclaration", "Candidates", "Trainable", "as_candidate", "as_search"]


class Trainable(Protocol):
    """What scikit-learn calls a classifier with probabilities, or a regressor."""

    def fit(self, X: Any, y: Any) -> Any:  # noqa: N803 (its names)
        """Learn."""
        ...

    def get_params(self, deep: bool = True) -> Any:
        """What determines the result."""
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
    preprocessing: Preprocessing
    """How it is given its rows."""

    @property
    def complexity(self) -> int:
        """How simple it is, beside others: the simpler one goes on where two are alike."""
        return complexity_of(self.candidate)

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


class Candidates(Views):
    """Ways to answer the question, and the rows that train and judge them."""

    def __init__(self, name: str, *, goal: Goal) -> None:
        super().__init__(name, goal=goal)
        self._candidates = Named[CandidateDeclaration]("candidates")
        self._split: Declared[SplitRule] | None = None
        self._split_by_default: SplitRule = TimeSplit(test="30d")

    @property
    def candidates(self) -> Mapping[str, CandidateDeclaration]:
        """The candidates, by name."""
        return self._candidates

    @property
    def contenders(self) -> Mapping[str, tuple[int, bool]]:
        """By name how simple each candidate is, and whether it is a baseline."""
        return {name: (each.complexity, each.baseline) for name, each in self.candidates.items()}

    @property
    def split_declaration(self) -> SplitRule:
        """Which rows train and which judge; if nothing is declared the last 30 days judge, or of rows without times a
        fifth, drawn by chance.
        """
        return self._split_by_default if self._split is None else self._split.value

    def split(self, split: SplitRule) -> None:
        """Declare which rows train and which judge: `TimeSplit`, `RandomSplit`, `GroupSplit` or `GivenTest`."""
        self._split = once(self._split, split, "split")

    def candidate(
        self,
        name: str,
        candidate: Candidate | Trainable,
        *,
        baseline: bool = False,
        search: Search | Mapping[str, Space] | None = None,
        features: Sequence[str] | None = None,
        encode: Encode | None = None,
        class_weight: ClassWeight | None = None,
        sample: ByClass | None = None,
        precision: Precision = "float32",
        mitigate: Mitigation | None = None,
        calibrate: Calibrate | None = None,
    ) -> None:
        """Declare a way to answer the question.

        Args:
            name: Its name.
            candidate: `Mean`, `Rule`, `Logistic`, `Linear`, `GradientBoosting`, or a scikit-learn estimator (see
                `Estimator`).
            baseline: Whether others must beat it.
            search: Which of its parameters to search; a mapping of spaces gets the default number of trials.
            features: Full names of the features that it may use; all if not given.
            encode: How it is given categories, if not as suits its kind: "order" (of the mean outcome), "one-hot",
                "ordinal", "target" or "native"; or by feature one of these, or the texts in their order. How texts are
                read, if not by `TfIdf()`: another one, for all or by feature.
            class_weight: What rows of each outcome weigh in training: {True: 20, False: 1}, by the names of classes, or
                "balanced". Probabilities are corrected for it.
            sample: The share of the rows of each outcome that teach, drawn by chance: {False: 0.1}. Probabilities are
                corrected for it.
            precision: How large arrays of weights are kept, in networks and models of words: "float16" or "int8" make
                the model smaller; the examination `variants` says what that loses.
            mitigate: What makes it treat groups more alike, with the reason: `Reweighed` or `ThresholdsByGroup`.
            calibrate: What makes probabilities of yes truer, behind the model: "platt", "beta", "isotonic" or
                "venn-abers"; "auto" for the best of these that the validation rows show to be better than none. Of
                classes, "none" leaves out the temperature that they have where it helps.

        Raises:
            ProjectError: the name is taken, it is no candidate, it has no parameter to search by that name, there is
                no such encoder, or the goal does not say which decision is the good one.
        """
        where = users_line()
        with at(where):
            made = as_candidate(candidate)
            searched = as_search(made, search)
            preprocessing = Preprocessing(
                encode=encode,
                class_weight=class_weight,
                sample=sample,
                precision=precision,
                calibrate=calibrate,
                mitigate=None if mitigate is None else mitigate.for_goal(self.goal.favourable),
            )
        may_use = None if features is None else tuple(features)
        declared = CandidateDeclaration(
            name=name,
            candidate=made,
            baseline=baseline,
            search=searched,
            features=may_use,
            preprocessing=preprocessing,
        )
        self._candidates.add(name, declared, where)

    def check(self) -> None:
        """Check that there is something to beat, that each candidate reads features that there are, and that the split
        finds what it parts by.
        """
        super().check()
        self._check_split()
        if answers_questions(self.goal.task):
            return
        if not any(declared.baseline for declared in self.candidates.values()):
            raise ProjectError(
                "no candidate is a baseline: there is nothing to be better than",
                where=self._file,
                hint=f"add a line: {'; or '.join(self.goal.task.baselines)}; or a Rule(...) of your own",
            )
        only_baselines = all(declared.baseline for declared in self.candidates.values())
        for declared in self.candidates.values():
            with at(self._candidates.place(declared.name)):
                used = declared.uses(self.feature_names)
                declared.preprocessing.check(declared.candidate, used, self.category_names, self.text_names)
                declared.preprocessing.check_outcomes(declared.candidate, self.goal.task)
                declared.preprocessing.check_mitigation(declared.candidate, used, self.category_names, self.goal.task)
                if not used and (only_baselines or not declared.baseline):
                    self._refuse_without_features(declared.name, "may be released")

    def _check_split(self) -> None:
        spine, split = self.spine_declaration, self.split_declaration
        if spine is not None and spine.timeless and split.blocks_are == "days":
            raise ProjectError(
                "these rows have no times to split by",
                where=self._file if self._split is None else self._split.place,
                hint="RandomSplit(), or GroupSplit(by=…); or name their time: project.rows(…, time=…)",
            )

    def _check_stands_in(self, name: str, where: str) -> None:
        """Check that a candidate can answer where the model cannot.

        Raises:
            ProjectError: there is none of this name, or a package cannot hold it.
        """
        if name not in self.candidates:
            raise ProjectError.unknown_name("candidate", name, self.candidates, where=where)
        if not self.candidates[name].uses(self.feature_names):
            with at(self._candidates.place(name)):
                self._refuse_without_features(name, "is to answer when the model cannot")

    def _refuse_without_features(self, candidate: str, role: str) -> None:
        known = self.feature_names[0] if self.feature_names else "order__amount"
        raise ProjectError(
            f"it {role}, and reads no feature: a package holds at least one",
            where=f"candidate {candidate!r}",
            hint=f'compare a feature with what it never reaches: Rule(pl.col("{known}") < -1e9)',
        )


def as_candidate(thing: Candidate | Trainable) -> Candidate:
    """A candidate as it is; a scikit-learn estimator wrapped in `Estimator`.

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
