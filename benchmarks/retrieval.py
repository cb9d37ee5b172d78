"""Indexing beside Haystack and LlamaIndex, hybrid questions to many chunks, and memory as documents grow.

Run: python benchmarks/retrieval.py [chunks] [documents] [repeats]. The peers stand in an environment of their own that
`PEERS` names:

    python3 -m venv peers && peers/bin/pip install haystack-ai llama-index-core
    PEERS=peers/bin/python python benchmarks/retrieval.py

Documents are the abstracts of SciFact where they are (`KREIS_TEST_DATA`), else words drawn by Zipf's law; vectors are
made before, and are the same for all: what is measured is chunking and writing, in CPU seconds of a process for each
run, alternately. kreis also makes full text, and its file is durable; what the peers need to keep theirs is beside.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np

from kreis.generative.chunking.by_words import ByWords
from kreis.generative.documents.document import Document
from kreis.generative.index.build import build_index
from kreis.generative.index.index import Access, Query
from kreis.generative.index.sqlite import open_index
from kreis.generative.retrieval.hybrid import Hybrid

WORDS = 600
CHUNK = ByWords(words=120, overlap=0)
DIMENSION = 384
KNOWN = datetime(2026, 1, 1, tzinfo=UTC)
QUESTIONS = 100
SCIFACT = (
    Path(os.environ.get("KREIS_TEST_DATA", Path(__file__).parents[2] / "shared" / "data")) / "scifact/corpus.jsonl.gz"
)
PEERS = ("haystack", "llama-index")
ASKED = 10
"""Words of a question."""


class Zipf:
    """Texts of words that are as frequent as those of a language."""

    def __init__(self, vocabulary=100_000):
        generator = np.random.default_rng(0)
        letters = np.array(list("etaoinshrdlucmfwypvbgkqjxz"))
        lengths = generator.integers(2, 12, vocabulary)
        self.words = ["".join(generator.choice(letters[:20], length)) for length in lengths]
        share = 1 / np.arange(1, vocabulary + 1) ** 1.05
        self.upto = np.cumsum(share / share.sum())

    def text(self, seed, words):
        places = np.searchsorted(self.upto, np.random.default_rng(seed).random(words))
        return " ".join([self.words[place] for place in np.minimum(places, len(self.words) - 1)])

    def documents(self, count):
        for number in range(count):
            tenant = f"tenant{number % 20}" if number % 2 else ""
            text = self.text(number, WORDS)
            yield Document(id=f"{number:08}", text=text, title=text[:20], known_at=KNOWN, tenant=tenant)


class Made:
    """Vectors that are computed before, around 300 subjects, as those of texts are."""

    digest = "00" * 32
    dimension = DIMENSION

    def __init__(self, count=20_000):
        generator = np.random.default_rng(1)
        centres = generator.standard_normal((300, DIMENSION)).astype(np.float32)
        self.some = centres[generator.integers(0, 300, count)]
        self.some += 1.5 * generator.standard_normal((count, DIMENSION), dtype=np.float32)
        self.some /= np.linalg.norm(self.some, axis=1, keepdims=True)
        self.place = 0

    def open(self):
        return self

    def passages(self, texts):
        start = self.place % (len(self.some) - len(texts) + 1)
        self.place += len(texts)
        return self.some[start : start + len(texts)]

    def queries(self, texts):
        """Near to a chunk, as a question is."""
        generator = np.random.default_rng(len(texts[0]))
        near = self.some[generator.integers(0, len(self.some))] + 0.03 * generator.standard_normal(DIMENSION)
        return (near / np.linalg.norm(near)).astype(np.float32)[None]


def indexed(documents, folder, made=None, **options):
    """Chunks, and CPU seconds of making the index."""
    made = made or Made()
    started = time.process_time()
    built = build_index(documents, chunker=CHUNK, embedding=made, cache=None, place=folder / "index", **options)
    return built.chunks, time.process_time() - started


def in_process(*arguments, python=sys.executable, script=__file__):
    done = subprocess.run([python, script, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout.splitlines()[-1])


def abstracts(count):
    """Id, title and text of documents, and what they are."""
    if SCIFACT.is_file():
        with gzip.open(SCIFACT, "rt") as lines:
            found = [json.loads(line) for line in islice(lines, count)]
        return [[each["_id"], each["title"], each["text"]] for each in found], "abstracts of SciFact"
    made = Zipf().documents(count)
    return [[each.id, each.title, each.text] for each in made], f"documents of {WORDS} words"


def indexing(count, repeats):
    peers = os.environ.get("PEERS")
    if not peers:
        print("Indexing is not compared: set PEERS to a Python that has haystack-ai and llama-index-core (see above)")
        return
    texts, said = abstracts(count)
    times = {"kreis": [], **{peer: [] for peer in PEERS}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "documents.jsonl"
        source.write_text("".join(json.dumps(each) + "\n" for each in texts))
        for _ in range(repeats):
            times["kreis"].append(in_process("--index", source, folder))
            script = Path(__file__).with_name("retrieval_peers.py")
            for peer in PEERS:
                times[peer].append(in_process(peer, source, folder, python=peers, script=script))
    count = len(texts)
    print(f"Indexing {count:,} {said}, medians of {repeats} (CPU)")
    ours = statistics.median(each[1] for each in times["kreis"])
    for side, runs in times.items():
        chunks, *spent = (statistics.median(column) for column in zip(*runs, strict=True))
        written, kept = spent[0], sum(spent)
        print(
            f"{side:12} {chunks:8,.0f} chunks {count / written:10,.0f} documents/s, on disk {count / kept:10,.0f}/s"
            f"   {written / ours:5.1f}, on disk {kept / ours:5.1f} times kreis's CPU"
        )


def questions(chunks):
    texts, made = Zipf(), Made(chunks)
    asked = [
        Query(text=texts.text(10**9 + number, ASKED), access=Access(tenant=f"tenant{number % 40}"), top=10)
        for number in range(QUESTIONS)
    ]
    with tempfile.TemporaryDirectory() as name:
        for said, options in (("all compared", {"exact_up_to": chunks}), ("graph", {"exact_up_to": 0})):
            documents = texts.documents(chunks * CHUNK.words // WORDS)
            count, spent = indexed(documents, Path(name), made, **options)
            started = time.perf_counter()
            index = open_index(Path(name) / "index")
            opened = time.perf_counter() - started
            wall, cpu = [], []
            for query in [asked[0], *asked]:
                began, began_cpu = time.perf_counter(), time.process_time()
                Hybrid().find(index, query, made)
                wall.append(1000 * (time.perf_counter() - began))
                cpu.append(1000 * (time.process_time() - began_cpu))
            recall = "" if index.recall is None else f", recall@10 {index.recall:.3f}"
            print(
                f"Hybrid question to {count:,} chunks, {said}: p50 {statistics.median(wall[1:]):.1f} ms"
                f" (CPU {statistics.median(cpu[1:]):.1f}), p95 {np.quantile(wall[1:], 0.95):.1f} ms{recall};"
                f" opened in {opened:.2f} s, made in {spent:.0f} s of CPU"
            )


def memory(count):
    grown = [in_process("--memory", number)[0] for number in (count, 4 * count)]
    print(f"Memory at its most: {grown[0]:,.0f} MB for {count:,} documents, {grown[1]:,.0f} MB for {4 * count:,}")


def main(chunks=100_000, documents=5_000, repeats=3):
    indexing(documents, repeats)
    memory(documents)
    questions(chunks)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--index", source, folder]:
            with Path(source).open() as lines:
                rows = [json.loads(line) for line in lines]
            documents = [Document(id=name, title=title, text=text, known_at=KNOWN) for name, title, text in rows]
            print(json.dumps(indexed(documents, Path(folder))))
        case ["--memory", count]:
            with tempfile.TemporaryDirectory() as name:
                indexed(Zipf().documents(int(count)), Path(name), exact_up_to=10**9)
            print(json.dumps([resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000]))
        case arguments:
            main(*map(int, arguments))
