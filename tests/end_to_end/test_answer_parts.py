"""What goes with each answer, the whole way: declared, fitted, served, scored as a file, logged, explained."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.end_to_end.test_rows import PROJECT, loans
from tests.end_to_end.test_service import serving

pytestmark = pytest.mark.slow

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
LOAN = {"credit_amount": 4_000, "age": 31, "duration": 48, "status": "<0"}


@pytest.fixture(scope="module")
def credit(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Any:
    like: Path = tmp_path_factory.mktemp("like")
    declared = PROJECT.replace(', leave_out=["duration"]', "").replace("Canary,", "Canary, Coverage,")
    (like / "project.py").write_text(declared + '\nproject.answer_with(Coverage(0.8, by="purpose"))\n')
    (like / "kreis.toml").write_text("[training]\nseed = 7\n")
    loans(1_000).write_csv(like / "credit.csv", separator=";")
    shop = new_shop(tmp_path_factory.mktemp("credit") / "credit", like=like)
    shop.kreis("run", "--as-of", f"{NOW:%Y-%m-%d}")
    return shop


def test_each_answer_says_what_may_happen_and_so_does_why(credit: Any) -> None:
    with serving(credit) as served:
        known = served.post("/v1/predict", {"fields": {**LOAN, "purpose": "car"}}, at=NOW)
        rare = served.post("/v1/predict", {"fields": {**LOAN, "purpose": "a boat"}}, at=NOW)
        rows = [{"fields": {**LOAN, "purpose": "car"}}, {"fields": {**LOAN, "purpose": None}}]
        both = served.post("/v1/predict", {"rows": rows}, at=NOW + timedelta(hours=1))["predictions"]
        schema = json.loads(served.get("/openapi.json"))["components"]["schemas"]["Reply"]["properties"]["parts"]
    said = known["parts"]["coverage"]
    assert (said["level"], said["group"], rare["parts"]["coverage"]["group"]) == (0.8, "car", None)
    assert set(said["set"]) <= {True, False}
    assert said["set"]
    assert [each["parts"]["coverage"]["group"] for each in both] == ["car", None]
    assert both[0]["parts"] == known["parts"]
    assert list(schema["properties"]) == ["coverage"]
    in_journal = credit.document("why", rare["id"])["prediction"]
    credit.document("watch", "--once")
    in_lake = credit.document("why", rare["id"])["prediction"]
    for walk in (in_journal, in_lake):
        assert walk["parts"] == rare["parts"]
        assert "in 0.8 of all cases, as of all rows: its group has too few" in walk["parts_said"]["coverage"]
    assert "in 0.8 of all cases" in credit.kreis("why", rare["id"])
    assert credit.document("parity")["ok"]


def test_a_file_of_rows_is_answered_with_the_same_parts(credit: Any) -> None:
    loans(50).write_csv(credit.folder / "new.csv")
    credit.kreis("predict", "new.csv", "--output", "answers.csv")
    answers = pl.read_csv(credit.folder / "answers.csv")
    said = [json.loads(each) for each in answers["coverage"]]
    assert {each["level"] for each in said} == {0.8}
    assert any(each["group"] == "education" for each in said)


def test_another_level_is_the_same_model_released_anew(credit: Any) -> None:
    before = credit.document("status")["release"]
    credit.edit("Coverage(0.8", "Coverage(0.9")
    told = credit.kreis("run", "--as-of", f"{NOW:%Y-%m-%d}")
    assert "same model as version 1, changed what goes with answers" in credit.kreis("show", "release")
    assert credit.document("status")["release"]["number"] == before["number"] + 1
    assert "training" in told


def test_a_group_that_no_request_names_is_refused_with_the_line(credit: Any) -> None:
    credit.edit('by="purpose"', 'by="porpoise"')
    told = credit.kreis("run", "--as-of", f"{NOW:%Y-%m-%d}", code=2)
    assert "porpoise" in told
    assert "project.py:" in told
    assert "purpose" in told
