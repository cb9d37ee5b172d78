"""language_of: which language a text is in; nothing where its words do not tell."""

import csv
import gzip
import json
import os
from collections import Counter
from pathlib import Path

import pytest

from kreis.generative.documents.language import LANGUAGES, language_of

DATA = Path(os.environ.get("KREIS_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))
SENTENCES = {
    "da": "Alle har tredive dage om året, og hvis du har brug for mere, skal du spørge din leder.",
    "de": "Alle haben dreißig Tage im Jahr, und wer mehr braucht, fragt den Vorgesetzten.",
    "en": "Everybody has thirty days a year, and who needs more should ask the manager.",
    "es": "Todos tienen treinta días al año, y quien necesita más debe preguntar a su jefe.",
    "fr": "Tout le monde a trente jours par an, et qui en veut plus doit le demander à son chef.",
    "it": "Tutti hanno trenta giorni all'anno, e chi ne ha bisogno di più deve chiedere al suo capo.",
    "nl": "Iedereen heeft dertig dagen per jaar, en wie meer nodig heeft moet het aan zijn baas vragen.",
    "pl": "Każdy ma trzydzieści dni w roku, a kto potrzebuje więcej, ten musi o to zapytać, jeśli nie jest to pilne.",
    "pt": "Todos têm trinta dias por ano, e quem precisa de mais deve perguntar ao seu chefe.",
    "sv": "Alla har trettio dagar om året, och den som behöver mer ska fråga sin chef.",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_clauses_tell_the_language(language):
    assert language_of(SENTENCES[language]) == language


@pytest.mark.parametrize("text", ["", "42", "kreis 0.1.0", "# Urlaub", "料金は月額です。", "Qwx zzt brll. Frnk!"])
def test_too_few_known_words_tell_nothing(text):
    assert language_of(text) == ""


def test_code_in_a_text_does_not_count():
    code = "```python\nfor each in the_list: if it is not in a set or the other: print(each)\n```"
    assert language_of(f"{SENTENCES['de']}\n\n{code}\n") == "de"


def test_a_mixture_of_two_languages_tells_nothing():
    assert language_of(f"{SENTENCES['de']} " * 3 + f"{SENTENCES['en']} " * 2) == ""


@pytest.mark.skipif(not DATA.is_dir(), reason="the development data are not on this machine")
def test_pages_are_never_taken_for_another_language():
    with gzip.open(DATA / "covid_faq" / "faq_multilang.tsv.gz", "rt") as file:
        told = Counter((row["lang"], language_of(row["answer"])) for row in csv.DictReader(file, delimiter="\t"))
    assert sum(count for (real, guess), count in told.items() if guess not in ("", real)) == 0
    assert sum(count for (real, guess), count in told.items() if guess == real) > 0.97 * sum(told.values())
    for language in ("de", "en"):
        pages = json.loads((DATA / "xquad" / f"xquad.{language}.json").read_text())["data"]
        guessed = Counter(language_of(each["context"]) for page in pages for each in page["paragraphs"])
        assert guessed[language] >= 237
        assert guessed[language] + guessed[""] >= 239  # one is a list of Spanish names of places
