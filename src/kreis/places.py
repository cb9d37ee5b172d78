"""Where a store is kept, as the settings say it: a URL whose scheme names the kind of store.

`file:.kreis/lake` is a folder, relative to the project's; so are `file:/data/lake`, `file:///data/lake` and, as before
there were URLs, a bare path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from kreis.errors import ProjectError

__all__ = ["absolute", "files_holding", "folder_if_any", "folder_of", "scheme_of"]

_FOLDERS = {"file": "", "lmdb": ""}
_PIECE = 1 << 20
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):(.*)", re.DOTALL)


def scheme_of(url: str, known: Mapping[str, str], *, setting: str) -> tuple[str, str]:
    """A URL's scheme, and what follows its colon.

    Args:
        url: as in the settings; a bare path is one of the first scheme known.
        known: the schemes that can be chosen here, each with the extra of kreis that brings it ("" for none).
        setting: its name, for the message.

    Raises:
        ProjectError: the scheme is not among those known.

    >>> scheme_of("file:.kreis/lake", {"file": ""}, setting="lake.url")
    ('file', '.kreis/lake')
    """
    found = _SCHEME.fullmatch(url)
    if found is None:
        return next(iter(known)), url
    scheme, rest = found.groups()
    if scheme not in known:
        choices = [f"{each}:" + (f" (pip install 'kreis[{extra}]')" if extra else "") for each, extra in known.items()]
        raise ProjectError(
            f"{scheme!r} is not a known kind of place", where=setting, hint=f"known: {', '.join(choices)}"
        )
    return scheme, rest


def folder_of(url: str, base: Path, known: Mapping[str, str], *, setting: str) -> Path:
    """The folder that a URL names, where all schemes known are folders.

    Args:
        url: as in the settings.
        base: what a relative path is relative to.
        known: see `scheme_of`.
        setting: its name, for the message.

    Raises:
        ProjectError: the scheme is not among those known, or the URL names another machine.

    >>> folder_of("file:///data/lake", Path("/project"), {"file": ""}, setting="lake.url")
    PosixPath('/data/lake')
    """
    _, rest = scheme_of(url, known, setting=setting)
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host not in ("", "localhost"):
            raise ProjectError(
                f"{url!r} names another machine", where=setting, hint=f"write file:/{path} for a folder of this one"
            )
        rest = slash + path
    return base / rest


def folder_if_any(url: str, base: Path) -> Path | None:
    """The folder that a URL names; None where it names something else.

    >>> folder_if_any("lmdb:.kreis/online", Path("/project"))
    PosixPath('/project/.kreis/online')
    """
    found = _SCHEME.fullmatch(url)
    return folder_of(url, base, _FOLDERS, setting="") if found is None or found[1] in _FOLDERS else None


def absolute(url: str, base: Path) -> str:
    """The URL as another process reads it, which does not know what a relative folder is relative to.

    >>> absolute("file:.kreis/lake", Path("/project"))
    'file:/project/.kreis/lake'
    """
    folder = folder_if_any(url, base)
    if folder is None:
        return url
    found = _SCHEME.fullmatch(url)
    return f"{'file' if found is None else found[1]}:{folder}"


def files_holding(folder: Path, value: str) -> list[Path]:
    """The files in a folder whose bytes hold a value."""
    return [path for path in sorted(folder.rglob("*")) if path.is_file() and _holds(path, value.encode())]


def _holds(path: Path, value: bytes) -> bool:
    with path.open("rb") as file:
        end = b""
        while piece := file.read(_PIECE):
            if value in end + piece:
                return True
            end = piece[-len(value) :]
    return False
