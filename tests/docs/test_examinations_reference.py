"""The reference of examinations is made of the registry: all of them, and each measure of which a gate may be made.

`python tests/docs/test_examinations_reference.py` writes it anew.
"""

from __future__ import annotations

import re
from pathlib import Path

from kreis.evaluation.examinations.kinds import EXAMINATIONS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "reference" / "examinations.md"
HEAD = """# Examinations and their measures

What a model is asked beyond how good it is, in the order in which pages show it. What is not asked in each run is
asked where the project declares it (`project.examine(…)`), a gate needs it, or a person does (`kreis examine NAME`).
A gate can be made of each measure: `project.gates(Gate("expected_calibration_error", at_most=0.05))`. Each has an
interval, unless it is exact.

Of 300,000 rows of 20 columns with 200 boosted trees (60,000 rows judge, two columns to judge by) all that is asked in
each run takes 2 s of CPU, beside 114 s of training; of 2,000 rows of 10 columns 0.15 s (`benchmarks/examinations.py`).
On 60 clean sets of 2,000 rows and 10 features (yes and no, numbers, three classes; 20 each) no run warned, and none
on 12 of 20,000 rows.
"""
PAGES = {
    "calibration": "calibration",
    "coverage": "calibration",
    "slices": "slices",
    "fairness": "fairness",
    "familiarity": "robustness",
    "explanations": "explanations",
    "mitigation": "fairness",
    "robustness": "robustness",
    "behaviour": "robustness",
    "package": "package",
    "speed": "package",
    "variants": "package",
    "labels": "rows-that-teach",
    "privacy": "rows-that-teach",
    "influence": "rows-that-teach",
    "panel": "panel",
}
"""The page of `docs/evaluation` that explains each."""
MEASURES = {
    "expected_calibration_error": "mean distance between a probability and how often it happens; 0 is right",
    "calibration_slope": "1 is right; below it probabilities are too extreme, above it too close together",
    "calibration_intercept": "0 is right; below it probabilities are too high, above it too low",
    "coverage": "share of rows whose set or interval held what happened",
    "coverage_lately": "the same in the last third of the days",
    "coverage_adapted": "share of rows held had the level followed what was known by each day",
    "set_size": "mean number of classes in a set",
    "interval_width": "mean width of an interval, in the unit of the outcome",
    "set_size_adapted": "the same had the level followed",
    "interval_width_adapted": "the same had the level followed",
    "slice_gap": "how much worse the metric is in a slice than in all other rows",
    "disparate_impact": "rate of the (favourable) decision in a group, over that of the rest",
    "demographic_parity_difference": "highest rate of the decision in a group, less the lowest",
    "demographic_parity_ratio": "lowest rate of the decision in a group, over the highest",
    "equal_opportunity": "rate of the decision among those for whom it is right: a group over the rest",
    "equal_opportunity_difference": "the same rate: highest group less lowest",
    "equalised_odds_difference": "greater one of the differences where the decision is right, and where it is wrong",
    "predictive_parity": "share of such decisions that are right: a group over the rest",
    "predictive_parity_difference": "the same share: highest group less lowest",
    "calibration_difference": "mean probability less how often it happened: highest group less lowest",
    "mean_decision_difference": "mean amount that is decided: highest group less lowest",
    "error_difference": "mean distance of decisions from outcomes: highest group less lowest",
    "bias_difference": "mean of decision less outcome: highest group less lowest",
    "worst_group_error": "mean distance of decisions from outcomes in the group where it is greatest",
    "exposure_ratio": "how prominently a group is shown, over the rest",
    "exposure_for_relevance_ratio": "the same for each unit of relevance",
    "proxy_auc": "how well the features tell a group from the rest; 0.5 is not at all",
    "strange_rows": "share of rows that are as strange as the strangest 5% of the validation rows",
    "permutation_loss": "what the goal's metric loses where one feature is shuffled",
    "mitigation_cost": "what it costs to reach the ratio that is asked for, in the goal's unit",
    "loss_by_noise": "what the goal's metric loses by noise on a feature, the worst of those tried",
    "loss_by_missing": "by a feature that is missing",
    "loss_by_units": "by a feature a hundred times as large",
    "loss_by_unseen": "by a category that was never there",
    "loss_by_swapped": "by two features that have changed places",
    "loss_by_stale": "by the value that a feature had the last time",
    "decisions_changed_by_noise": "share of decisions that noise changes; amounts, by a tenth of their spread",
    "behaviour_failures": "share of rows on which a declared behaviour fails",
    "model_ms_p99": "milliseconds that the model takes of an answer, 99th percentile",
    "model_memory_mb": "megabytes of memory that a process needs to hold the model and to answer by it",
    "model_mb": "megabytes of the model",
    "largest_difference": "largest distance of a score that is asked for alone from the one that was judged",
    "loss_by_smaller": "what the goal's metric loses with weights of fewer bits",
    "size_of_smaller": "size with weights of fewer bits, as a share",
    "label_errors": "share of rows that judge whose outcome is probably wrong",
    "taught_label_errors": "share of rows that teach whose outcome is probably wrong",
    "metric_without_label_errors": "a metric without the rows whose outcome is probably wrong",
    "membership_advantage": "how much better than by guessing one can tell that a row taught it; 0 is not at all",
    "memorised_rows": "share of rows that teach which the model knows by heart",
    "gain_without_group": "by how much the goal's metric is better without a group of rows that teach",
    "panel_correct": "share of answers that people call right",
    "people_agree": "how far people agree",
}


def reference() -> str:
    """The page."""
    parts = [HEAD]
    for each in EXAMINATIONS.values():
        asked = "In each run" if each.by_default else "On demand"
        page = f"[{PAGES[each.name]}](../evaluation/{PAGES[each.name]}.md)"
        rows = "".join(f"| `{name}` | {MEASURES[name]} |\n" for name in each.measures)
        parts.append(
            f"\n## `{each.name}`\n\n{each.asks} {asked}; explained in {page}.\n\n| measure | |\n|---|---|\n{rows}"
        )
    return "".join(parts)


def test_the_reference_holds_all_examinations_and_measures():
    assert PAGE.read_text(encoding="utf-8") == reference(), f"write it anew: python {Path(__file__).name}"
    assert set(MEASURES) == {name for each in EXAMINATIONS.values() for name in each.measures}
    assert set(PAGES) == set(EXAMINATIONS)


def test_pages_name_no_measure_that_is_none():
    known = {name for each in EXAMINATIONS.values() for name in each.measures}
    for page in (DOCS / "evaluation").glob("*.md"):
        gates = set(re.findall(r'\bGate\("([a-z_]+)"', page.read_text(encoding="utf-8")))
        assert gates <= known, f"{page.name}: {sorted(gates - known)}"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
