"""The files that are written for a folder of documents."""

from __future__ import annotations

import math
from datetime import datetime

from kreis.generative.documents.language import LANGUAGES
from kreis.start.documents.look import Held
from kreis.start.written import as_python, in_quotes
from kreis.texts import counted, plain

__all__ = ["contract_text", "project_text", "readme_text"]

_ALWAYS = (
    "AnswerValue", "BadFeedback", "BestPassage", "BusinessMetric", "ByStructure", "Canary", "Document", "Goal",
    "Lexical", "NewTopics", "Project", "Risk", "ServiceLevels", "Unanswered", "Window", "load_folder",
)  # fmt: skip
_MAY_COME = 0.05
"""A share of all documents that may be set aside beyond those that are today."""


def project_text(name: str, folder: str, held: Held, known: datetime, embedding: str) -> str:
    """The text of a project that answers questions from documents.

    Args:
        name: The project's.
        folder: Where the documents lie: relative to the project, or absolute.
        held: What was found in it.
        known: Since when all of them count as known.
        embedding: The model of vectors for searches by meaning; empty: they are searched by words alone.
    """
    imports = sorted({*_ALWAYS, *(("Hybrid", "LocalEmbedding") if embedding else ())})
    place = f"Path({as_python(folder)})" if folder.startswith("/") else f"Path(__file__).parent / {as_python(folder)}"
    asks = f"What do the documents in {in_quotes(folder)} say about this?"
    return f'''"""{asks} They answer, with the place; else a person does."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from kreis import (
{"".join(f"    {each},{chr(10)}" for each in imports)})

FOLDER = {place}
KNOWN = datetime({known.year}, {known.month}, {known.day}, tzinfo=UTC)
"""Since when all documents count as known, since copied files have the time of the copy. Leave `known_at` out below
where the times of the files are true."""

project = Project(
    {as_python(name)},
    goal=Goal(
        question="What do the documents say about this?",
        decision="TO BE EDITED: what somebody does differently because of the answer.",
        # TO BE EDITED: what a right answer is worth, what a wrong one costs, and a question that a person must answer.
        metric=AnswerValue("points per 1,000 questions", right=4.0, wrong=-4.0, passed_on=-1.0),
        better_than_baseline=0.0,
        least=5,  # questions that must count; leave it out (30) once they are real ones
        service=ServiceLevels(p99_ms=3000),
        risk=Risk.limited(because="TO BE EDITED: people talk to it"),
    ),
)


@project.documents(contract="contracts/{name}.yaml")
def documents(window: Window) -> Iterator[Document]:
    return load_folder(FOLDER, known_at=KNOWN)


kb = project.knowledge_base(
    "documents",
    documents=documents,
    chunks=ByStructure(words=180, overlap=30),
{_search(held, embedding)})
# TO BE REPLACED by questions that people really ask, some of which the documents do not answer.
project.questions("questions.jsonl")
project.candidate("sentences", BestPassage(kb, search=Lexical()), baseline=True)
project.candidate("passages", BestPassage(kb, whole=3))
# A new version first answers a tenth of the questions, and goes on only if it does not do worse.
project.release(Canary(steps=[0.1, 1.0], hold="1d"))
project.monitor(Unanswered(), BadFeedback(), NewTopics(), BusinessMetric(), sends_back_to="collection")
'''


def _search(held: Held, embedding: str) -> str:
    """The lines that say how documents are searched; without an embedding how they would be by meaning, too."""
    suited = embedding or ("minilm-l6-int8" if held.english else "multilingual-e5-small-int4")
    lines = [f'embedding=LocalEmbedding("{suited}"),', "search=Hybrid(),"]
    if not embedding:
        hint = "It is searched by words. To search by meaning too, import Hybrid and LocalEmbedding, and add:"
        lines = [f"# {each}" for each in (hint, *lines)]
    return "".join(f"    {each}\n" for each in lines)


def contract_text(name: str, folder: str, held: Held) -> str:
    """A contract of the documents as Open Data Contract Standard YAML.

    Args:
        name: The project's.
        folder: Where they lie.
        held: What was found there.
    """
    seen = [each for each in held.languages if each in LANGUAGES]
    at_most = min(1.0, math.ceil((held.set_aside + _MAY_COME) * 100 - 1e-9) / 100)
    aside = f"{len(held.unreadable):,} could not be read and {held.repeated:,} repeat another one"
    kinds = ", ".join(f"{kind} in {count:,}" for kind, count in held.personal.items())
    personal = f"# Found when this was written: {kinds}." if kinds else "# None was found when this was written."
    check = f"{{check: language, languages: [{', '.join(seen)}]}}"
    language = f"      - {{type: custom, engine: kreis, implementation: {check}}}\n"
    return f"""\
# What the documents of {plain(folder)} promise. Written from {held.documents:,} of them: edit what is not meant so.
# A document that breaks it is set aside (quarantine) and told of; no answer rests on it.
apiVersion: v3.2.0
kind: DataContract
id: {name}-documents
name: {name}
version: 1.0.0
status: draft  # active, once you have read it
schema:
  - name: documents
    description: A document in each row.
    properties:
      - {{name: id, description: Its path in the folder., logicalType: string, primaryKey: true}}
      - {{name: text, logicalType: string, required: true}}
      - {{name: known_at, logicalType: timestamp, required: true}}
      - name: expires
        logicalType: timestamp
        customProperties: [{{property: kreis.ahead.at_most_days, value: any}}]
    quality:
      - {{type: custom, engine: kreis, implementation: {{check: empty}}}}
      - {{type: custom, engine: kreis, implementation: {{check: duplicated}}}}
      - {{type: custom, engine: kreis, implementation: {{check: near_duplicated}}, severity: warning}}
      - {{type: custom, engine: kreis, implementation: {{check: expired}}}}
{language if seen else ""}      # Personal data that an answer would show. {personal[2:]}
      # Leave the severity out to set such documents aside, and name what they may hold: allowed: [EMAIL].
      - {{type: custom, engine: kreis, implementation: {{check: personal_data}}, severity: warning}}
    customProperties:
      # The share that may be set aside. Today, of {held.documents + len(held.unreadable):,}: {aside}.
      - {{property: kreis.quarantine.at_most, value: {at_most}}}
"""


def readme_text(name: str, folder: str, held: Held, embedding: str) -> str:
    """What to read first: what was found, what to edit, what to do next.

    Args:
        name: The project's.
        folder: Where the documents lie.
        held: What was found there.
        embedding: The model of vectors; empty where there is none.
    """
    kinds = ", ".join(f"{count:,} {ending or 'without an ending'}" for ending, count in held.endings.items())
    unread = "\n".join(f"  - `{plain(each)}`: {plain(why)}" for each, why in held.unreadable.items())
    languages = ", ".join(f"{language} ({count:,})" for language, count in held.languages.items()) or "not to be told"
    personal = ", ".join(f"{kind} in {count:,}" for kind, count in held.personal.items())
    found = [
        f"{counted(held.documents, 'document')} ({kinds}), {held.words:,} words; language: {languages}.",
        *([f"{held.repeated:,} of them repeat another one."] if held.repeated else []),
        *([f"Personal data: documents that seem to hold {personal}."] if personal else []),
        *([f"{len(held.unreadable):,} could not be read, and no answer rests on them:\n{unread}"] if unread else []),
        f"They are searched {f'by words and by meaning (`{embedding}`)' if embedding else 'by words alone'}.",
    ]
    listed = "\n".join(f"- {each}" for each in found)
    return f"""# What do the documents in {plain(folder)} say about this?

Written by `kreis init`. It is yours: nothing writes over it.

```bash
kreis run      # contract, index, candidates, gates, a signed package, a release
kreis serve    # answers on http://127.0.0.1:8080
curl -s localhost:8080/v1/answer -H 'content-type: application/json' -d '{{"question": "…?"}}'
kreis why <the id in the answer>   # passage, document, index, goal
```

## What was found

{listed}

## What to edit

1. **The questions** (`questions.jsonl`). Those there were made from headings: nobody asked them, and what a run says
   of them says little. Collect about fifty that people really ask, a fifth of which the documents do not answer, and
   write down what is right. Until then a run may say that it cannot tell which candidate is better, and release none.
2. **What an answer is worth** (`metric=` in `project.py`): right, wrong, passed on to a person. The values there are
   placeholders.
3. **What is decided** (`decision=`), and what an answer may do to a person (`risk=`).
4. **The contract**: which languages, which personal data, how many documents may be set aside.
5. **Who may read what**, if not everybody everything: `groups` of a document.

| file | what it says |
|---|---|
| `project.py` | the goal, where the documents come from, how they are searched, who competes, how a version goes live |
| `contracts/{name}.yaml` | what a document must be; what is not is set aside and told of |
| `questions.jsonl` | what candidates are fitted and judged by |
| `kreis.toml` | settings |
"""
