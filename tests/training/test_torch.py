"""A PyTorch module as a candidate. PyTorch is in an extra of its own, and these tests run where it is installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kreis.errors import ProjectError
from kreis.models.explanations.additive import Additive
from kreis.models.explanations.explainer import Explainer
from kreis.tasks.task import Loss
from kreis.training.candidates.torch import Torch
from kreis.training.explaining.proof import adds_up
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


def corners(inputs: int, outputs: int) -> Any:
    from torch import nn

    hidden = nn.Sequential(nn.BatchNorm1d(inputs), nn.Linear(inputs, 12), nn.ReLU(), nn.Dropout(0.1))
    return nn.Sequential(
        hidden, nn.Linear(12, 8, bias=False), nn.BatchNorm1d(8, affine=False), nn.ReLU(), last(8, outputs)
    )


def curves(inputs: int, outputs: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(inputs, 12), nn.Tanh(), nn.Linear(12, 6), nn.GELU(), nn.Sigmoid(), last(6, outputs))


def last(inputs: int, outputs: int) -> Any:
    from torch import nn

    return nn.Sequential(nn.Linear(inputs, outputs), nn.Identity())


def by_autograd(inner: Any, row: Any, *, smooth: bool) -> Any:
    """The integral of the gradient from 0 to a row, by 16 of Gauss's points on each of some stretches; where there are
    corners, a stretch on whose ends it differs is halved, down to 1e-12.
    """
    import torch as library

    at, weights = np.polynomial.legendre.leggauss(16)
    total, begins, size = np.zeros(len(row)), np.arange(16) / 16, 1 / 16
    while size > 1e-12 and len(begins):
        places = np.concatenate([[0.0], (at + 1) / 2, [1.0]]) * size
        given = library.tensor((begins[:, None] + places)[:, :, None] * row)
        given.requires_grad_()
        (found,) = library.autograd.grad(inner(given.reshape(-1, len(row)))[:, 0].sum(), given)
        slopes = found.numpy()
        same = smooth | (np.abs(slopes[:, 0] - slopes[:, -1]).max(axis=1) <= 1e-12)
        total += size / 2 * np.einsum("q,nqf->f", weights, slopes[same, 1:-1])
        begins, size = np.concatenate([begins[~same], begins[~same] + size / 2]), size / 2
    return total


@installed
@pytest.mark.parametrize("module", [corners, curves], ids=lambda each: each.__name__)
def test_the_gradients_of_a_chain_are_those_of_torch(module: Any) -> None:
    from kreis.training.candidates.torch_training import learn
    from kreis.training.explaining.torch import torch_sum

    matrix, outcomes = example_rows(600)
    matrix[5, 1] = np.nan
    kind = torch(module=module, epochs=8, learning_rate=0.02)
    model = learn(kind, matrix, outcomes, Loss("log"), where="it", note=lambda *told: None)
    kept = torch_sum(model, FEATURES)
    assert kept is not None
    explainer = Explainer(Additive.from_bytes(kept.to_bytes()))
    found = explainer.explain(matrix[:8])
    exact = model.inner.double()
    means, deviations = (each.numpy().astype(np.float64) for each in (model.means, model.deviations))
    rows = (np.where(np.isfinite(matrix[:8]), matrix[:8], means) - means) / deviations
    for row, adds in zip(rows[:4], found.features, strict=False):
        assert adds[0] == pytest.approx(by_autograd(exact, row, smooth=module is curves) * row, abs=1e-9)
    import torch as library

    raw = exact(library.tensor(rows)).detach().numpy()
    assert found.left == 0.0
    assert found.base + found.features.sum(axis=2) == pytest.approx(raw, abs=1e-9)


@installed
@pytest.mark.parametrize("loss", ["squared", "poisson"])
def test_what_is_kept_of_a_chain_says_what_the_model_says(loss: Any) -> None:
    matrix, outcomes = example_rows(600)
    fitted = torch(loss=loss).fit(matrix, outcomes.astype(float) * 3, FEATURES, loss=Loss("squared"), seed=1, threads=1)
    assert fitted.additive is not None
    assert adds_up(fitted.additive, fitted.scorer(), matrix, None)


@installed
def test_classes_are_kept_as_logits() -> None:
    matrix, outcomes = example_rows(600)
    classes = np.arange(600) % 3 + 0 * outcomes
    fitted = torch(module=normalised).fit(matrix, classes, FEATURES, loss=Loss("softmax", outputs=3), seed=1, threads=1)
    assert fitted.additive is not None
    assert (fitted.additive.link, fitted.additive.outputs) == ("softmax", 3)
    assert adds_up(fitted.additive, fitted.scorer(), matrix, None)


@installed
def test_what_is_no_plain_chain_is_not_kept() -> None:
    from torch import nn

    class Twice(nn.Sequential):
        def forward(self, given: Any) -> Any:
            return 2 * super().forward(given)

    class Hooked(nn.Linear):
        pass

    from kreis.training.candidates.torch_training import Answering
    from kreis.training.explaining.torch import torch_sum

    for inner in (
        Twice(nn.Linear(3, 1)),
        nn.Sequential(Hooked(3, 1)),
        nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 1)),
        nn.Sequential(nn.Linear(3, 4), nn.GELU(approximate="tanh"), nn.Linear(4, 1)),
        nn.Sequential(nn.BatchNorm1d(3, track_running_stats=False), nn.Linear(3, 1)),
        nn.Sequential(nn.Linear(3, 2), nn.Softmax(dim=1)),
    ):
        assert torch_sum(Answering(inner, np.zeros(3), np.ones(3), Loss("log"), 0.0, 1.0), FEATURES[:3]) is None
