"""Reviews as files: items in, a reviewer's share of them out, labels in, and how a queue stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from kreis.digests import digest_of
from kreis.durable import read_regular, storing, write_durably
from kreis.errors import ProjectError
from kreis.evaluation.agreement import Scale
from kreis.ledger.documents import list_documents, put_document
from kreis.ledger.records import Document
from kreis.reviews.queue import Item, Label, Queue, ReviewState
from kreis.workspace import Workspace

__all__ = ["give_out", "put_in", "queue_of", "settle", "state_of", "take_back"]

_KIND = "review queue"
_LARGEST = 256 * 1024 * 1024


class _Declared(msgspec.Struct, frozen=True, kw_only=True):
    """A queue, as the record holds it."""

    name: str
    labels: list[str]
    per_item: int = 2


def put_in(workspace: Workspace, name: str, file: Path, *, labels: Sequence[str] = (), per_item: int = 2) -> int:
    """Add the items of a file to a queue, which is made where there is none.

    Args:
        workspace: The project's folder.
        name: The queue's.
        file: JSON Lines: {"item": …, "shown": {…}, "judge": …}.
        labels: What may be said, for a new queue.
        per_item: How many people label each item, of a new queue.

    Returns:
        How many were new.

    Raises:
        ProjectError: a line is no item, or a new queue has no labels.
    """
    items = [msgspec.convert(each, Item) for each in _lines(file, Item)]
    known = _declared(workspace)
    if name not in known:
        if not labels:
            problem = f"there is no queue {name!r} yet, and no labels are given"
            raise ProjectError(problem, where="kreis reviews put", hint="--label right --label wrong")
        Queue(workspace.lake, name, labels, actor=workspace.actor, clock=workspace.clock, per_item=per_item)
        _open(workspace, _Declared(name=name, labels=list(labels), per_item=per_item))
    elif labels and list(labels) != known[name].labels:
        said = ", ".join(known[name].labels)
        raise ProjectError(f"queue {name!r} has the labels {said}", where="kreis reviews put", hint="leave --label out")
    return queue_of(workspace, name).put(items)


def give_out(workspace: Workspace, name: str, reviewer: str, file: Path, count: int = 20) -> int:
    """Write a reviewer's next items to a file, with "label" and "comment" to fill in; returns how many.

    Raises:
        ProjectError: no such queue, or the file is there already.
    """
    if file.exists():
        raise ProjectError(f"{file} is there already", where="kreis reviews next", hint="name another file")
    items = queue_of(workspace, name).next(reviewer, count)
    rows = [{"item": each.item, "shown": each.shown, "label": "", "comment": ""} for each in items]
    with storing(f"items {file}"):
        write_durably(file, b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    return len(items)


def take_back(workspace: Workspace, name: str, reviewer: str, file: Path) -> int:
    """Take the labels of a file that `give_out` wrote; lines without a label wait. Returns how many were new.

    Raises:
        ProjectError: no such queue, item or label, a line is none, or the reviewer said otherwise before.
    """
    filled = [each for each in _lines(file, dict[str, object]) if each.get("label")]
    labels = [
        msgspec.convert({key: each[key] for key in ("item", "label", "comment") if key in each}, Label)
        for each in filled
    ]
    return queue_of(workspace, name).take(reviewer, labels)


def settle(workspace: Workspace, name: str, item: str, label: str, because: str) -> None:
    """Decide on a disputed item, as whoever acts.

    Raises:
        ProjectError: no such queue, item or label.
    """
    queue_of(workspace, name).settle(Label(item=item, label=label, comment=because), by=workspace.actor)


def state_of(workspace: Workspace, name: str, scale: Scale = "nominal") -> ReviewState:
    """How a queue stands.

    Raises:
        ProjectError: no such queue.
    """
    return queue_of(workspace, name).state(scale)


def queue_of(workspace: Workspace, name: str) -> Queue:
    """A queue that there is.

    Raises:
        ProjectError: there is none; the hint names the nearest.
    """
    known = _declared(workspace)
    if name not in known:
        raise ProjectError.unknown_name("queue", name, known, where="kreis reviews")
    found = known[name]
    clock, actor = workspace.clock, workspace.actor
    return Queue(workspace.lake, name, found.labels, actor=actor, clock=clock, per_item=found.per_item)


def _declared(workspace: Workspace) -> dict[str, _Declared]:
    with workspace.ledger.read() as connection:
        found = [msgspec.json.decode(each.body, type=_Declared) for each in list_documents(connection, _KIND)]
    return {each.name: each for each in found}


def _open(workspace: Workspace, queue: _Declared) -> None:
    body = msgspec.json.encode(queue, order="sorted").decode()
    reason = f"labels {', '.join(queue.labels)}"
    with workspace.ledger.record(event="review.opened", subject=queue.name, actor=workspace.actor, reason=reason) as tx:
        put_document(tx, Document(digest=digest_of(body.encode()), kind=_KIND, name=queue.name, body=body))


def _lines(file: Path, kind: type) -> Iterator[dict[str, object]]:
    with storing(f"items {file}"):
        data = read_regular(file, _LARGEST)
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                found = msgspec.json.decode(line, type=dict[str, object])
                msgspec.convert(found, kind)
            except msgspec.MsgspecError as error:
                hint = '{"item": "a1", "shown": {"answer": "…"}}, one in a line'
                raise ProjectError(f"it is no item: {error}", where=f"{file}:{number}", hint=hint) from error
            yield found
