"""A run: what each discipline concluded, and the steps that it rests on."""

from __future__ import annotations

from typing import Any

from kreis.cli.output import date, mark, print_facts, print_table, print_title, short

__all__ = ["print_run"]


def print_run(run: dict[str, Any]) -> None:
    """Print it."""
    started, finished = run["started_at"], run["finished_at"]
    took = "" if finished is None else f" in {(finished - started).total_seconds():.1f} s"
    print_title(f"Run {run['id']} of {run['project']}: {run['status'].replace('_', ' ')}{took}")
    pins = run["pins"]
    print_facts(
        (
            ("as of", f"{date(run['as_of'])} UTC"),
            ("started", f"{date(started)} UTC, {_trigger(run['trigger'])}"),
            ("goal", short(run["goal"])),
            ("pinned", ", ".join(f"{name.replace('_', ' ')} {_pin(value)}" for name, value in pins.items())),
        )
    )
    print_table(
        "\nVerdicts",
        ("", "discipline", "conclusion"),
        (
            (
                mark(each["kind"]),
                each["discipline"],
                (f"back to {each['to']}: " if each["to"] else "") + each["reason"],
            )
            for each in run["verdicts"]
        ),
    )
    print_table(
        "\nSteps",
        ("discipline", "step", "computed ", "in this run", "key"),
        (
            (
                each["discipline"],
                each["name"],
                f"{each['seconds']:.2f} s",
                "remembered" if each["remembered"] else "computed",
                each["key"],
            )
            for each in run["steps"]
        ),
    )


def _trigger(trigger: str) -> str:
    return "by hand" if trigger == "manual" else f"because of alert {trigger}"


def _pin(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {short(str(each))}" for name, each in value.items())
    return short(value) if isinstance(value, str) else str(value)
