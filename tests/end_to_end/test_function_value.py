"""A metric that the user writes, in the minimal example: its code names the goal, and the service does without it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.end_to_end.test_service import serving

pytestmark = pytest.mark.slow

WORTH = """
import numpy as np

RETURNED = 6.0


def worth(outcome, decision):
    return np.where(decision > 0.5, np.where(outcome > 0.5, RETURNED, -1.5), 0.0)
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Any:
    """The example, its four cases written as a function of another file."""
    made = new_shop(tmp_path_factory.mktemp("function") / "shop")
    (made.folder / "worth.py").write_text(WORTH)
    made.edit(
        'metric=DecisionValue("EUR per 1,000 orders", true_positive=6.0, false_positive=-1.5)',
        'metric=FunctionValue("EUR per 1,000 orders", worth, task="binary classification")',
    )
    made.edit("    DecisionValue,\n", "    FunctionValue,\n")
    made.edit("import polars as pl\n", "import polars as pl\nfrom worth import worth\n")
    made.run("run")
    return made


def test_a_package_holds_the_digest_of_its_code_and_the_service_answers_without_the_project(shop: Any) -> None:
    model = shop.document("show", "model")
    metric = model["manifest"]["metric"]
    assert (metric["kind"], metric["function"], metric["task"]) == ("function_value", "worth", "binary classification")
    assert len(metric["code"]) == 64
    hidden = shop.folder / "project.hidden"
    (shop.folder / "project.py").rename(hidden)
    try:
        with serving(shop) as served:
            asked = {"keys": {"customer": "c042"}, "fields": {"amount": 59.9, "category": "shoes"}, "reference": "o9"}
            answer = served.post("/v1/predict", asked)
            assert isinstance(answer["decision"], bool)
    finally:
        hidden.rename(shop.folder / "project.py")
    assert shop.document("watch", "--once")["errors"] == []


def test_another_constant_of_its_code_is_another_goal_and_trains_anew(shop: Any) -> None:
    first = shop.document("run", "--until", "training")
    assert first["computed"] == []
    shop.edit("RETURNED = 6.0", "RETURNED = 6.5  # as agreed", file="worth.py")
    second = shop.document("run", "--until", "training")
    assert {"training/rule", "training/logistic", "training/gbdt"} <= set(second["computed"])
    one, other = (each["verdicts"][0]["detail"]["goal"] for each in (first, second))
    assert one != other
    shop.edit("RETURNED = 6.5  # as agreed", "RETURNED = 6.0  # as before", file="worth.py")
    third = shop.document("run", "--until", "training")
    assert (third["computed"], third["verdicts"][0]["detail"]["goal"]) == ([], one)
