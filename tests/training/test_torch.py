"""A PyTorch module as a candidate. PyTorch is in an extra of its own, and these tests run where it is installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.tasks.task import Loss
from kreis.training.candidates.torch import Torch
from kreis.training.testing import CHECKS, CLASSES, FEATURES, NUMBERS, YES_NO, Asked, example_rows

installed = pytest.mark.skipif(
    not all(__import__("importlib.util").util.find_spec(each) for each in ("torch", "onnxscript")),
    reason="the extra kreis[torch] is not installed",
)


def layers(inputs: int, outputs: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(inputs, 16), nn.ReLU(), nn.Linear(16, outputs))


def normalised(inputs: int, outputs: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(inputs, 16), nn.BatchNorm1d(16), nn.GELU(), nn.Dropout(0.2), nn.Linear(16, outputs))


def one_too_many(inputs: int, outputs: int) -> Any:
    from torch import nn

    return nn.Linear(inputs, outputs + 1)


def torch(**given: Any) -> Torch:
    return Torch(**{"module": layers, "epochs": 3, **given})


@installed
@pytest.mark.parametrize("asked", [YES_NO, NUMBERS, CLASSES], ids=["yes or no", "number", "class"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_module_behaves_as_a_candidate(check: Callable[..., None], asked: Asked) -> None:
    check(torch, asked)


@installed
@pytest.mark.parametrize("given", [{"module": normalised}, {"mixed_precision": True}], ids=["layers", "precision"])
def test_what_changes_between_learning_and_answering_is_proved_too(given: dict[str, Any]) -> None:
    matrix, outcomes = example_rows(2_000)
    fitted = torch(epochs=10, learning_rate=0.01, **given).fit(
        matrix, outcomes, FEATURES, loss=YES_NO.loss, seed=1, threads=1
    )
    scores = fitted.scorer().score(matrix)
    assert scores[outcomes].mean() > scores[~outcomes].mean() + 0.2


@installed
@pytest.mark.parametrize("loss", ["squared", "absolute", "poisson", "tweedie", "quantile"])
def test_it_minimises_the_loss_that_is_asked_for(loss: Any) -> None:
    side = np.repeat([0.0, 1.0], 1_000)
    drawn = np.random.default_rng(2).gamma(0.5, 1 + 2 * side) + 0.1  # the median lies far below the mean
    order = np.random.default_rng(3).permutation(2_000)
    matrix = side[order, None].astype(np.float32)
    kind = torch(epochs=60, patience=60, learning_rate=0.02, weight_decay=0.0, loss=loss)
    fitted = kind.fit(matrix, drawn[order], ("side",), loss=Loss("quantile", 0.9), seed=0, threads=1)
    scores = fitted.scorer().score(np.array([[0.0], [1.0]], np.float32))
    middle = {"absolute": np.median, "quantile": lambda part: np.quantile(part, 0.9)}.get(loss, np.mean)
    assert scores == pytest.approx([middle(drawn[:1_000]), middle(drawn[1_000:])], rel=0.15)


@installed
def test_rows_that_weigh_more_count_more() -> None:
    side = np.tile([0.0, 1.0], 500)
    matrix, weights = np.zeros((1_000, 1), np.float32), np.where(side == 1, 3.0, 1.0)
    kind = torch(epochs=60, patience=60, learning_rate=0.02)
    fitted = kind.fit(matrix, side == 1, ("a",), loss=YES_NO.loss, seed=0, threads=1, weights=weights)
    assert fitted.scorer().score(matrix[:1])[0] == pytest.approx(0.75, abs=0.02)


@installed
def test_it_stops_where_the_rows_kept_aside_gain_nothing_and_goes_back_to_the_best_epoch() -> None:
    from kreis.training.candidates.torch_training import learn

    matrix, _ = example_rows(400)
    chance = np.random.default_rng(1).random(400) < 0.5  # nothing to learn: soon it only learns by heart
    kind, told = torch(epochs=200, patience=3, learning_rate=0.05), []
    model = learn(
        kind, matrix, chance, Loss("log"), where="it", note=lambda epoch, learned, kept: told.append((kept, epoch))
    )
    best = min(told)[1]
    assert told[-1][1] == best + 3 < 200
    aside = np.asarray(chance[360:], dtype=float)
    given = model.answers(matrix[360:])
    assert -np.log(np.where(aside == 1, given, 1 - given)).mean() == pytest.approx(min(told)[0], rel=1e-4)


@installed
def test_learning_leaves_the_chance_of_the_process_as_it_was() -> None:
    import torch as library

    library.manual_seed(5)
    expected = library.rand(3)
    library.manual_seed(5)
    before = library.get_num_threads()
    matrix, outcomes = example_rows(200)
    torch(epochs=1).fit(matrix, outcomes, FEATURES, loss=YES_NO.loss, seed=1, threads=1)
    assert library.equal(library.rand(3), expected)
    assert library.get_num_threads() == before


@installed
def test_its_graph_names_no_file_of_this_machine() -> None:
    matrix, outcomes = example_rows(200)
    fitted = torch(epochs=1).fit(matrix, outcomes, FEATURES, loss=YES_NO.loss, seed=1, threads=1)
    assert fitted.form.content is not None
    assert b".py" not in fitted.form.content
    assert b"torch" not in fitted.form.content


@installed
def test_a_module_of_another_shape_is_refused() -> None:
    matrix, outcomes = example_rows(200)
    with pytest.raises(ProjectError, match=r"of 2 rows the module gives \(2, 2\), not \(2, 1\)"):
        torch(module=one_too_many).fit(matrix, outcomes, FEATURES, loss=YES_NO.loss, seed=1, threads=1)


@installed
def test_a_gpu_that_is_not_there_is_named() -> None:
    import torch as library

    if library.cuda.is_available() or library.backends.mps.is_available():
        pytest.skip("this machine has one")
    matrix, outcomes = example_rows(200)
    with pytest.raises(ProjectError, match="has no GPU") as caught:
        torch(device="gpu").fit(matrix, outcomes, FEATURES, loss=YES_NO.loss, seed=1, threads=1)
    assert caught.value.hint == 'write device="cpu"'


@installed
def test_the_code_of_the_module_is_part_of_what_determines_the_result() -> None:
    assert torch().parameters()["code"] != torch(module=normalised).parameters()["code"]


def test_declaring_a_module_does_not_import_pytorch() -> None:
    program = (
        "import sys; from kreis import Torch\n"
        "def module(inputs, outputs):\n    import torch\n"
        "Torch(module=module).with_parameters(epochs=3)\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"module": "layers"}, "module is a function"),
        ({"epochs": 0}, "epochs must be a whole number from 1"),
        ({"kept_aside": 1.0}, "kept_aside must be a share below 1"),
        ({"device": "gpus"}, "did you mean 'gpu'"),
        ({"loss": "square"}, "did you mean 'squared'"),
    ],
)
def test_wrong_parameters_are_refused_when_declared(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ProjectError, match=message):
        torch(**given)
