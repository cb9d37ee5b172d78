"""A page as one HTML file: nothing in it is loaded from elsewhere, and nothing in it runs."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from kreis.governance.pages.differences import patch_lines
from kreis.texts import plain

__all__ = ["html_page", "patch_html"]

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 1120px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h4 { font-size: 1.2rem; margin: 1.6rem 0 .4rem } h5 { font-size: 1rem; margin: 1.4rem 0 .3rem }
table { border-collapse: collapse; font-size: 14px } td, th { padding: .2rem .8rem .2rem 0; vertical-align: top }
tbody tr { border-top: 1px solid #e4e4e4 } th { font-weight: 600; color: #555 }
.plots { display: flex; flex-wrap: wrap; gap: 1.5rem 2rem } .plots img { max-width: 520px }
pre { background: #f6f6f6; padding: .8rem; overflow-x: auto; font-size: 13px; line-height: 1.35 }
.added { color: #00664f } .removed { color: #a63c00 }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def html_page(title: str, parts: Sequence[str], *, style: str = "") -> str:
    """One file.

    Args:
        title: Of the page.
        parts: Of its body, HTML; empty ones are left out.
        style: Further rules of how it looks.
    """
    name = escape(plain(title))
    body = "\n".join(each for each in parts if each)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}{style}</style></head>\n'
        f"<body><main><h1>{name}</h1>\n{body}\n</main></body></html>\n"
    )


def patch_html(patch: str) -> str:
    """A difference of code, with what was added and removed in colour."""
    marks = {"+": "added", "-": "removed"}
    lines = []
    for line in patch_lines(patch):
        text, mark = escape(line), marks.get(line[:1])
        lines.append(f'<span class="{mark}">{text}</span>' if mark else text)
    return f"<pre>{chr(10).join(lines)}</pre>" if lines else ""
