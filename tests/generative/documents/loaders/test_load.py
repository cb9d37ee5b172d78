"""load_document and load_folder: names, moments, access; what cannot be read is told of, the others are loaded."""

import os
from datetime import UTC, datetime

import pytest
from tests.generative.documents.loaders.pdf_writer import PICTURE, pdf
from tests.generative.documents.loaders.samples import CSV, HTML, MARKDOWN

from kreis.errors import ProjectError
from kreis.generative.documents.document import Document, Unreadable
from kreis.generative.documents.loaders.load import load_document, load_documents, load_folder

DAY = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "docs"
    (root / "hr").mkdir(parents=True)
    for name, data in {
        "hr/leave.md": MARKDOWN,
        "hr/urlaub.html": HTML,
        "hr/scan.pdf": pdf(PICTURE),
        "hr/logo.svg": b"<svg/>",
        "faq.csv": CSV.encode(),
        ".hidden.md": b"not this one",
    }.items():
        (root / name).write_bytes(data)
        os.utime(root / name, (DAY.timestamp(), DAY.timestamp()))
    return root


def test_a_folder_gives_its_files_in_order_and_says_which_it_could_not_read(folder):
    found = list(load_folder(folder))
    assert [each.id for each in found] == [
        "faq.csv#7", "faq.csv#8", "hr/leave.md", "hr/logo.svg", "hr/scan.pdf", "hr/urlaub.html",
    ]  # fmt: skip
    unreadable = {each.id: each.reason for each in found if isinstance(each, Unreadable)}
    assert unreadable["hr/logo.svg"].startswith("no loader reads '.svg': known: .md")
    assert "run text recognition (OCR)" in unreadable["hr/scan.pdf"]
    assert {each.source for each in found if each.id.startswith("hr/")} == {
        str(folder / each) for each in ("hr/leave.md", "hr/logo.svg", "hr/scan.pdf", "hr/urlaub.html")
    }


def test_a_document_is_known_since_it_says_so_else_since_its_file_was_changed(folder):
    found = {each.id: each.known_at for each in load_folder(folder)}
    assert found["hr/leave.md"] == datetime(2026, 5, 1, tzinfo=UTC)
    assert found["hr/urlaub.html"] == found["hr/scan.pdf"] == DAY
    later = datetime(2026, 7, 1, tzinfo=UTC)
    assert {each.known_at for each in load_folder(folder, known_at=later)} == {later}


def test_a_part_that_cannot_be_read_is_known_since_its_file_is(folder):
    rows = b"question,answer,known_at\nHow?,So.,2026-03-01\nWhy?,,\n"
    (folder / "gaps.csv").write_bytes(rows)
    os.utime(folder / "gaps.csv", (DAY.timestamp(), DAY.timestamp()))
    later = datetime(2026, 7, 1, tzinfo=UTC)
    assert [each.known_at for each in load_folder(folder, "gaps.csv")] == [datetime(2026, 3, 1, tzinfo=UTC), DAY]
    assert [each.known_at for each in load_folder(folder, "gaps.csv", known_at=later)] == [later, later]
    assert load_documents(rows, "gaps.csv")[1].known_at == datetime(2026, 3, 1, tzinfo=UTC)


def test_only_what_fits_the_pattern_is_read(folder):
    assert [each.id for each in load_folder(folder, "**/*.html")] == ["hr/urlaub.html"]
    with pytest.raises(ProjectError, match="no file in it fits"):
        list(load_folder(folder, "*.rst"))
    with pytest.raises(ProjectError, match="no such folder"):
        list(load_folder(folder / "none"))


def test_links_out_of_the_folder_are_not_followed(folder, tmp_path):
    outside = tmp_path / "secret.md"
    outside.write_text("the secret")
    other = tmp_path / "other"
    other.mkdir()
    (other / "secret.md").write_text("the secret")
    (folder / "link.md").symlink_to(outside)
    (folder / "away").symlink_to(other)
    (folder / "gone.md").symlink_to(tmp_path / "nothing.md")
    (folder / "same.md").symlink_to(folder / "hr" / "leave.md")
    found = {each.id: each for each in load_folder(folder, "**/*.md")}
    assert "leads out of the folder" in found["link.md"].reason
    assert isinstance(found["gone.md"], Unreadable)
    assert all("the secret" not in each.text for each in found.values() if isinstance(each, Document))
    assert isinstance(found["same.md"], Document)


def test_what_the_caller_says_of_access_holds_whatever_a_file_says(folder):
    (leave,) = load_folder(folder, "hr/*.md", groups=("hr",), tenant="north", owner="me", licence="mine", language="de")
    assert (leave.groups, leave.tenant) == (("hr",), "north")
    assert (leave.owner, leave.licence, leave.language) == ("hr", "internal", "en")
    (urlaub,) = load_folder(folder, "hr/*.html", owner="me", licence="mine", language="en")
    assert (urlaub.owner, urlaub.licence, urlaub.language) == ("Personal", "mine", "de")
    assert urlaub.groups == ()


def test_a_document_is_loaded_whole_or_not_at_all(folder):
    assert load_document(folder / "hr" / "leave.md").id == str(folder / "hr" / "leave.md")
    with pytest.raises(ProjectError, match=r"^faq: it holds 2 documents, not one"):
        load_document(folder / "faq.csv", "faq", media_type="text/csv")
    with pytest.raises(ProjectError, match=r"faq.csv: it holds 2 documents"):
        load_document(folder / "faq.csv")
    with pytest.raises(ProjectError, match="pictures without a text"):
        load_document(pdf([(50, 700, "Text.")], PICTURE), "half.pdf", known_at=DAY)
    with pytest.raises(ProjectError, match="cannot be opened"):
        load_document(folder / "none.md")
    with pytest.raises(ProjectError, match="bytes need a name"):
        load_document(b"text")
    with pytest.raises(ProjectError, match="since when"):
        load_document(b"text", "a.txt")
    assert load_document(b"text", "page", known_at=DAY, media_type="text/plain").title == "page"


def test_a_file_that_is_too_large_is_refused(folder, monkeypatch):
    monkeypatch.setattr("kreis.generative.documents.loaders.load._MOST_BYTES", 10)
    assert all("at most 10" in each.reason for each in load_folder(folder, "hr/*.md"))


def test_what_is_no_file_of_words_is_told_of_and_never_waited_for(folder):
    """A pipe that nobody writes to, a link to itself, a name that is no text."""
    os.mkfifo(folder / "pipe.md")
    (folder / "loop.md").symlink_to("loop.md")
    with open(os.fsencode(folder) + b"/\xff.md", "w") as file:
        file.write("# Leave")
    found = {each.id: each.reason for each in load_folder(folder, "*.md") if isinstance(each, Unreadable)}
    assert "not a regular file" in found["pipe.md"]
    assert "leads back to itself" in found["loop.md"]
    assert "not UTF-8" in found["\\xff.md"]
