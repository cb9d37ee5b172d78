"""From a file to a served model: three commands, as a person types them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from tests.end_to_end.test_service import serving

ROWS = 700


@pytest.fixture(scope="module")
def credit(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Any:
    """A folder with a credit table of the usual kind, and the project that was made of it and run."""
    shop = new_shop(tmp_path_factory.mktemp("file") / "shop")
    random = np.random.default_rng(4)
    months, amount = random.integers(6, 60, ROWS), random.integers(300, 9_000, ROWS)
    account = np.array(["none", "low", "high"])[random.integers(0, 3, ROWS)]
    risk = months / 30 + amount / 6_000 - 1.5 * (account == "high") + random.normal(0, 0.7, ROWS)
    pl.DataFrame(
        {
            "loan no": [f"L{number:04}" for number in range(ROWS)],
            "months": months,
            "amount": [None if number % 11 == 0 else int(each) for number, each in enumerate(amount)],
            "account": account,
            "late fees": np.where(risk > 2.2, amount // 10, 0),
            "outcome": np.where(risk > 2.2, "bad", "good"),
        }
    ).write_csv(shop.folder / "credit.csv", separator=";")
    shop.told = shop.kreis("init", "credit", "--file", "credit.csv", "--predict", "outcome")
    shop.folder /= "credit"
    shop.ran = shop.kreis("run")
    return shop


def test_what_was_found_is_said(credit: Any) -> None:
    assert "the rarer one, 'bad', is taken as yes" in credit.told
    assert "late fees  it alone tells outcome" in credit.told
    assert "names a row  loan no" in credit.told
    assert "Next: cd credit && kreis run" in credit.told


def test_the_project_runs_as_it_was_written(credit: Any) -> None:
    assert "700 rows from 1 source, 0 set aside in quarantine" in credit.ran
    assert "3 features" in credit.ran
    assert "release 1: 100%" in credit.ran


def test_a_file_is_answered_by_it(credit: Any) -> None:
    done = credit.document("predict", "../credit.csv")
    answers = pl.read_csv(credit.folder / "credit.predictions.csv")
    rows = pl.read_csv(credit.folder.parent / "credit.csv", separator=";")
    assert (done["rows"], done["answered"], done["not_sent"]) == (ROWS, ROWS, [])
    assert answers["loan no"].to_list() == rows["loan no"].to_list()
    right = (answers["decision"] == (rows["outcome"] == "bad")).mean()
    assert right > 0.7


@pytest.mark.slow
def test_the_service_answers_as_predict_does_and_parity_holds(credit: Any) -> None:
    credit.document("predict", "../credit.csv", "--output", "all.jsonl")
    answers = pl.read_ndjson(credit.folder / "all.jsonl").head(50)
    rows = pl.read_csv(credit.folder.parent / "credit.csv", separator=";").head(50)
    with serving(credit) as service:
        asked = [
            {"fields": {"months": row["months"], "amount": row["amount"], "account": row["account"]}}
            for row in rows.iter_rows(named=True)
        ]
        replies = service.post("/v1/predict", {"rows": asked})["predictions"]
    assert [each["score"] for each in replies] == answers["score"].to_list()
    assert [each["decision"] for each in replies] == answers["decision"].to_list()
    credit.run("watch", "--once")
    found = credit.document("parity")
    assert (found["ok"], found["rows"], found["differences"]) == (True, 50, 0)
