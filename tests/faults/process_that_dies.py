"""`kreis` that kills itself (-9) around one of its durable operations. Usage: PLACE ARGUMENT…

Every fsync, rename, link and unlink, and every begin and commit of the ledger, counts as two places: just before
it and just after. PLACE 0 kills nothing and says at the end how many places there were.
"""

from __future__ import annotations

import atexit
import itertools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event

_COUNT = itertools.count(1)


def pass_place(place: int) -> None:
    if next(_COUNT) == place:
        os.killpg(0, signal.SIGKILL)


def watched(function: Callable[..., Any], place: int) -> Callable[..., Any]:
    def call(*arguments: Any, **named: Any) -> Any:
        pass_place(place)
        result = function(*arguments, **named)
        pass_place(place)
        return result

    return call


def main() -> None:
    place = int(sys.argv.pop(1))
    for name in ("fsync", "rename", "replace", "link", "unlink"):
        setattr(os, name, watched(getattr(os, name), place))
    for name in ("begin", "commit"):
        event.listen(Engine, name, lambda connection: pass_place(place))
    if not place:
        atexit.register(lambda: os.write(2, f"places {next(_COUNT) - 1}\n".encode()))

    from kreis.cli.main import main as kreis

    kreis()


if __name__ == "__main__":
    main()
