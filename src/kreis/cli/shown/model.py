"""A model: what it learned from, how it decides, how it did, and who said yes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kreis.cli.output import date, number, print_facts, print_table, print_title, short

__all__ = ["print_model"]


def print_model(model: dict[str, Any]) -> None:
    """Print it."""
    manifest = model["manifest"]
    print_title(f"Version {model['version']} of {model['project']}: {model['candidate']} ({manifest['kind']})")
    print_facts(_facts(model, manifest))
    if "evaluation" in model:
        _print_evaluation(model["evaluation"], manifest["metric"])
    print_table("\nFeatures", ("view", "feature"), _features(manifest["features"]))
    print_table(
        "\nLearned from",
        ("table", "version ", "fingerprint"),
        ((name, version, short(digest)) for name, (version, digest) in _inputs(manifest["inputs"])),
    )
    if model["approvals"]:
        print_table(
            "\nApprovals",
            ("at", "who", "as", "why"),
            ((date(each["at"]), each["actor"], each["role"], each["reason"]) for each in model["approvals"]),
        )


def _facts(model: dict[str, Any], manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    training = manifest["training"]
    yield "digest", model["digest"]
    yield "serving", model["serving"] or "no"
    yield "registered", f"{date(model['at'])} UTC by run {model['run']}"
    yield "decides", f"yes from a score of {manifest['threshold']:.4g}"
    if "rows" in training:
        share = training["positives"] / max(training["rows"], 1)
        span = f"{str(training['from'])[:10]} to {str(training['until'])[:10]}"
        yield "learned from", f"{training['rows']:,} rows, {span}; {share:.1%} positive"
    parameters = training.get("parameters", {}).items()
    yield "parameters", ", ".join(f"{name} {_plain(value)}" for name, value in parameters if name != "kind")
    if trials := training.get("trials"):
        best = min(trials, key=lambda trial: trial["loss"])
        yield "search", f"{len(trials)} trials; best: " + (", ".join(f"{k} {v}" for k, v in best["parameters"].items()))
    if "seed" in training:
        yield "seed", str(training["seed"])


def _print_evaluation(evaluation: dict[str, Any], metric: dict[str, Any]) -> None:
    names = {"value": str(metric.get("unit", "value"))}
    print_table(
        "\nEvaluation on rows that it had not seen",
        ("metric", "value ", "95 % interval"),
        (
            (names.get(name, name.replace("_", " ")), number(found["value"]), _interval(found))
            for name, found in evaluation["metrics"].items()
        ),
    )
    print_table(
        "\nGates", ("", "finding"), (("✓" if gate["passed"] else "✗", gate["says"]) for gate in evaluation["gates"])
    )


def _interval(found: dict[str, float]) -> str:
    return f"{number(found['low'])} to {number(found['high'])}"


def _features(names: list[str]) -> Iterator[tuple[str, str]]:
    """By view: the names without the view's, on one line."""
    views: dict[str, list[str]] = {}
    for name in names:
        view, _, feature = name.partition("__")
        views.setdefault(view, []).append(feature)
    yield from ((view, ", ".join(features)) for view, features in views.items())


def _inputs(inputs: dict[str, str]) -> Iterator[tuple[str, tuple[str, str]]]:
    for name, place in inputs.items():
        version, _, fingerprint = place.partition("@")
        yield name, (version, fingerprint)


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
