"""`kreis predict`: a whole file is answered as the service answers it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.end_to_end.test_service import NOON, serving

ROWS = [
    {"order_id": "o1", "customer": "c042", "amount": 59.9, "category": "shoes"},
    {"order_id": "o2", "customer": "c001", "amount": 12.5, "category": "books"},
    {"order_id": "o3", "customer": "c007", "amount": 20.0, "category": "hats"},
    {"order_id": "o4", "customer": "c007", "amount": 99_999.0, "category": "shirts"},
    {"order_id": "o5", "customer": "", "amount": 10.0, "category": "shirts"},
    {"order_id": "o6", "customer": "c008", "amount": None, "category": "shirts"},
]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, released_once: Path, new_shop: Any) -> tuple[Any, list[Any]]:
    """A project with a release, and what its service says to each of the rows."""
    shop = new_shop(tmp_path_factory.mktemp("predict") / "shop", like=released_once)
    answers = []
    with serving(shop) as service:
        for row in ROWS:
            fields = {name: row[name] for name in ("amount", "category") if row[name] is not None}
            asked = {"fields": fields, "keys": {"customer": row["customer"]} if row["customer"] else {}}
            try:
                answers.append(service.post("/v1/predict", asked))
            except Exception as error:
                answers.append(json.load(error)["error"]["message"])  # type: ignore[arg-type]
    pl.DataFrame(ROWS).write_csv(shop.folder / "orders.csv", separator=";")
    return shop, answers


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_a_file_is_answered_as_by_the_service(served: Any, kind: str) -> None:
    shop, answers = served
    done = shop.document("predict", "orders.csv", "--output", f"answers.{kind}", "--as-of", NOON.isoformat())
    read = {"csv": pl.read_csv, "parquet": pl.read_parquet, "jsonl": pl.read_ndjson}[kind]
    rows = read(shop.folder / f"answers.{kind}").to_dicts()
    assert [row["order_id"] for row in rows] == [row["order_id"] for row in ROWS]
    for row, answer in zip(rows, answers, strict=True):
        if isinstance(answer, str):
            assert row["score"] is None
            assert row["flags"] == f"not answered: {answer}"
        else:
            assert (row["score"], row["decision"]) == (answer["score"], answer["decision"])
            assert (row["flags"] or "") == "; ".join(answer.get("flags", []))
    refused = sum(isinstance(each, str) for each in answers)
    assert (done["rows"], done["answered"]) == (6, 6 - refused)
    assert done["flagged"] == sum("flags" in each for each in answers if not isinstance(each, str)) > 0
    assert sum(done["decisions"].values()) == done["answered"]


def test_what_cannot_be_answered_is_said(served: Any) -> None:
    shop, _ = served
    (shop.folder / "other.csv").write_text("a,b\n1,2\n")
    assert "the file has no column that the model reads" in shop.kreis("predict", "other.csv", code=2)
    assert "did you mean 'orders.csv'" in shop.kreis("predict", "order.csv", code=2)
    assert "answers are not written as '.txt'" in shop.kreis("predict", "orders.csv", "--output", "a.txt", code=2)
    assert "would replace the rows" in shop.kreis("predict", "orders.csv", "--output", "orders.csv", code=2)
    assert "unknown column 'orderid'" in shop.kreis("predict", "orders.csv", "--id", "orderid", code=2)
    assert "model" in shop.kreis("predict", "orders.csv", "--model", "77", code=2)


def test_a_value_of_another_type_costs_its_row_alone(served: Any) -> None:
    shop, _ = served
    lines = "customer,amount,category\n" + "c001,5,books\n" * 3 + "c001,cheap,books\n"
    (shop.folder / "odd.csv").write_text(lines)
    told = shop.kreis("predict", "odd.csv")
    assert "3 of 4 rows answered by version 2: odd.predictions.csv" in told
    rows = pl.read_csv(shop.folder / "odd.predictions.csv")
    assert rows["row"].to_list() == [1, 2, 3, 4]
    assert rows["score"].null_count() == 1
    assert "a number is needed" in rows["flags"][3]


def test_a_named_model_answers(served: Any) -> None:
    shop, _ = served
    assert shop.document("predict", "orders.csv", "--model", "1", "--output", "first.csv")["version"] == 1


def test_a_project_without_release_says_what_to_do(evaluated: Any) -> None:
    (evaluated.folder / "orders.csv").write_text("customer,amount,category\nc001,5,books\n")
    assert "nothing is in service yet" in evaluated.kreis("predict", "orders.csv", code=2)
