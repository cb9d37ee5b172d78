"""What a model's training says of how it was made to treat groups more alike, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["mitigation_said"]


def mitigation_said(training: Mapping[str, Any]) -> str | None:
    """In one sentence, with the reason; None where nothing was done.

    Args:
        training: What a package or a step's result says of the training.
    """
    fair = training.get("mitigate")
    if fair is None:
        return None
    by = fair["by"] if isinstance(fair["by"], str) else " and ".join(fair["by"])
    found = training.get("thresholds_by_group")
    if found is None:
        strength = "" if fair.get("strength", 1.0) == 1.0 else f", with a strength of {fair['strength']:g}"
        done = f"the rows that taught it were weighed so that no outcome is rarer in a group by {by}{strength}"
    else:
        at = ", ".join(f"{cut:.3g} for {name!r}" for name, cut in found["at"].items())
        done = (
            f"it decides yes by {by}, from a probability of {at}, else of {found['otherwise']:.3g} (its score is moved)"
        )
    return f"{done}; because: {fair['because']}"
