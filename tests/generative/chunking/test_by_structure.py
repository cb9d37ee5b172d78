"""ByStructure: sections, items, tables and code stay whole where they fit; headings are known."""

from kreis.generative.chunking.kinds import ByStructure
from kreis.generative.chunking.testing import document_of


def cut(text, words=12, overlap=0):
    return [
        (each.heading, text[each.start : each.end])
        for each in ByStructure(words=words, overlap=overlap).chunks(document_of(text))
    ]


TEXT = """Before any heading.

# Leave

30 days a year.

## Parents

Ask **before** the birth, in writing, and tell us the dates.

### When `both` take [leave](x.md)

Then ask both of you, one after the other, or both at once.

## Illness

Call us.
"""


def test_each_chunk_knows_the_headings_above_it():
    assert [heading for heading, _ in cut(TEXT, words=15)] == [
        "",
        "Leave",
        "Leave > Parents",
        "Leave > Parents > When both take leave",
        "Leave > Illness",
    ]


def test_the_largest_section_that_fits_is_one_chunk():
    chunks = cut(TEXT, words=40)
    assert [heading for heading, _ in chunks] == ["", "Leave", "Leave > Parents", "Leave > Illness"]
    assert chunks[2][1].endswith("or both at once.")
    whole = "# Leave\n\n30 days.\n\n## Illness\n\nCall us."
    assert cut(whole) == [("Leave", whole)]


def test_a_heading_without_a_text_goes_to_what_follows():
    text = "# Leave\n\n## Parents\n\n" + "Ask us. " * 4 + "\n\n## Illness\n\n" + "Call us. " * 4
    assert [part.split("\n")[0] for _, part in cut(text)] == ["# Leave", "## Illness"]


def test_underlined_lines_are_headings():
    assert cut("Leave\n=====\n\n30 days.\n\nParents\n-------\n\nAsk " + "us " * 12, words=14)[1][0] == "Leave > Parents"


def test_what_stands_in_code_is_no_heading():
    text = "# Run it\n\n```bash\n# a comment\nkreis run\n```\n\n# Stop it\n\nNow."
    assert [heading for heading, _ in cut(text)] == ["Run it", "Stop it"]


def test_items_of_lists_tables_and_code_stay_whole():
    item = "- ask your manager\n  and then write it down\n\n  with a date"
    table = "| days | years |\n|---|---|\n| 30 | 1 |"
    code = "```\nkreis run\n\nkreis watch\n```"
    text = f"# Leave\n\nOne two three four five.\n\n{item}\n- second\n\n{table}\n\n{code}"
    parts = [part for _, part in cut(text, words=14)]
    assert parts[0] == "# Leave\n\nOne two three four five."
    assert parts[1] == f"{item}\n- second"
    assert parts[2] == table
    assert parts[3] == code


def test_a_table_that_is_too_long_is_cut_between_rows():
    table = "\n".join(f"| {row} | a b c |" for row in range(10))
    parts = [part for _, part in cut(f"# Rows\n\n{table}", words=16)]
    assert all(part.splitlines()[-1].endswith("|") for part in parts)
    assert parts[1].splitlines()[0] == "| 2 | a b c |"


def test_a_paragraph_that_is_too_long_is_cut_between_sentences():
    parts = [part for _, part in cut("One two three four. " * 6, words=10, overlap=4)]
    assert parts[0] == "One two three four. One two three four."
    assert all(part.startswith("One") and part.endswith("four.") for part in parts)
    assert len(parts) == 5  # each begins with the last sentence of the one before


def test_a_heading_is_never_parted_from_what_stands_below_it():
    text = "# A heading of five words\n\n" + "word " * 12 + "\n\n" + "word " * 12
    assert cut(text)[0][1].startswith("# A heading of five words\n\nword")


def test_a_data_line_without_blanks_is_cut_too():
    parts = [part for _, part in cut("x" * 5_000, words=50)]
    assert max(map(len, parts)) <= 16 * 50
