"""How a `Torch` candidate learns and leaves training; imported only where one is fitted."""

from __future__ import annotations

import copy
import logging
import math
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from kreis.arrays import Floats
from kreis.errors import ProjectError
from kreis.tasks.task import Loss
from kreis.training.candidate import Matrix, Outcomes

if TYPE_CHECKING:
    from kreis.training.candidates.torch import Torch

__all__ = ["Answering", "learn", "to_onnx"]

FURTHEST = 100.0
"""A standardised feature is cut at so many deviations: what is further says no more, and could overflow."""
TWEEDIE_POWER = 1.5
"""Between a count (1) and a gamma (2), as in LightGBM and XGBoost."""
_AT_ONCE = 16_384
"""Rows scored at once."""


class Answering(nn.Module):
    """A user's module with what stands before and after it: raw features in, scores out."""

    def __init__(self, inner: nn.Module, means: Floats, deviations: Floats, loss: Loss, level: float, scale: float):
        super().__init__()
        self.inner = inner
        self.register_buffer("means", torch.tensor(means, dtype=torch.float32))
        self.register_buffer("deviations", torch.tensor(deviations, dtype=torch.float32))
        self.loss, self.level, self.scale = loss, level, scale

    def raw(self, given: torch.Tensor) -> torch.Tensor:
        """The module's outputs, shape (n, outputs)."""
        there = torch.isnan(given - given)  # infinite less infinite is none, too
        standardised = (torch.where(there, self.means, given) - self.means) / self.deviations
        found: torch.Tensor = self.inner(torch.clamp(standardised, -FURTHEST, FURTHEST))
        return found

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Scores: probabilities, or numbers; of shape (n,), or (n, k) of classes."""
        found = self.raw(given)
        if self.loss.name == "softmax":
            return torch.softmax(found, dim=1)
        one = found[:, 0]
        if self.loss.name == "log":
            return torch.sigmoid(one)
        if self.loss.name in ("poisson", "tweedie"):
            return torch.exp(torch.clamp(one, -30.0, 30.0)) * self.scale
        return one * self.scale + self.level

    def answers(self, rows: Matrix) -> Floats:
        """Scores of rows, as PyTorch gives them."""
        self.eval()
        with torch.no_grad():
            parts = [
                self(torch.from_numpy(np.ascontiguousarray(rows[start : start + _AT_ONCE])))
                for start in range(0, len(rows), _AT_ONCE)
            ]
        found: Floats = torch.cat(parts).numpy().astype(np.float64)
        return found


def learn(
    candidate: Torch,
    matrix: Matrix,
    outcomes: Outcomes,
    loss: Loss,
    *,
    where: str,
    note: Callable[[int, float, float], None],
    weights: Floats | None = None,
) -> Answering:
    """Train a candidate's module, with early stopping on the last rows.

    Args:
        candidate: As declared.
        matrix: float32 of shape (n, f).
        outcomes: Labels, shape (n,).
        loss: What is minimised.
        where: For messages.
        note: Told the epoch, the mean loss while it learned, and that on the rows kept aside.
        weights: How much each row counts, shape (n,).

    Raises:
        ProjectError: the module gives another shape, there is no GPU where one is asked for, or the loss is no number.
    """
    device = _device(candidate, where)
    outputs = loss.outputs
    means, deviations = _standard(matrix)
    level, scale = _level_and_scale(outcomes, loss)
    model = Answering(candidate.module(matrix.shape[1], outputs), means, deviations, loss, level, scale)
    model.to(device)
    _check_shape(model, matrix.shape[1], outputs, where)
    targets = (outcomes - level) / scale if loss.name in ("squared", "absolute", "quantile") else outcomes / scale
    labels = torch.from_numpy(np.asarray(outcomes if loss.name == "softmax" else targets))
    labels = labels.to(device, torch.int64 if loss.name == "softmax" else torch.float32)
    rows = torch.from_numpy(np.ascontiguousarray(matrix)).to(device)
    counting = np.ones(len(matrix)) if weights is None else weights / weights.mean()
    counts = torch.from_numpy(counting).to(device, torch.float32)
    learned = min(max(1, round(len(rows) * (1 - candidate.kept_aside))), len(rows) - 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=candidate.learning_rate, weight_decay=candidate.weight_decay)
    best, state, waited = math.inf, copy.deepcopy(model.state_dict()), 0
    for epoch in range(1, candidate.epochs + 1):
        found = _epoch(candidate, model, optimizer, rows[:learned], labels[:learned], counts[:learned])
        kept = _loss_on(candidate, model, rows[learned:], labels[learned:], counts[learned:])
        note(epoch, found, kept)
        if kept < best:
            best, state, waited = kept, copy.deepcopy(model.state_dict()), 0
        else:
            waited += 1
        if waited >= candidate.patience:
            break
    if not math.isfinite(best):
        raise ProjectError("the loss is no number after any epoch", where=where, hint="take a lower learning_rate")
    model.load_state_dict(state)
    model.to("cpu").eval()
    return model


def _epoch(
    candidate: Torch,
    model: Answering,
    optimizer: Any,
    rows: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
) -> float:
    """One pass over the rows in an order of chance; the mean loss."""
    model.train()
    order = torch.randperm(len(rows)).to(rows.device)
    total = torch.zeros((), device=rows.device)
    for start in range(0, len(rows), candidate.batch):
        part = order[start : start + candidate.batch]
        if len(part) == 1 and start:  # of one row batch normalisation knows no deviation
            continue
        optimizer.zero_grad()
        with torch.autocast(rows.device.type, torch.bfloat16, enabled=candidate.mixed_precision):
            raw = model.raw(rows[part])
        losses = _loss(model.loss, raw.float(), labels[part]) * weights[part]
        losses.mean().backward()
        optimizer.step()
        total += losses.detach().sum()
    return float(total) / float(weights.sum())


def _loss_on(
    candidate: Torch, model: Answering, rows: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
) -> float:
    model.eval()
    with torch.no_grad():
        total = 0.0
        for start in range(0, len(rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            with torch.autocast(rows.device.type, torch.bfloat16, enabled=candidate.mixed_precision):
                raw = model.raw(rows[part])
            total += float((_loss(model.loss, raw.float(), labels[part]) * weights[part]).sum())
    return total / float(weights.sum())


def _loss(loss: Loss, raw: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """The loss of each row's raw outputs, shape (n,)."""
    if loss.name == "softmax":
        return functional.cross_entropy(raw, labels, reduction="none")
    one = raw[:, 0]
    if loss.name == "log":
        return functional.binary_cross_entropy_with_logits(one, labels, reduction="none")
    if loss.name == "poisson":
        return functional.poisson_nll_loss(torch.clamp(one, -30.0, 30.0), labels, log_input=True, reduction="none")
    if loss.name == "tweedie":  # its deviance, but for what the outputs do not change (Jorgensen 1987)
        said = torch.clamp(one, -30.0, 30.0)
        p = TWEEDIE_POWER
        return torch.exp((2 - p) * said) / (2 - p) - labels * torch.exp((1 - p) * said) / (1 - p)
    if loss.name == "squared":
        return functional.mse_loss(one, labels, reduction="none")
    error, level = labels - one, 0.5 if loss.level is None else loss.level
    return torch.maximum(level * error, (level - 1) * error)


def _standard(matrix: Matrix) -> tuple[Floats, Floats]:
    """Means and deviations of the features that are there, shape (f,); of a constant one the deviation is 1."""
    there = np.isfinite(matrix)
    counts = np.maximum(there.sum(axis=0), 1)
    filled = np.where(there, matrix, 0.0).astype(np.float64)
    means = filled.sum(axis=0) / counts
    deviations = np.sqrt((np.where(there, filled - means, 0.0) ** 2).sum(axis=0) / counts)
    deviations[deviations <= 1e-12 * np.maximum(1.0, np.abs(means))] = 1.0
    return means, deviations


def _level_and_scale(outcomes: Outcomes, loss: Loss) -> tuple[float, float]:
    """What numbers are standardised by; positive ones are only scaled, to a mean of 1."""
    if loss.name in ("log", "softmax"):
        return 0.0, 1.0
    if loss.name in ("poisson", "tweedie"):
        return 0.0, float(outcomes.mean()) or 1.0
    return float(outcomes.mean()), float(outcomes.std()) or 1.0


def _device(candidate: Torch, where: str) -> torch.device:
    if candidate.device == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    raise ProjectError("this machine, or this build of PyTorch, has no GPU", where=where, hint='write device="cpu"')


def _check_shape(model: Answering, width: int, outputs: int, where: str) -> None:
    """See that the module takes the features and gives what is asked for.

    Raises:
        ProjectError: it does not.
    """
    model.eval()
    with torch.no_grad():
        try:
            found = tuple(model.raw(torch.zeros((2, width), device=model.means.device)).shape)
        except RuntimeError as error:
            raise ProjectError(f"the module does not take {width} inputs: {error}", where=where) from error
    if found != (2, outputs):
        hint = "its last layer has as many outputs as its function is told: nn.Linear(…, outputs)"
        raise ProjectError(f"of 2 rows the module gives {found}, not {(2, outputs)}", where=where, hint=hint)


def to_onnx(model: Answering, width: int, *, where: str) -> bytes:
    """Export a trained model in the form in which kreis ships graphs.

    Raises:
        ProjectError: PyTorch cannot export it.
    """
    from kreis.training.graph import finish_graph, versions_of

    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                model,
                (torch.zeros((2, width)),),
                dynamo=True,
                verbose=False,
                dynamic_shapes=({0: torch.export.Dim("n", min=1)},),
            )
    except Exception as error:  # its exporter raises classes of its own
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ProjectError(f"the module does not become ONNX: {said}", where=where) from error
    found = program.model_proto
    nodes, constants = list(found.graph.node), list(found.graph.initializer)
    for each in [*nodes, *constants]:
        each.ClearField("metadata_props")  # it names files of this machine
    return finish_graph(
        nodes,
        constants,
        found.graph.input[0].name,
        width,
        versions_of(found),
        outputs=model.loss.outputs,
        score=found.graph.output[0].name,
    )
