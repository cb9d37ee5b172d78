"""Sets and intervals cover what happens within one point of what they say, on five public sets and in their groups."""

from __future__ import annotations

import numpy as np
import pytest
from tests.evaluation.coverage.real_sets import DATA, SETS, bikes, measured

from kreis.evaluation.coverage.adapting import begin, walk
from kreis.evaluation.coverage.fit import fit_coverage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"the public sets are not in {DATA}"),
]


@pytest.mark.parametrize("name", SETS)
def test_coverage_is_within_one_point_in_all_and_in_each_group(name):
    make, level = SETS[name]
    scored = make()
    methods = ("lac", "aps") if name == "banking77" else ("lac",)
    for method in methods:
        found = measured(scored, level, method)
        groups = ", ".join(f"{group} {share:.1%}" for group, share in found.groups.items())
        print(  # noqa: T201 (what the documents keep)
            f"COVERAGE {name} ({method}): {found.whole:.1%} of {level:.0%}; by {scored.by}: {groups};"
            f" size {found.size:.3g}, {found.rows:,} rows"
        )
        assert found.whole == pytest.approx(level, abs=0.01)
        assert found.groups
        for share in found.groups.values():
            assert share == pytest.approx(level, abs=0.01)


def test_a_level_that_follows_covers_the_days_to_come_within_one_point():
    """Hours of some 480 days, in the order of time; the first fifth fits, and outcomes are known two days later."""
    scored, level = bikes(in_time=True), 0.9
    first = len(scored.scores) // 5
    part = fit_coverage(
        scored.task, scored.decision, scored.scores[:first], scored.outcomes[:first], level=level, adapts=True
    )
    scores, happened = scored.scores[first:], scored.outcomes[first:]
    beyond, days, walked = part.beyond(scores, happened), np.arange(len(scores)) // 24, begin(level)
    held, wide, narrow = [], [], []
    for day in range(days[-1] + 1):
        walked = walk(walked, part.quantile.grid, level, beyond[days == day - 2], None)
        for each, widths in ((part, narrow), (part.at_levels(walked.served), wide)):
            low, high = each.ends(scores[days == day], None)
            widths.append(high - low)
        held.append((low <= happened[days == day]) & (happened[days == day] <= high))
    fixed, moved = float((beyond <= part.quantile.pooled).mean()), float(np.concatenate(held).mean())
    width = float(np.concatenate(wide).mean() / np.concatenate(narrow).mean() - 1)
    print(f"COVERAGE bikes in time: {fixed:.1%} as fitted, {moved:.1%} with a level that follows; {width:+.1%} width")  # noqa: T201 (what the documents keep)
    assert moved == pytest.approx(level, abs=0.01)
    assert abs(moved - level) < abs(fixed - level)
