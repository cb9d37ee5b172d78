"""Counters in the Prometheus text format 0.0.4. One thread of each worker writes its own, so there is no lock."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

import msgspec

__all__ = ["BUCKETS", "WAITS", "Gauge", "Metrics", "render"]

BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Upper bounds of the latency histogram, seconds."""
WAITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Of answers to questions."""


_Labels: TypeAlias = Mapping[str, str | int]
_Sample: TypeAlias = tuple[str, _Labels, str | int]
_Family: TypeAlias = tuple[str, str, str, Sequence[_Sample]]
"""Name, type, help and samples."""
_Own: TypeAlias = "tuple[_Labels, Metrics]"
"""A worker's label, and what it counts."""


class Gauge(msgspec.Struct, frozen=True):
    """A number that may fall."""

    name: str
    about: str
    value: float


def _counts() -> defaultdict[tuple[str, int, str, int], int]:
    return defaultdict(int)


class Metrics(msgspec.Struct, kw_only=True):
    """What a worker counts."""

    requests: dict[tuple[str, int, str, int], int] = msgspec.field(default_factory=_counts)
    """By route, status, model digest and model version ("" and 0 where no model answered)."""
    latency: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    latency_sum: float = 0.0
    rows: int = 0
    outcomes: int = 0
    fallbacks: int = 0
    shadow_failures: int = 0
    refused_releases: int = 0
    swaps: int = 0
    flags: dict[str, int] = {}
    """By field and problem."""
    answers: dict[str, int] = {}
    """Answers to questions, by what became of them."""
    waits: list[int] = msgspec.field(default_factory=lambda: [0] * (len(WAITS) + 1))
    waits_sum: float = 0.0
    tokens: float = 0.0
    money: float = 0.0
    gauges: list[Gauge] = []
    """As they were when the worker was asked."""

    def flag(self, flags: Iterable[str]) -> None:
        """Count what was unusual about an answered request."""
        for each in flags:
            self.flags[each] = self.flags.get(each, 0) + 1

    def observe(self, seconds: float) -> None:
        """Count the time of one answer to `/v1/predict`."""
        self.latency[bisect_left(BUCKETS, seconds)] += 1
        self.latency_sum += seconds

    def answered(self, what: str, seconds: float, tokens: float, money: float) -> None:
        """Count an answer to a question: what became of it, how long it took, what it cost."""
        self.answers[what] = self.answers.get(what, 0) + 1
        self.waits[bisect_left(WAITS, seconds)] += 1
        self.waits_sum += seconds
        self.tokens += tokens
        self.money += money


_COUNTERS = (
    ("kreis_predictions_total", "Predictions, batches counted by row.", "rows"),
    ("kreis_outcomes_total", "Outcomes received.", "outcomes"),
    ("kreis_fallbacks_total", "Predictions answered by the fallback.", "fallbacks"),
    ("kreis_shadow_failures_total", "Shadow scores that failed.", "shadow_failures"),
    ("kreis_release_refusals_total", "Releases refused while following.", "refused_releases"),
    ("kreis_release_swaps_total", "Releases taken while following.", "swaps"),
)


def render(workers: Mapping[int, Metrics], shared: Sequence[Gauge], restarts: Mapping[int, int]) -> bytes:
    """The text that Prometheus scrapes.

    Args:
        workers: By number, what each worker counts; a service of one process is worker 0, whose samples have no label.
        shared: What is the same for all workers.
        restarts: How often each worker was started again; a worker that does not answer is only here.
    """
    own: list[_Own] = [({"worker": number} if number else {}, each) for number, each in sorted(workers.items())]
    families = [*_requests(own)]
    for name, about, field in _COUNTERS:
        families.append((name, "counter", about, [(name, worker, getattr(each, field)) for worker, each in own]))
    for position, gauge in enumerate(own[0][1].gauges):
        samples: list[_Sample] = [(gauge.name, worker, f"{each.gauges[position].value:g}") for worker, each in own]
        families.append((gauge.name, "gauge", gauge.about, samples))
    families += [(each.name, "gauge", each.about, [(each.name, {}, f"{each.value:g}")]) for each in shared]
    if restarts:
        name = "kreis_worker_up"
        up: list[_Sample] = [(name, {"worker": number}, int(number in workers)) for number in sorted(restarts)]
        families.append((name, "gauge", "1 while the worker answers.", up))
        name = "kreis_worker_restarts_total"
        again: list[_Sample] = [(name, {"worker": number}, count) for number, count in sorted(restarts.items())]
        families.append((name, "counter", "How often the worker was started again.", again))
    return "".join(map(_family, families)).encode()


def _requests(own: list[_Own]) -> Iterator[_Family]:
    name = "kreis_requests_total"
    samples: list[_Sample] = [
        (name, {"route": route, "status": status, "model": model[:12], "version": version, **worker}, count)
        for worker, each in own
        for (route, status, model, version), count in sorted(each.requests.items())
    ]
    yield name, "counter", "Requests, by route, status and the model that answered.", samples
    times = [(worker, each.latency, each.latency_sum) for worker, each in own]
    yield _histogram("kreis_predict_seconds", "Time from the request's arrival to its answer.", BUCKETS, times)
    if any(each.answers for _, each in own):
        yield from _answers(own)
    name = "kreis_flags_total"
    samples = [(name, {"flag": flag, **worker}, n) for worker, each in own for flag, n in sorted(each.flags.items())]
    yield name, "counter", "What was unusual about answered requests, by field and problem.", samples


def _answers(own: list[_Own]) -> Iterator[_Family]:
    name = "kreis_answers_total"
    samples: list[_Sample] = [
        (name, {"outcome": what, **worker}, count)
        for worker, each in own
        for what, count in sorted(each.answers.items())
    ]
    yield name, "counter", "Answers to questions, by what became of them.", samples
    times = [(worker, each.waits, each.waits_sum) for worker, each in own]
    yield _histogram("kreis_answer_seconds", "Time from a question's arrival to its answer.", WAITS, times)
    name = "kreis_tokens_total"
    yield name, "counter", "Tokens that answers used.", [(name, worker, f"{each.tokens:g}") for worker, each in own]
    name = "kreis_money_total"
    spent: list[_Sample] = [(name, worker, f"{each.money:.9g}") for worker, each in own]
    yield name, "counter", "What answers cost, in the price list's currency.", spent


def _histogram(
    name: str, about: str, buckets: Sequence[float], times: Sequence[tuple[_Labels, Sequence[int], float]]
) -> _Family:
    samples: list[_Sample] = []
    for worker, counts, seconds in times:
        total = 0
        for bound, count in zip((*map(str, buckets), "+Inf"), counts, strict=True):
            total += count
            samples.append((f"{name}_bucket", {**worker, "le": bound}, total))
        samples += [(f"{name}_sum", worker, f"{seconds:.9f}"), (f"{name}_count", worker, total)]
    return name, "histogram", about, samples


def _family(family: _Family) -> str:
    name, kind, about, samples = family
    lines = [f"# HELP {name} {about}\n# TYPE {name} {kind}\n"]
    for sample, labels, value in samples:
        said = ",".join(f'{label}="{_escaped(str(text))}"' for label, text in labels.items())
        lines.append(f"{sample}{{{said}}} {value}\n" if said else f"{sample} {value}\n")
    return "".join(lines)


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
