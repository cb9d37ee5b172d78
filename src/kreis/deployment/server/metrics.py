"""Counters of one worker, in the Prometheus text format 0.0.4. One thread writes them, so there is no lock."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

__all__ = ["BUCKETS", "Metrics", "render"]

BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Upper bounds of the latency histogram, seconds."""


class Metrics:
    """What the service counts."""

    def __init__(self) -> None:
        self.requests: defaultdict[tuple[str, int, str, int], int] = defaultdict(int)
        """By route, status, model digest and model version ("" and 0 where no model answered)."""
        self.latency = [0] * (len(BUCKETS) + 1)
        self.latency_sum = 0.0
        self.rows = 0
        self.outcomes = 0
        self.fallbacks = 0
        self.shadow_failures = 0
        self.refused_releases = 0
        self.swaps = 0
        self.flags: defaultdict[str, int] = defaultdict(int)
        """By field and problem."""

    def flag(self, flags: Iterable[str]) -> None:
        """Count what was unusual about an answered request."""
        for each in flags:
            self.flags[each] += 1

    def observe(self, seconds: float) -> None:
        """Count the time of one answer to `/v1/predict`."""
        self.latency[bisect_left(BUCKETS, seconds)] += 1
        self.latency_sum += seconds


def render(metrics: Metrics, gauges: Iterable[tuple[str, str, float]]) -> bytes:
    """The text that Prometheus scrapes; `gauges` are (name, help, value)."""
    lines: list[str] = []

    def family(name: str, kind: str, about: str) -> None:
        lines.extend((f"# HELP {name} {about}", f"# TYPE {name} {kind}"))

    family("kreis_requests_total", "counter", "Requests, by route, status and the model that answered.")
    for (route, status, model, version), count in sorted(metrics.requests.items()):
        labels = f'route="{route}",status="{status}",model="{model[:12]}",version="{version}"'
        lines.append(f"kreis_requests_total{{{labels}}} {count}")
    family("kreis_predict_seconds", "histogram", "Time from the request's arrival to its answer.")
    total = 0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), metrics.latency, strict=True):
        total += count
        lines.append(f'kreis_predict_seconds_bucket{{le="{bound}"}} {total}')
    lines += [f"kreis_predict_seconds_sum {metrics.latency_sum:.9f}", f"kreis_predict_seconds_count {total}"]
    family("kreis_flags_total", "counter", "What was unusual about answered requests, by field and problem.")
    for flag, count in sorted(metrics.flags.items()):
        lines.append(f'kreis_flags_total{{flag="{_escaped(flag)}"}} {count}')
    for name, about, count in (
        ("kreis_predictions_total", "Predictions, batches counted by row.", metrics.rows),
        ("kreis_outcomes_total", "Outcomes received.", metrics.outcomes),
        ("kreis_fallbacks_total", "Predictions answered by the fallback.", metrics.fallbacks),
        ("kreis_shadow_failures_total", "Shadow scores that failed.", metrics.shadow_failures),
        ("kreis_release_refusals_total", "Releases refused while following.", metrics.refused_releases),
        ("kreis_release_swaps_total", "Releases taken while following.", metrics.swaps),
    ):
        family(name, "counter", about)
        lines.append(f"{name} {count}")
    for name, about, value in gauges:
        family(name, "gauge", about)
        lines.append(f"{name} {value:g}")
    return ("\n".join(lines) + "\n").encode()


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
