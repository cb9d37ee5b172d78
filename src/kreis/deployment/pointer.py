"""The service's pointer: one signed file that says which release answers, with the envelopes of its packages.

The releaser writes it after the ledger's commit; the service follows it and needs no database. Whoever can write
to the folder, but has no key, can at most remove it: it is verified before it is read, and never goes back.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from kreis.deployment.manifest import Inputs
from kreis.deployment.signing import Keys, TrustedKeys, sign, verify
from kreis.durable import read_regular, write_durably
from kreis.errors import CorruptionError, SignatureError
from kreis.formats import always, canonical, check_format
from kreis.ledger.records import Release
from kreis.locks import FileLock, holding

__all__ = [
    "FILE",
    "HIGHEST",
    "PAYLOAD_TYPE",
    "Highest",
    "Pointer",
    "read_highest",
    "read_pointer",
    "remember_highest",
    "write_pointer",
]

FILE = "current.json"
HIGHEST = "highest-release.json"
_LARGEST = 64 * 1024 * 1024
PAYLOAD_TYPE = "application/vnd.kreis.release+json"


class PointedModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model of the release: its version in the project, and the DSSE envelope of its package."""

    version: int
    envelope: str


class Pointer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `current.json` says."""

    format: Literal["kreis.release/1"] = always("kreis.release/1")
    release: Release
    models: dict[str, PointedModel]
    """By digest: every model that the release's routes and fallback name."""
    accepts: Inputs = Inputs()
    """What the project's other models take: accepted, and ignored (a client may be ahead of a rollback)."""
    ledger: str = ""
    """Id of the ledger that recorded the release; empty where an older kreis published it."""


def write_pointer(folder: Path, pointer: Pointer, keys: Keys) -> None:
    """Sign and publish, whole or not at all."""
    write_durably(folder / FILE, sign(canonical(pointer), PAYLOAD_TYPE, keys).encode())


def read_pointer(folder: Path, trusted: TrustedKeys) -> Pointer | None:
    """The pointer, verified; None where nothing is published yet.

    Raises:
        SignatureError: it is not signed by a trusted key, or says something that this version does not read.
        ProjectError: it is of a later format.
        CorruptionError: something else than a file stands in its place, or a file that is larger than any pointer.
    """
    path = folder / FILE
    try:
        envelope = read_regular(path, _LARGEST)
    except FileNotFoundError:
        return None
    payload = verify(envelope, PAYLOAD_TYPE, trusted, where=str(path))
    check_format(payload, "kreis.release/1", where=str(path))
    try:
        return msgspec.json.decode(payload, type=Pointer)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise SignatureError(
            f"signed, but says something that this version does not read: {error}",
            where=str(path),
            hint="a later version of kreis published it: pip install --upgrade kreis, and start the service again",
        ) from error


class Highest(msgspec.Struct, frozen=True, kw_only=True):
    """The newest release that a service has taken: an older pointer, however well signed, is not taken after it."""

    project: str
    number: int
    release: str
    """Its id."""


def remember_highest(folder: Path, release: Release) -> None:
    """Write down that a release has been taken, unless another worker has taken a later one meanwhile."""
    highest = Highest(project=release.project, number=release.number, release=release.id)
    with holding(FileLock(folder / f".{HIGHEST}.lock")):
        with suppress(CorruptionError):
            before = read_highest(folder)
            if before is not None and before.project == highest.project and before.number > highest.number:
                return
        write_durably(folder / HIGHEST, msgspec.json.encode(highest))


def read_highest(folder: Path) -> Highest | None:
    """The newest release that was taken; None where none was yet.

    Raises:
        CorruptionError: the file is damaged.
    """
    path = folder / HIGHEST
    try:
        return msgspec.json.decode(read_regular(path, 4096), type=Highest)
    except FileNotFoundError:
        return None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise CorruptionError(
            f"it does not say which release was taken last ({error})",
            where=str(path),
            hint="see that the service answers with the newest release (GET /), then delete the file",
        ) from error
