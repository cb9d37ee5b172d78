"""Tokens by which a process that answers shows that it may ask for one call: short-lived, for one use, bound to tool,
arguments, person and tenant.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from pathlib import Path

import msgspec

from kreis.digests import canonical_json, digest_of
from kreis.durable import create_privately, make_directory, read_regular, storing
from kreis.errors import PolicyError, StoreError
from kreis.generative.tools.tool import Caller

__all__ = ["Grant", "key_in", "read_token", "token_of"]

LIFE_US = 30_000_000
"""How long a token may be used, in microseconds."""
_LEAST = 32
_LARGEST = 4096


class Grant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a token allows."""

    does: str
    """"call", or "confirm"."""
    tool: str
    """Its name; of a confirmation, the request."""
    arguments: str
    """SHA-256 of the arguments' bytes."""
    caller: Caller
    instance: str
    """The process of tools that it is for: after a restart no earlier token counts."""
    nonce: str
    """Used once."""
    expires: int
    """Microseconds since 1970 UTC."""

    @classmethod
    def to(cls, does: str, tool: str, arguments: bytes, caller: Caller, *, instance: str, now: int) -> Grant:
        """A new one."""
        return cls(
            does=does,
            tool=tool,
            arguments=digest_of(arguments),
            caller=caller,
            instance=instance,
            nonce=secrets.token_hex(16),
            expires=now + LIFE_US,
        )


def token_of(grant: Grant, key: bytes) -> str:
    """The grant with its HMAC-SHA256."""
    body = canonical_json(grant)
    return base64.urlsafe_b64encode(hmac.digest(key, body, hashlib.sha256) + body).decode()


def read_token(token: str, key: bytes) -> Grant:
    """The grant in a token.

    Raises:
        PolicyError: it was not made with this key.
    """
    try:
        data = base64.b64decode(token, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise PolicyError("the token is none") from error
    mark, body = data[:32], data[32:]
    if not hmac.compare_digest(mark, hmac.digest(key, body, hashlib.sha256)):
        raise PolicyError("the token was not made with this key")
    return msgspec.json.decode(body, type=Grant)


def key_in(path: Path) -> bytes:
    """The key that the answering process and the tools share; made at first, for its owner alone.

    Raises:
        StoreError: others may read it, or it is too short.
    """
    with storing(f"key of the tools {path}"):
        if not path.exists():
            make_directory(path.parent)
            create_privately(path, secrets.token_hex(32).encode())
        if path.stat().st_mode & 0o077:
            raise StoreError("others may read the key of the tools", where=str(path), hint=f"chmod 600 {path}")
        key = read_regular(path, _LARGEST).strip()
    if len(key) < _LEAST:
        raise StoreError("the key of the tools is too short", where=str(path), hint="delete it; a new one is made")
    return key
