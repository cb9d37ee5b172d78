"""The address and port that the service listens on."""

from __future__ import annotations

import socket

from kreis.deployment.server.config import ServerConfig
from kreis.errors import ServiceError

__all__ = ["check_port", "hold_port", "numeric_address"]


def numeric_address(config: ServerConfig) -> str:
    """The host as a number, which is all that granian takes; IPv4 where a name has both.

    Raises:
        ServiceError: the host is not known here.
    """
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ServiceError(
            f"the host is not known here ({error.strerror})", where=f"host {config.host!r}", hint="write 127.0.0.1"
        ) from error
    return str(min(found, key=lambda each: each[0] != socket.AF_INET)[4][0])


def check_port(config: ServerConfig, address: str) -> None:
    """See that nobody listens: granian listens with SO_REUSEPORT, so a second service would quietly take half of the
    first one's requests.

    Raises:
        ServiceError: somebody does, or the address is not this machine's.
    """
    with socket.socket(_family(address)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(probe, config, address)


def hold_port(config: ServerConfig, address: str) -> socket.socket:
    """A socket that keeps the port for this service's workers, also while none of them listens; it takes no request.

    Raises:
        ServiceError: the port is taken.
    """
    check_port(config, address)
    held = socket.socket(_family(address))
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    _bind(held, config, address)
    return held


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _bind(sock: socket.socket, config: ServerConfig, address: str) -> None:
    try:
        sock.bind((address, config.port))
    except OSError as error:
        where = f"{config.host}:{config.port}"
        raise ServiceError(f"cannot listen ({error.strerror})", where=where, hint="is the port taken?") from error
