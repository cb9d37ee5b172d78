"""Writes small PDFs: texts at places, and pages that hold a picture alone."""

from __future__ import annotations

Text = tuple[float, float, str]
"""From the left, from the bottom, in points; what stands there."""
PICTURE = b"q 200 0 0 200 50 500 cm /I Do Q"


def pdf(*pages: list[Text] | bytes, outline: list[tuple[int, str]] | None = None) -> bytes:
    """A page for each list of texts; bytes are its content as it is. The outline names a page, from 0, and a title."""
    font = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
    image = (
        b"<< /Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8 "
        b"/Length 1 >>\nstream\nx\nendstream"
    )
    objects = [b"", b"", font, image]
    kids = []
    for page in pages:
        content = page if isinstance(page, bytes) else b"\n".join(map(_shown, page))
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
            b"/Resources << /Font << /F 3 0 R >> /XObject << /I 4 0 R >> >> >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[0] = b"<< /Type /Catalog /Pages 2 0 R >>"
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    if outline:
        objects[0] = b"<< /Type /Catalog /Pages 2 0 R /Outlines %d 0 R >>" % (len(objects) + 1)
        first = len(objects) + 2
        last = len(objects) + 1 + len(outline)
        objects.append(b"<< /Type /Outlines /First %d 0 R /Last %d 0 R /Count %d >>" % (first, last, len(outline)))
        for number, (page, title) in enumerate(outline):
            after = b"/Next %d 0 R " % (first + number + 1) if number + 1 < len(outline) else b""
            place = b"/Dest [%s /Fit]" % kids[page]
            objects.append(b"<< /Title (%s) /Parent %d 0 R %s%s >>" % (title.encode(), first - 1, after, place))
    return _file(objects)


def _shown(text: Text) -> bytes:
    left, bottom, said = text
    escaped = said.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    return b"BT /F 11 Tf %.1f %.1f Td (%s) Tj ET" % (left, bottom, escaped)


def _file(objects: list[bytes]) -> bytes:
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"<< /Size %d /Root 1 0 R >>" % (len(objects) + 1)
    return out + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n%s\nstartxref\n%d\n%%%%EOF" % (
        len(objects) + 1, table, trailer, len(out),
    )  # fmt: skip
