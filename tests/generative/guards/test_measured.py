"""The guards do on the shared sets what docs/reference/guards.md says of them."""

from __future__ import annotations

import re

import pytest
from tests.generative.guards.measured import DATA, PAGE, page

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the shared sets are not here (KREIS_TEST_DATA)")


@pytest.mark.slow
def test_the_page_says_what_is_measured() -> None:
    assert page() == PAGE.read_text(encoding="utf-8"), "python tests/generative/guards/measured.py writes it anew"


def test_the_page_holds_the_bounds() -> None:
    """What is promised elsewhere: checksummed kinds, and no refused question."""
    text = PAGE.read_text(encoding="utf-8")
    recall = {kind: float(share) for kind, share in re.findall(r"^\| ([A-Z ]+) \| ([\d.]+)% \(", text, re.MULTILINE)}
    assert recall["IBAN"] == recall["EMAIL"] == recall["SOCIAL SECURITY"] == 100
    assert recall["CARD"] > 99
    refused = text.partition("No guard refuses a question")[2].partition("An answer is refused")[0]
    assert set(re.findall(r"\| ([\d.]+)% \(", refused)) == {"0.0"}
