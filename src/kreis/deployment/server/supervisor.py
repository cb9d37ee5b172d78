"""Keeps several workers behind one port: starts them, starts a dead one again, passes on what they ask each other.

Each worker is a process of its own with its own segment of the prediction log; the kernel spreads connections over
them (SO_REUSEPORT). The supervisor answers no request and holds no model.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import signal
import socket
import sys

from kreis.deployment.server.colleagues import Answered, Ask, Gathered, Link, Ready, Start, What
from kreis.deployment.server.config import ServerConfig
from kreis.deployment.server.ports import hold_port, numeric_address

__all__ = ["WORKER", "start_logging", "supervise"]

WORKER = "--worker"
"""Of the command line that starts a worker; its number and the file number of its link follow."""
_LOG = logging.getLogger("kreis.service")
_PATIENCE_S = 2.0
"""How long a worker may take to answer another one."""
_YOUNG_S = 5.0
"""A worker that ends sooner is started again only after a pause, which doubles each time."""
_LONGEST_PAUSE_S = 30.0
_AFTER_STOP_S = 5.0
"""How much longer than its own deadline a worker may take to stop."""


def start_logging(who: str = "") -> None:
    """Write the log to standard error, each line with who says it."""
    form = f"%(asctime)s %(levelname)s %(name)s {who}%(message)s"
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format=form)


def supervise(config: ServerConfig) -> int:
    """Serve with `config.workers` processes until SIGTERM or SIGINT.

    Returns:
        The exit code: 0, or that of a worker that could not be started at first.

    Raises:
        ServiceError: the port is taken, or the host is not known.
    """
    start_logging()
    with hold_port(config, numeric_address(config)):
        return asyncio.run(_Supervisor(config).run())


class _Worker:
    """A process and the link to it."""

    def __init__(self, number: int, process: asyncio.subprocess.Process, link: Link) -> None:
        self.number = number
        self.process = process
        self.link = link
        self.ready = False
        self._ids = itertools.count()
        self._asked: dict[int, asyncio.Future[bytes | None]] = {}

    async def ask(self, what: What) -> bytes | None:
        """What it answers; None where it fails or takes too long.

        Raises:
            ConnectionError: it has ended.
        """
        number = next(self._ids)
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._asked[number] = future
        self.link.send(Ask(number, what))
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await future
        except TimeoutError:
            _LOG.error("worker %d does not answer", self.number)
            return None
        finally:
            self._asked.pop(number, None)

    def answered(self, message: Answered) -> None:
        """Take its answer."""
        future = self._asked.get(message.id)
        if future is not None and not future.done():
            future.set_result(message.answer)

    def ended(self) -> None:
        """Nobody needs to wait for it any more."""
        for future in self._asked.values():
            if not future.done():
                future.set_exception(ConnectionError())
        self.link.close()

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)


class _Supervisor:
    """All workers of a service."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._start = Start(config.to_json())
        self._workers: dict[int, _Worker] = {}
        """By number: those that run."""
        self._restarts = dict.fromkeys(range(1, config.workers + 1), 0)
        self._complete = False
        """Whether all have been ready at once."""
        self._stopping = asyncio.Event()
        self._passing: set[asyncio.Task[None]] = set()

    async def run(self) -> int:
        """Until told to stop, or a worker cannot be started at first; returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._tell, signal.SIGHUP)
        keeping = [loop.create_task(self._keep(number)) for number in self._restarts]
        told = loop.create_task(self._stopping.wait())
        done, _ = await asyncio.wait((told, *keeping), return_when=asyncio.FIRST_COMPLETED)
        code = next((task.result() for task in keeping if task in done), 0)
        self._stopping.set()
        self._tell(signal.SIGTERM)
        _, late = await asyncio.wait(keeping, timeout=self._config.stop_s + _AFTER_STOP_S)
        if late:
            _LOG.error("workers that did not stop are killed")
            self._tell(signal.SIGKILL)
            await asyncio.wait(late)
        _LOG.info("all workers have stopped")
        return code

    def _tell(self, number: int) -> None:
        for worker in self._workers.values():
            worker.send_signal(number)

    async def _keep(self, number: int) -> int:
        """Keep a worker running; returns its exit code once it is not started again."""
        loop = asyncio.get_running_loop()
        pause = 0.0
        while True:
            begun = loop.time()
            worker = await self._begin(number)
            code = await self._accompany(worker)
            if self._stopping.is_set():
                return 0
            ended = f"signal {-code}" if code < 0 else f"exit code {code}"
            if not (worker.ready or self._complete):
                _LOG.error("worker %d cannot start (%s); the service stops", number, ended)
                return max(code, 1)
            pause = 0.0 if loop.time() - begun > _YOUNG_S else min(max(0.5, pause * 2), _LONGEST_PAUSE_S)
            said = "ended" if worker.ready else "cannot start"
            _LOG.error("worker %d %s (%s); it is started again in %g s", number, said, ended, pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
                return 0
            self._restarts[number] += 1

    async def _begin(self, number: int) -> _Worker:
        ours, its = socket.socketpair()
        with its:
            command = (sys.executable, "-m", "kreis.deployment.server", WORKER, str(number), str(its.fileno()))
            process = await asyncio.create_subprocess_exec(*command, pass_fds=(its.fileno(),))
        worker = self._workers[number] = _Worker(number, process, await Link.open(ours))
        worker.link.send(self._start)
        if self._stopping.is_set():
            worker.send_signal(signal.SIGTERM)
        return worker

    async def _accompany(self, worker: _Worker) -> int:
        """Listen to a worker until it has ended; returns its exit code."""
        listening = asyncio.get_running_loop().create_task(self._listen(worker))
        code = await worker.process.wait()
        listening.cancel()
        del self._workers[worker.number]
        worker.ended()
        return code

    async def _listen(self, worker: _Worker) -> None:
        async for message in worker.link.messages():
            if isinstance(message, Ready):
                worker.ready = True
                self._is_ready(worker)
            elif isinstance(message, Answered):
                worker.answered(message)
            elif isinstance(message, Ask):
                task = asyncio.get_running_loop().create_task(self._ask_others(worker, message))
                self._passing.add(task)
                task.add_done_callback(self._passing.discard)

    def _is_ready(self, worker: _Worker) -> None:
        _LOG.info("worker %d is ready, process %d", worker.number, worker.process.pid)
        if not self._complete and sum(each.ready for each in self._workers.values()) == self._config.workers:
            self._complete = True
            config = self._config
            _LOG.info("%d workers answer on http://%s:%d", config.workers, config.host, config.port)

    async def _ask_others(self, asking: _Worker, ask: Ask) -> None:
        others = [each for each in self._workers.values() if each is not asking and each.ready]
        found = await asyncio.gather(*(each.ask(ask.what) for each in others), return_exceptions=True)
        answers = {
            each.number: answer
            for each, answer in zip(others, found, strict=True)
            if not isinstance(answer, BaseException)  # it has ended: whoever ships takes what it left
        }
        asking.link.send(Gathered(ask.id, answers, self._restarts))
