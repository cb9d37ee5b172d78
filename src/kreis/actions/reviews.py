"""Reviews as files: items in, a reviewer's share of them out, labels in, and how a queue stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from kreis.durable import read_regular, storing, write_durably
from kreis.errors import ProjectError
from kreis.evaluation.agreement import Scale
from kreis.reviews.items import Item, Label
from kreis.reviews.queue import ReviewState
from kreis.workspace import Workspace

__all__ = ["give_out", "put_in", "settle", "state_of", "take_back"]

_LARGEST = 256 * 1024 * 1024


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
    queues = workspace.reviews
    if name not in queues.names():
        if not labels:
            problem = f"there is no queue {name!r} yet, and no labels are given"
            raise ProjectError(problem, where="kreis reviews put", hint="--label right --label wrong")
        return queues.make(name, labels, per_item).put(items)
    queue = queues.get(name)
    if labels and list(labels) != queue.labels:
        said = ", ".join(queue.labels)
        raise ProjectError(f"queue {name!r} has the labels {said}", where="kreis reviews put", hint="leave --label out")
    return queue.put(items)


def give_out(workspace: Workspace, name: str, reviewer: str, file: Path, count: int = 20) -> int:
    """Write a reviewer's next items to a file, with "label" and "comment" to fill in; returns how many.

    Raises:
        ProjectError: no such queue, or the file is there already.
    """
    if file.exists():
        raise ProjectError(f"{file} is there already", where="kreis reviews next", hint="name another file")
    items = workspace.reviews.get(name).next(reviewer, count)
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
    return workspace.reviews.get(name).take(reviewer, labels)


def settle(workspace: Workspace, name: str, item: str, label: str, because: str) -> None:
    """Decide on a disputed item, as whoever acts.

    Raises:
        ProjectError: no such queue, item or label.
    """
    workspace.reviews.get(name).settle(Label(item=item, label=label, comment=because), by=workspace.actor)


def state_of(workspace: Workspace, name: str, scale: Scale = "nominal") -> ReviewState:
    """How a queue stands.

    Raises:
        ProjectError: no such queue.
    """
    return workspace.reviews.get(name).state(scale)


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
