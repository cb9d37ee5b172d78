"""How much memory a process needs to hold and run a packaged model: another process opens it and answers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import msgspec
import numpy as np

from kreis.errors import ProjectError
from kreis.models.form import Form
from kreis.models.scoring import Matrix, Texts

__all__ = ["memory_of"]

_TOLD = Path("/proc/self/smaps_rollup")
_TIMES = 6
"""The least and the greatest of six hold the median with a confidence of 97%."""


class _Asked(msgspec.Struct):
    form: Form
    features: list[str]
    texts: list[list[str]] | None
    held: list[str]
    """Files that a service keeps beside the model."""


def memory_of(
    form: Form, features: Sequence[str], matrix: Matrix, texts: Texts | None, *, held: Sequence[bytes] = ()
) -> list[float] | None:
    """Megabytes of memory of its own that a process has written to once it has opened a model and answered some rows
    one by one, beyond those that it had before; six times. None where the system does not tell (it is no Linux).

    Args:
        form: The model, opened.
        features: The names of what it takes.
        matrix: The rows, shape (n, f).
        texts: What their features say that are read as texts.
        held: What a service keeps in memory beside it.

    Raises:
        ProjectError: the other process ended badly.
    """
    if not _TOLD.exists():
        return None
    with tempfile.TemporaryDirectory(prefix="kreis-memory-") as name:
        folder = Path(name)
        named = [f"held-{place}" for place in range(len(held))]
        for each, content in zip(named, held, strict=True):
            (folder / each).write_bytes(content)
        (folder / "model").write_bytes(form.content or b"")
        np.save(folder / "rows.npy", matrix, allow_pickle=False)
        asked = _Asked(form.stored, list(features), None if texts is None else texts.tolist(), named)
        (folder / "asked.json").write_bytes(msgspec.json.encode(asked))
        command = [sys.executable, "-m", "kreis.evaluation.model_memory", str(folder)]
        alone = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, check=False, env=alone)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ProjectError(f"its memory cannot be measured: {' '.join(said)}", where="kreis.evaluation.model_memory")
    return msgspec.json.decode(done.stdout, type=list[float])


def _needed(folder: Path) -> float:
    """What opening the model and answering takes, in megabytes."""
    asked = msgspec.json.decode((folder / "asked.json").read_bytes(), type=_Asked)
    matrix = np.load(folder / "rows.npy", allow_pickle=False)
    texts = None if asked.texts is None else np.array(asked.texts, dtype=np.object_)
    before = _written()
    beside = [(folder / each).read_bytes() for each in asked.held]
    scorer = asked.form.opened(lambda digest: (folder / "model").read_bytes()).scorer(asked.features, threads=1)
    for place in range(len(matrix)):
        scorer.score(matrix[place : place + 1], None if texts is None else texts[place : place + 1])
    after = _written()
    del beside
    return after - before


def _written() -> float:
    """Megabytes of this process's own memory."""
    for line in _TOLD.read_text().splitlines():
        if line.startswith("Private_Dirty:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def _tell(folder: Path, to: int) -> NoReturn:
    """Of a copy: write what it needed, and end at once; what libraries do at the end was begun by another process."""
    try:
        os.write(to, msgspec.json.encode(_needed(folder)))
    except Exception as error:  # said to whoever started the processes
        os.write(2, f"{error}\n".encode())
    finally:
        os._exit(0)


def main(folder: Path) -> int:
    """Print what each of some copies of this process needed, a JSON list; a copy begins with all libraries loaded."""
    import gc

    import onnxruntime  # noqa: F401

    gc.freeze()
    found = []
    for _ in range(_TIMES):
        reads, writes = os.pipe()
        copy = os.fork()
        if not copy:
            _tell(folder, writes)
        os.close(writes)
        with os.fdopen(reads, "rb") as pipe:
            said = pipe.read()
        os.waitpid(copy, 0)
        if not said:
            return 1
        found.append(msgspec.json.decode(said, type=float))
    sys.stdout.write(msgspec.json.encode(found).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
