"""The layers of a PyTorch module that is a plain chain; imported only where one was fitted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch import nn

from kreis.arrays import Floats
from kreis.models.explanations.additive import Additive, Link
from kreis.models.explanations.layers import Activation
from kreis.training.candidates.torch_training import FURTHEST, Answering
from kreis.training.explaining.chain import Step, chained

__all__ = ["torch_sum"]

_BENDS: dict[type[nn.Module], Activation] = {nn.ReLU: "relu", nn.Tanh: "tanh", nn.Sigmoid: "sigmoid", nn.GELU: "gelu"}
_AS_IT_IS = (nn.Identity, nn.Dropout)
"""They do nothing where a module answers."""
_LINKS: dict[str, Link] = {"log": "sigmoid", "softmax": "softmax", "poisson": "exp", "tweedie": "exp"}


def torch_sum(model: Answering, columns: Sequence[str]) -> Additive | None:
    """Its layers; None where it is no chain of what is known here.

    Args:
        model: As it was learned, in `eval`.
        columns: The names of what it reads.
    """
    steps: list[Step] = []
    for module in _flat(model.inner):
        kind = type(module)
        if kind is nn.Linear:
            bias = np.zeros(module.out_features) if module.bias is None else _numbers(module.bias)
            steps.append((_numbers(module.weight).T, bias))
        elif kind is nn.BatchNorm1d and module.running_mean is not None:
            steps.append(_normalised(module))
        elif kind in _BENDS and not (kind is nn.GELU and module.approximate != "none"):
            steps.append(_BENDS[kind])
        elif kind not in _AS_IT_IS:
            return None
    part = chained(steps, means=_numbers(model.means), deviations=_numbers(model.deviations), furthest=FURTHEST)
    if part is None:
        return None
    link = _LINKS.get(model.loss.name, "identity")
    found = Additive.of(part, columns, link=link, outputs=model.loss.outputs)
    if link == "exp":
        return found.plus(math.log(model.scale))
    return found.times(model.scale).plus(model.level)


def _flat(module: nn.Module) -> Iterator[Any]:
    """The modules of a chain, one after the other; another one as it is."""
    if type(module) is nn.Sequential:
        for each in module:
            yield from _flat(each)
    else:
        yield module


def _normalised(module: Any) -> tuple[Floats, Floats]:
    """What batch normalisation does where a module answers: by the means and variances that it learned."""
    by = 1 / np.sqrt(_numbers(module.running_var) + module.eps)
    plus = -_numbers(module.running_mean) * by
    if module.weight is not None:
        by, plus = by * _numbers(module.weight), plus * _numbers(module.weight) + _numbers(module.bias)
    return by, plus


def _numbers(tensor: Any) -> Floats:
    found: Floats = tensor.detach().cpu().numpy().astype(np.float64)
    return found
