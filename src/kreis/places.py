"""Where a store is kept, as the settings say it: a URL whose scheme names the kind of store.

`file:.kreis/lake` is a folder, relative to the project's; so are `file:/data/lake`, `file:///data/lake` and, as before
there were URLs, a bare path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from kreis.errors import ProjectError

__all__ = ["folder_of", "scheme_of"]

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
            f"{scheme}: is not a kind of place that this setting knows", where=setting, hint=f"known: {', '.join(choices)}"
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
