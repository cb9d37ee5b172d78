"""How much does each part of a search find? Run: make quality [SETS="scifact xquad-de covid-faq rewriting"]

For each public set: NDCG@10, recall@10 and reciprocal rank of words, vectors, both, and both with a learned re-ranker,
with 95% intervals, and each step tested in pairs on the same questions. Weight and re-ranker see only the validation
questions: of SciFact its own training judgements, of the others a half drawn by document. SciFact is embedded by MiniLM
(English), the others by multilingual-e5-small. Vectors are kept in ~/.cache/kreis/quality; without them SciFact takes
some 5 minutes of one core. "rewriting" lets a small language model (SmolLM2, 135 million weights) put the English
test questions of COVID-FAQ in other words. The output is kept in docs/reference/retrieval.md.

Data: the folder in KREIS_TEST_DATA, by default ../shared/data beside the repository.
"""

import asyncio
import csv
import gzip
import json
import os
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import numpy as np

from kreis.digests import digest_of
from kreis.evaluation.intervals import mean_estimate
from kreis.evaluation.permutation import paired_permutation
from kreis.generative.chunking.kinds import ByWords
from kreis.generative.documents.document import Document
from kreis.generative.documents.language import language_of
from kreis.generative.embeddings.cache import EmbeddingCache
from kreis.generative.embeddings.kinds import LocalEmbedding
from kreis.generative.index.build import build_index
from kreis.generative.index.sqlite import open_index
from kreis.generative.language_models.kinds import LlamaCpp
from kreis.generative.retrieval.kinds import Dense, Hybrid, Lexical, Rewritten
from kreis.generative.retrieval.measures import Found, Judged, Relevant
from kreis.generative.retrieval.reranking import DEPTH, FEATURES, Reranker
from kreis.generative.retrieval.rewriting import reworded
from kreis.ways.generative.retrieval import train_reranker, tune_hybrid

DATA = Path(os.environ.get("KREIS_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
KEPT = Path(os.environ.get("KREIS_QUALITY_CACHE", Path.home() / ".cache" / "kreis" / "quality"))
KNOWN = datetime(2020, 1, 1, tzinfo=UTC)
MINILM, E5 = LocalEmbedding("minilm-l6-int8"), LocalEmbedding("multilingual-e5-small-int4")


@dataclass(frozen=True)
class Set:
    name: str
    documents: list[Document]
    validation: list[Judged]
    test: list[Judged]
    embedding: LocalEmbedding


def lines(path):
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as rows:
        return [json.loads(row) for row in rows]


def judged(path, queries):
    """Judgements in BEIR's layout."""
    relevant = {}
    with path.open(encoding="utf-8") as rows:
        for row in csv.DictReader(rows, delimiter="\t"):
            if float(row["score"]) > 0:
                of = Relevant(document=row["corpus-id"], grade=float(row["score"]))
                relevant.setdefault(row["query-id"], []).append(of)
    return [Judged(text=queries[query], relevant=tuple(found)) for query, found in relevant.items()]


def beir(folder):
    documents = [
        Document(id=row["_id"], title=row.get("title", ""), text=row["text"] or row["title"], known_at=KNOWN)
        for path in folder.glob("corpus.jsonl*")
        for row in lines(path)
    ]
    return documents, {row["_id"]: row["text"] for row in lines(folder / "queries.jsonl")}


def halves(questions):
    """All questions about one document in one half."""
    drawn = [int(digest_of(each.relevant[0].document.encode())[:8], 16) % 2 for each in questions]
    return ([each for each, half in zip(questions, drawn, strict=True) if half == which] for which in (0, 1))


def scifact():
    documents, queries = beir(DATA / "scifact")
    parts = (judged(DATA / "scifact" / "qrels" / f"{part}.tsv", queries) for part in ("train", "test"))
    return Set("SciFact (English)", documents, *parts, MINILM)


def xquad_de():
    documents, queries = beir(DATA / "xquad" / "retrieval_de")
    questions = judged(DATA / "xquad" / "retrieval_de" / "qrels" / "test.tsv", queries)
    return Set("XQuAD (German)", documents, *halves(questions), E5)


def covid_faq():
    """Entries of public pages, found by questions that people wrote for one of them."""
    csv.field_size_limit(2**24)
    with gzip.open(DATA / "covid_faq" / "faq_multilang.tsv.gz", "rt", encoding="utf-8") as rows:
        entries = {
            row["question"].strip(): row for row in csv.DictReader(rows, delimiter="\t") if row["lang"] in ("de", "en")
        }
    documents = [
        Document(id=f"{number}", title=question, text=row["answer"] or question, known_at=KNOWN, language=row["lang"])
        for number, (question, row) in enumerate(entries.items())
    ]
    number_of = {document.title: document.id for document in documents}
    questions = []
    for language in ("de", "en"):
        with (DATA / "covid_faq" / f"question_pairs_{language}.csv").open(encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                known = number_of.get(row["question_1"].strip())
                if row["similar"] == "1" and known is not None:
                    questions.append(Judged(text=row["question_2"], relevant=(Relevant(document=known),)))
    return Set("COVID-FAQ (German and English)", documents, *halves(questions), E5)


def measure(data, folder):
    began = time.process_time()

    def progress(said, done, total):
        if done % 500 == 0:
            print(f"{data.name}: {done:,} of {total:,} {said}", file=sys.stderr)

    place = folder / "index"
    built = build_index(
        data.documents,
        chunker=ByWords(words=1000, overlap=0),
        embedding=data.embedding,
        cache=EmbeddingCache(KEPT / "vectors.db"),
        place=place,
        progress=progress,
    )
    index, embedder = open_index(place), data.embedding.open()
    tuned = tune_hybrid(index, embedder, data.validation)
    learned = train_reranker(index, tuned.search, embedder, data.validation)
    searches = {"words (BM25)": Lexical(), "vectors": Dense(), "both": Hybrid()}
    if tuned.search != Hybrid():
        searches[f"both, words at {tuned.search.lexical:g}"] = tuned.search
    hits = {
        name: [search.find(index, each.query(DEPTH), embedder) for each in data.test]
        for name, search in searches.items()
    }
    if learned.form is not None:
        reranker, last = Reranker(learned.form.scorer(FEATURES)), list(hits)[-1]
        pairs = zip(data.test, hits[last], strict=True)
        hits[f"{last}, re-ranked"] = [reranker.order(each.text, found, top=DEPTH) for each, found in pairs]
    print(f"\n### {data.name}")
    print(
        f"{built.documents:,} documents, {built.chunks:,} chunks, {data.embedding.model}; {len(data.validation):,}"
        f" validation and {len(data.test):,} test questions.\n"
    )
    report({name: Found.of_hits(found, data.test) for name, found in hits.items()})
    print(f"\nOn the validation questions: {tuned.said}. And {learned.said}.")
    print(f"{time.process_time() - began:,.0f} s of CPU time.")


def measure_rewriting(data, folder):
    place = folder / "index"
    build_index(
        data.documents,
        chunker=ByWords(words=1000, overlap=0),
        embedding=data.embedding,
        cache=EmbeddingCache(KEPT / "vectors.db"),
        place=place,
    )
    index, embedder = open_index(place), data.embedding.open()
    model = LlamaCpp("smollm2-135m", 1024)
    asked = [each for each in data.test if language_of(each.text) == "en"]
    began = time.process_time(), time.perf_counter()
    made = asyncio.run(_reworded(Rewritten(Lexical(), model=model, seconds=60.0), asked))
    seconds = (time.perf_counter() - began[1]) / len(asked)
    print(f"\n### {data.name}: English test questions in other words")
    tokens = sum(each.spent.tokens_in + each.spent.tokens_out for each in made) / len(asked)
    print(
        f"{len(asked)} questions, {sum(bool(each.wordings) for each in made)} with another wording of SmolLM2 135M;"
        f" {seconds:.1f} s and {tokens:.0f} tokens a question on two busy cores.\n"
    )
    found = {}
    for name, search in {"words (BM25)": Lexical(), "both, words at 0.1": Hybrid(lexical=0.1)}.items():
        found[name] = [search.find(index, each.query(DEPTH), embedder) for each in asked]
        found[f"{name}, rewritten"] = [
            Rewritten(search, model=model).find(
                index, msgspec.structs.replace(each.query(DEPTH), wordings=other.wordings), embedder
            )
            for each, other in zip(asked, made, strict=True)
        ]
    report({name: Found.of_hits(hits, asked) for name, hits in found.items()}, last=False)
    for each, other in list(zip(asked, made, strict=True))[:3]:
        print(f"\n- {each.text} → {' / '.join(other.wordings) or other.why}")


async def _reworded(search, questions):
    opened = search.model.open()
    try:
        return [await reworded(search, opened, each.text, within_s=120.0) for each in questions]
    finally:
        await opened.close()


def report(found, *, last=True):
    print("| search | NDCG@10 | recall@10 | reciprocal rank | NDCG@10 against the one above |")
    print("|---|---|---|---|---|")
    above = None
    for name, each in found.items():
        measures = [each.ndcg(10), each.recall(10), each.reciprocal_rank(10)]
        said = [str(mean_estimate(values, np.arange(len(values)), bounds=(0.0, 1.0))) for values in measures]
        test = "" if above is None else str(paired_permutation(measures[0], above))
        print(f"| {name} | {' | '.join(said)} | {test} |")
        above = measures[0]
    if not last:
        return
    first, newest = (list(found.values())[place].ndcg(10) for place in (0, -1))
    print(f"\nThe last against words alone: {paired_permutation(newest, first)}.")


SETS = {"scifact": scifact, "xquad-de": xquad_de, "covid-faq": covid_faq, "rewriting": covid_faq}


def main():
    for name in sys.argv[1:] or SETS:
        with TemporaryDirectory() as folder:
            (measure_rewriting if name == "rewriting" else measure)(SETS[name](), Path(folder))


if __name__ == "__main__":
    main()
