"""The service's pointer: one signed file that says which release answers, with the envelopes of its packages.

The releaser writes it after the ledger's commit; the service follows it and needs no database. Whoever can write
to the folder, but has no key, can at most remove it: it is verified before it is read, and never goes back.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Literal, Protocol

import msgspec

from kreis.deployment.manifest import Inputs
from kreis.deployment.signing import Keys, TrustedKeys, sign, verify
from kreis.durable import clear_leftovers, make_directory, read_regular, storing, write_durably
from kreis.errors import CorruptionError, SignatureError
from kreis.formats import always, canonical, check_format
from kreis.ledger.records import Release
from kreis.locks import FileLock, holding
from kreis.models.answer_parts.levels import Levels
from kreis.places import folder_of

__all__ = [
    "FILE",
    "HIGHEST",
    "PAYLOAD_TYPE",
    "Highest",
    "Pointer",
    "PointerFile",
    "PointerPlace",
    "named_by",
    "open_pointer",
    "read_highest",
    "read_pointer",
    "remember_highest",
    "write_pointer",
]

FILE = "current.json"
HIGHEST = "highest-release.json"
SCHEMES = {"file": ""}
"""The schemes that `service.url` may have, each with the extra that brings it."""
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
    levels: dict[str, Levels] = {}
    """By model, at which levels its coverage is said; those that answer as they were fitted are left out."""
    moved: int = 0
    """The number of the newest move of a level: a service does not go back behind it."""


def named_by(release: Release) -> list[str]:
    """The digests of all models that a release's routes and fallback name, each once."""
    names = [route.model for route in release.routes] + ([release.fallback] if release.fallback else [])
    return list(dict.fromkeys(names))


class PointerPlace(Protocol):
    """Where the pointer is kept: one envelope, replaced as a whole. The behaviour suite is
    `tests/deployment/test_pointer_place.py`.
    """

    where: str
    """For messages: what a person would look at."""

    def read(self) -> bytes | None:
        """The envelope; None where nothing is published yet.

        Raises:
            CorruptionError: what is there cannot be one.
        """
        ...

    def write(self, envelope: bytes) -> None:
        """Put an envelope in the place of the one before, whole or not at all; durable when it returns."""
        ...

    def version(self) -> Hashable:
        """Differs after every `write`; None where nothing is published. Asked several times a second."""
        ...

    def publishing(self) -> AbstractContextManager[None]:
        """Hold off other publishers, so that a slow one does not put an older release over a newer one."""
        ...


class PointerFile:
    """A `PointerPlace` in a folder, which is made when something is published."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / FILE
        self.where = str(self._path)

    def read(self) -> bytes | None:
        """The envelope; see `PointerPlace.read`."""
        try:
            return read_regular(self._path, _LARGEST)
        except FileNotFoundError:
            return None

    def write(self, envelope: bytes) -> None:
        """Put an envelope in the place of the one before."""
        clear_leftovers(self._path)
        write_durably(self._path, envelope)

    def version(self) -> Hashable:
        """Differs after every `write`."""
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    @contextmanager
    def publishing(self) -> Iterator[None]:
        """Hold off other publishers."""
        with storing(f"release pointer in {self._folder}"):
            make_directory(self._folder)
            try:
                let_go = FileLock(self._folder / "publish.lock").take(wait=True)
            except OSError:
                let_go = None  # where no lock can be made, no pointer can be written either; perhaps none has to be
            try:
                yield
            finally:
                if let_go is not None:
                    let_go()


def open_pointer(url: str, base: Path) -> PointerPlace:
    """The place of the pointer that a URL names.

    Args:
        url: `file:FOLDER`, or a folder.
        base: what a relative folder is relative to.

    Raises:
        ProjectError: no place of this scheme is known.
    """
    return PointerFile(folder_of(url, base, SCHEMES, setting="service.url"))


def write_pointer(place: PointerPlace, pointer: Pointer, keys: Keys) -> None:
    """Sign and publish, whole or not at all."""
    place.write(sign(canonical(pointer), PAYLOAD_TYPE, keys).encode())


def read_pointer(place: PointerPlace, trusted: TrustedKeys) -> Pointer | None:
    """The pointer, verified; None where nothing is published yet.

    Raises:
        SignatureError: it is not signed by a trusted key, or says something that this version does not read.
        ProjectError: it is of a later format.
        CorruptionError: something else than a file stands in its place, or a file that is larger than any pointer.
    """
    envelope = place.read()
    if envelope is None:
        return None
    payload = verify(envelope, PAYLOAD_TYPE, trusted, where=place.where)
    check_format(payload, "kreis.release/1", where=place.where)
    try:
        return msgspec.json.decode(payload, type=Pointer)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise SignatureError(
            f"signed, but says something that this version does not read: {error}",
            where=place.where,
            hint="a later version of kreis published it: pip install --upgrade kreis, and start the service again",
        ) from error


class Highest(msgspec.Struct, frozen=True, kw_only=True):
    """The newest release that a service has taken: an older pointer, however well signed, is not taken after it."""

    project: str
    number: int
    release: str
    """Its id."""
    moved: int = 0
    """The number of the newest move of a level that it came with."""

    @property
    def order(self) -> tuple[int, int]:
        """What is later has a greater one."""
        return self.number, self.moved


def remember_highest(folder: Path, release: Release, moved: int = 0) -> None:
    """Write down that a release has been taken, unless another worker has taken a later one meanwhile."""
    highest = Highest(project=release.project, number=release.number, release=release.id, moved=moved)
    with holding(FileLock(folder / f".{HIGHEST}.lock")):
        with suppress(CorruptionError):
            before = read_highest(folder)
            if before is not None and before.project == highest.project and before.order > highest.order:
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
