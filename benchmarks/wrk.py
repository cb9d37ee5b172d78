"""The load generator wrk (apt-get install wrk), for the benchmarks that ask more than a Python client can."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import serving

SCRIPT = """
local messages = {%s}
local next = 0
request = function() next = next + 1 return messages[next %% #messages + 1] end
done = function(summary, latency, requests)
    io.write(string.format('DONE{"requests": %%d, "refused": %%d, "us": %%d, "p50_us": %%d, "p99_us": %%d}\\n',
        summary.requests, summary.errors.status, summary.duration, latency:percentile(50), latency:percentile(99)))
end
"""


def find() -> None:
    """End the benchmark with the reason where wrk is missing."""
    if shutil.which("wrk") is None:
        print("skipped: it needs the load generator wrk (apt-get install wrk)")
        sys.exit(0)


def write_script(folder: Path) -> Path:
    """What wrk sends: fifty of the requests to kreis, in turn."""
    messages = [message for kind, message in serving.requests() if kind == "kreis"][:50]
    path = folder / "load.lua"
    path.write_text(SCRIPT % ",".join(f"[==[{message.decode()}]==]" for message in messages))
    return path


def ask(
    script: Path, port: int, processes: list[int], connections: int, seconds: int, cores: str = ""
) -> dict[str, float]:
    """Ask without pause; what came back, and the CPU time that the service's processes used for it."""
    pinned = ["taskset", "-c", cores] if cores else []
    command = [*pinned, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script)]
    before = sum(map(serving.cpu_seconds, processes))
    text = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/v1/predict"], capture_output=True, text=True, check=True
    ).stdout
    used = sum(map(serving.cpu_seconds, processes)) - before
    counted = json.loads(text.split("DONE")[1].splitlines()[0])
    elapsed, answered = counted["us"] / 1e6, counted["requests"] - counted["refused"]
    return {
        "answers_per_s": answered / elapsed,
        "refusals_per_s": counted["refused"] / elapsed,
        "answers_per_cpu_s": answered / used,
        "cpu_us_per_answer": used / answered * 1e6,
        "p50_us": counted["p50_us"],
        "p99_us": counted["p99_us"],
    }
