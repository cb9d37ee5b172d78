"""sentences: where they end, in English and German, and where they do not."""

import pytest

from kreis.generative.chunking.spans import sentences

CASES = [
    ["Ask first.", "Then go!", "Is it so?", "It is…", "Good."],
    ["Das gilt z. B. für Dr. Müller bzw. die Firma Nr. 5 am 3. Oktober.", "Danach nicht."],
    ["He said “Stop.”", "(They did.)", "**Now.**", "Go."],
    ["It costs 3.50 EUR, e.g. in v1.2.3 of kreis.", "No more."],
    ["It is about responsibilities.", "And Donaudampfschifffahrt.", "Nobody knows."],
    ["That was in 2013.", "Then it ended."],
    ["A. Lovelace wrote it.", "Nobody else."],
    ["No mark at the end\n\n", "A new paragraph"],
    ["# Heading\n", "- an item\n", "1. another"],
    ["第一句。", "第二句。"],
]


@pytest.mark.parametrize("expected", CASES)
def test_sentences_end_where_they_end(expected):
    text = "".join(part if part.endswith("\n") or part[-1] == "。" else f"{part} " for part in expected)
    assert [text[start:end] for start, end in sentences(text)] == [part.strip() for part in expected]


def test_a_part_of_a_text_is_looked_at_alone():
    text = "One. Two. Three."
    assert [text[start:end] for start, end in sentences(text, 5, 12)] == ["Two.", "Th"]
