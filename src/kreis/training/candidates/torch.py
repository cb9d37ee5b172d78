"""A PyTorch module, through a thin adapter; PyTorch comes with the extra `kreis[torch]`."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from kreis.arrays import Codes, Floats
from kreis.code import code_of
from kreis.errors import ProjectError
from kreis.models.form import Onnx
from kreis.tasks.task import Loss
from kreis.tracking.here import is_tracked, log
from kreis.training.candidate import (
    NETWORK,
    Fitted,
    Matrix,
    NumberLoss,
    Outcomes,
    UsualCandidate,
    all_known,
    loss_for,
    require,
    require_whole,
    varied,
    version_of,
)
from kreis.training.fidelity import prove_same

__all__ = ["Torch"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Torch(UsualCandidate):
    """A PyTorch module that you write; kreis trains it, stops it in time, and turns it into ONNX, proved on rows.

    It gets standardised features: a missing or infinite one becomes the mean. It gives raw outputs, of shape
    (n, outputs): one logit for yes or no, one number for a number (standardised as well), one logit for each class;
    kreis adds what makes probabilities and numbers of them. The loss follows from the goal. A module with dropout or
    batch normalisation is switched to `eval` where it answers.

    Needs the extra `kreis[torch]`; declaring it does not import PyTorch, if your function does so inside.

    Example:

    >>> def module(inputs, outputs):
    ...     from torch import nn
    ...     return nn.Sequential(nn.Linear(inputs, 32), nn.ReLU(), nn.Linear(32, outputs))
    >>> Torch(module=module, epochs=20).with_parameters(learning_rate=1e-2).learning_rate
    0.01
    """

    kind: ClassVar[str] = "torch"
    side_by_side: ClassVar[bool] = False  # PyTorch's seed and threads are set for the whole process
    complexity: ClassVar[int] = NETWORK
    encode: ClassVar[str] = "one-hot"
    module: Callable[[int, int], Any]
    """Makes the module from the number of inputs and of outputs."""
    epochs: int = 50
    """At most so many passes over the rows."""
    batch: int = 256
    """Rows in one step."""
    learning_rate: float = 1e-3
    """Of AdamW (Loshchilov and Hutter 2019)."""
    weight_decay: float = 1e-2
    patience: int = 5
    """It stops after so many epochs that did not improve the loss on the rows kept aside, and goes back to the best."""
    kept_aside: float = 0.1
    """Share of the rows that it stops by, the last ones: the newest, where rows are in the order of time."""
    loss: NumberLoss | None = None
    """What it minimises, where the goal asks for a number; what the goal asks for, if not given."""
    device: Literal["cpu", "gpu"] = "cpu"
    mixed_precision: bool = False
    """Whether products of matrices are computed in bfloat16 while it learns; weights stay float32."""

    def __post_init__(self) -> None:
        where = "Torch"
        require(callable(self.module), "module is a function of inputs and outputs that makes it", where=where)
        if self.loss is not None and self.loss not in get_args(NumberLoss):
            raise ProjectError.unknown_name("loss", self.loss, get_args(NumberLoss), where=where)
        if self.device not in ("cpu", "gpu"):
            raise ProjectError.unknown_name("device", self.device, ("cpu", "gpu"), where=where)
        require_whole(self, where=where, epochs=1, batch=1, patience=1)
        require(self.learning_rate > 0, f"learning_rate must be positive, not {self.learning_rate}", where=where)
        require(self.weight_decay >= 0, f"weight_decay must not be negative, as {self.weight_decay} is", where=where)
        require(0 < self.kept_aside < 1, f"kept_aside must be a share below 1, not {self.kept_aside}", where=where)

    def parameters(self) -> dict[str, Any]:
        """Its fields, the code that makes the module, and PyTorch's version."""
        fields = {each.name: getattr(self, each.name) for each in dataclasses.fields(self) if each.name != "module"}
        file = inspect.getsourcefile(inspect.unwrap(self.module))
        code = code_of(self.module, Path(file or ".").resolve().parent)
        made = {"module": getattr(self.module, "__name__", "module"), "code": code.digest}
        return {"kind": "torch", "version": version_of("torch"), **made, **fields}

    def fit(
        self,
        matrix: Matrix,
        outcomes: Outcomes,
        features: Sequence[str],
        *,
        loss: Loss,
        seed: int,
        threads: int,
        groups: Codes | None = None,
        weights: Floats | None = None,
    ) -> Fitted:
        """Learn by PyTorch and export.

        Raises:
            ProjectError: outcomes do not differ, the module gives another shape, does not become ONNX, or there is no
                GPU where one is asked for.
        """
        from kreis.training.candidates.torch_training import learn, to_onnx
        from kreis.training.explaining.torch import torch_sum

        where = "Torch"
        all_known(outcomes, where=where)
        varied(outcomes, where=where)
        minimised = loss_for(self.loss, loss, outcomes, where=where)
        hint = "take GradientBoosting() or XGBoost()"
        require(minimised.name != "rank", "it does not learn to rank", where=where, hint=hint)
        with _settled(seed, threads):
            model = learn(self, matrix, outcomes, minimised, where=where, note=_note(), weights=weights)
            content = to_onnx(model, matrix.shape[1], where=where)
            prove_same(content, model.answers, matrix, where=where)
        explains = functools.partial(torch_sum, model, tuple(features))
        return Fitted(form=Onnx.of(content), features=tuple(features), explains=explains)


def _note() -> Callable[[int, float, float], None]:
    """What is told the losses after each epoch: the curve of the run, where it is tracked."""
    if not is_tracked():
        return lambda epoch, learned, kept: None

    def note(epoch: int, learned: float, kept: float) -> None:
        log(epoch, loss=learned, loss_kept_aside=kept)

    return note


@contextmanager
def _settled(seed: int, threads: int) -> Iterator[None]:
    """PyTorch with a seed and so many threads, deterministic where it can be; as before afterwards."""
    import torch

    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.set_num_threads(before[0])
            torch.use_deterministic_algorithms(before[1])
