"""Settings of a project folder: `kreis.toml`, overridden by environment variables.

Every setting has a default, so an empty `kreis.toml` is a working one. `KREIS_<SECTION>_<NAME>` overrides
`name` in `[section]` (`KREIS_LEDGER_URL`). docs/reference/settings.md has a heading for each.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_type_hints

import msgspec

from kreis.errors import ProjectError

__all__ = [
    "ArtifactsSettings",
    "ClockSettings",
    "LakeSettings",
    "LedgerSettings",
    "OnlineSettings",
    "PeopleSettings",
    "ProjectSettings",
    "ServiceSettings",
    "Settings",
    "TrainingSettings",
    "find_folder",
    "load_settings",
]

FILE_NAME = "kreis.toml"


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

    path: str = ".kreis/lake"
    """Folder of the Delta tables."""


class ArtifactsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[artifacts]`"""

    path: str = ".kreis/artifacts"
    """Folder of the content-addressed artifacts."""


class OnlineSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[online]`"""

    path: str = ".kreis/online"
    """Folder of the online feature store."""


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[service]`"""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback needs a token."""
    port: int = 8080
    """Port to listen on."""
    path: str = ".kreis/service"
    """Folder of the release pointer and the prediction journal."""
    durability: Literal["process", "disk"] = "process"
    """What an answered prediction survives: a crash of the process, or a power cut (group fsync)."""
    token: str = ""
    """Bearer token that clients must send. Better given as KREIS_SERVICE_TOKEN."""


class PeopleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[people]`"""

    actor: str = ""
    """Who acts, as the ledger writes it; empty for the operating system's user name."""
    roles: dict[str, list[str]] = {}
    """Role name to the people who hold it: `roles.product_owner = ["anna"]`."""


class ClockSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[clock]`"""

    as_of: str = ""
    """The day that `kreis run` takes for today (ISO 8601, UTC); empty for the real one."""


class TrainingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[training]`"""

    seed: int = 7
    """Seed of every random choice in training."""
    threads: int = 2
    """Threads of a trainer. Part of the step key: some trainers' results depend on it."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings, by section."""

    project: ProjectSettings = ProjectSettings()
    ledger: LedgerSettings = LedgerSettings()
    lake: LakeSettings = LakeSettings()
    artifacts: ArtifactsSettings = ArtifactsSettings()
    online: OnlineSettings = OnlineSettings()
    service: ServiceSettings = ServiceSettings()
    people: PeopleSettings = PeopleSettings()
    clock: ClockSettings = ClockSettings()
    training: TrainingSettings = TrainingSettings()


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
        document: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ProjectError(f"not valid TOML: {error}", where=str(path)) from error
    _refuse_unknown(document, path)
    _override(document, os.environ if environment is None else environment)
    try:
        return msgspec.convert(document, type=Settings)
    except msgspec.ValidationError as error:
        raise ProjectError(str(error), where=str(path), hint="see docs/reference/settings.md") from error


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


def _override(document: dict[str, Any], environment: Mapping[str, str]) -> None:
    for section, kind in _sections().items():
        hints = get_type_hints(kind)
        for name in kind.__struct_fields__:
            variable = f"KREIS_{section}_{name}".upper()
            text = environment.get(variable)
            if text is None or hints[name] not in (str, int, Literal["process", "disk"]):
                continue
            try:
                document.setdefault(section, {})[name] = int(text) if hints[name] is int else text
            except ValueError as error:
                raise ProjectError(f"{text!r} is no whole number", where=variable) from error
