"""`kreis` in a process of its own that need not import anything: it is forked from one that has imported all.

A command has its own folder, environment, streams, exit code and end, as in a terminal; what it lacks is a start, which
takes most of the time of a short command. What a start decides (what is imported, the order of sets) needs a real one.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

LIBRARIES = ("altair", "lightgbm", "onnxmltools", "rich.live", "sklearn.linear_model")
"""What kreis imports inside functions. Not onnxruntime and deltalake: they start threads, which a fork loses."""


@cache
def forked_kreis() -> ForkedKreis:
    """The one of this process, started when the first command runs."""
    started = ForkedKreis()
    atexit.register(started.stop)
    return started


class ForkedKreis:
    """The process that is forked for each command, one after another."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)
        self._answers = self._ours.makefile("rb")

    def run(
        self, words: list[str], folder: Path, environment: dict[str, str], limit_s: float, *, file: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end: `kreis`, or a file of Python."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            socket.send_fds(self._ours, [b"!"], [out.fileno(), err.fileno()])
            asked = {"words": words, "folder": str(folder), "environment": environment, "file": str(file or "")}
            self._ours.sendall(json.dumps(asked).encode() + b"\n")
            self._ours.settimeout(limit_s)
            try:
                code = int(self._answers.readline())
            except TimeoutError as late:
                forked_kreis.cache_clear()
                self.stop()
                raise subprocess.TimeoutExpired(words, limit_s) from late
            said = []
            for stream in (out, err):
                stream.seek(0)
                said.append(stream.read().decode())
        return subprocess.CompletedProcess(words, code, *said)

    def stop(self) -> None:
        """End it, with whatever command still runs."""
        self._answers.close()
        self._ours.close()
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _import_all() -> None:
    import kreis

    names = [each.name for each in pkgutil.walk_packages(kreis.__path__, "kreis.")]
    for name in [*names, *LIBRARIES]:
        if not name.endswith(("__main__", "migrations.env")):  # what runs when it is imported
            with suppress(ModuleNotFoundError):  # an extra that is not installed
                importlib.import_module(name)
    gc.collect()
    gc.freeze()


def _fork_until_asked_no_more(end: socket.socket) -> dict[str, Any] | None:
    """What to run, in each child; nothing in the parent, at its end."""
    while True:
        mark, streams, *_ = socket.recv_fds(end, 1, 2)
        if not mark:
            return None
        asked = bytearray()
        while not asked.endswith(b"\n"):
            asked += end.recv(1 << 16)
        child = os.fork()
        if child == 0:
            for number, stream in enumerate(streams, 1):
                os.dup2(stream, number)
                os.close(stream)
            end.close()
            return dict(json.loads(asked))
        for stream in streams:
            os.close(stream)
        _, status = os.waitpid(child, 0)
        end.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _become(words: list[str], folder: str, environment: dict[str, str], file: str) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.path[:1] = [
        os.path.dirname(file) if file else folder,
        *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep)),
    ]
    sys.argv[1:] = words
    if file:
        runpy.run_path(file, run_name="__main__")
    else:
        runpy.run_module("kreis", run_name="__main__", alter_sys=True)


def _end(code: int) -> None:
    """End as Python does, but leave all modules in memory to the system: to take them apart takes 0.1 s."""
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    _import_all()
    if asked := _fork_until_asked_no_more(socket.socket(fileno=int(sys.argv[1]))):
        try:
            _become(**asked)
        except SystemExit as ended:
            if isinstance(ended.code, int):
                _end(ended.code)
            raise
        _end(0)
