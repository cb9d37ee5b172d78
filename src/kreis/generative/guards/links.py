"""Links, images and markup in answers: only what leads to an allowed host stays. A link is how data leaves: who opens
it, and every image that is merely shown, tells its host whatever the address says.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from kreis.errors import ProjectError
from kreis.generative.guards.guard import Where
from kreis.generative.index.index import Hit
from kreis.generative.questions import Verdict

__all__ = ["Links"]

_HOST = re.compile(
    r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?::\d{1,5})?"
)
_ALLOWED = re.compile(r"https?://([A-Za-z0-9.-]+(?::\d{1,5})?)((?:[/?#][A-Za-z0-9._~:/?#\[\]!$&'()*+,;=%-]*)?)")
"""An address that every reader takes for the same: no name before the host, no backslash, ASCII alone."""

_END = r"[^\s<>\"'`|{}]"
_MARKDOWN = re.compile(
    r"(!?)\[([^\[\]]{0,300})\]\(\s*<?((?:[^()\s<>]|\([^()\s]*\)|\s(?![\"'(]))*)>?(?:\s+[\"'(][^)]{0,300})?\s*\)"
)
_REFERENCE = re.compile(r"^[ \t>]{0,8}\[[^\[\]\n]{1,100}\]:[ \t]*\n?[ \t]*\S[^\n]*$", re.MULTILINE)
_TAG = re.compile(
    r"<!--[\s\S]*?(?:-->|\Z)|<!\[CDATA\[[\s\S]*?(?:\]\]>|\Z)|<(script|style|iframe|object|svg|math|noscript|template)\b"
    r"[\s\S]*?(?:</\1\s*>|\Z)|</?(?:a|abbr|address|applet|area|article|aside|audio|b|base|basefont|bdi|bdo|bgsound|big|"
    r"blink|blockquote|body|br|button|canvas|caption|center|cite|code|col|colgroup|data|datalist|dd|del|details|dfn|"
    r"dialog|dir|div|dl|dt|em|embed|fieldset|figcaption|figure|font|footer|form|frame|frameset|h[1-6]|head|header|"
    r"hgroup|hr|html|i|iframe|image|img|input|ins|isindex|kbd|keygen|label|legend|li|link|listing|main|map|mark|"
    r"marquee|math|menu|menuitem|meta|meter|nav|nobr|noembed|noframes|noscript|object|ol|optgroup|option|output|p|"
    r"param|picture|plaintext|portal|pre|progress|q|rb|rp|rt|rtc|ruby|s|samp|script|search|section|select|slot|small|"
    r"source|span|strike|strong|style|sub|summary|sup|svg|table|tbody|td|template|textarea|tfoot|th|thead|time|title|"
    r"tr|track|tt|u|ul|var|video|wbr|xmp)(?![A-Za-z0-9-])[^<>]*(?:>|(?=<)|\Z)|<[A-Za-z/?!][^<>]*\bon\w+\s*=[^<>]*(?:>|(?=<)|\Z)",
    re.IGNORECASE,
)
_COMMON = (
    "com|net|org|io|info|biz|co|me|app|dev|xyz|top|site|online|shop|club|live|link|click|page|cloud|ai|to|ly|gl|cc|tv|"
    "ru|cn|de|at|ch|fr|nl|eu|uk|us|in|br|jp|pl|it|es|example"
)
"""Ends of names that programs turn into links without a scheme; `.md` and `.py` are ends of files."""
_BARE = re.compile(
    rf"(?:\b[a-z][a-z0-9+.-]{{1,20}}:|(?<![:\w/.]))(?:[/\\]){{2}}{_END}+"
    rf"|\b(?:javascript|vbscript|data|blob|file|mailto|tel|sms|intent|view-source|ftp|ws|wss):{_END}+"
    rf"|\bwww\d?\.{_END}+"
    rf"|(?<![\w@/.-])(?:[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?\.){{1,6}}(?:{_COMMON}|xn--[a-z0-9-]+)(?::\d+)?(?:[/?#\\]{_END}*)",
    re.IGNORECASE,
)
_PASSES = 5
_BLANKS = re.compile(r"(\s+)")
_TRAILING = ".,;:!?)]}*_~"
_ENTITY = re.compile(
    r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|colon|sol|bsol|period|commat|Tab|NewLine|quest|num|lpar|rpar);"
)
"""HTML's names of the signs that addresses are made of."""
_GONE = "[link removed]"
_STOPS = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | str.maketrans(
    "\u3002\uff61\u2024\u2044\u2215\u29f8\u29f5\ufe55\u2236", "...///\\::"
)
"""Letters and stops of other widths, which browsers read as their ASCII twins."""


class Links:
    """Unlinks what leads elsewhere: a link's words stay, its address goes; images and HTML go."""

    name = "links"
    places: frozenset[Where] = frozenset({"answer"})

    def __init__(self, hosts: Sequence[str]) -> None:
        for host in hosts:
            if not _HOST.fullmatch(host):
                raise ProjectError(
                    f"{host!r} is no host",
                    where="hosts of GuardPolicy",
                    hint='small letters, no https://: "docs.firm.example", or "*.firm.example" for all below it',
                )
        self._hosts = frozenset(each for each in hosts if not each.startswith("*."))
        self._below = tuple(each[1:] for each in hosts if each.startswith("*."))

    def allows(self, address: str) -> bool:
        """Whether an address leads to an allowed host, however a browser reads it."""
        match = _ALLOWED.fullmatch(address)
        if match is None:
            return False
        host = match[1].lower()
        return host in self._hosts or (bool(self._below) and host.endswith(self._below) and not host.startswith("."))

    def act(self, text: str, where: Where, passages: Sequence[Hit] = ()) -> tuple[str, list[Verdict]]:
        """Unlink them."""
        text, count = self._unlinked(_plain(text))
        if not count:
            return text, []
        return text, [Verdict(guard=self.name, where=where, did="removed", count=count, said="links, images or markup")]

    def _unlinked(self, text: str) -> tuple[str, int]:
        gone = 0

        def link(match: re.Match[str]) -> str:
            nonlocal gone
            if self.allows(html.unescape(match[3])):
                return match[0]
            gone += 1
            return match[2] or ("[image removed]" if match[1] else "")

        def bare(match: re.Match[str]) -> str:
            nonlocal gone
            kept = match[0].rstrip(_TRAILING)
            if self.allows(kept):
                return match[0]
            gone += 1
            return _GONE + match[0][len(kept) :]

        for _ in range(_PASSES):  # a mark within a mark comes to light once the outer one is gone
            before = text
            text, marks = _unmarked(_MARKDOWN.sub(link, text) if "](" in text else text)
            gone += marks
            if text == before:
                break
        else:
            text = text.replace("<", "‹").replace("](", "] (")
        if _leads(text):
            text = "".join(_BARE.sub(bare, part) if _leads(part) else part for part in _BLANKS.split(text))
        return text, gone


def _unmarked(text: str) -> tuple[str, int]:
    """Without the addresses of references and without tags."""
    text, references = _REFERENCE.subn("", text) if "]:" in text else (text, 0)
    text, tags = _TAG.subn("", text) if "<" in text else (text, 0)
    return text, references + tags


def _plain(text: str) -> str:
    """With signs of other widths and HTML's names of signs written out, where they hide an address or a tag."""
    if not text.isascii() and (plain := text.translate(_STOPS)) != text and _leads(plain):
        text = plain
    return _ENTITY.sub(_written_out, text) if "&" in text else text


def _written_out(match: re.Match[str]) -> str:
    plain = html.unescape(match[0])
    return match[0] if plain in "<>&" else plain


def _leads(text: str) -> bool:
    """Whether there may be an address in it: a first, cheap look."""
    return "/" in text or ":" in text or "\\" in text or "ww" in text or "WW" in text or "wW" in text
