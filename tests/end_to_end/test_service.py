"""From a served prediction back to the goal: a real `kreis serve`, asked over HTTP, watched and explained."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from kreis.actions.serve import free_port
from kreis.clock import microseconds
from kreis.ledger import releases

NOON = datetime(2025, 8, 15, 12, tzinfo=UTC)


class Serving:
    """A `kreis serve` that listens."""

    def __init__(self, process, port):
        self.process, self.port = process, port

    def post(self, path, document, at=NOON):
        headers = {"x-kreis-time": str(microseconds(at)), "content-type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", json.dumps(document).encode(), headers)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as response:
            return response.read()

    def refusal(self, path, document, at=NOON):
        """What the service says to a request that it refuses."""
        with pytest.raises(urllib.error.HTTPError) as caught:
            self.post(path, document, at)
        return json.load(caught.value)["error"]["message"]

    def ready(self):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1).status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def follow(self, workspace, project):
        """Wait until it answers with the release that is the current one on record."""
        with workspace.ledger.read() as connection:
            number = releases.current_release(connection, project).number
        deadline = time.monotonic() + 30
        while json.loads(self.get("/readyz"))["release"] != number:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@contextmanager
def serving(shop):
    port = free_port()
    log = (shop.folder / "service.log").open("wb")
    process = subprocess.Popen(
        shop.command("serve", "--port", str(port), "--simulated-time"),
        cwd=shop.folder, env=shop.environment(), stdout=log, stderr=log,
    )  # fmt: skip
    served = Serving(process, port)
    try:
        deadline = time.monotonic() + 30
        while not served.ready():
            assert process.poll() is None, (shop.folder / "service.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield served
    finally:
        process.terminate()
        process.wait(20)
        log.close()


@pytest.fixture
def traffic(released):
    """A project that has answered 41 requests; one of them is known to have gone wrong."""
    rows = [
        {
            "keys": {"customer": f"c{number:03}"},
            "fields": {"amount": 20.0 + number, "category": ("shoes", "shirts", "books", "kitchen")[number % 4]},
            "reference": f"o9{number:04}",
        }
        for number in range(40)
    ]
    with serving(released) as served:
        asked = {"keys": {"customer": "c042"}, "fields": {"amount": 59.9, "category": "shoes"}, "reference": "o90042"}
        first = served.post("/v1/predict", asked)
        served.post("/v1/predict", {"rows": rows}, at=NOON + timedelta(hours=1))
        outcomes = [{"prediction": first["id"], "outcome": 1.0}, {"reference": "o90001", "outcome": 0.0}]
        assert served.post("/v1/outcomes", {"outcomes": outcomes}, at=NOON + timedelta(days=5)) == {"accepted": 2}
    assert served.process.returncode == 0
    return released, first


def test_walks_back_from_a_prediction_to_the_goal(traffic):
    shop, prediction = traffic
    in_journal = shop.document("why", prediction["id"])
    looked = shop.document("watch", "--once")
    assert looked["predictions"] == 41
    walk = shop.document("why", prediction["id"])
    assert walk["prediction"]["outcome"] == 1.0
    assert in_journal["features"] == walk["features"]
    assert walk["prediction"]["score"] == prediction["score"]
    assert walk["model"]["digest"] == prediction["model"]
    assert walk["model"]["signature"] == "valid"
    assert walk["release"]["number"] == 1
    assert walk["goal"]["question"] == "Will this order be returned?"
    features = {feature["name"]: feature for feature in walk["features"]}
    assert len(features) == 8
    rate = features["customer__return_rate_180d"]
    assert rate["table"].startswith("silver/settled@")
    assert list(rate["contracts"]) == ["settlements@0"]
    assert rate["source_rows"] == features["customer__orders_180d"]["value"] > 0
    contracts = features["order__amount"].pop("contracts")
    assert features["order__amount"] == {
        "name": "order__amount", "value": pytest.approx(59.9), "source_rows": None, "columns": ["amount"],
        "table": "the request",
    }  # fmt: skip
    assert contracts == features["order__shoes"]["contracts"]
    assert list(contracts) == ["orders@0"]
    told = shop.kreis("why", prediction["id"])
    assert "Will this order be returned?" in told
    assert re.search(r"what happened:? +yes", told)
    assert "no prediction" in shop.kreis("why", prediction["id"][:-4] + "0000", code=2)


def test_serves_what_the_training_join_computes(traffic):
    shop, _ = traffic
    assert "kreis watch --once" in shop.kreis("parity", code=2)
    shop.run("watch", "--once")
    assert shop.document("watch", "--once")["predictions"] == 0
    found = shop.document("parity")
    assert (found["rows"], found["ok"], found["differences"]) == (41, True, 0)


def test_watching_closes_the_running_service_s_log(released):
    """Ask, watch once, parity: nobody stops the service or waits five minutes in between."""
    with serving(released) as served:
        served.post("/v1/predict", {"keys": {"customer": "c042"}, "fields": {"amount": 59.9, "category": "shoes"}})
        looked = released.document("watch", "--once")
    assert (looked["predictions"], looked["errors"]) == (1, [])
    assert released.document("parity")["ok"]


def test_proves_parity_after_a_run_as_of_an_earlier_day(traffic):
    shop, prediction = traffic
    shop.run("watch", "--once")
    before = shop.document("why", prediction["id"])["features"]
    shop.run("run", "--as-of", "2025-06-01", "--until", "preparation")
    assert shop.document("show", "table", "silver/settled")["known_until"].startswith("2025-06-01")
    assert shop.document("parity")["ok"]
    assert shop.document("why", prediction["id"])["features"] == before


def test_parity_tells_answers_from_before_a_correction_apart(traffic):
    shop, prediction = traffic
    shop.run("watch", "--once")
    orders = shop.folder / "data" / "orders.csv"
    rows = orders.read_text().splitlines()
    place = next(place for place, row in enumerate(rows) if re.search(",c042,.*,2025-06.*false$", row))
    rows[place] = rows[place].replace("false", "true")
    orders.write_text("\n".join(rows) + "\n")
    assert "1 replaced" in shop.kreis("run", "--until", "preparation")
    found = shop.document("parity")
    assert (found["ok"], found["differences"], found["corrected"]) == (True, 0, 1)
    (corrected,) = found["models"]["v2"]["corrected"]
    assert corrected == {"rows": 1, "tables": {"silver/settled": 0}, "examples": [prediction["id"]]}
    told = shop.kreis("parity")
    assert "0 differences, 1 answered before their data were corrected" in told
    assert "they agree with silver/settled@0, which was current then" in told


def test_refuses_to_serve_what_is_not_there(evaluated):
    said = evaluated.kreis("serve", "--port", str(free_port()), code=2)
    assert "nothing is released yet" in said
    assert "kreis status" in said  # `kreis run` alone would lead nowhere where it was sent back


def test_refuses_to_serve_to_everyone_without_a_token(released):
    assert "without a token" in released.kreis("serve", "--host", "0.0.0.0", "--port", str(free_port()), code=8)


def holding(folder, value):
    """Files in which a value stands, in their bytes or, of Parquet, in any cell; not as a part of a digest."""
    word = re.compile(rb"(?<![0-9a-f])" + value.encode() + rb"(?![0-9a-f])")
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        decoded = path.suffix == ".parquet" and value in str(pl.read_parquet(path, glob=False).to_dicts())
        if decoded or word.search(path.read_bytes()):
            yield str(path.relative_to(folder))


def test_an_erased_person_stands_nowhere_and_the_record_says_so(traffic):
    """Collected, fed online, asked about, in the journal and in the lake; then small files are merged."""
    shop, _ = traffic
    before = list(holding(shop.state, "c042"))
    assert any("journal" in each for each in before)
    assert any("online" in each for each in before)
    assert any("bronze" in each for each in before)
    found = shop.document("erase", "--entity", "customer=c042", "--dry-run")
    assert {each["place"] for each in found} == {"journal", "lake", "online store"}
    assert "needs a reason" in shop.kreis("erase", "--entity", "customer=c042", code=2)
    done = shop.document("erase", "--entity", "customer=c042", "--because", "asked for it, ticket 4711")
    assert list(holding(shop.state, "c042")) == []
    assert len(done["models"]) == 2
    verified = shop.document("audit", "verify", "--deep")
    assert verified["problems"] == []
    assert any("bronze/orders" in each and "were erased" in each for each in verified["gone"])
    orders = shop.folder / "data" / "orders.csv"  # at the source, too: else they are collected again
    orders.write_text("".join(line for line in orders.read_text().splitlines(True) if ",c042," not in line))
    shop.run("run", code=10)  # of the same day: no comparison can pass
    assert list(holding(shop.state, "c042")) == []
    assert shop.document("parity")["rows"] == 40
    merged = shop.document("lake", "compact")
    assert all(each["files_after"] <= each["files_before"] for each in merged)
    shop.run("lake", "retain", "--dry-run")
    assert shop.document("lake", "retain") == [] or shop.document("audit", "verify", "--deep")["problems"] == []
