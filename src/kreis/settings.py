"""Settings of a project folder: `kreis.toml`, overridden by environment variables.

Every setting has a default, so an empty `kreis.toml` is a working one. `KREIS__<SECTION>__<NAME>` overrides
`name` in `[section]` (`KREIS__LEDGER__URL`). The two underscores keep clear of what Kubernetes sets for a Service named
`kreis` (`KREIS_SERVICE_PORT`). docs/reference/settings.md has a heading for each.
"""

from __future__ import annotations

import os
import re
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_origin, get_type_hints

import msgspec

from kreis.errors import KreisWarning, ProjectError

__all__ = [
    "ArtifactsSettings",
    "ClockSettings",
    "ComputeSettings",
    "KeysSettings",
    "LakeSettings",
    "LedgerSettings",
    "LoopSettings",
    "OnlineSettings",
    "PeopleSettings",
    "ProjectSettings",
    "ServiceSettings",
    "Settings",
    "ToolsSettings",
    "TrackingSettings",
    "TrainingSettings",
    "find_folder",
    "load_settings",
    "variable_of",
]

FILE_NAME = "kreis.toml"
PREFIX = "KREIS__"
RENAMED = {
    "lake.path": "lake.url",
    "artifacts.path": "artifacts.url",
    "online.path": "online.url",
    "service.path": "service.url",
}
"""Former name to present name: read under both, with a warning. What was a `path` is a `url` of a folder."""
_DIGEST = re.compile(r"[0-9a-f]{64}")
_OURS = re.compile(r"KREIS__[A-Z]+__")
_LINK = re.compile(r"(tcp|udp|sctp)://")


class ProjectSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[project]`"""

    file: str = "project.py"
    """The Python file that declares the project, relative to the folder."""


class LedgerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[ledger]`"""

    url: str = ""
    """Where the record is kept: empty for SQLite in the folder, or `postgresql://user@host/database`."""


class LakeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[lake]`"""

    url: str = "file:.kreis/lake"
    """Where the Delta tables are kept: `file:` and a folder."""
    keep_versions: str = "90d"
    """How long `kreis lake retain` keeps what a table was before (`90d`); empty for ever."""
    keep_log: str = ""
    """How many days of the prediction log `kreis lake retain` keeps (`400d`); empty for ever."""


class ArtifactsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[artifacts]`"""

    url: str = "file:.kreis/artifacts"
    """Where the content-addressed artifacts are kept: `file:` and a folder."""


class TrackingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tracking]`"""

    url: str = "file:.kreis/tracking"
    """Where what runs log is kept (points, parameters, use of the machine): `file:` and a folder."""
    mlflow: str = ""
    """URL of an MLflow server that runs are mirrored to when they have ended (`http://mlflow:5000`); empty for none."""


class OnlineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[online]`"""

    url: str = "lmdb:.kreis/online"
    """Where the online feature store is kept: `lmdb:` and a folder."""


class AskerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[service.askers.NAME]`: somebody who asks questions with a token of their own."""

    sha256: str
    """Of the token."""
    tenant: str = ""
    """Whose documents they may read, beside those that all tenants share."""
    groups: list[str] = []
    """Of the documents for some groups, which they may read."""

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(self.sha256):
            raise ValueError(
                f"{self.sha256[:80]!r} is no SHA-256 of a token (64 hexadecimal digits: printf %s TOKEN | sha256sum)"
            )


class ReviewerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[service.reviewers.NAME]`: somebody who labels items over HTTP with a token of their own."""

    sha256: str
    """Of the token."""
    queues: list[str] = []
    """That they may label; no others."""


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[service]`"""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback needs a token."""
    port: int = 8080
    """Port to listen on."""
    workers: int = 1
    """Processes that answer behind the port. Each takes a core and its own copy of the models."""
    url: str = "file:.kreis/service"
    """Where the release pointer and the prediction journal are kept: `file:` and a folder."""
    durability: Literal["process", "disk"] = "process"
    """What an answered prediction survives: a crash of the process, or a power cut (group fsync)."""
    token: str = ""
    """Bearer token that clients must send. Better given as KREIS__SERVICE__TOKEN."""
    answers: int = 32
    """Answers to questions that a worker has under way at most; further questions are refused with 503."""
    answer_ms: int = 30_000
    """How long an answer to a question may take (ms); then the question is passed on."""
    askers: dict[str, AskerSettings] = {}
    """Name to who asks questions, by the SHA-256 of a token of their own: `askers.anna = {sha256 = "…", tenant = "a",
    groups = ["hr"]}`. Without any, whoever may use the service asks as a person without groups, of no tenant."""
    reviewers: dict[str, ReviewerSettings] = {}
    """Name to who labels items over HTTP, by the SHA-256 of a token of their own: `reviewers.bo = {sha256 = "…",
    queues = ["answers"]}`. Without any, nobody does."""

    def __post_init__(self) -> None:
        digests = [each.sha256 for each in self.askers.values()]
        same = [name for name, each in self.askers.items() if digests.count(each.sha256) > 1]
        if same:
            raise ValueError(f"askers {' and '.join(same)} have the same token: each needs one of their own")


class PeopleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[people]`"""

    actor: str = ""
    """Who acts, as the ledger writes it; empty for the operating system's user name."""
    roles: dict[str, list[str]] = {}
    """Role name to the people who hold it: `roles.product_owner = ["anna"]`."""
    users: dict[str, str] = {}
    """Person to the operating system's user who is that person: `users.anna = "ameier"`."""
    key: str = ""
    """File of the acting person's private key (`kreis keys new`); empty for `~/.config/kreis/NAME.key`."""


class ClockSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[clock]`"""

    as_of: str = ""
    """The day that `kreis run` takes for today (ISO 8601, UTC); empty for the real one. On a fixed day no time passes,
    so no later model is compared with the one in service at a level that lets it pass."""


class KeysSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[keys]`"""

    url: str = "file:.kreis/keys"
    """Where the keys are kept that sign packages and releases: `file:` and a folder."""


class ComputeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[compute]`"""

    url: str = "threads:"
    """Where work runs that can be spread (the trials of a search): `threads:` of the process."""


class LoopSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[loop]`"""

    rounds: int = 3
    """How often a run performs a discipline at most, when work is sent back; 1 ends it there."""
    within: str = "1h"
    """How long after its start a run may still go back."""


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[training]`"""

    seed: int = 7
    """Seed of every random choice in training."""
    threads: int = 2
    """Threads of a trainer. Part of the step key: some trainers' results depend on it."""


class ToolsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[tools]`"""

    url: str = "unix:.kreis/tools.sock"
    """Where `kreis tools` listens: `unix:` and a path, or `tcp://127.0.0.1:PORT`."""
    key: str = ".kreis/tools.key"
    """File of the key that the service and the tools share; made by whichever needs it first."""
    workers: int = 2
    """Processes that run calls: so many at once."""
    limit_s: float = 10.0
    """How many seconds a call may take before its process is ended."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings, by section."""

    project: ProjectSettings = ProjectSettings()
    ledger: LedgerSettings = LedgerSettings()
    lake: LakeSettings = LakeSettings()
    artifacts: ArtifactsSettings = ArtifactsSettings()
    tracking: TrackingSettings = TrackingSettings()
    online: OnlineSettings = OnlineSettings()
    service: ServiceSettings = ServiceSettings()
    people: PeopleSettings = PeopleSettings()
    clock: ClockSettings = ClockSettings()
    keys: KeysSettings = KeysSettings()
    compute: ComputeSettings = ComputeSettings()
    training: TrainingSettings = TrainingSettings()
    loop: LoopSettings = LoopSettings()
    tools: ToolsSettings = ToolsSettings()


def find_folder(start: Path) -> Path:
    """The nearest folder, from `start` upwards, that holds a `kreis.toml`.

    Raises:
        ProjectError: there is none.
    """
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder
    raise ProjectError(
        f"no {FILE_NAME} here or above",
        where=str(start),
        hint="run `kreis init` to begin a project here, or `kreis demo flights` to see a whole one",
    )


def load_settings(folder: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Read a folder's settings.

    Args:
        folder: The project's folder.
        environment: Variables that override the file; those of the process if not given.

    Raises:
        ProjectError: no TOML, an unknown name, or a value of the wrong type.
    """
    path = folder / FILE_NAME
    try:
        # Some editors begin a file with a byte-order mark, which is no TOML.
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"not valid TOML: {error}", where=str(path)) from error
    _rename(document, path)
    _refuse_unknown(document, path)
    _override(document, os.environ if environment is None else environment)
    try:
        return msgspec.convert(document, type=Settings)
    except msgspec.ValidationError as error:
        raise ProjectError(str(error), where=str(path), hint="see docs/reference/settings.md") from error


def variable_of(section: str, name: str) -> str:
    """The variable that overrides a setting."""
    return f"{PREFIX}{section}__{name}".upper()


def _sections() -> dict[str, type[Any]]:
    return get_type_hints(Settings)


def _refuse_unknown(document: dict[str, Any], path: Path) -> None:
    sections = _sections()
    for section, values in document.items():
        if section not in sections:
            raise ProjectError.unknown_name("section", section, sections, where=str(path))
        names = sections[section].__struct_fields__
        for name in values if isinstance(values, dict) else ():
            if name not in names:
                raise ProjectError.unknown_name("setting", name, names, where=f"{path} [{section}]")


def _rename(document: dict[str, Any], path: Path) -> None:
    """Take settings under their former names, with a warning."""
    for old, new in RENAMED.items():
        section, name = old.split(".")
        values = document.get(section)
        if not isinstance(values, dict) or name not in values:
            continue
        value = _as_url(old, new, values.pop(name))
        _warn(f"{path}: {old!r} is now called {new!r} (write {value!r})")
        if not values:
            del document[section]
        section, name = new.split(".")
        document.setdefault(section, {}).setdefault(name, value)


def _override(document: dict[str, Any], environment: Mapping[str, str]) -> None:
    known = {variable_of(section, name): (section, name, hint) for section, name, hint in _scalars()}
    renamed = {variable_of(*old.split(".")) for old in RENAMED}
    for variable in environment:
        if _OURS.match(variable) and variable not in known and variable not in renamed:
            raise ProjectError.unknown_name("variable", variable, known, where="environment")
    foreign = _set_by_kubernetes(environment)
    ignored: dict[str, str] = {}
    for variable, (section, name, hint) in known.items():
        found, value = variable, environment.get(variable)
        for former in () if variable in environment else _former_variables(section, name):
            if former in foreign:
                ignored[former] = variable
            elif former in environment:
                found = former
                value = _as_url(former.lower(), variable.lower(), environment[former])
                _warn(f"the variable {former} is now called {variable} (write {value})")
        if value is None:
            continue
        try:
            document.setdefault(section, {})[name] = msgspec.convert(value, type=hint, strict=False)
        except msgspec.ValidationError as error:
            hint_text = f"{section}.{name} in docs/reference/settings.md says what it takes"
            raise ProjectError(f"{value!r}: {error}", where=found, hint=hint_text) from error
    if ignored:
        them = "; ".join(f"{former}={environment[former]} (the setting is {now})" for former, now in ignored.items())
        _warn(f"set by Kubernetes for a Service of that name, and ignored: {them}")


def _as_url(old: str, new: str, value: Any) -> Any:
    """What a setting says by its new name: a path is the URL of a folder."""
    return f"file:{value}" if old.endswith("path") and new.endswith("url") else value


def _scalars() -> Iterator[tuple[str, str, Any]]:
    """Section, name and type of every setting that fits into a variable."""
    for section, kind in _sections().items():
        for name, hint in get_type_hints(kind).items():
            if get_origin(hint) not in (dict, list):
                yield section, name, hint


def _former_variables(section: str, name: str) -> Iterator[str]:
    """Variables that once held the setting: with one underscore, or of a setting that was renamed."""
    yield f"KREIS_{section}_{name}".upper()
    for old, new in RENAMED.items():
        if new == f"{section}.{name}":
            yield variable_of(*old.split("."))
            yield f"KREIS_{old.replace('.', '_')}".upper()


def _set_by_kubernetes(environment: Mapping[str, str]) -> set[str]:
    """For a Service `kreis-service`, KREIS_SERVICE_PORT is tcp://…; for a Service `kreis`, KREIS_PORT is, and
    KREIS_SERVICE_HOST and KREIS_SERVICE_PORT describe it."""
    links = {variable for variable, value in environment.items() if _LINK.match(value)}
    return links | ({"KREIS_SERVICE_HOST", "KREIS_SERVICE_PORT"} & set(environment) if "KREIS_PORT" in links else set())


def _warn(text: str) -> None:
    warnings.warn(text, KreisWarning, stacklevel=2)
