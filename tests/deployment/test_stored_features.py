"""Stored features: the service answers with what the online store knew at the request's moment."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from kreis.clock import microseconds
from kreis.deployment.predictions.reader import parse_segment
from kreis.expressions.tree import Aggregate, Column
from kreis.preparation.online.feed import OnlineFeed
from kreis.preparation.online.lmdb_store import LmdbStore
from kreis.preparation.online.reader import OnlineFeatures
from kreis.preparation.views import FeatureView, RequestView

START = datetime(2013, 5, 1, tzinfo=UTC)
LATENESS = FeatureView(
    name="carrier", entity="carrier", table="arrivals", event_time="scheduled", known_at="arrived",
    features={"late": Aggregate("mean", Column("late")), "flights": Aggregate("len")}, windows=("24h", "7d"),
)  # fmt: skip
WEATHER = FeatureView(
    name="weather", entity="origin", table="weather", event_time="hour", known_at="hour",
    features={"wind": Column("wind")}, ttl="6h",
)  # fmt: skip
REQUEST = RequestView(name="request", fields={"distance": "number"}, features={"distance": Column("distance")})
FEATURES = ["weather__wind", "request__distance", "carrier__late_7d", "carrier__late_24h", "carrier__flights_24h"]


@pytest.fixture
def feed(tmp_path):
    hours = [START + timedelta(hours=hour) for hour in range(-100, 20)]
    arrivals = pl.DataFrame(
        {
            "carrier": ["UA", "AA"] * 60,
            "scheduled": hours,
            "arrived": [at + timedelta(hours=2) for at in hours],
            "late": [float(number % 7 == 0) for number in range(120)],
        }
    )
    weather = pl.DataFrame({"origin": ["EWR"] * 120, "hour": hours, "wind": [float(number) for number in range(120)]})
    store = LmdbStore(tmp_path / "online")
    yield OnlineFeed(store, [(LATENESS, arrivals), (WEATHER, weather)])
    store.close()


@pytest.fixture
def service(make_service, tmp_path):
    made = make_service(simulated=True, online=str(tmp_path / "online"))
    model = made.linear_model(slope=0.01, width=len(FEATURES))
    digest = made.package(model, features=FEATURES, views=[LATENESS, WEATHER], request_views=[REQUEST])
    made.release(digest, wait=False)
    return made


def answered(service, body, at):
    status, reply = service.predict(body, **{"x-kreis-time": str(microseconds(at))})
    assert status == 200, reply
    found = [
        record
        for path in service.config.log.glob("*.log")
        for record in parse_segment(path, path.read_bytes()).predictions
    ]
    return next(record for record in found if record.id == reply["id"])


def test_answers_follow_the_store_and_the_moment(service, feed):
    feed.advance(START)
    service.start().wait_for(1)
    expected = OnlineFeatures(feed._store, [LATENESS, WEATHER])
    body = {"keys": {"carrier": "UA", "origin": "EWR"}, "fields": {"distance": 3.5}}
    for hours in (0, 1, 5):
        at = START + timedelta(hours=hours)
        feed.advance(at)
        record = answered(service, body, at)
        names = expected.feature_names
        vector = dict(zip(names, expected.vector(body["keys"], microseconds(at)), strict=True))
        assert record.features == [vector.get(name, 3.5) for name in FEATURES]
        assert record.features[0] == 100.0 + hours
        assert record.at == microseconds(at)


def test_an_unknown_entity_and_a_missing_key_have_no_rows(service, feed):
    feed.advance(START)
    service.start().wait_for(1)
    unknown = answered(service, {"keys": {"carrier": "??"}}, START).features
    assert unknown == answered(service, {"fields": {"distance": None}}, START).features
    assert unknown[:4] == [None] * 4


def test_a_release_waits_for_its_store(service, feed):
    service.start()
    service.until(lambda: "release refused" in service.log())
    assert service.get("/readyz")[0] == 503
    feed.advance(START)
    service.stop()
    service.start().wait_for(1)


def test_openapi_names_the_entities(service, feed):
    feed.advance(START)
    service.start().wait_for(1)
    ask = service.get("/openapi.json")[1]["components"]["schemas"]["Ask"]["properties"]
    assert sorted(ask["keys"]["properties"]) == ["carrier", "origin"]
    assert sorted(ask["features"]["properties"]) == sorted(FEATURES)
