"""E-mails."""

from __future__ import annotations

import email
import email.message
import email.policy
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from kreis.errors import KreisError, ProjectError
from kreis.generative.documents.loaders.html import markdown_of_html
from kreis.generative.documents.loaders.loader import Found, Gap, tidy

__all__ = ["Mail"]

_MOST_ATTACHED = 100
_DEEPEST = 4


class Mail(msgspec.Struct, frozen=True):
    """A message: its text below its subject, from the plain part, else from the HTML part; then what is attached, each
    as a text of its own. The sender is the owner, and its date is when it could be known.
    """

    kind: str = "an e-mail"
    endings: tuple[str, ...] = (".eml",)
    media_types: tuple[str, ...] = ("message/rfc822",)

    def load(self, data: bytes, name: str) -> Iterable[Found | Gap]:
        """See `Loader.load`."""
        return _message(email.message_from_bytes(data, policy=email.policy.default), name, 1)


def _message(message: email.message.EmailMessage, name: str, depth: int) -> Iterator[Found | Gap]:
    subject, sender = (" ".join(str(message.get(field, "")).split()) for field in ("Subject", "From"))
    if not subject and not sender:
        raise ProjectError("it is no e-mail: it has neither From nor Subject", where=name, hint="export it as .eml")
    date = _date(message)
    body = message.get_body(("plain", "html"))
    text = _content(body) if body is not None else ""
    if body is not None and body.get_content_type() == "text/html":
        text = markdown_of_html(text)
    text = tidy(text.replace("\r\n", "\n"))
    yield Found(text=f"# {subject}\n\n{text}".strip() if subject else text, title=subject, owner=sender, known_at=date)
    for number, attached in enumerate(message.iter_attachments(), 1):
        if number > _MOST_ATTACHED or depth >= _DEEPEST:
            reason = f"more than {_MOST_ATTACHED} files are attached, or deeper than {_DEEPEST}"
            yield Gap(part="/…", reason=f"{reason}; save them one by one")
            return
        yield from _attached(attached, f"/{attached.get_filename() or number}", date, depth)


def _attached(
    attached: email.message.EmailMessage, part: str, date: datetime | None, depth: int
) -> Iterator[Found | Gap]:
    """What a file that is attached holds, with the date of its message."""
    from kreis.generative.documents.loaders.kinds import loader_of

    kind = attached.get_content_type()
    try:
        if kind == "message/rfc822":
            held: Iterable[Found | Gap] = _message(attached.get_content(), part, depth + 1)
        else:
            content = attached.get_content()
            data = content if isinstance(content, bytes) else str(content).encode()
            held = loader_of(part, kind).load(data, part)
        for each in held:
            whole = msgspec.structs.replace(each, part=f"{part}{each.part}")
            if isinstance(whole, Found) and whole.known_at is None:
                whole = msgspec.structs.replace(whole, known_at=date)
            yield whole
    except KreisError as error:
        yield Gap(part=part, reason=f"{error.message}: {error.hint}" if error.hint else error.message)


def _content(body: email.message.MIMEPart) -> str:
    try:
        return str(body.get_content())
    except (LookupError, KeyError):  # a coding that Python does not know
        payload = body.get_payload(decode=True)
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _date(message: email.message.EmailMessage) -> datetime | None:
    try:
        moment = parsedate_to_datetime(str(message["Date"])) if message["Date"] else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
