"""What every kind of candidate must do. A new kind is done when each of these passes:

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_candidate_behaves(check):
        check(lambda: MyCandidate(), YES_NO)  # or NUMBERS, CLASSES, or several

The factory gives a fresh candidate for features named `a`, `b` and `c`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np

from kreis.digests import canonical_json
from kreis.errors import ProjectError
from kreis.models.scoring import Scores
from kreis.tasks.task import Loss
from kreis.training.candidate import Candidate, Fitted, Matrix, Outcomes
from kreis.training.explaining.proof import adds_up

__all__ = ["CHECKS", "CLASSES", "NUMBERS", "YES_NO", "Asked", "example_rows"]

Factory = Callable[[], Candidate]
FEATURES = ("a", "b", "c")
LOSS = Loss("log")


@dataclass(frozen=True)
class Asked:
    """What a candidate is asked to learn."""

    loss: Loss
    numbers: bool = False
    classes: bool = False

    def rows(self, rows: int = 600, seed: int = 7) -> tuple[Matrix, Outcomes]:
        """Rows with such outcomes; of four classes the second never occurs."""
        matrix, drawn = example_rows(rows, seed, numbers=True)
        if self.classes:
            return matrix, np.array([0, 2, 3])[np.digitize(drawn, (90.0, 115.0))]
        return matrix, drawn if self.numbers else drawn > 110

    @property
    def name(self) -> str:
        """In words."""
        return "number" if self.numbers else "class" if self.classes else "yes or no"


YES_NO = Asked(LOSS)
NUMBERS = Asked(Loss("squared"), numbers=True)
CLASSES = Asked(Loss("softmax", outputs=4), classes=True)


def example_rows(rows: int = 600, seed: int = 7, *, numbers: bool = False) -> tuple[Matrix, Outcomes]:
    """Rows of three features, float32 (n, 3), where `a` tells most, `b` is missing at times and `c` tells nothing."""
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(rows, 3)).astype(np.float32)
    drawn = matrix[:, 0] + 0.5 * matrix[:, 1] + generator.normal(size=rows)
    matrix[generator.random(rows) < 0.2, 1] = np.nan
    return matrix, 100 + 20 * drawn if numbers else drawn > 0.5


def parameters_are_json(make: Factory, asked: Asked) -> None:
    """`parameters` is a JSON document, the same for equal candidates."""
    document = make().parameters()
    _demand(msgspec.json.decode(canonical_json(document)) == document, "parameters() is not a JSON document")
    _demand(make().parameters() == document, "parameters() differs between equal candidates")


def unknown_parameters_are_refused(make: Factory, asked: Asked) -> None:
    """`with_parameters` names what it does not know."""
    try:
        make().with_parameters(no_such_parameter=1)
    except ProjectError as error:
        _demand("no_such_parameter" in str(error), "the error does not name the parameter")
    else:
        _demand(False, "with_parameters() accepted an unknown name")


def scores_are_what_was_asked(make: Factory, asked: Asked) -> None:
    """One float32 for each row, of yes and no in [0, 1], whatever is missing, infinite, zero or huge."""
    matrix, _ = example_rows()
    fitted = _fit(make, asked)
    hard = np.array(
        [[np.nan] * 3, [0.0] * 3, [np.inf] * 3, [-np.inf] * 3, [1e15, -1e15, 1e-40], [np.nan, 1, np.inf]], np.float32
    )
    for given in (matrix, hard, matrix[:1], matrix[:0]):
        scores = fitted.scorer().score(given)
        several = asked.loss.outputs > 1 and not fitted.written
        shape = (len(given), asked.loss.outputs) if several else (len(given),)
        _demand(scores.shape == shape and scores.dtype == np.float32, f"scores are not float32 of shape {shape}")
        _demand_scores(scores, asked)


def a_row_scores_alike_alone_and_in_a_batch(make: Factory, asked: Asked) -> None:
    """A score does not depend on what it is asked together with."""
    matrix, _ = example_rows(40_000)
    scorer = _fit(make, asked).scorer()
    together = scorer.score(matrix)
    for place in (0, 17, 16_383, 16_384, 39_999):
        alone = scorer.score(matrix[place : place + 1])[0]
        near = np.abs(alone - together[place]) <= 1e-6 * np.maximum(1.0, np.abs(alone))
        _demand(bool(near.all()), "a row scores otherwise in a batch")


def training_is_repeatable(make: Factory, asked: Asked) -> None:
    """The same rows and seed give the same bytes, whatever was trained between."""
    first = _fit(make, asked)
    _fit(make, asked, seed=8)
    _demand(_content(first) == _content(_fit(make, asked)), "the same rows and seed gave other bytes")


def rows_are_left_alone(make: Factory, asked: Asked) -> None:
    """Training does not write into its rows."""
    matrix, outcomes = asked.rows()
    before = matrix.tobytes(), outcomes.tobytes()
    make().fit(matrix, outcomes, FEATURES, loss=asked.loss, seed=1, threads=1)
    _demand((matrix.tobytes(), outcomes.tobytes()) == before, "training changed its rows")


def constant_and_absent_features_do_no_harm(make: Factory, asked: Asked) -> None:
    """A feature that never varies, or is always missing, neither stops training nor spoils a score."""
    matrix, outcomes = asked.rows()
    matrix[:, 1], matrix[:, 2] = np.nan, 4.0
    fitted = make().fit(matrix, outcomes, FEATURES, loss=asked.loss, seed=1, threads=1)
    live = np.array([[0.5, 1.0, 9.0], [0.5, np.nan, np.nan]], np.float32)
    for given in (matrix, live):
        scores = fitted.scorer().score(given)
        _demand_scores(scores, asked)


def what_leaves_is_data(make: Factory, asked: Asked) -> None:
    """It is ONNX that passes `check_graph`, or an expression; and it names its features."""
    from kreis.training.graph import check_graph

    fitted = _fit(make, asked)
    _demand(fitted.features == FEATURES, "it does not name its features")
    if fitted.form.content is not None:
        check_graph(fitted.form.content, len(FEATURES))


def the_parts_of_an_answer_add_up_to_it(make: Factory, asked: Asked) -> None:
    """Where it says that it is a sum, the sum says what it says."""
    fitted = _fit(make, asked)
    matrix, _ = asked.rows(seed=7)
    if (additive := fitted.additive) is not None:
        _demand(adds_up(additive, fitted.scorer(), matrix, None), "its parts do not add up to its score")


CHECKS: tuple[Callable[[Factory, Asked], None], ...] = (
    parameters_are_json,
    unknown_parameters_are_refused,
    scores_are_what_was_asked,
    a_row_scores_alike_alone_and_in_a_batch,
    training_is_repeatable,
    rows_are_left_alone,
    constant_and_absent_features_do_no_harm,
    what_leaves_is_data,
    the_parts_of_an_answer_add_up_to_it,
)


def _fit(make: Factory, asked: Asked, seed: int = 7) -> Fitted:
    matrix, outcomes = asked.rows(seed=seed)
    return make().fit(matrix, outcomes, FEATURES, loss=asked.loss, seed=seed, threads=1)


def _demand_scores(scores: Scores, asked: Asked) -> None:
    if asked.numbers:
        _demand(bool(np.isfinite(scores).all()), "a score is no number")
    elif asked.classes:
        places = scores.ndim == 1
        _demand(
            bool(((scores >= 0) & (scores <= (asked.loss.outputs if places else 1))).all()), "a score is out of range"
        )
        _demand(places or bool((np.abs(scores.sum(axis=1) - 1) < 1e-5).all()), "probabilities do not sum to 1")
    else:
        _demand(bool(((scores >= 0) & (scores <= 1)).all()), "a score is not in [0, 1]")


def _content(fitted: Fitted) -> bytes:
    return canonical_json(msgspec.to_builtins(fitted.form.stored))


def _demand(condition: bool, message: str) -> None:
    """Like an assert that also holds under `python -O`."""
    if not condition:
        raise AssertionError(message)
