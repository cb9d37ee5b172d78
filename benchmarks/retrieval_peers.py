"""The same documents through Haystack or LlamaIndex. Runs in their environment: `retrieval.py` calls it.

Run: python retrieval_peers.py haystack|llama-index DOCUMENTS.jsonl FOLDER. Prints the CPU seconds of chunking and
writing, and those of keeping the result on disk, with the number of chunks.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

WORDS = 120
DIMENSION = 384


def vectors():
    """A few lists of numbers that are computed before: one for each chunk, over and over."""
    return [[((row * 31 + column) % 97 - 48) / 950 for column in range(DIMENSION)] for row in range(64)]


def haystack(texts, folder):
    from haystack import Document
    from haystack.components.preprocessors import DocumentSplitter
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    splitter = DocumentSplitter(split_by="word", split_length=WORDS, split_overlap=0)
    made = vectors()
    started = time.process_time()
    store = InMemoryDocumentStore()
    documents = [Document(id=name, content=text, meta={"title": title}) for name, title, text in texts]
    chunks = splitter.run(documents=documents)["documents"]
    for number, chunk in enumerate(chunks):
        chunk.embedding = made[number % len(made)]
    store.write_documents(chunks)
    written = time.process_time()
    store.save_to_disk(str(folder / "haystack.json"))
    return len(chunks), written - started, time.process_time() - written


def llama_index(texts, folder):
    from llama_index.core import Document, MockEmbedding, VectorStoreIndex
    from llama_index.core.node_parser import SentenceSplitter

    splitter = SentenceSplitter(chunk_size=WORDS, chunk_overlap=0, tokenizer=str.split, include_metadata=False)
    made = vectors()
    started = time.process_time()
    documents = [Document(id_=name, text=text, metadata={"title": title}) for name, title, text in texts]
    nodes = splitter.get_nodes_from_documents(documents)
    for number, node in enumerate(nodes):
        node.embedding = made[number % len(made)]
    index = VectorStoreIndex(nodes, embed_model=MockEmbedding(DIMENSION))
    written = time.process_time()
    index.storage_context.persist(str(folder / "llama-index"))
    return len(nodes), written - started, time.process_time() - written


if __name__ == "__main__":
    which, documents, folder = sys.argv[1:]
    with Path(documents).open() as lines:
        texts = [json.loads(line) for line in lines]
    print(json.dumps({"haystack": haystack, "llama-index": llama_index}[which](texts, Path(folder))))
