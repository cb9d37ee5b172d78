"""Beijing's air as a new user takes it: `kreis init --task forecasting`, no edited line, `kreis run`, an answer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.end_to_end.real_tables import DATA
from tests.end_to_end.test_service import serving

FILE = DATA / "beijing_pm25" / "pollution.csv.gz"
END = datetime(2015, 1, 1, tzinfo=UTC)

pytestmark = [
    pytest.mark.skipif(not FILE.is_file(), reason=f"the data of Beijing's air are not at {FILE}"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def air(tmp_path_factory: pytest.TempPathFactory, new_shop: Any) -> Any:
    """The project that was written, run as it is."""
    shop = new_shop(tmp_path_factory.mktemp("air") / "shop")
    said = shop.kreis("init", "air", "--file", str(FILE), "--predict", "pm2.5", "--task", "forecasting")
    shop.folder /= "air"
    return shop, said, shop.kreis("run")


def test_what_was_found_is_said(air: Any) -> None:
    _, said, _ = air
    assert "time           of year, month, day and hour, 2010-01-01 00:00 to 2014-12-31 23:00" in said
    assert "asked about 1, 6, 24 periods of 1h ahead; it repeats after 24 (forecasting)" in said
    assert "2,067 rows have no pm2.5" in said


def test_it_ends_with_a_release_and_a_model_that_is_worth_it(air: Any) -> None:
    shop, _, ran = air
    assert "release 1: 100%" in ran
    evaluation = shop.document("show", "model")["evaluation"]
    assert {each["outcome"] for each in evaluation["gates"]} == {"pass"}
    assert evaluation["metrics"]["scaled_error"]["high"] < 0.6


def test_it_answers_and_parity_holds(air: Any) -> None:
    shop, _, _ = air
    asked = [{"keys": {"series": "all"}, "fields": {"horizon": 1, "period": END.isoformat()}}]
    asked += [{"keys": {"series": "all"}, "fields": {"horizon": 24, "period": "2015-01-01T23:00:00+00:00"}}]
    with serving(shop) as service:
        answers = service.post("/v1/predict", {"rows": asked}, at=END)["predictions"]
    # The last hours were clear: 10, 8 and 12 before them.
    assert 0 < answers[0]["decision"] < 20
    assert answers[1]["decision"] > answers[0]["decision"]
    shop.run("watch", "--once")
    found = shop.document("parity")
    assert (found["ok"], found["rows"], found["differences"]) == (True, 2, 0)
