"""What is counted and told: by an independent reader of the format, and against sums done by hand."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from tools import metrics as tool

from upwell.meters.counting import OTHER, SERIES_MAX, Histograms, Spans, Tally
from upwell.meters.reading import Reading, joined
from upwell.meters.table import METRICS, SECONDS, Kind
from upwell.meters.text import told


def samples(reading: Reading) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    """By name and labels, as prometheus_client reads what we tell."""
    families = text_string_to_metric_families(told(reading).decode())
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_labels_are_bounded_whatever_strangers_say() -> None:
    tally, spans = Tally(), Histograms(SECONDS)
    for n in range(SERIES_MAX + 500):
        tally.add("x" * 500 + str(n), str(n))
        spans.add(0.1, str(n))
    assert len(tally.found) == len(spans.found) == SERIES_MAX + 1
    assert tally.found[OTHER, OTHER] == 500
    assert sum(tally.found.values()) == SERIES_MAX + 500
    assert spans.found[OTHER,].counts[SECONDS.index(0.1)] == 500


@given(st.lists(st.floats(0, 20), max_size=50))
def test_a_histogram_is_what_it_was_given(values: list[float]) -> None:
    spans = Spans(SECONDS)
    for value in values:
        spans.add(value)
    reading = Reading()
    reading.spans("upwell_batch_seconds", spans, "lane")
    found = samples(reading)
    for bound in SECONDS:
        text = str(int(bound)) if bound.is_integer() else repr(bound)
        at_most = found["upwell_batch_seconds_bucket", (("lane", "lane"), ("le", text))]
        assert at_most == sum(value <= bound for value in values)
    assert found["upwell_batch_seconds_count", (("lane", "lane"),)] == len(values)
    assert found["upwell_batch_seconds_sum", (("lane", "lane"),)] == pytest.approx(sum(values))


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=40))
def test_any_label_is_read_as_it_was(text: str) -> None:
    reading = Reading()
    reading.put("upwell_login_refusals_total", 3, "alibaba", text)
    assert samples(reading) == {("upwell_login_refusals_total", (("face", "alibaba"), ("reason", text))): 3}


def test_several_processes_are_told_as_one() -> None:
    readings = []
    for number in (1, 2):
        spans, reading = Spans(SECONDS), Reading()
        spans.add(0.02 * number)
        reading.spans("upwell_event_loop_delay_seconds", spans)
        reading.put("upwell_offers_total", 10 * number, "tuya")
        reading.put("upwell_devices_connected", number)
        reading.put("upwell_lease_age_seconds", number)
        reading.put("upwell_ready", number - 1, "database")
        readings.append(Reading.of_json(json.loads(json.dumps(reading.as_json()))))  # as through the pipe
    found = samples(joined(readings))
    assert found["upwell_offers_total", (("face", "tuya"),)] == 30
    assert found["upwell_devices_connected", ()] == 3
    assert found["upwell_lease_age_seconds", ()] == 2
    assert found["upwell_ready", (("check", "database"),)] == 0
    assert found["upwell_event_loop_delay_seconds_count", ()] == 2
    again = samples(joined([*readings, joined(readings).totals()]))  # of those that ended only what they had counted
    assert again["upwell_offers_total", (("face", "tuya"),)] == 60
    assert again["upwell_devices_connected", ()] == 3
    assert samples(readings[0])["upwell_event_loop_delay_seconds_count", ()] == 1  # and they are as they were


def test_names_are_as_prometheus_wants_them() -> None:
    for name, metric in METRICS.items():
        assert name == metric.name and (metric.kind is Kind.COUNTER) == name.endswith("_total")
        assert (metric.kind is Kind.HISTOGRAM) == bool(metric.bounds)
        assert not {"device", "account", "key", "le"} & set(metric.labels)


def test_the_page_has_what_the_table_has() -> None:
    text = Path("docs/metrics.md").read_text()
    assert tool.written(text) == text, "run: python tools/metrics.py"
