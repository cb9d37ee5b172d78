"""A project's folder at work: its settings, its stores, its clock. Stores open when first used."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING

from kreis.clock import Clock, SystemClock, parse_time
from kreis.durable import make_directory, storing
from kreis.errors import CorruptionError, KreisError, MissingLibraryError, PolicyError, ProjectError, StoreError
from kreis.locks import FileLock, holding_if_free, is_held
from kreis.places import folder_of
from kreis.settings import Settings, find_folder, load_settings
from kreis.texts import counted

if TYPE_CHECKING:
    from datetime import datetime

    from kreis.artifacts.store import ArtifactStore
    from kreis.compute.pool import Pool
    from kreis.deployment.packages import Package
    from kreis.deployment.people import Proof
    from kreis.deployment.pointer import PointerPlace
    from kreis.deployment.predictions.log import PredictionLog
    from kreis.deployment.releases import Releases
    from kreis.deployment.signing import Keys
    from kreis.lake.storage import LakeStorage
    from kreis.lake.store import Lake
    from kreis.ledger.store import Ledger
    from kreis.preparation.online.store import OnlinePlace
    from kreis.project import Project
    from kreis.reviews.queues import Queues

__all__ = ["Workspace", "set_passive_openmp_wait"]

_OWNER_ALONE = 0o700
"""The mode of a new `.kreis`: it holds personal data."""
_ALL_BUT_OWNER = 0o077
_FILE = {"file": ""}
"""The schemes of `lake.url`, `tracking.url`, `service.url` and `keys.url`, each with the extra that brings it."""
_OPEN_MODELS = 16
"""Packages that are kept open: as many as the releases that are looked at together name."""


class Workspace:
    """What every command works on."""

    def __init__(self, folder: Path, *, settings: Settings | None = None, clock: Clock | None = None) -> None:
        self.folder = folder.resolve()
        self.settings = settings if settings is not None else load_settings(self.folder)
        self.clock: Clock = clock if clock is not None else SystemClock()
        self._models: dict[str, Package] = {}

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """The workspace around a folder (the present one if not given), for a process that works on nothing else:
        what it writes from now on may be read by whom the folder's `.kreis` lets in.

        Raises:
            ProjectError: there is no kreis.toml here or above.
        """
        found = cls(find_folder((start if start is not None else Path.cwd()).resolve()))
        os.umask(_ALL_BUT_OWNER & ~(found.state.stat().st_mode if found.state.is_dir() else 0))
        return found

    @property
    def state(self) -> Path:
        """The folder of everything that kreis keeps itself."""
        return self.folder / ".kreis"

    @cached_property
    def actor(self) -> str:
        """Who acts, as the ledger writes it.

        Raises:
            PolicyError: the name is that of somebody else: another user of the operating system stands for it, or it
                has a key on record that is not here. The attempt is on record.
        """
        from kreis.ledger.people import keys_of, login, person_of

        people, user = self.settings.people, login()
        person = people.actor or person_of(user, people.users)
        if person != user:
            with self.ledger.read() as connection:
                known = person in people.users or bool(keys_of(connection, person))
            if known and self.proof_of(person) is None:
                self._refuse_name(person, user)
        return person

    def proof_of(self, person: str) -> Proof | None:
        """What shows that this process acts for a person; None where nothing does."""
        from kreis.deployment.people import prove

        people = self.settings.people
        with self.ledger.read() as connection:
            return prove(connection, person, people.users, self.person_key(person))

    def person_key(self, person: str) -> Path:
        """The file of a person's private key."""
        configured = self.settings.people.key
        if configured:
            return Path(configured).expanduser()
        config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        return config / "kreis" / f"{person.replace('/', '_')}.key"

    def releaser(self, approval: object | None) -> str:
        """Who releases: where another person's yes is needed, somebody who is known to be himself.

        Args:
            approval: whose yes is needed; None where none is.

        Raises:
            PolicyError: nothing shows who it is.
        """
        person = self.actor
        if approval is not None and self.proof_of(person) is None:
            raise PolicyError(
                f"nothing shows that {person!r} is acting; whose release needs another's yes must be known",
                where="kreis.toml [people]",
                hint=f"act under your own login, name it (users.{person} = …), or make a key: kreis keys new {person}",
            )
        return person

    def _refuse_name(self, person: str, user: str) -> None:
        with self.ledger.record(
            event="name.refused", subject=f"person {person}", actor=user, reason=f"{user!r} acted as {person!r}"
        ):
            pass
        raise PolicyError(
            f"the user {user!r} is not {person!r}",
            where="kreis.toml [people], or KREIS__PEOPLE__ACTOR",
            hint=f"act under your own name; {person} signs with his key, or users.{person} names his login",
        )

    @cached_property
    def ledger(self) -> Ledger:
        """The record.

        Raises:
            CorruptionError: it is gone, or lacks what was acknowledged.
        """
        from kreis.lake.belonging import check_belonging
        from kreis.ledger.people import login
        from kreis.ledger.store import open_ledger

        if not self.state.exists():
            make_directory(self.state)
            self.state.chmod(_OWNER_ALONE)
        place = self.ledger_place
        if isinstance(place, Path) and not place.exists() and (left := self._left_behind()) is not None:
            raise CorruptionError(
                f"the ledger is gone, but {left} is there: without the record nobody knows what it is",
                where=f"ledger {place}",
                hint="`kreis ledger restore BACKUP --reason …` puts a backup back; to start over, move .kreis away",
            )
        ledger = open_ledger(place, clock=self.clock, head_at=self.head_path)
        ledger.user = login()
        try:
            check_belonging(ledger, self.lake_storage)
        except BaseException:
            ledger.close()
            raise
        return ledger

    @property
    def ledger_place(self) -> str | Path:
        """The ledger's file, or the URL of its database."""
        return self.settings.ledger.url or self.state / "ledger.db"

    @property
    def head_path(self) -> Path:
        """Where the ledger's head is kept a second time."""
        return self.state / ("ledger.head" if self.settings.ledger.url else "ledger.db-head")

    def _left_behind(self) -> Path | None:
        """A table or a pointer, which only a ledger could have led to."""
        logs = self.lake_folder.glob("*/*/_delta_log")
        pointer = self.service_folder / "current.json"
        return next((log.parent for log in sorted(logs)), pointer if pointer.exists() else None)

    @property
    def lake_folder(self) -> Path:
        """The folder of the lake's tables."""
        return folder_of(self.settings.lake.url, self.folder, _FILE, setting="lake.url")

    @cached_property
    def lake_storage(self) -> LakeStorage:
        """Where the bytes of the lake's tables are."""
        from kreis.lake.folder import FolderStorage

        return FolderStorage(self.lake_folder)

    @cached_property
    def lake(self) -> Lake:
        """The tables."""
        from kreis.lake.store import Lake

        return Lake(self.lake_storage, self.ledger)

    @cached_property
    def artifacts(self) -> ArtifactStore:
        """The content-addressed bytes."""
        from kreis.artifacts.places import open_artifacts

        return open_artifacts(self.settings.artifacts.url, self.folder)

    @property
    def tracking_folder(self) -> Path:
        """The folder of what runs log."""
        return folder_of(self.settings.tracking.url, self.folder, _FILE, setting="tracking.url")

    @property
    def trusted_keys(self) -> Path:
        """The folder of the public keys whose packages and releases are taken."""
        return self._keys_folder / "trusted"

    @property
    def _keys_folder(self) -> Path:
        return folder_of(self.settings.keys.url, self.folder, _FILE, setting="keys.url")

    @cached_property
    def keys(self) -> Keys:
        """The keys that sign packages.

        Raises:
            StoreError: the signing key is gone, though models were signed with it.
        """
        from kreis.deployment.signing import FileKeys
        from kreis.ledger.models import list_models

        folder = self._keys_folder
        if not (folder / "signing.key").exists():
            with self.ledger.read() as connection:
                signed = list_models(connection)
            if signed:
                raise StoreError(
                    f"the signing key is gone; {counted(len(signed), 'model was', 'models were')} signed with it",
                    where=str(folder / "signing.key"),
                    hint="restore it, or `kreis keys renew --reason …`: a new key signs what the record vouches for",
                )
        return FileKeys(folder)

    @property
    def pointer(self) -> PointerPlace:
        """Where the service's pointer is kept."""
        from kreis.deployment.pointer import open_pointer

        return open_pointer(self.settings.service.url, self.folder)

    def releases(self, project: str) -> Releases:
        """The releases of a project: what is changed there goes on record, and to the service.

        Raises:
            StoreError: the signing key is gone, though models were signed with it.
        """
        from kreis.deployment.releases import Releases

        return Releases(self.ledger, project, self.pointer, self.keys)

    def open_model(self, digest: str) -> Package:
        """A registered model's package, verified when it is opened; the last few stay open.

        Raises:
            ProjectError: no such model is registered, or this version does not read its package.
            SignatureError: the package is not what was signed.
            CorruptionError: a file of it is gone or damaged.
        """
        from kreis.deployment.packages import open_package
        from kreis.deployment.signing import load_trusted
        from kreis.ledger.models import get_model, successors

        package = self._models.pop(digest, None)
        if package is None:
            with self.ledger.read() as connection:
                model, erased = get_model(connection, digest), digest in successors(connection)
            trusted = load_trusted(self.trusted_keys)
            package = open_package(digest, model.signature, self.artifacts, trusted, erased=erased)
            if len(self._models) >= _OPEN_MODELS:
                del self._models[next(iter(self._models))]
        self._models[digest] = package
        return package

    @cached_property
    def compute(self) -> Pool:
        """Where work runs that can be spread."""
        from kreis.compute.places import open_pool

        return open_pool(self.settings.compute.url)

    def moment(self, text: str = "") -> datetime:
        """The moment of a run: as given, else as in kreis.toml, else the start of today (so that a second run on the
        same day has nothing to compute).

        Raises:
            ProjectError: the text is not a valid time.
        """
        chosen = text or self.settings.clock.as_of
        if not chosen:
            return self.clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            return parse_time(chosen)
        except ValueError as error:
            where = "--as-of" if text else "kreis.toml [clock]"
            raise ProjectError(f"{chosen!r} is not a valid time", where=where, hint="write 2013-05-01") from error

    @property
    def service_folder(self) -> Path:
        """The folder of the release pointer and the prediction journal."""
        return folder_of(self.settings.service.url, self.folder, _FILE, setting="service.url")

    @property
    def journal_folder(self) -> Path:
        """The folder of prediction records that are not in the lake yet."""
        return self.service_folder / "journal"

    @property
    def prediction_log(self) -> PredictionLog:
        """What the service writes down, as far as it is not in the lake yet."""
        from kreis.deployment.predictions.log import FolderLog

        return FolderLog(self.journal_folder)

    @property
    def reviews_file(self) -> Path:
        """Where reviewers get items and leave labels (`kreis.reviews.desk`)."""
        return self.service_folder / "reviews.db"

    @property
    def reviews(self) -> Queues:
        """What people label."""
        from kreis.reviews.desk import Desk
        from kreis.reviews.queues import Queues

        return Queues(self.ledger, self.lake, Desk(self.reviews_file), actor=self.actor, clock=self.clock)

    @property
    def online(self) -> OnlinePlace:
        """Where the online store is kept."""
        from kreis.preparation.online.places import open_online

        return open_online(self.settings.online.url, self.folder)

    def load_project(self) -> Project:
        """Execute the project's file and return what it declares.

        Raises:
            ProjectError: the file is missing, does not run, or declares no project.
        """
        from kreis.project import Project

        path = self.folder / self.settings.project.file
        if not path.is_file():
            raise ProjectError(
                f"there is no {self.settings.project.file}",
                where=str(self.folder),
                hint="run `kreis init`, or set file in [project] of kreis.toml",
            )
        module = _execute(path)
        found = [value for value in vars(module).values() if isinstance(value, Project)]
        if len(found) != 1:
            raise ProjectError(
                f"declares {len(found)} projects", where=str(path), hint="write project = Project(…) once"
            )
        found[0].check()
        return found[0]

    @contextmanager
    def only_run(self) -> Iterator[None]:
        """Hold the folder's run lock: one circle at a time.

        Raises:
            StoreError: another process holds it, or this user may not write in the folder.
        """
        path = self.state / "run.lock"
        with ExitStack() as stack:
            with storing(f"run lock {path}"):
                make_directory(self.state)
                here = stack.enter_context(holding_if_free(FileLock(path)))
            if not here or not (self._is_file or stack.enter_context(holding_if_free(self.ledger.lock("run")))):
                raise StoreError(
                    "another kreis run is at work in this folder" if not here else "another kreis run is at work",
                    where=str(self.folder) if not here else self.ledger.where,
                    hint="wait for it, or look at `kreis status`",
                )
            yield

    def run_is_at_work(self) -> bool:
        """Whether a process holds the run lock. Needs no right to write.

        Raises:
            StoreError: it cannot be asked.
        """
        path = self.state / "run.lock"
        with storing(f"run lock {path}"):
            if is_held(path):
                return True
        if self._is_file:
            return False
        with holding_if_free(self.ledger.lock("run")) as free:
            return not free

    @property
    def _is_file(self) -> bool:
        """Whether the ledger is a file, so that no other machine runs on it."""
        return isinstance(self.ledger_place, Path) or "://" not in self.ledger_place


def set_passive_openmp_wait() -> None:
    """Let the OpenMP threads of trainers sleep while they wait. To be called before a trainer is imported.

    By default they spin; where another process wants the same cores, a fit then takes ten times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


class _AsItStands(SourceFileLoader):
    """Compiles what stands in a file now. Python keeps bytecode by a file's second and size: after an edit of the same
    second and size it would run what stood there before, and a step would remember it as what stands there now.
    """

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


_FOLDERS: set[Path] = set()
"""Of projects: what is imported from them is read as it stands."""


def _finder(folder: str) -> FileFinder:
    """What finds modules in a project's folder, or in a package below; libraries that are found there by a path of
    their own are none of it.

    Raises:
        ImportError: it is another folder.
    """
    for each in (Path(folder), *Path(folder).parents):
        if each in _FOLDERS:
            return FileFinder(folder, (_AsItStands, SOURCE_SUFFIXES), (ExtensionFileLoader, EXTENSION_SUFFIXES))
        if str(each) in sys.path:
            break
    raise ImportError


def _importable(folder: Path) -> None:
    """Let modules beside a project's file be imported, as they stand."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    if folder not in _FOLDERS:
        _FOLDERS.add(folder)
        if _finder not in sys.path_hooks:
            sys.path_hooks.insert(0, _finder)
        for each in [each for each in sys.path_importer_cache if folder in (Path(each), *Path(each).parents)]:
            del sys.path_importer_cache[each]


def _execute(path: Path) -> object:
    """Run a project's file as a module, with its folder importable."""
    set_passive_openmp_wait()
    _importable(path.parent)
    name = f"kreis_project_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_AsItStands(name, str(path)))
    if spec is None or spec.loader is None:
        raise ProjectError("not a Python file", where=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except KreisError as error:
        if str(path.parent) not in (error.where or ""):
            place = _place(error, path)
            error.where = f"{place}, {error.where}" if error.where else place
        raise
    except Exception as error:
        place = _place(error, path)
        if missing := MissingLibraryError.of(error):
            missing.where = place
            raise missing from error
        raise ProjectError(f"{type(error).__name__}: {error}", where=place) from error
    return module


def _place(error: Exception, path: Path) -> str:
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if Path(frame.filename).parent == path.parent]
    return f"{inside[-1].filename}:{inside[-1].lineno}" if inside else str(path)
