"""Measures the guards on the shared sets, and writes docs/reference/guards.md.

python tests/generative/guards/measured.py
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from kreis.generative.guards.guards import Guards, guards_of
from kreis.generative.guards.injection import Injection
from kreis.generative.guards.personal_data.guard import PersonalData
from kreis.generative.guards.policy import GuardPolicy
from kreis.generative.guards.toxicity import Toxicity

DATA = Path(os.environ.get("KREIS_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "guards.md"
INTRODUCTION = """# Guards: measured

What each guard finds and what it takes for something that it is not, on public sets. Written by
`python tests/generative/guards/measured.py`; a test holds the page to it where the sets are. What each is and how it
acts: [guards](../generative/guards.md).
"""
SYNTH = {
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "US_SSN": "SOCIAL SECURITY",
    "EMAIL_ADDRESS": "EMAIL",
    "IP_ADDRESS": "IP",
    "PHONE_NUMBER": "PHONE",
    "STREET_ADDRESS": "ADDRESS",
    "PERSON": "NAME",
}
PARTS_OF_ADDRESSES = ("STREET_ADDRESS", "ZIP_CODE", "GPE")
NUMBERED = {
    "FR": "French NIR",
    "DK": "Danish CPR",
    "SE": "Swedish personal number",
    "PL": "Polish PESEL",
    "BR": "Brazilian CPF",
    "FI": "Finnish personal code",
    "CA": "Canadian SIN",
    "US": "US SSN",
}
ADDRESSED = ("DE", "AT", "CH", "GB", "US", "CA", "AU", "NZ", "FR", "IT", "ES", "PT", "BR", "PL")


def rows_of(name: str, **form: Any) -> list[dict[str, str]]:
    """A CSV file, packed or not."""
    data = (DATA / name).read_bytes()
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), **form))


def lines_of(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def table(titles: str, rows: Iterable[Iterable[object]]) -> str:
    cells = titles.split("|")
    lines = ["| " + " | ".join(cells) + " |", "|" + "---|" * len(cells)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


def share(found: int, of: int) -> str:
    return f"{found / of:.1%} ({found} of {of})" if of else "–"


def synthetic(guard: PersonalData) -> str:
    with gzip.open(DATA / "pii_presidio_synth" / "synth_dataset_v2.json.gz") as file:
        sentences = json.load(file)
    spans, hit, right, wrong = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for row in sentences:
        found = guard.find(row["full_text"])
        for span in row["spans"]:
            start, end, kind = span["start_position"], span["end_position"], SYNTH.get(span["entity_type"])
            spans[kind or ""] += 1
            hit[kind or ""] += any(each.kind == kind and each.start < end and start < each.end for each in found)
        for each in found:
            over = {
                span["entity_type"]
                for span in row["spans"]
                if each.start < span["end_position"] and span["start_position"] < each.end
            }
            fits = any(SYNTH.get(kind) == each.kind for kind in over)
            fits |= each.kind == "ADDRESS" and any(kind in PARTS_OF_ADDRESSES for kind in over)
            fits |= each.kind == "BIRTH" and "DATE_TIME" in over
            (right if fits else wrong)[each.kind] += 1
    kinds = [*dict.fromkeys(SYNTH.values()), "BIRTH"]
    return table(
        "kind|recall|precision",
        ([kind, share(hit[kind], spans[kind]), share(right[kind], right[kind] + wrong[kind])] for kind in kinds),
    )


def identities(guard: PersonalData) -> str:
    found, tried = Counter[str](), Counter[str]()

    def count(name: str, text: str, value: str, kinds: tuple[str, ...]) -> None:
        start = text.index(value)
        tried[name] += 1
        found[name] += any(
            each.kind in kinds and each.start < start + len(value) and start < each.end for each in guard.find(text)
        )

    for row in rows_of("pii_fake_identities/fake_identities.csv.gz"):
        country, address = row["Country"], f"{row['StreetAddress']}, {row['ZipCode']} {row['City']}"
        count("e-mail address", f"Write to {row['EmailAddress']} today.", row["EmailAddress"], ("EMAIL",))
        phone = row["TelephoneNumber"]
        count("telephone number after “Phone:”", f"Phone: {phone}", phone, ("PHONE",))
        count("telephone number with +", f"at +{row['TelephoneCountryCode']} {phone}", phone, ("PHONE",))
        count("telephone number without a word", f"I tried {phone} twice.", phone, ("PHONE", "SOCIAL SECURITY"))
        count("date of birth after “born on”", f"She was born on {row['Birthday']}.", row["Birthday"], ("BIRTH",))
        count("name after “Mr.” or “Frau”", f"Ask {_title(row)} {row['Surname']}.", row["Surname"], ("NAME",))
        count("name without a word", f"{row['GivenName']} {row['Surname']} asked.", row["Surname"], ("NAME",))
        if country in ADDRESSED:
            count(f"address, {country}", f"Send it to {address}.", row["StreetAddress"], ("ADDRESS",))
        if country in NUMBERED and row["NationalID"]:
            number = row["NationalID"]
            count(NUMBERED[country], f"It is {number}.", number, ("SOCIAL SECURITY", "NATIONAL ID", "TAX ID"))
    return table("what|found", ([name, share(found[name], tried[name])] for name in tried))


def _title(row: dict[str, str]) -> str:
    return ("Frau" if row["Gender"] == "female" else "Herrn") if row["NameSet"] == "German" else row["Title"]


def legal_sentences() -> Iterator[str]:
    words: list[str] = []
    with gzip.open(DATA / "german_legal_ner" / "ler_dev.conll.gz", "rt", encoding="utf-8") as file:
        for line in file:
            if line.strip():
                words.append(line.split()[0])
            elif words:
                yield " ".join(words)
                words = []


def plain_texts() -> dict[str, list[str]]:
    """Texts of the world, about nobody in particular."""
    texts = {}
    for language in ("en", "de"):
        document = json.loads((DATA / "xquad" / f"xquad.{language}.json").read_text(encoding="utf-8"))
        texts[f"XQuAD passages, {language}"] = [p["context"] for d in document["data"] for p in d["paragraphs"]]
    answers = [row for row in rows_of("covid_faq/faq_multilang.tsv.gz", delimiter="\t") if row["lang"] in ("de", "en")]
    texts["COVID-FAQ answers (de, en)"] = [row["answer"] for row in answers]
    texts["Banking77 questions"] = [row["text"] for row in rows_of("banking77/test.csv")]
    texts["German court decisions"] = list(legal_sentences())
    return texts


def false_masks(guard: PersonalData) -> str:
    rows = []
    for name, texts in plain_texts().items():
        kinds = Counter(each.kind for text in texts for each in guard.find(text))
        words = sum(len(text.split()) for text in texts)
        said = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()) or "none"
        rows.append([name, f"{words:,}", f"{1000 * sum(kinds.values()) / words:.2f}", said])
    return table("texts|words|masks per 1,000 words|kinds", rows)


def attacks() -> dict[str, list[str]]:
    deepset = lines_of("prompt_injection/deepset_prompt_injections.jsonl")
    found = {
        f"deepset, {language}": [row["text"] for row in deepset if row["label"] and row["lang_guess"] == language]
        for language in ("en", "de")
    }
    found["Gandalf"] = [row["text"] for row in lines_of("prompt_injection/gandalf_ignore_instructions.jsonl")]
    for part in ("test", "train"):
        kinds = json.loads((DATA / "prompt_injection" / "bipia" / f"text_attack_{part}.json").read_text("utf-8"))
        found["BIPIA (ordinary requests, planted)"] = found.get("BIPIA (ordinary requests, planted)", [])
        found["BIPIA (ordinary requests, planted)"] += [text for texts in kinds.values() for text in texts]
    return found


def questions() -> dict[str, list[str]]:
    """Questions that are to be answered."""
    deepset = lines_of("prompt_injection/deepset_prompt_injections.jsonl")
    jbb = lines_of("prompt_injection/jbb_behaviors.jsonl")
    found = {
        "XSTest, safe prompts that look unsafe": [
            row["prompt"] for row in rows_of("prompt_injection/xstest_prompts.csv") if row["label"] == "safe"
        ],
        "deepset, benign": [row["text"] for row in deepset if not row["label"]],
        "JBB, benign": [row["text"] for row in jbb if not row["harmful"]],
        "Banking77": [row["text"] for row in rows_of("banking77/test.csv")],
    }
    for language in ("en", "de"):
        document = json.loads((DATA / "xquad" / f"xquad.{language}.json").read_text(encoding="utf-8"))
        paragraphs = [p for d in document["data"] for p in d["paragraphs"]]
        found[f"XQuAD, {language}"] = [q["question"] for p in paragraphs for q in p["qas"]]
    return found


def injections() -> str:
    guard = Injection()

    def marked(texts: list[str]) -> str:
        return share(sum(bool(guard.act(text, "question")[1]) for text in texts), len(texts))

    rows = [["attack", name, marked(texts)] for name, texts in attacks().items()]
    rows += [["question", name, marked(texts)] for name, texts in questions().items()]
    return table("|set|marked", rows)


def refused_questions(guards: Guards) -> str:
    rows = []
    for name, texts in questions().items():
        refused = sum(any(each.did == "refused" for each in guards.question(text)[1]) for text in texts)
        rows.append([name, share(refused, len(texts))])
    return table("questions|refused by a guard", rows)


def refused_answers(guards: Guards) -> str:
    import polars as pl

    frame = pl.read_parquet(DATA / "xstest_completions_2annotators" / "completions.parquet")
    safe = frame.filter(~pl.col("type").str.starts_with("contrast"))
    texts = {
        "XSTest, five models' answers to safe prompts": safe["completion"].to_list(),
        "XSTest, five models' answers to unsafe prompts": frame.filter(pl.col("type").str.starts_with("contrast"))[
            "completion"
        ].to_list(),
    } | {name: found for name, found in plain_texts().items() if "questions" not in name}
    rows = []
    for name, answers in texts.items():
        refused = sum(any(each.did == "refused" for each in guards.answer(text)[1]) for text in answers)
        rows.append([name, share(refused, len(answers))])
    return table("as answers|refused by a guard", rows)


def toxicity() -> str:
    guard = Toxicity()
    counts: dict[str, list[bool]] = defaultdict(list)
    classes = {"0": "hate speech", "1": "offensive", "2": "neither"}
    for row in rows_of("hate_speech_tweets/labeled_tweets.csv.gz"):
        counts[f"English tweets, {classes[row['class']]}"].append(bool(guard.act(row["tweet"], "answer")[1]))
    for part in ("training", "test"):
        for line in (DATA / "germeval2018_offensive" / f"{part}.tsv").read_text(encoding="utf-8").splitlines():
            text, _, kind = line.split("\t")
            if kind != "label_fine":
                counts[f"German tweets, {kind.lower()}"].append(bool(guard.act(text, "answer")[1]))
    return table("texts|found", ([name, share(sum(found), len(found))] for name, found in sorted(counts.items())))


def page() -> str:
    """docs/reference/guards.md."""
    guard, guards = PersonalData(GuardPolicy()), guards_of(GuardPolicy())
    return f"""{INTRODUCTION}
## Personal data
In English sentences (Presidio's synthetic set, 1,500). Addresses there are made of parts of several countries;
names stand mostly without a word that says so, and such names are not found:

{synthetic(guard)}
Of 3,000 invented people of 31 countries, each value in a sentence of its own; an identifier that does not check is
none:

{identities(guard)}
Identifiers with check digits (15 kinds, 300 each, as people write them, in sentences that say nothing about them):
all are found (`test_no_checksummed_identifier_is_stored`).

Masks in texts about nobody in particular. Telephone numbers, addresses and titled names in them are what they look
like; they are masked all the same until the policy's `public` names them:

{false_masks(guard)}
## False refusals
No guard refuses a question, by design:

{refused_questions(guards)}
An answer is refused where it abuses somebody, or gives the system prompt away:

{refused_answers(guards)}
## Injection
The detector marks, and decides nothing: what it misses reaches no more than what it sees. deepset and Gandalf were
looked at while its patterns were written; the others were not. What the attacks of these sets reach with a model
that is hijacked by each of them stands in [red team](../generative/red-team.md).

{injections()}
## Abusive words
A list of words finds what is said outright, and little of what is meant:

{toxicity()}"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
