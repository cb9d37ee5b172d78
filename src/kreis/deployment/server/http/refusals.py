"""Refusals with an HTTP status."""

from __future__ import annotations

from kreis.deployment.server.messages import Refusal, Unavailable, Unknown

__all__ = ["HttpRefusal", "status_of"]


class HttpRefusal(Refusal):
    """A request that HTTP itself gives reason to refuse: its path, its head, its body, its pace."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code, message)
        self.status = status


def status_of(refusal: Refusal) -> int:
    """The status of a refusal: 422 where the core refuses what was asked, 503 where it cannot answer now."""
    if isinstance(refusal, HttpRefusal):
        return refusal.status
    if isinstance(refusal, Unknown):
        return 404
    return 503 if isinstance(refusal, Unavailable) else 422
