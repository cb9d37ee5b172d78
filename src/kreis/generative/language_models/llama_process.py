"""The process that holds a model of llama.cpp: reads requests from its standard input, writes pieces to its output.

`python -m kreis.generative.language_models.llama_process WEIGHTS WINDOW THREADS`. A line in: `{"ask": {…}}` (the body
of a chat completion; the next one comes when this one is answered) or `{"stop": true}`. A line out: `{"ready": bytes of
memory}` or `{"failed": "why"}`, then for each request `{"piece": "…"}` …, and at last `{"done": {…}}` or
`{"error": "why"}`. It ends when its input ends, so it never outlives who started it.

xllamacpp starts an HTTP server with each model, which asks for no key and allows every origin. Here it is given a
socket of the file system in a folder that only this user can enter, with a key that nobody knows, and that socket is
shut before the first request: from then on nothing listens, and requests reach the model by a call of a function.
"""

from __future__ import annotations

import json
import os
import re
import resource
import secrets
import socket
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from kreis.generative.language_models.gguf import control_tokens, disarmed

__all__ = ["main"]

Write = Callable[[dict[str, Any]], None]


def main(weights: Path, window: int, threads: int) -> None:
    """Load the model, and answer until the input ends."""
    write = _writer()
    try:
        control = re.compile(
            "|".join(re.escape(token) for token in control_tokens(weights) if len(token) > 1) or r"(?!)"
        )
        server = _loaded(weights, window, threads)
        _shut_all_doors()
    except Exception as error:
        write({"failed": f"{type(error).__name__}: {error}"[:500]})
        os._exit(1)
    write({"ready": _most_memory()})
    stopped = threading.Event()
    for line in sys.stdin.buffer:
        request = json.loads(line)
        if "stop" in request:
            stopped.set()
            continue
        stopped.clear()
        body = request["ask"]
        for message in body["messages"]:
            message["content"] = disarmed(message["content"], control)
        threading.Thread(target=_answer, args=(server, body, stopped, write), daemon=True).start()
    os._exit(0)  # whatever the library is at


def _most_memory() -> int:
    """Bytes that this process held at most. Linux's `ru_maxrss` also counts the process that started it."""
    if sys.platform == "linux":
        held = re.search(rb"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_bytes())
        if held is not None:
            return int(held[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _writer() -> Write:
    """Writes lines to what was standard output; whatever the library prints goes nowhere."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    lock = threading.Lock()

    def write(document: dict[str, Any]) -> None:
        data = memoryview(json.dumps(document).encode() + b"\n")
        with lock:
            while data:
                data = data[out.write(data) :]

    return write


def _loaded(weights: Path, window: int, threads: int) -> Any:
    from xllamacpp import CommonParams, Server

    params = CommonParams()
    params.model.path = str(weights)
    params.n_ctx, params.n_parallel = window, 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.warmup, params.verbosity, params.cache_ram_mib = False, -1, 0
    params.api_keys = [secrets.token_hex(32)]
    with tempfile.TemporaryDirectory(prefix="kreis-llama-") as folder:  # mode 0700
        params.hostnames = [f"{folder}/closed.sock"]
        return Server(params)


def _shut_all_doors() -> None:
    """Shut each socket of this process that takes connections, and wait until the library has let go of it.

    Raises:
        RuntimeError: one is still open.
    """
    for _ in range(500):
        doors = [handle for handle in range(3, 1024) if _is_door(handle)]
        if not doors:
            return
        for handle in doors:
            with suppress(OSError), socket.socket(fileno=os.dup(handle)) as door:
                door.shutdown(socket.SHUT_RDWR)
        time.sleep(0.01)
    raise RuntimeError("the library's HTTP server cannot be shut")


def _is_door(handle: int) -> bool:
    """Whether it is a socket that takes connections."""
    try:
        if not stat.S_ISSOCK(os.fstat(handle).st_mode):
            return False
        with socket.socket(fileno=os.dup(handle)) as door:
            return bool(door.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
    except OSError:
        return False


def _answer(server: Any, body: dict[str, Any], stopped: threading.Event, write: Write) -> None:
    """Answer one request, piece by piece."""
    done: dict[str, Any] = {"finish": "stop"}
    failed: list[str] = []
    logprobs: list[float] = []

    def take(event: dict[str, Any]) -> bool:
        if "error" in event or "choices" not in event:
            failed.append(str(event.get("error", event).get("message", "it failed"))[:500])
            return True
        if usage := event.get("usage"):
            done.update(tokens_in=usage["prompt_tokens"], tokens_out=usage["completion_tokens"])
        for choice in event["choices"]:
            logprobs.extend(token["logprob"] for token in (choice.get("logprobs") or {}).get("content") or ())
            if choice["finish_reason"]:
                done["finish"] = choice["finish_reason"]
            if piece := choice["delta"].get("content"):
                write({"piece": piece})
        return stopped.is_set()

    try:
        server.handle_chat_completions(body, take)
        if logprobs:
            done["logprob"] = sum(logprobs) / len(logprobs)
        if "tokens_in" not in done and not failed:
            failed.append("it was stopped")
        write({"error": failed[0]} if failed else {"done": done})
    except Exception as error:
        write({"error": f"{type(error).__name__}: {error}"[:500]})


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
