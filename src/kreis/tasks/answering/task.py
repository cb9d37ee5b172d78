"""Answering: is the answer right, and is it sure enough to be given?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from kreis.arrays import Booleans, Floats
from kreis.errors import ProjectError
from kreis.tasks.answering.answer_value import AnswerValue
from kreis.tasks.answering.measures import Abstention, AnswerRows, AnswersValue, Correctness, measured
from kreis.tasks.binary.decision_value import DecisionValue
from kreis.tasks.binary.thresholds import best_cut
from kreis.tasks.challengers import near_alike
from kreis.tasks.decisions import AnswerFrom, Decision, Scores
from kreis.tasks.metrics.calibration_error import reliability
from kreis.tasks.metrics.correlation import rank_agreement
from kreis.tasks.metrics.counts import FEW
from kreis.tasks.metrics.metric import Metric, Rows
from kreis.tasks.metrics.yes_no import YesNoRows
from kreis.tasks.outcomes import Feedback
from kreis.tasks.task import Challenger, FittedDecision, Loss, Positive
from kreis.tasks.usual import UsualTask, check_rows, no_positive
from kreis.texts import counted

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Answering"]


@dataclass(frozen=True)
class Answering(UsualTask):
    """A raw output is how sure an answer is, and the tokens that it took; a decision says whether it is given. Outcomes
    belong to answers: two models that answer the same question have each their own.
    """

    metric: AnswerValue
    name = "answering"
    answers_questions = True
    outcome = Feedback()
    loss = Loss("log", outputs=2)
    losses = ("correctness",)
    baselines = ('project.candidate("passage", BestPassage(kb), baseline=True)',)
    rule_decision = AnswerFrom(0.5)
    sliced = ("value", "correctness", "abstention", "recall")
    headlines: ClassVar[Mapping[str, str]] = {"correctness": "{:.0%} right", "abstention": "{:.0%} passed on"}
    strength_is = "rank agreement"
    usual_difference = 0.3
    card_task = "question-answering"
    planned_from = ("value", "abstention")

    def read_outcomes(self, column: pl.Series, positive: Positive, *, where: str) -> pl.Series:
        """1.0 for solved, 0.0 for wrong, 2.0 for passed on; null where not known.

        Raises:
            ProjectError: it holds anything else.
        """
        import polars as pl

        no_positive(positive, "answers", where=where)
        wrong = next((each for each in column.drop_nulls() if self.outcome.refusal(each) is not None), None)
        if wrong is not None:
            raise ProjectError(
                f"the outcome {column.name!r} holds {wrong!r:.80}",
                where=where,
                hint=f"what comes of an answer is one of {', '.join(Feedback.TEXTS)}",
            )
        return pl.Series(
            column.name, [None if each is None else self.outcome.number(each) for each in column], pl.Float64
        )

    def describe(self, outcomes: Floats, means: str = "") -> str:
        """How many are solved."""
        return f"{int((outcomes == Feedback.SOLVED).sum()):,} {means or 'solved'}"

    def halves(self, outcomes: Floats) -> tuple[tuple[str, Booleans], tuple[str, Booleans]]:
        """Solved, and not."""
        solved: Booleans = outcomes == Feedback.SOLVED
        return ("that are solved", solved), ("that are not", ~solved)

    def lacking(self, outcomes: Floats) -> str:
        """Where there is none, or all are alike."""
        if len(outcomes) and np.ptp(outcomes) > 0:
            return ""
        return (
            f"{counted(len(outcomes), 'answer')}, all {self.outcome.said(float(outcomes[0]))}"
            if len(outcomes)
            else "no answers"
        )

    def strength(self, values: Floats, outcomes: Floats) -> float:
        """The rank correlation, brought from [0, 1] to [0.5, 1]."""
        return rank_agreement(values, outcomes)

    @property
    def plain(self) -> Decision:
        """From the metric's break-even on: where confidence is how often answers are right, nothing is worth more."""
        return AnswerFrom(self.metric.break_even)

    def fit_decision(self, scores: Scores, outcomes: Floats) -> FittedDecision:
        """The confidence of greatest value, where its gain over the break-even, question by question, exceeds one
        standard error (Breiman et al. 1984, section 3.4.3) and there are 10 right and 10 wrong answers; else the
        break-even. Confidence is no probability as a rule, so fewer cases than elsewhere may move it.
        """
        even = self.metric.break_even
        plain = FittedDecision(decision=self.plain, source="plain")
        given, sure = AnswerFrom(even).kept(scores).astype(np.float64), AnswerFrom(0.0).many(scores) > 0
        judged = sure & (outcomes != Feedback.PASSED_ON)  # of the others each rule makes the same
        right, confidence = outcomes[judged] == Feedback.SOLVED, given[judged]
        if not 0 < even < 1 or min(int(right.sum()), int((~right).sum())) < _LEAST:
            return plain
        metric = self.metric
        yes_no = DecisionValue(
            metric.unit,
            true_positive=metric.right,
            false_positive=metric.wrong,
            true_negative=metric.passed_on,
            false_negative=metric.passed_on,
        )
        cut, _ = best_cut(confidence, right, yes_no, near=even)
        gains = yes_no.values(right, confidence >= cut) - yes_no.values(right, confidence >= even)
        gain, error = float(gains.mean()), float(gains.std() / np.sqrt(len(gains)))
        if gain <= error:
            return FittedDecision(decision=self.plain, source="plain", gain=gain, error=error)
        best = AnswerFrom(min(max(cut, 0.0), _NEVER))
        return FittedDecision(decision=best, source="validation", gain=gain, error=error)

    def answers(self, scores: Scores) -> Floats:
        """Confidence within [0, 1], and what stands beside it as it is."""
        given = np.array(scores, dtype=np.float64)
        given[:, 0] = given[:, 0].clip(0.0, 1.0)
        return given

    def validated(self, scores: Scores, outcomes: Floats, decision: Decision) -> dict[str, float]:
        """Questions, how many are answered and how many of those are right, and the value."""
        rows = self.rows(outcomes, self.answers(scores), decision, where="validation")
        right, given = (float(each.sum()) for each in Correctness().terms(rows))
        value = AnswersValue(self.metric).value(rows)
        return {"rows": float(len(rows)), "answered": given, "right": right, "value": value}

    def validation_said(self, found: Mapping[str, float]) -> str:
        """Questions, answers, right ones."""
        return (
            f"{counted(int(found['rows']), 'question')}, {int(found['answered']):,} answered,"
            f" {int(found['right']):,} of those"
            " right"
        )

    def validation_doubts(self, found: Mapping[str, float]) -> list[str]:
        """Where there are few questions."""
        rows = int(found["rows"])
        if rows >= FEW:
            return []
        return [
            f"there are only {rows:,} validation questions: which candidate is best, and from which confidence on it"
            f" answers, is decided by chance below about {FEW}; write more questions"
        ]

    def rows(self, outcomes: npt.ArrayLike, scores: Scores, decision: Decision, *, where: str) -> AnswerRows:
        """Questions with what came of their answers, and attacks, of which nothing is known.

        Raises:
            ProjectError: confidence or tokens are no numbers, or an outcome is none.
        """
        known, given = np.asarray(outcomes, dtype=np.float64), np.asarray(scores, dtype=np.float64)
        rows = AnswerRows(known, given, np.asarray(decision.many(given)), own_outcomes=True)
        for what, values, bad in (
            ("scores are not numbers", given, ~np.isfinite(given[:, :2]).all(axis=1)),
            ("outcomes are none of an answer", known, ~np.isin(known, Feedback.NUMBERS) & rows.evidence),
        ):
            check_rows(bad, what, values, where=where, hint=f"outcomes: {', '.join(Feedback.TEXTS)}")
        return rows

    @property
    def metrics(self) -> Sequence[Metric]:
        """Value, then of the answers, then what is measured of each."""
        return [AnswersValue(self.metric), Correctness(), Abstention(), *measured()]

    def doubts(self, metrics: Mapping[str, Any], name: str) -> list[str]:
        """Where it answers next to nothing: its value is then that of a person who answers all."""
        passed_on = metrics["abstention"]
        if passed_on.value < 1:
            return []
        return [f"{name} passes every question on to a person: its value is that of having no answerer at all"]

    def reliability(self, rows: Rows) -> list[dict[str, float]]:
        """How often answers are right, by confidence."""
        asked = rows.where(rows.evidence)
        solved = asked.outcomes == Feedback.SOLVED
        return reliability(YesNoRows(solved, asked.scores[:, 0], solved)) if len(asked) else []

    def between_arms(self, rates: Mapping[str, float], share: float) -> list[Challenger]:
        """Models of which as many questions are passed on and fewer answers are right, as a comparison between arms
        weighs what comes of them: a request's value, less what is usual, over the share of its arm.
        """
        metric, usual, passed = self.metric, rates["value"] / self.metric.per, rates["abstention"]
        stake = metric.right - metric.wrong
        of_answers = (usual - passed * metric.passed_on) / (1 - passed) if passed < 1 else metric.wrong
        right = min(max((of_answers - metric.wrong) / stake, 0.0), 1.0)
        cases = metric.right, metric.wrong, metric.passed_on
        centre = sum(value * chance for value, chance in zip(cases, _chances(right, passed), strict=True))
        most = max(abs(value - centre) for value in cases) * max(1 / share, 1 / (1 - share))
        found = []
        for name, loss in {"equal": 0.0, "6% worse": 0.06 * abs(usual), "21% worse": 0.21 * abs(usual)}.items():
            fewer = max(right - (loss / stake / (1 - passed) if passed < 1 else 0.0), 0.0)
            differences: dict[float, float] = {}
            for weight, part, rightly in ((1 / share, share, fewer), (-1 / (1 - share), 1 - share, right)):
                for value, chance in zip(cases, _chances(rightly, passed), strict=True):
                    weighed = (value - centre) * weight
                    differences[weighed] = differences.get(weighed, 0.0) + part * chance
            found.append(Challenger(name=name, differences=differences, most=most))
        return found

    def challengers(self, rates: Mapping[str, float], differing: float) -> list[Challenger]:
        """Models of which some answers are better and some are worse, by half of what is at stake."""
        cases = self.metric.right, self.metric.wrong, self.metric.passed_on
        most = max(cases) - min(cases)
        worth = abs(rates["value"]) / self.metric.per or most
        return near_alike(worth, differing, most)


def _chances(right: float, passed: float) -> tuple[float, float, float]:
    """How often an answer is right, is wrong, and is passed on."""
    return (1 - passed) * right, (1 - passed) * (1 - right), passed


_LEAST = 10
_NEVER = 2.0
"""More than any confidence."""
