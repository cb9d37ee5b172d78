"""Sets and intervals cover what happens within one point of what they say, on five public sets and in their groups."""

from __future__ import annotations

import pytest
from tests.evaluation.coverage.real_sets import DATA, SETS, measured

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
