"""The service as the demo runs it: a real process on loopback, ended with the demo."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kreis.actions.serve import write_config
from kreis.errors import ServiceError
from kreis.workspace import Workspace

__all__ = ["RunningService", "running_service"]


class RunningService:
    """A service's process and where it listens."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    @property
    def address(self) -> str:
        """As a person would type it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def cpu_seconds(self) -> float:
        """CPU time that the process has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def check(self) -> None:
        """See that it is alive.

        Raises:
            ServiceError: it has ended; the hint is the end of its log.
        """
        if self.process.poll() is not None:
            raise ServiceError(
                f"the service has ended with exit code {self.process.returncode}",
                where=str(self.log),
                hint="\n".join(self.log.read_text(errors="replace").splitlines()[-8:]),
            )


@contextmanager
def running_service(workspace: Workspace, project: str, port: int) -> Iterator[RunningService]:
    """Start the service on simulated time; end it, gracefully, when the block is left."""
    config = write_config(workspace, project, host="127.0.0.1", port=port, simulated=True)
    log = workspace.service_folder / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "kreis.deployment.server", str(config)], stdout=output, stderr=output
        )
        service = RunningService(process, port, log)
        try:
            yield service
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_listening(service: RunningService, *, seconds: float = 20.0) -> None:
    """Return once the service accepts connections.

    Raises:
        ServiceError: it does not in time, or has ended.
    """
    import socket

    deadline = time.monotonic() + seconds
    while True:
        service.check()
        try:
            with socket.create_connection(("127.0.0.1", service.port), timeout=0.5):
                return
        except OSError as error:
            if time.monotonic() > deadline:
                raise ServiceError("the service does not listen", where=service.address) from error
            time.sleep(0.05)
