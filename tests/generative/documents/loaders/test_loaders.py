"""Every loader does what a loader must do, and keeps what its kind of file says."""

import zipfile
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import BytesIO

import docx
import pytest
from tests.generative.documents.loaders.pdf_writer import PICTURE, pdf
from tests.generative.documents.loaders.samples import SAMPLES, message, saved

from kreis.errors import ProjectError
from kreis.generative.documents.document import Unreadable
from kreis.generative.documents.loaders.kinds import LOADERS, loader_of
from kreis.generative.documents.loaders.load import load_document, load_documents
from kreis.generative.documents.loaders.testing import CHECKS

DAY = datetime(2026, 5, 1, tzinfo=UTC)
LATER = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", SAMPLES)
def test_a_loader_behaves(name, check):
    check(lambda: type(loader_of(name))(), SAMPLES[name](), name)


def test_every_loader_is_tried():
    assert {type(loader_of(name)) for name in SAMPLES} == {type(each) for each in LOADERS}


def loaded(name, data=None):
    return load_documents(SAMPLES[name]() if data is None else data, name, known_at=LATER)


def test_markdown_says_in_its_front_matter_what_is_known_of_it():
    document = load_document(SAMPLES["leave.md"](), "leave.md", known_at=LATER)
    assert document.text == "# Leave for parents\n\nAsk **before** the birth.\n"
    assert (document.title, document.owner, document.licence) == ("Parental leave", "hr", "internal")
    assert (document.language, document.groups) == ("en", ("staff", "board"))
    assert (document.known_at, document.expires) == (LATER, datetime(2027, 1, 1, 10, tzinfo=UTC))


def test_markdown_without_front_matter_is_called_by_its_first_heading():
    assert load_document(b"<!-- ours -->\n# Leave `now` #\n\nText.", "a/b.md", known_at=DAY).title == "Leave `now"
    assert load_document(b"Text.\n# Not the first", "a/b.md", known_at=DAY).title == "b"
    assert load_document(b"---\nnot a mapping\n---\nText.", "b.md", known_at=DAY).text.startswith("---\nnot")


BAD_FRONT = {
    "no YAML": ("title: a: b", "b.md:2", "quotes"),
    "an alias": ("a: &a [x]\nb: [*a, *a]", "b.md", "write it out"),
    "no moment": ("expires: soon", "b.md", "2026-12-31"),
    "too long": (f"a: {'x' * (65 << 10)}", "b.md", "at most"),
}


@pytest.mark.parametrize("what", BAD_FRONT)
def test_front_matter_that_cannot_be_read_is_refused(what):
    front, where, hint = BAD_FRONT[what]
    with pytest.raises(ProjectError) as refused:
        load_document(f"---\n{front}\n---\nText.".encode(), "b.md", known_at=DAY)
    assert refused.value.where == where
    assert hint in str(refused.value)


def test_a_page_keeps_headings_lists_and_tables_and_loses_the_rest():
    (page,) = loaded("leave.html")
    assert page.text == (
        "# Urlaub für Eltern\n\nAlle haben 30 Tage im Jahr, auch wer weniger Stunden arbeitet.\n\n## Antrag\n\n"
        "- früh fragen\n- schriftlich\n\n| Tage | Jahre | \n|---|---|\n| 30 | 1 |"
    )
    assert (page.title, page.owner, page.language) == ("Urlaub", "Personal", "de")
    with pytest.raises(ProjectError, match="holds no text"):
        loaded("a.html", b"<html><body><img src='x.png'></body></html>")


SHORT_PAGES = {
    "in its main part": (
        "<main><h1>Kopf</h1><p>Absatz.</p><h3>Mehr</h3><p>Zwei.</p></main>",
        "# Kopf\n\nAbsatz.\n\n### Mehr\n\nZwei.",
    ),
    "in its body": ("<h1>Kopf</h1><p>Absatz.</p><ul><li>Zwei</li></ul>", "# Kopf\n\nAbsatz.\n\n- Zwei"),
    "in a table alone": ("<table><tr><td>Tage</td><td>30</td></tr></table>", "| Tage | 30 |"),
    "in nothing": ("<div>Nur ein Text.</div>", "Nur ein Text."),
}


@pytest.mark.parametrize("where", SHORT_PAGES)
def test_a_short_page_keeps_its_headings_and_loses_its_frame(where):
    body, text = SHORT_PAGES[where]
    frame = '<nav><ul><li><a href="/">Start</a></li></ul></nav>%s<footer>Impressum</footer>'
    assert loaded("a.html", f"<html><body>{frame % body}</body></html>".encode())[0].text == text


def test_a_part_of_a_page_is_read_like_a_page():
    assert loaded("a.html", b"<h1>Kopf</h1><p>Absatz.</p>")[0].text == "# Kopf\n\nAbsatz."
    with pytest.raises(ProjectError, match="no HTML"):
        loaded("a.html", b"just text")


def test_a_pdf_keeps_pages_tables_and_words_that_a_line_parts():
    (document,) = loaded("leave.pdf")
    assert document.text == (
        "Leave (2026)\n\nEverybody has 30 days a year, and the Mitarbeiter in the office have more. Für alle.\n\n"
        "| Days | Years of service | Who |\n|---|---|---|\n| 30 | 1 to 5 | all |\n| 32 | more than 5 | some |\n\n"
        "After the table.\n\nPage two.\n- ask early\n- write"
    )
    assert [document.text[place:][:9] for place in document.pages] == ["Leave (20", "Page two."]
    assert document.page_of(document.text.index("write")) == 2


def test_pieces_of_a_word_are_joined_and_words_are_parted():
    pieces = [(50, 780, "Lea"), (68.4, 780, "ve"), (83, 780, "early"), (50, 760, "Now.")]
    (document,) = loaded("a.pdf", pdf(pieces))
    assert document.text == "Leave early\n\nNow."


def test_the_columns_of_a_table_are_as_wide_as_their_widest_cells():
    rows = [(700, 150, "30"), (686, 150, "thirty days in all"), (672, 215, "31"), (658, 150, "32")]
    cells = [text for height, left, said in rows for text in ((50, height, f"row {height}"), (left, height, said))]
    (document,) = loaded("a.pdf", pdf(cells))
    assert document.text.split("\n")[2:] == ["| row 686 | thirty days in all |", "| row 672 | 31 |", "| row 658 | 32 |"]
    apart = [(50, 700, "a"), (150, 700, "b"), (50, 686, "c"), (300, 686, "d")]
    assert "|" not in loaded("a.pdf", pdf(apart))[0].text


def test_the_outline_of_a_pdf_says_which_lines_are_headings():
    pages = [
        [(50, 780, "1 Leave"), (50, 760, "30 days, see 2 Parents.")],
        [(50, 780, "2  Parents"), (50, 766, "Leave")],
    ]
    (document,) = loaded("a.pdf", pdf(*pages, outline=[(0, "1 Leave"), (1, "Parents")]))
    assert document.text == "# 1 Leave\n\n30 days, see 2 Parents.\n\n# 2 Parents\n\nLeave"
    assert [document.text[place:][:3] for place in document.pages] == ["# 1", "# 2"]


def test_pages_that_are_pictures_are_told_of():
    with pytest.raises(
        ProjectError, match=r"page images without a text: it is unreadable as it is\nHint: run text rec"
    ):
        loaded("scan.pdf", pdf(PICTURE, PICTURE))
    gap, document = loaded("half.pdf", pdf([(50, 700, "Some text.")], PICTURE, [(50, 700, "More.")]))
    assert isinstance(gap, Unreadable)
    assert (gap.id, gap.reason.split(";")[0]) == ("half.pdf#page 2", "pictures without a text")
    assert document.text == "Some text.\n\nMore."
    assert document.pages == (0, 10, 12)
    with pytest.raises(ProjectError, match="no text on its pages"):
        loaded("blank.pdf", pdf([]))


def test_two_columns_are_read_one_after_the_other():
    left = [(50, 700 - 14 * line, f"left line {line} of the text") for line in range(4)]
    right = [(300, 700 - 14 * line, f"right line {line} of the text") for line in range(4)]
    (document,) = loaded("columns.pdf", pdf([*left, *right]))
    assert document.text.replace("\n\n", "\n").split("\n") == [text for _, _, text in left + right]


def test_word_keeps_headings_lists_and_tables_in_their_order():
    (document,) = loaded("leave.docx")
    assert document.text == (
        "# Leave\n\n30 days a year.\n\n## Parents\n\n- ask early\n- in writing\n1. then wait\n\n"
        "| Days | Years |\n|---|---|\n| 30 | 1 \\| 2 |\n\nAfter it."
    )
    assert (document.title, document.owner, document.language) == ("Leave", "hr", "en")


def test_word_that_is_none_or_unfolds_to_too_much_is_refused():
    with pytest.raises(ProjectError, match="no Word document"):
        loaded("a.docx", b"not a zip")
    bomb = BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * (64 << 20))
    with pytest.raises(ProjectError, match="it unfolds from"):
        loaded("a.docx", bomb.getvalue())
    with pytest.raises(ProjectError, match="holds no text"):
        loaded("a.docx", saved(docx.Document()))


def test_no_entity_of_a_word_document_is_resolved(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    entity = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{secret}">]>'.encode()
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(SAMPLES["leave.docx"]())) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "word/document.xml":
                data = data.replace(b"?>", b"?>" + entity, 1).replace(b"30 days a year.", b"30 days &e;.")
            new.writestr(name, data)
    (document,) = loaded("a.docx", out.getvalue())
    assert "the secret" not in document.text


def test_a_mail_is_its_text_below_its_subject_and_what_is_attached():
    data = message(leave_md=SAMPLES["leave.md"](), photo_png=b"\x89PNG")
    mail, attached, gap = load_documents(data, "leave.eml")
    assert mail.text == "# Urlaub für Eltern\n\nAlle haben 30 Tage.\n\nGruß, Ada"
    assert (mail.title, mail.owner) == ("Urlaub für Eltern", "Ada <ada@example.org>")
    assert mail.known_at == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert attached.known_at == gap.known_at == DAY
    assert (attached.id, attached.owner) == ("leave.eml/leave.md", "hr")
    assert gap.id == "leave.eml/photo.png"
    assert "no loader reads '.png'" in gap.reason


def test_a_mail_without_a_subject_is_one_all_the_same():
    (mail,) = load_documents(b"From: ada@example.org\nDate: Fri, 01 May 2026 14:00:00 +0200\n\nHello.\n", "a.eml")
    assert (mail.text, mail.title) == ("Hello.", "a")


def test_a_mail_without_a_plain_part_is_read_from_its_html_part():
    raw = b"Subject: Leave\r\nFrom: hr@example.org\r\nContent-Type: text/html\r\n\r\n<p>Everybody has 30 days.</p>"
    assert loaded("a.eml", raw)[0].text == "# Leave\n\nEverybody has 30 days."
    with pytest.raises(ProjectError, match="no e-mail"):
        loaded("a.eml", b"just a text")


def test_a_mail_in_a_coding_that_nobody_knows_is_read_as_far_as_it_goes():
    raw = (
        b"Subject: Leave\nFrom: ada@example.org\nContent-Type: text/plain; charset=x-none\n"
        b"Content-Transfer-Encoding: base64\n\nMzAgZGF5cy4=\n"
    )
    assert loaded("a.eml", raw)[0].text == "# Leave\n\n30 days."


def test_mails_in_mails_end_somewhere():
    data = message()
    for _ in range(8):
        whole = EmailMessage()
        whole["Subject"] = "Fwd"
        whole["From"] = "ada@example.org"
        whole.set_content("see below")
        whole.add_attachment(message_from_bytes(data, policy=policy.default))
        data = whole.as_bytes()
    found = loaded("a.eml", data)
    assert len([each for each in found if not isinstance(each, Unreadable)]) == 4
    assert isinstance(found[-1], Unreadable)


def test_rows_are_texts_of_their_own():
    german, english = loaded("leave.csv")
    assert (german.id, german.text) == ("leave.csv#7", "# Wie viele Tage?\n\n30 Tage, für alle.")
    assert (german.language, german.groups, german.expires) == ("de", ("staff", "board"), None)
    assert english.text == "# How many days?\n\n30 days\na year."
    assert english.expires == datetime(2027, 1, 1, tzinfo=UTC)
    asked, text = loaded("leave.jsonl")
    assert (asked.id, asked.text, asked.owner) == ("leave.jsonl#d4ddf8e545ea", "# How many days?\n\n30.", "hr")
    assert (text.id, text.title, text.text, text.groups) == ("leave.jsonl#31", "Sick leave", "Call us.", ("staff",))


def test_a_row_that_cannot_be_read_costs_that_row():
    good, *gaps = loaded("a.csv", b"question,answer\nHow?,So.\nWhy?,\nWho?,We,all\n")
    assert good.title == "How?"
    assert [(each.id, each.reason[:20]) for each in gaps] == [
        ("a.csv#line 3", "it has no answer and"),
        ("a.csv#line 4", "3 fields stand in pl"),
    ]
    lines = loaded("a.jsonl", b'{"question": "How?", "answer": "So."}\nno JSON\n\n{"question": "Why?"}\n')
    assert [each.id for each in lines[1:]] == ["a.jsonl#line 2", "a.jsonl#line 4"]
    with pytest.raises(ProjectError, match="its columns are a, b"):
        loaded("a.csv", b"a,b\n1,2\n")


def test_a_text_that_is_no_text_is_refused():
    with pytest.raises(ProjectError, match="not UTF-8 at byte 4"):
        loaded("a.md", b"f\xc3\xbcr \xff"[1:])
    with pytest.raises(ProjectError, match="zero bytes"):
        loaded("a.txt", b"a\0b")
    assert loaded("a.txt", "für".encode("utf-16"))[0].text == "für"
    assert loaded("a.txt", b"\xef\xbb\xbfa\r\nb\rc")[0].text == "a\nb\nc"
