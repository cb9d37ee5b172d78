"""Addresses and keys of endpoints, which the environment names."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from kreis.errors import ProjectError

__all__ = ["Address", "checked_address"]


class Address(NamedTuple):
    """Where an endpoint is."""

    base: str
    """Without a slash at its end."""
    host: str
    """As it may be named."""
    loopback: bool
    """Whether it is on this machine."""
    headers: dict[str, str]
    """Of each request: the key stands among them."""


def checked_address(address: str, key: str, env: str, what: str) -> Address:
    """An address that can be asked.

    Args:
        address: As far as `/v1`.
        key: Empty where none is asked for.
        env: The variable that the address stands in; the key stands in `{env}_KEY`.
        what: Whose it is: "the language model 'large'".

    Raises:
        ProjectError: it is none, or the key may not stand in a header.
    """

    def no(why: str) -> ProjectError:
        return ProjectError(
            f"the address of {what} {why}",
            where=f"environment variable {env}",
            hint=f"https://HOST/v1; the key belongs into {env}_KEY",
        )

    if not address:
        raise ProjectError(
            f"no address of {what}",
            where=f"environment variable {env}",
            hint=f"set {env}=https://…/v1, and {env}_KEY if it asks for a key",
        )
    if not address.isascii() or not address.isprintable() or " " in address:
        raise no("holds blanks, or letters that no address has")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise no("cannot be read") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise no("is neither http:// nor https://")
    if parts.username is not None or parts.query or parts.fragment:
        raise no("holds more than scheme, host, port and path")
    host = f"{parts.hostname}:{port}" if port else parts.hostname
    headers = {"accept-encoding": "identity"}
    if key:
        if not key.isascii() or not key.isprintable() or " " in key:
            said = "a key holds only printable ASCII letters, and no blank"
            raise ProjectError(said, where=f"environment variable {env}_KEY")
        headers["authorization"] = f"Bearer {key}"
    return Address(address.rstrip("/"), host, parts.hostname in ("localhost", "127.0.0.1", "::1"), headers)
