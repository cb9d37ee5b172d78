"""`kreis.log` and its siblings: they reach the step that is being computed around them, if one is.

Which step that is goes along with the context: into threads of the pool, into forked processes, and, by `carry`, with
work that is sent to other processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from kreis.tracking.points import Artefact, Params, Point

if TYPE_CHECKING:
    from kreis.tracking.tracker import Tracker

__all__ = ["Here", "carry", "entered", "is_tracked", "log", "log_artifact", "log_params", "part"]

T = TypeVar("T")
R = TypeVar("R")
LARGEST = 100 * 1024 * 1024
"""Bytes that an artefact may have."""


@dataclass(frozen=True)
class Here:
    """The step that is being computed, and which part of it."""

    tracker: Tracker
    key: str
    discipline: str
    name: str
    part: str = ""

    @property
    def number(self) -> int:
        """What the step is called in this process's file."""
        return self.tracker.number_of(self.key, self.discipline, self.name)


_HERE: ContextVar[Here | None] = ContextVar("kreis.tracking", default=None)


def log(step: float | None = None, **values: float) -> bool:
    """Log numbers, from inside a candidate or a table function: `kreis show run` plots them.

    They are no part of what the step leaves: logging others computes nothing again, and a remembered step shows those
    of the run that computed it. They are on disk within a second; if they cannot be kept, the run goes on.

    Args:
        step: Where they stand in their series: a round, an epoch. The next place if not given.
        **values: By name; what is not finite is kept as "not a number".

    Returns:
        Whether a run is at work here that keeps them. Outside one, nothing is done.

    Example:

    >>> log(step=1, loss=0.7)  # outside a run
    False
    """
    here = _HERE.get()
    if here is None:
        return False
    numbers: dict[str, float | None] = {}
    for name, value in values.items():
        try:
            numbers[name] = float(value)
        except (TypeError, ValueError):
            here.tracker.warn(f"{name}={value!r} is no number; kreis.log_params takes texts")
    place = None if step is None else float(step)
    here.tracker.add(Point(here.number, here.part, place, here.tracker.seconds(), numbers))
    return True


def log_params(**values: Any) -> bool:
    """Log what something was done with, from inside a candidate or a table function; `kreis runs` filters by it.

    Args:
        **values: By name: numbers, texts, yes and no, lists and mappings of them. Anything else is kept as its text.

    Returns:
        Whether a run is at work here that keeps them. Outside one, nothing is done.

    Example:

    >>> log_params(stopwords="english", smoothing=0.5)  # outside a run
    False
    """
    here = _HERE.get()
    if here is None:
        return False
    kept = msgspec.json.decode(msgspec.json.encode(values, enc_hook=_as_plain))
    here.tracker.add(Params(here.number, kept))
    return True


def log_artifact(name: str, content: Any) -> bool:
    """Keep a file or a plot beside the run, from inside a candidate or a table function.

    Args:
        name: What it is called: "confusion.svg". Plots that end in .svg or .png stand in the page of `kreis compare`.
        content: Bytes, a text, the path of a file, or a figure of matplotlib or Altair. At most 100 MB.

    Returns:
        Whether it was kept. Outside a run, nothing is done.

    Example:

    >>> log_artifact("words.txt", "tram bus ferry")  # outside a run
    False
    """
    here = _HERE.get()
    if here is None:
        return False
    try:
        data = _bytes_of(name, content)
        if len(data) > LARGEST:
            here.tracker.warn(f"the artefact {name!r} has {len(data):,} bytes; at most {LARGEST:,} are kept")
            return False
        digest = here.tracker.artifacts.put(data)
    except Exception as error:  # a figure may raise anything, and a failing tracker costs no training
        here.tracker.warn(f"the artefact {name!r}: {error}")
        return False
    here.tracker.add(Artefact(here.number, name, digest, len(data)))
    return True


def is_tracked() -> bool:
    """Whether a run is at work here that keeps what is logged."""
    return _HERE.get() is not None


@contextmanager
def entered(here: Here | None) -> Iterator[None]:
    """What is logged in the block belongs to a step."""
    token = _HERE.set(here)
    try:
        yield
    finally:
        _HERE.reset(token)


@contextmanager
def part(name: str) -> Iterator[None]:
    """What is logged in the block belongs to a part of the step, and of the part around it: their series stay apart."""
    here = _HERE.get()
    with entered(None if here is None else replace(here, part=", ".join(filter(None, (here.part, name))))):
        yield


def carry(work: Callable[[T], R]) -> Callable[[T], R]:
    """Work that logs to the present step wherever it is done; it can be sent to another process if `work` can."""
    here = _HERE.get()
    return work if here is None else _Carried(work, here)


@dataclass(frozen=True)
class _Carried(Generic[T, R]):
    work: Callable[[T], R]
    here: Here

    def __call__(self, item: T) -> R:
        with entered(self.here):
            return self.work(item)


def _as_plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") and not getattr(value, "ndim", 0) else str(value)


def _bytes_of(name: str, content: Any) -> bytes:
    """The bytes of an artefact.

    Raises:
        TypeError: nothing is known of its kind.
    """
    match content:
        case bytes():
            return content
        case str():
            return content.encode()
        case Path():
            return content.read_bytes()
    if hasattr(content, "savefig"):  # matplotlib
        from io import BytesIO

        buffer = BytesIO()
        content.savefig(buffer, format=Path(name).suffix.removeprefix(".") or "png")
        return buffer.getvalue()
    if hasattr(content, "to_json"):  # Altair
        text: str = content.to_json()
        if name.endswith((".svg", ".png")):
            import vl_convert

            drawn = vl_convert.vegalite_to_svg(text) if name.endswith(".svg") else vl_convert.vegalite_to_png(text)
            return drawn if isinstance(drawn, bytes) else str(drawn).encode()
        return text.encode()
    raise TypeError(f"give bytes, a text, a path or a figure, not {type(content).__name__}")
