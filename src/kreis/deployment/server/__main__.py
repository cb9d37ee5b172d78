"""`python -m kreis.deployment.server CONFIG.json`: serve until told to stop."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from kreis.deployment.server.config import read_config
from kreis.deployment.server.process import serve
from kreis.durable import read_regular
from kreis.errors import KreisError

_LIMIT = 1 << 20
"""Bytes that a configuration may have."""


def main(arguments: list[str]) -> int:
    """Read the configuration and serve; returns an exit code only where that fails."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m kreis.deployment.server CONFIG.json\n")
        return 2
    try:
        token = os.environ.get("KREIS__SERVICE__TOKEN") or os.environ.get("KREIS_SERVICE_TOKEN")  # its former name
        serve(read_config(read_regular(Path(arguments[0]), _LIMIT), token=token))
    except KreisError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
