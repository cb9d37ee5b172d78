"""What kreis adds to a call of a language model. Run: python benchmarks/language_models.py [calls] [repeats]

Beside a bare httpx call to the same local server, which is a process of its own and answers at once: `complete` with
its retries, breaker, limits and accounting; the same with a budget (two transactions, one of them on disk). All take
turns in one run: medians of the repeats, CPU time of this process for each call, and the p50 of the wall.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from kreis.generative.language_models.budgeted import Budget, Budgeted
from kreis.generative.language_models.model import Message, Wish
from kreis.generative.language_models.openai_compatible import OpenAICompatible
from kreis.generative.language_models.prices import Price

AT_MOST_MS = 1.0
"""Of CPU time for a call, beside the bare one."""
WORDS = "The handbook says that leave is thirty days in each year, and that requests go to the lead of the team. "
MESSAGES = [("system", "Answer from the passages, with their numbers."), ("user", WORDS * 45 + "How many days?")]
"""900 words: five passages of 180 words."""

SERVER = """
import asyncio, json

body = json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": "Thirty days [1]. " * 10},
    "finish_reason": "stop"}], "usage": {"prompt_tokens": 1200, "completion_tokens": 60}}).encode()
head = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: "
answer = head + str(len(body)).encode() + b"\\r\\n\\r\\n" + body

async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            size = next(int(line[15:]) for line in head.lower().split(b"\\r\\n") if line.startswith(b"content-length:"))
            await reader.readexactly(size)
            writer.write(answer)
    except asyncio.IncompleteReadError:
        writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


async def measured(ask, calls):
    """CPU milliseconds of a call, and the p50 of its wall milliseconds."""
    await ask()
    walls, cpu = [], time.process_time()
    for _ in range(calls):
        started = time.perf_counter()
        await ask()
        walls.append(time.perf_counter() - started)
    return (time.process_time() - cpu) / calls * 1e3, statistics.median(walls) * 1e3


async def compared(url, calls, repeats):
    kind = OpenAICompatible(
        env="BENCH_LLM_URL",
        name="m",
        price=Price(tokens_in=0.1, tokens_out=0.4, currency="EUR", version="1", digest="0" * 64),
    )
    model = kind.open()
    budgeted = Budgeted(kind, Budget(name="bench", a_day=1e6)).open()
    wish = Wish(messages=[Message(*each) for each in MESSAGES])
    body = {"model": "m", "max_tokens": 512, "temperature": 0.0, "seed": 0}
    body["messages"] = [{"role": role, "content": text} for role, text in MESSAGES]
    async with httpx.AsyncClient(trust_env=False) as client:

        async def bare():
            reply = await client.post(f"{url}/chat/completions", json=body)
            return reply.raise_for_status().json()["choices"][0]["message"]["content"]

        sides = {
            "bare httpx": bare,
            "complete": lambda: model.complete(wish),
            "complete, with a budget": lambda: budgeted.complete(wish),
        }
        times = {name: [] for name in sides}
        for _ in range(repeats):
            for name, ask in sides.items():
                times[name].append(await measured(ask, calls))
    await model.close()
    await budgeted.close()
    return {name: [statistics.median(each) for each in zip(*rows, strict=True)] for name, rows in times.items()}


def main(calls=200, repeats=9):
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        with tempfile.TemporaryDirectory() as folder:
            os.environ |= {"BENCH_LLM_URL": url, "KREIS_BUDGETS": str(Path(folder) / "budgets.sqlite")}
            medians = asyncio.run(compared(url, calls, repeats))
    finally:
        server.kill()
        server.wait()
    base = medians["bare httpx"]
    print(f"{'':26}{'CPU ms a call':>14}{'more':>8}{'p50 ms':>10}{'more':>8}")
    for name, (cpu, wall) in medians.items():
        print(f"{name:26}{cpu:14.3f}{cpu - base[0]:8.3f}{wall:10.3f}{wall - base[1]:8.3f}")
    more = medians["complete"][0] - base[0]
    assert more <= AT_MOST_MS, (
        f"complete takes {more:.3f} ms of CPU more than a bare call; at most {AT_MOST_MS} are stated"
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
