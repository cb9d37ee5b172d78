"""What `POST /v1/answer` adds to a call of a language model, alternately with the bare call, in one run.

The model is a local OpenAI-compatible server that answers at once with a fixed sentence. Bare: a client sends it the
messages that kreis sends. kreis: the same client asks the service, which searches the documentation of kreis (the
pages in `docs/`), guards, asks the model over HTTP, checks the claim against the passages, decides, and writes its
record to disk. By words alone; and by words and vectors (MiniLM), whose embedding of the question is shown apart.
Service, model and client share the machine's cores.

    python benchmarks/answering_service.py [--calls 200] [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
from serving import cpu_seconds, free_port

from kreis.artifacts.folder import ArtifactFolder
from kreis.deployment.manifest import Manifest
from kreis.deployment.packages import PAYLOAD_TYPE, build_package
from kreis.deployment.pointer import PointedModel, Pointer, PointerFile, write_pointer
from kreis.deployment.server.config import ServerConfig
from kreis.deployment.signing import FileKeys, sign
from kreis.durable import make_directory
from kreis.generative.chunking.kinds import ByStructure
from kreis.generative.documents.loaders.load import load_folder
from kreis.generative.embeddings.kinds import LocalEmbedding
from kreis.generative.index.build import build_index
from kreis.generative.language_models.kinds import OpenAICompatible
from kreis.generative.pipeline import Pipeline
from kreis.generative.questions import SIGNALS
from kreis.generative.retrieval.kinds import Hybrid, Lexical
from kreis.ledger.records import Release, Route
from kreis.tasks.decisions import AnswerFrom
from kreis.tasks.outcomes import Feedback

AT_MOST_MS = 5.0
"""Of the p50 of what is added, beside the embedding of the question."""
QUESTION = "How many days of leave do employees have a year, and what of {}?"
LEAVE = "# Leave\n\nEmployees have 30 days of leave a year.\n"
SAYS = "Employees have 30 days of leave a year. [1]"
DOCS = Path(__file__).parents[1] / "docs"

MODEL = """
import asyncio, json, sys

body = json.dumps({"choices": [{"index": 0, "message": {"role": "assistant", "content": sys.argv[1]},
    "finish_reason": "stop"}], "usage": {"prompt_tokens": 1200, "completion_tokens": 60}}).encode()
answer = b"HTTP/1.1 200 OK\\r\\ncontent-type: application/json\\r\\ncontent-length: %d\\r\\n\\r\\n" % len(body) + body

async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            size = next(int(line[15:]) for line in head.lower().split(b"\\r\\n") if line.startswith(b"content-length:"))
            asked = await reader.readexactly(size)
            with open(sys.argv[2], "wb") as file:
                file.write(asked)
            writer.write(answer)
    except asyncio.IncompleteReadError:
        writer.close()

async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""
"""It also writes down what it was asked last, so that the bare call sends the same."""


def release(root: Path, port: int, *, vectors: bool) -> list[str]:
    """A released pipeline over the documentation; returns the command that serves it."""
    folder = root / "pages"
    folder.mkdir(parents=True)
    for path in DOCS.rglob("*.md"):
        (folder / path.relative_to(DOCS).as_posix().replace("/", "-")).write_text(path.read_text())
    (folder / "leave.md").write_text(LEAVE)
    loaded = load_folder(folder, known_at=datetime(2026, 1, 1, tzinfo=UTC))
    embedding = LocalEmbedding("minilm-l6-int8") if vectors else None
    place = root / "an.index"
    documents = [each for each in loaded if hasattr(each, "text")]
    built = build_index(documents, chunker=ByStructure(), embedding=embedding, cache=None, place=place)
    keys, artifacts = FileKeys(root / "keys"), ArtifactFolder(root / "artifacts")
    artifacts.put(place.read_bytes())
    form = Pipeline(
        knowledge_base="docs", index=built.file, index_version=built.version, embedding=embedding,
        search=Hybrid(lexical=0.4) if vectors else Lexical(), model=OpenAICompatible(env="LLM_URL", name="m"),
    )  # fmt: skip
    manifest = Manifest(
        project="bench", candidate="rag", model=form, features=list(SIGNALS), views=[], request_views=[],
        decision=AnswerFrom(0.05), goal="0" * 64, metric={}, outcome="y", inputs={}, training={}, reference={},
        outcomes=Feedback(),
    )  # fmt: skip
    digest = build_package(manifest, form, artifacts).digest
    made = Release(
        id="00000000-0000-7000-8000-000000000000", project="bench", number=1,
        routes=[Route(model=digest, share=1.0)], actor="bench", reason="bench", at=datetime.now(UTC),
    )  # fmt: skip
    make_directory(root / "service")
    pointed = {digest: PointedModel(1, sign(manifest.canonical(), PAYLOAD_TYPE, keys))}
    write_pointer(PointerFile(root / "service"), Pointer(release=made, models=pointed), keys)
    config = ServerConfig(
        project="bench", service=str(root / "service"), artifacts=str(root / "artifacts"),
        trusted=root / "keys" / "trusted", log=root / "log", port=port,
    )  # fmt: skip
    (root / "config.json").write_bytes(config.to_json())
    sys.stderr.write(f"{built.documents:,} pages, {built.chunks:,} chunks\n")
    return [sys.executable, "-m", "kreis.deployment.server", str(root / "config.json")]


@contextlib.contextmanager
def running(command: list[str], port: int, environment: dict[str, str], log: Path) -> Iterator[int]:
    """The service's process id, once it is ready, until the block ends."""
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **environment})
    try:
        for _ in range(2_000):
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                    break
            time.sleep(0.02)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def topics() -> list[str]:
    """A word of each heading of the pages: with each, other passages are found beside the one that answers."""
    lines = [line for path in sorted(DOCS.rglob("*.md")) for line in path.read_text().splitlines()]
    words = [re.findall(r"[A-Za-z]{5,}", line) for line in lines if line.startswith("## ") and "`" not in line]
    return list(dict.fromkeys(found[0].lower() for found in words if found))


def measure(
    arms: dict[str, Callable[[], Any]], calls: int, rounds: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Milliseconds of each call, the arms taking turns call by call; and the client's CPU time for one of each."""
    took: dict[str, list[float]] = {name: [] for name in arms}
    own = dict.fromkeys(arms, 0.0)
    for _ in range(calls * rounds):
        for name, call in arms.items():
            started, used = time.perf_counter(), time.process_time()
            call()
            own[name] += (time.process_time() - used) * 1_000 / (calls * rounds)
            took[name].append((time.perf_counter() - started) * 1_000)
    return took, own


def main() -> int:
    """Measure, print, and say whether the limit is kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        root = Path(name)
        asked = root / "asked.json"
        model = subprocess.Popen([sys.executable, "-c", MODEL, SAYS, str(asked)], stdout=subprocess.PIPE, text=True)
        stack.callback(model.wait)
        stack.callback(model.kill)
        assert model.stdout is not None
        stack.callback(model.stdout.close)
        address = f"http://127.0.0.1:{int(model.stdout.readline())}/v1"
        client = stack.enter_context(httpx.Client(timeout=30))
        arms: dict[str, Callable[[], Any]] = {}
        processes: dict[str, int] = {}
        for vectors in (False, True):
            kind, port = "words and vectors" if vectors else "words", free_port()
            command = release(root / kind.replace(" ", "-"), port, vectors=vectors)
            processes[kind] = stack.enter_context(running(command, port, {"LLM_URL": address}, root / "server.log"))

            def ask(port: int = port, topics: Iterator[str] = cycle(topics())) -> None:
                asked = {"question": QUESTION.format(next(topics))}
                reply = client.post(f"http://127.0.0.1:{port}/v1/answer", json=asked).json()
                assert reply["answer"].startswith(SAYS[:-3]), reply

            for _ in range(20):
                ask()
            arms[kind] = ask
        sent = json.loads(asked.read_bytes())
        arms["bare"] = lambda: client.post(f"{address}/chat/completions", json=sent).json()
        embedder = LocalEmbedding("minilm-l6-int8").open()
        embedder.queries([QUESTION])
        arms["embedding"] = lambda: embedder.queries([QUESTION])
        before = {kind: cpu_seconds(pid) for kind, pid in processes.items()}
        took, own = measure(arms, options.calls, options.rounds)
        used = {kind: cpu_seconds(pid) - before[kind] for kind, pid in processes.items()}
    for kind, times in took.items():
        found[kind] = {"p50_ms": statistics.median(times), "p95_ms": statistics.quantiles(times, n=20)[-1]}
        print(f"{kind:<20} p50 {found[kind]['p50_ms']:7.2f} ms   p95 {found[kind]['p95_ms']:7.2f} ms")
    bare, embedding = found["bare"]["p50_ms"], found["embedding"]["p50_ms"]
    by_words, by_both = found["words"]["p50_ms"] - bare, found["words and vectors"]["p50_ms"] - bare - embedding
    for kind, seconds in used.items():
        found[kind]["cpu_ms"] = 1_000 * seconds / (options.calls * options.rounds)
        added = found[kind]["added_cpu_ms"] = found[kind]["cpu_ms"] + own[kind] - own["bare"]
        print(f"{kind}: {found[kind]['cpu_ms']:.2f} ms of CPU in the service; {added:.2f} ms more than the bare call")
    print(f"added to the bare call, p50: {by_words:.2f} ms by words; {by_both:.2f} ms by both, beside the embedding")
    if options.json:
        options.json.write_text(json.dumps({**found, "added_by_words_ms": by_words, "added_by_both_ms": by_both}))
    return 0 if by_words < AT_MOST_MS else 1


if __name__ == "__main__":
    sys.exit(main())
