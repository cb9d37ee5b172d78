"""The text that Prometheus scrapes."""

import re

from kreis.deployment.server.metrics import Gauge, Metrics, render

SAMPLE = re.compile(r'[a-z_]+(?:\{[a-z]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z]+="(?:[^"\\\n]|\\["\\n])*")*\})? [-+0-9.e]+')
"""A line of the format, label values escaped."""


def samples(text):
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    assert [line for line in lines if not SAMPLE.fullmatch(line)] == []
    return lines


def test_label_values_are_escaped():
    metrics = Metrics(flags={'a"b\\c\nd': 1})
    metrics.requests['/"x\n', 200, 'm"\\', 1] += 2
    lines = samples(render({0: metrics}, [], {}))
    assert 'kreis_requests_total{route="/\\"x\\n",status="200",model="m\\"\\\\",version="1"} 2' in lines
    assert 'kreis_flags_total{flag="a\\"b\\\\c\\nd"} 1' in lines


def test_a_service_of_one_process_has_no_worker_label():
    lines = samples(
        render({0: Metrics(rows=3, gauges=[Gauge("kreis_g", "Some.", 7)])}, [Gauge("kreis_h", "All.", 1)], {})
    )
    assert {"kreis_predictions_total 3", "kreis_g 7", "kreis_h 1"} <= set(lines)
    assert not [line for line in lines if "worker" in line]


def test_workers_have_samples_each_and_families_once():
    one, two = (Metrics(rows=rows, gauges=[Gauge("kreis_g", "Some.", rows)]) for rows in (3, 4))
    text = render({2: two, 1: one}, [Gauge("kreis_h", "All.", 1)], {1: 0, 2: 5, 3: 9})
    lines = samples(text)
    assert {'kreis_predictions_total{worker="1"} 3', 'kreis_predictions_total{worker="2"} 4', "kreis_h 1"} <= set(lines)
    assert [line for line in lines if line.startswith("kreis_worker_up")] == [
        f'kreis_worker_up{{worker="{number}"}} {up}' for number, up in ((1, 1), (2, 1), (3, 0))
    ]
    assert 'kreis_worker_restarts_total{worker="3"} 9' in lines
    families = [line for line in text.decode().splitlines() if line.startswith("# TYPE")]
    assert len(families) == len(set(families))
