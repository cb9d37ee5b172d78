"""What was done so that groups are treated more alike is said with its reason, from the training's document."""

from __future__ import annotations

from kreis.training.mitigations.said import mitigation_said


def test_it_is_said_what_was_done_and_why():
    weighed = {"mitigate": {"by": ["sex", "race"], "because": "too few women", "strength": 0.5}}
    assert mitigation_said(weighed) == (
        "the rows that taught it were weighed so that no outcome is rarer in a group by sex and race, with a strength"
        " of 0.5; because: too few women"
    )
    found = {"by": "row__sex", "at": {"f": 0.25, "m": 0.5}, "otherwise": 0.4, "cut": 0.4, "numbers": {}}
    moved = {"mitigate": {"by": "row__sex", "because": "four fifths"}, "thresholds_by_group": found}
    assert mitigation_said(moved) == (
        "it decides yes by row__sex, from a probability of 0.25 for 'f', 0.5 for 'm', else of 0.4 (its score is moved);"
        " because: four fifths"
    )
    assert mitigation_said({"rows": 10}) is None
