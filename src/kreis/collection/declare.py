"""Declaring sources: what can be known without data is checked here, at the user's line."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import polars as pl

from kreis.collection.contracts.contract import Contract
from kreis.collection.sources import Changed, Source, Window
from kreis.errors import ProjectError

__all__ = ["source", "stored"]


def source(
    function: Callable[[Window], pl.LazyFrame],
    *,
    folder: Path,
    contract: str,
    known_at: str,
    version: Callable[[], str] | None,
    late: timedelta,
    changed: Changed,
    where: str,
) -> Source:
    """Declare a source; see `kreis.collection.sources.Source`.

    Args:
        function: Gives the rows of a window; names the source.
        folder: The project's.
        contract: The file of its data contract, in that folder.
        known_at: The column with the moment from which a row could be known.
        version: A probe of the data outside.
        late: How far back each collection reads again.
        changed: What becomes of rows that are given otherwise.
        where: The user's line.

    Raises:
        ProjectError: the contract is missing or wrong, or `changed` is none of its values.
    """
    name = function.__name__
    if changed not in get_args(Changed):
        raise ProjectError.unknown_name("value of changed", changed, get_args(Changed), where=where)
    if not (folder / contract).is_file():
        raise ProjectError(
            f"source {name!r} has no contract at {contract}",
            where=where,
            hint=f"write {contract} (Open Data Contract Standard); `kreis init` shows one",
        )
    return Source(
        name=name,
        contract=Contract.load(folder / contract),
        known_at=known_at,
        read=function,
        version=version,
        late=late,
        changed=changed,
    )


def stored(
    name: str,
    *,
    contract: dict[str, Any],
    known_at: str,
    read: Callable[[Any, Window], pl.LazyFrame],
    late: timedelta,
    where: str,
) -> Source:
    """Declare a source whose rows lie in the lake already, written there by kreis itself.

    Args:
        name: Its name.
        contract: What its rows promise, as plain data.
        known_at: The column with the moment from which a row could be known.
        read: Gives the rows of a window; takes the lake first.
        late: How far back each collection reads again.
        where: The user's line.

    Raises:
        ProjectError: two columns share a name, or one has a name that is reserved.
    """

    def unbound(window: Window) -> pl.LazyFrame:
        raise ProjectError(f"source {name!r} is read from the lake", where=where, hint="read it in a run: kreis run")

    return Source(
        name=name, contract=Contract.of(contract, where), known_at=known_at, read=unbound, late=late, stored=read
    )
