"""Addresses and keys of endpoints, which the environment names."""

from __future__ import annotations

from urllib.parse import urlsplit

from kreis.errors import ProjectError

__all__ = ["checked_address", "checked_key"]


def checked_address(address: str, env: str, what: str) -> tuple[str, str, bool]:
    """An address without a slash at its end, the host as it may be named, and whether it is on this machine.

    Args:
        address: As far as `/v1`.
        env: The variable that it stands in.
        what: Whose it is: "a language model".

    Raises:
        ProjectError: it is none that can be asked.
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
    return address.rstrip("/"), host, parts.hostname in ("localhost", "127.0.0.1", "::1")


def checked_key(key: str, env: str) -> str:
    """A key that may stand in a header.

    Raises:
        ProjectError: it may not.
    """
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ProjectError(
            "a key holds only printable ASCII letters, and no blank", where=f"environment variable {env}_KEY"
        )
    return key
