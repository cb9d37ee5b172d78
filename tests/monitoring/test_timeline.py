import struct
from datetime import date

import msgspec
import pytest

from kreis.errors import ProjectError
from kreis.monitoring.timeline import Band, Month, SendBack, Timeline, VersionChange, timeline_html, timeline_png
from kreis.monitoring.timeline_chart import specification


def months(count: int = 3) -> list[Month]:
    return [
        Month(
            month=date(2013, 5 + number, 1),
            versions=[1],
            value=Band(5000, 4000, 6000),
            frozen=Band(4900, 4000, 5900),
            baseline=Band(2000, 1500, 2500),
            auc=Band(0.7, 0.68, 0.72),
            drift=0.3,
            drifting="weather__temp",
        )
        for number in range(count)
    ]


def timeline(**changes: object) -> Timeline:
    values = {
        "project": "flight-delays",
        "unit": "EUR per 1,000 flights",
        "baseline": "rule",
        "months": months(),
        "changes": [VersionChange(at=date(2013, 6, 3), version=2)],
        "send_backs": [SendBack(at=date(2013, 6, 1), to="collection", reason="the metric fell")],
        "overall": Band(5000, 4000, 6000),
        "gain": Band(100, -50, 250),
    } | changes
    return Timeline(**values)  # type: ignore[arg-type]


def test_the_picture_is_a_png_that_is_readable_at_1200_pixels():
    image = timeline_png(specification(timeline()), scale=1.2)
    assert image[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", image[16:24])
    assert 1150 <= width <= 1450
    assert 700 <= height <= 1050


def test_the_page_needs_nothing_from_the_network_and_shows_hostile_names_as_text():
    page = timeline_html(specification(timeline(project="</script><script>alert(1)</script>")))
    assert "<script src" not in page
    assert "<link" not in page
    assert "</script><script>alert(1)" not in page
    assert "\\u003c/script>\\u003cscript>alert(1)" in page


def test_every_number_in_it_comes_with_its_interval():
    text = msgspec.json.encode(specification(timeline())).decode()
    assert "+100 [−50, +250]" in text
    assert text.count('"low":') == text.count('"high":') > 0


def test_months_alone_are_enough():
    bare = [Month(month=each.month, versions=[1], value=each.value) for each in months(2)]
    document = specification(timeline(months=bare, changes=[], send_backs=[], overall=None, gain=None))
    assert len(document["vconcat"]) == 1


def test_a_timeline_survives_json():
    document = msgspec.json.decode(msgspec.json.encode(timeline().to_document()))
    assert msgspec.convert(document, type=Timeline) == timeline()


def test_months_out_of_order_or_not_by_their_first_day_are_refused():
    with pytest.raises(ProjectError, match="months in order"):
        timeline(months=months()[::-1])
    with pytest.raises(ProjectError, match="months in order"):
        timeline(months=[])
