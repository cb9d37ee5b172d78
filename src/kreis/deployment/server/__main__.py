"""`python -m kreis.deployment.server CONFIG.json`: serve until told to stop."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from kreis.deployment.server.config import read_config
from kreis.deployment.server.supervisor import WORKER, supervise
from kreis.durable import read_regular
from kreis.errors import KreisError

_LIMIT = 1 << 20
"""Bytes that a configuration may have."""


def main(arguments: list[str]) -> int:
    """Read the configuration and serve, alone or by several workers; returns an exit code."""
    if arguments[:1] == [WORKER] and len(arguments) == 3:
        return _run(lambda: _work(int(arguments[1]), int(arguments[2])), f"worker {arguments[1]}: ")
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m kreis.deployment.server CONFIG.json\n")
        return 2
    return _run(lambda: _serve(Path(arguments[0])), "")


def _run(task: Callable[[], int], who: str) -> int:
    try:
        return task()
    except KreisError as error:
        sys.stderr.write(f"{who}{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"{who}{error}\n")
        return 1


def _serve(path: Path) -> int:
    token = os.environ.get("KREIS__SERVICE__TOKEN") or os.environ.get("KREIS_SERVICE_TOKEN")  # its former name
    config = read_config(read_regular(path, _LIMIT), token=token)
    config.check()
    if config.workers == 1:
        from kreis.deployment.server.process import serve

        serve(config)
    return supervise(config)


def _work(number: int, handle: int) -> int:
    from kreis.deployment.server.process import serve_as_worker

    serve_as_worker(number, handle)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
