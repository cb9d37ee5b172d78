"""What the service is started with."""

from __future__ import annotations

import ipaddress
import re
import sys
from pathlib import Path
from typing import Any, Literal

import msgspec

from kreis.deployment.server.questions.messages import Asker
from kreis.deployment.server.reviews.messages import Reviewer
from kreis.digests import digest_of
from kreis.errors import CorruptionError, PolicyError, ProjectError

__all__ = ["Limits", "ServerConfig", "is_loopback", "read_config"]


MOST_WORKERS = 128
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one request may ask for; checked before anything is allocated for it."""

    body_bytes: int = 1024 * 1024
    rows: int = 1_000
    """Rows of one batch, and outcomes of one message."""
    header_read_ms: int = 10_000
    """Time to send a request's head."""
    body_read_ms: int = 10_000
    """Time to send its body."""
    slow_bodies: int = 256
    """Bodies that one client may send slowly at once; beyond, its oldest ones are refused."""
    waiting: int = 128
    """Requests that wait for an answer at once; further ones are refused with 503."""
    answers: int = 32
    """Answers to questions under way at once; further ones are refused with 503."""
    answer_ms: int = 30_000
    """How long one may take, the fallback's part of it included; then the question is passed on."""
    connections: int = 2_048
    """Connections at once; further ones wait to be accepted."""


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the service is started with; a JSON document for `python -m kreis.deployment.server`."""

    project: str
    service: str
    """URL of the place of the release pointer."""
    artifacts: str
    """URL of the artifact store."""
    trusted: Path
    """Folder of the public keys, `*.pub`, whose releases and packages are taken."""
    log: Path
    """Folder of the prediction log's segments."""
    online: str | None = None
    """URL of the online feature store; without it every stored feature is missing."""
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    """Processes that share the port, the log and the release pointer; each has its own `limits`."""
    token: str | None = msgspec.field(default=None)
    """Bearer token that clients send. Needed wherever others than this machine can reach the service."""
    askers: list[Asker] = []
    """Who may ask questions, by the digest of a token of their own. Without any, whoever may use the service asks as a
    person without groups of the tenant that all share."""
    reviewers: list[Reviewer] = []
    """Who may label, by the digest of a token of their own; without any, nobody."""
    reviews: Path = Path("reviews.db")
    """The file of the review queues (`kreis.reviews.desk`)."""
    tools: str = ""
    """URL of the project's tools (`kreis tools`), where releases may call some."""
    tools_key: Path | None = None
    """File of the key that it shares with them."""
    simulated: bool = False
    """Whether the header `x-kreis-time` says what time it is: for demo and drills, never for production."""
    durability: Literal["process", "disk"] = "process"
    """What an answer survives: a crash of the process, or a power cut as well (a group fsync before it leaves)."""
    stop_s: float = 5.0
    """How long a stop waits for requests under way; whoever has not sent his by then is cut off."""
    follow_ms: int = 200
    """How often to look for a new release."""
    segment_bytes: int = 16 * 1024 * 1024
    segment_seconds: float = 300.0
    limits: Limits = Limits()
    digest: str | None = None
    """SHA-256 of the document without it, so that a damaged one is told from one that was changed by hand."""

    def to_json(self) -> bytes:
        """The document that `read_config` reads, with its digest."""
        return msgspec.json.encode(msgspec.structs.replace(self, digest=_digest(self)), enc_hook=str)

    def check(self) -> None:
        """Refuse what would be unsafe.

        Raises:
            PolicyError: reachable by others without a token, or with one that can be guessed.
            ProjectError: there is no such port, or number of workers.
        """
        if not 1 <= self.workers <= MOST_WORKERS or (self.workers > 1 and sys.platform != "linux"):
            raise ProjectError(
                f"there cannot be {self.workers} workers",
                where="service",
                hint=f"choose 1 to {MOST_WORKERS}; several need Linux, which spreads connections over processes",
            )
        if not 0 < self.port < 65_536:
            raise ProjectError(f"there is no port {self.port}", where="service", hint="choose one from 1 to 65535")
        _check_digests("askers", [each.sha256 for each in self.askers])
        _check_digests("reviewers", [each.sha256 for each in self.reviewers])
        if not is_loopback(self.host) and len(self.token or "") < 16:
            raise PolicyError(
                "the service would be open to others without a token of at least 16 characters",
                where=f"host {self.host!r}",
                hint="set KREIS__SERVICE__TOKEN, or listen on 127.0.0.1",
            )


def _check_digests(setting: str, digests: list[str]) -> None:
    for digest in digests:
        if not _DIGEST.fullmatch(digest) or digests.count(digest) > 1:
            raise ProjectError(
                f"{digest[:80]!r} is no SHA-256 of a token, or is there twice",
                where=f"service.{setting}",
                hint="64 hexadecimal digits: printf %s TOKEN | sha256sum",
            )


def read_config(document: bytes, *, token: str | None = None) -> ServerConfig:
    """Read a JSON document; a token from the environment replaces the document's.

    Raises:
        ProjectError: the document is wrong.
        CorruptionError: it is not what was written.
    """
    try:
        config = msgspec.json.decode(document, type=ServerConfig, dec_hook=_to_path)
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ProjectError(f"{error}", where="the service's configuration") from error
    if config.digest is not None and config.digest != _digest(config):
        raise CorruptionError(
            "it is not what was written",
            where="the service's configuration",
            hint="`kreis serve` writes it again; by hand, leave `digest` out",
        )
    return msgspec.structs.replace(config, token=token) if token else config


def _digest(config: ServerConfig) -> str:
    return digest_of(msgspec.json.encode(msgspec.structs.replace(config, digest=None), enc_hook=str))


def _to_path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str):
        return Path(value)
    raise NotImplementedError(kind)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
