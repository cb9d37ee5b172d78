"""A small file of each kind, made anew each time."""

from __future__ import annotations

import io
from email.message import EmailMessage

import docx
from tests.generative.documents.loaders.pdf_writer import pdf

MARKDOWN = b"""---
title: Parental leave
owner: hr
licence: internal
language: en
groups: [staff, board]
known_at: 2026-05-01
expires: 2027-01-01T12:00:00+02:00
---
# Leave for parents

Ask **before** the birth.
"""
HTML = """<!doctype html><html lang="de-DE"><head><meta charset="utf-8"><title>Urlaub</title><meta name="author"
content="Personal"></head><body><nav><a href="/">Start</a></nav><article><h1>Urlaub für Eltern</h1>
<p>Alle haben 30 Tage im Jahr, auch wer weniger Stunden arbeitet.</p><h2>Antrag</h2><ul><li>früh fragen</li>
<li>schriftlich</li></ul><table><tr><th>Tage</th><th>Jahre</th></tr><tr><td>30</td><td>1</td></tr></table>
<script>alert(1)</script></article><footer>Impressum</footer></body></html>""".encode()
CSV = """id;question;answer;language;groups;expires
7;Wie viele Tage?;30 Tage, für alle.;de;staff, board;
8;How many days?;"30 days
a year.";en;;2027-01-01
"""
JSONL = b"""{"question": "How many days?", "answer": "30.", "owner": "hr"}
{"_id": "31", "title": "Sick leave", "text": "Call us.", "groups": ["staff"]}
"""


def word() -> bytes:
    document = docx.Document()
    document.core_properties.title = "Leave"
    document.core_properties.author = "hr"
    document.core_properties.language = "en-GB"
    document.add_heading("Leave", level=0)
    document.add_paragraph("30 days a year.")
    document.add_heading("Parents", level=2)
    document.add_paragraph("ask early", style="List Bullet")
    document.add_paragraph("in writing", style="List Bullet")
    document.add_paragraph("then wait", style="List Number")
    table = document.add_table(rows=2, cols=2)
    for row, cells in enumerate([("Days", "Years"), ("30", "1 | 2")]):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    document.add_paragraph("After it.")
    return saved(document)


def saved(document: object) -> bytes:
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()


def message(**attached: bytes) -> bytes:
    mail = EmailMessage()
    mail["Subject"] = "Urlaub für Eltern"
    mail["From"] = "Ada <ada@example.org>"
    mail["Date"] = "Fri, 01 May 2026 14:00:00 +0200"
    mail.set_content("Alle haben 30 Tage.\n\nGruß, Ada\n")
    mail.add_alternative("<p>Alle haben <b>30</b> Tage.</p>", subtype="html")
    for name, data in attached.items():
        mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name.replace("_", "."))
    return mail.as_bytes()


def paged() -> bytes:
    """Two pages of text, with a table on the first, and a picture between them."""
    first = [
        (50, 780, "Leave (2026)"),
        (50, 750, "Everybody has 30 days a year, and the Mitar-"),
        (50, 736, "beiter in the office have more. Für alle."),
        (50, 700, "Days"), (150, 700, "Years of service"), (300, 700, "Who"),
        (50, 685, "30"), (150, 685, "1 to 5"), (300, 685, "all"),
        (50, 670, "32"), (150, 670, "more than 5"), (300, 670, "some"),
        (50, 640, "After the table."),
    ]  # fmt: skip
    return pdf(
        first, [(50, 780, "Page two."), (50, 766, "•"), (70, 766, "ask early"), (50, 752, "•"), (70, 752, "write")]
    )


SAMPLES = {
    "leave.md": lambda: MARKDOWN,
    "leave.html": lambda: HTML,
    "leave.pdf": paged,
    "leave.docx": word,
    "leave.eml": lambda: message(leave_md=MARKDOWN),
    "leave.csv": CSV.encode,
    "leave.jsonl": lambda: JSONL,
}
