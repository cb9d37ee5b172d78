"""What a user declares for deployment: how a model goes live, and that the service's answers are a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kreis.collection.sources import Source
from kreis.declarations import Declared, at, once, users_line
from kreis.deployment.canary import Canary, ReleaseDeclaration
from kreis.deployment.predictions.answers import COLUMNS, Answers
from kreis.deployment.review import Review
from kreis.durations import duration
from kreis.errors import ProjectError
from kreis.evaluation.declare import Judgement
from kreis.preparation.views import FieldType
from kreis.requirements.goal import Goal

__all__ = ["Releasing"]

_ALL_AT_ONCE = ReleaseDeclaration(canary=Canary(steps=(1.0,)))


class Releasing(Judgement):
    """How a model goes live, and what comes back from service."""

    def __init__(self, name: str, *, goal: Goal) -> None:
        super().__init__(name, goal=goal)
        self._release: Declared[ReleaseDeclaration] | None = None

    @property
    def release_declaration(self) -> ReleaseDeclaration:
        """How a model that passed goes live; all at once if nothing is declared."""
        return _ALL_AT_ONCE if self._release is None else self._release.value

    def release(
        self,
        canary: Canary,
        *,
        fallback: str | None = None,
        approval: str | Sequence[str] | None = None,
        independent: bool = False,
    ) -> None:
        """Declare how a model that passed goes live.

        Args:
            canary: The shares of traffic that it gets, one after the other, and what it has to show.
            fallback: The candidate that answers where the model cannot.
            approval: The role, or all the roles, that must approve a model first. Where the risk is high, two
                different people must.
            independent: Whether nobody who trained the model may approve it; always so where the risk is high.

        Raises:
            ProjectError: a role is named twice, or nobody is asked.
        """
        review = None
        if approval is not None:
            with at(users_line()):
                review = Review.asked(approval, independent=independent, high=self.goal.risk.level == "high")
        declared = ReleaseDeclaration(canary=canary, fallback=fallback, approval=review)
        self._release = once(self._release, declared, "release")

    def answers(
        self,
        name: str = "answers",
        *,
        keys: Sequence[str] = (),
        fields: Mapping[str, FieldType] | None = None,
        late: str = "90d",
    ) -> Source:
        """Declare the service's own answers as a source: logged predictions whose outcome is known.

        Its rows have `prediction`, `reference`, `asked_at`, `model`, `score`, `decision`, `outcome` and `known_at` (the
        outcome's), then the keys and fields. An outcome sent again, otherwise and later, is a correction.

        Args:
            name: What tables call it.
            keys: Entities whose keys the requests name.
            fields: Request fields and their types, as in a request view.
            late: How far back outcomes are looked for that were sent long after they were known.

        Raises:
            ProjectError: the name is taken, a column would come twice, or `late` is no duration.
        """
        where = users_line()
        self._refuse_taken(name, where)
        columns = [*COLUMNS, *keys, *(fields or {})]
        if len(set(columns)) < len(columns):
            twice = next(each for each in columns if columns.count(each) > 1)
            raise ProjectError(f"{name!r} would have two columns {twice!r}", where=where, hint="leave one of them out")
        decision = self.goal.task.outcome.decision_type
        answers = Answers(tuple(keys), tuple((fields or {}).items()), decision)
        return self._add_stored(
            name,
            contract=answers.contract(name),
            known_at="known_at",
            read=answers.read,
            late=duration(late, f"{where}, late"),
            where=where,
        )

    def check(self) -> None:
        """Check that the fallback is a candidate that a package can hold, and that people say yes to a high risk."""
        super().check()
        if self.goal.risk.level == "high" and self.release_declaration.approval is None:
            raise ProjectError(
                "the risk is high, and nobody is asked before a release (EU AI Act, article 14)",
                where=f"project {self.name!r}" if self._release is None else f"{self._release.place}, release",
                hint='project.release(Canary(…), approval=["data scientist", "product owner"])',
            )
        if self._release is None or (fallback := self._release.value.fallback) is None:
            return
        self._check_stands_in(fallback, f"{self._release.place}, release")
