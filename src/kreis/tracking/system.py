"""What work takes of the machine."""

from __future__ import annotations

import os
import resource
import sys
import time

__all__ = ["Usage"]

_KIB = 1024 if sys.platform != "darwin" else 1
"""What one of `ru_maxrss` is, in bytes."""


class Usage:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._cpu = _cpu()

    def since(self) -> tuple[float, float, float]:
        """Seconds; CPU seconds of all threads and of processes that have ended; MB that the process held at most."""
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIB / 1e6
        return round(time.perf_counter() - self._started, 3), round(_cpu() - self._cpu, 3), round(most, 1)


def _cpu() -> float:
    return sum(os.times()[:4])
