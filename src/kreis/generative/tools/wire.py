"""What the answering process and the process of tools say to each other: one line of JSON each way."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from kreis.errors import ProjectError
from kreis.generative.tools.spec import ToolSpec

__all__ = ["LARGEST", "Description", "Request", "address_of", "ask", "connect"]

LARGEST = 65_536
"""Bytes of a message."""


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call, a confirmation, or, without a token, the question what tools there are."""

    token: str = ""
    arguments: str = "{}"
    """JSON, as a text: the token is bound to its bytes."""


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What tools there are."""

    instance: str
    tools: tuple[ToolSpec, ...]


def address_of(url: str, folder: Path) -> Path | tuple[str, int]:
    """Where the tools listen.

    Args:
        url: "unix:" and a path, from the folder on, or "tcp://127.0.0.1:PORT".
        folder: The project's.

    Raises:
        ProjectError: it is neither, or leads to another machine.
    """
    hint = 'write "unix:.kreis/tools.sock" or "tcp://127.0.0.1:8091"'
    scheme, _, rest = url.partition(":")
    if scheme == "unix" and rest:
        path = folder / rest
        if len(str(path).encode()) > 100:  # sun_path has 108 bytes (Linux) or 104 (macOS)
            raise ProjectError("the path of the socket is too long", where=f"tools.url, {path}", hint=hint)
        return path
    host, _, port = rest.removeprefix("//").rpartition(":")
    if scheme == "tcp" and port.isdecimal() and host in ("127.0.0.1", "::1", "localhost"):
        return host, int(port)
    raise ProjectError(f"tools cannot listen at {url!r}", where="tools.url", hint=hint)


async def connect(address: Path | tuple[str, int]) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To the process of tools.

    Raises:
        OSError: nobody listens.
    """
    if isinstance(address, Path):
        return await asyncio.open_unix_connection(address, limit=LARGEST)
    return await asyncio.open_connection(*address, limit=LARGEST)


async def ask(address: Path | tuple[str, int], request: Request, answer: type[Any], *, seconds: float) -> Any:
    """Send a request and read what comes back.

    Raises:
        OSError: nobody listens, or the connection broke.
        TimeoutError: no answer in time.
        msgspec.DecodeError: the answer is none.
    """
    async with asyncio.timeout(seconds):
        reader, writer = await connect(address)
        try:
            writer.write(msgspec.json.encode(request) + b"\n")
            await writer.drain()
            line = await reader.readline()
        except ValueError as error:
            raise OSError("the answer is too long") from error
        finally:
            writer.close()
    return msgspec.json.decode(line, type=answer)
