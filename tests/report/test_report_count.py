"""Lines of a file count as a worker counts the records of a topic."""

from __future__ import annotations

import orjson
from every import every
from formats import samples
from report_inputs import MONDAY, count_of, event, worker_of

from streams.decode.options import Options
from streams.report.count import FIRST
from streams.state.pane import DAY

PLAIN = [each for each in samples.load() if each.value is not None and not each.headers]


def records_of(count):
    found = {f"rejected/{reason}": each.count for reason, each in count.rejected.items()}
    for reason, each in count.skipped.items():
        found["cache_hit/" if reason == "cache_hit" else f"skipped/{reason}"] = each.count
    return found | ({"counted/": count.counted} if count.counted else {})


def days_of(partition):
    return {key.start: pane for key, pane in partition.panes.items() if key.level is DAY}


def assert_equal(count, partition):
    assert records_of(count) == partition.totals.records
    days = days_of(partition)
    assert count.panes.keys() == days.keys()
    for start, pane in count.panes.items():
        assert (pane.cells, pane.models) == (days[start].cells, days[start].models)


def flat(sample):
    """Return a sample on one line: between the tokens of JSON a space says the same."""
    return sample.value.replace(b"\n", b" ").replace(b"\r", b" ")


@every(PLAIN, name=lambda each: each.name)
def test_a_line_counts_as_a_worker_counts_the_record(sample):
    values = [flat(sample)] * 2 if flat(sample) else []
    if not values:
        return
    assert_equal(count_of(*values, options=sample.options), worker_of(values, sample.options))


def test_all_samples_in_one_file_count_as_a_worker_counts_the_topic():
    values = [flat(each) for each in PLAIN if each.options == Options() and flat(each)]
    assert len(values) > 100
    for at_once in (1, 7, 1000):
        assert_equal(count_of(*values, at_once=at_once), worker_of(values, Options()))


def test_an_id_counts_once_as_in_a_worker():
    values = [orjson.dumps(event(id=f"r{number % 3}")) for number in range(9)]
    count = count_of(*values, dedupe=100)

    assert_equal(count, worker_of(values, Options(), dedupe=100))
    assert (count.counted, count.skipped["duplicate"].count) == (3, 6)
    assert count.skipped["duplicate"].places == [("a.ndjson", 4), ("a.ndjson", 5), ("a.ndjson", 6)]


def test_what_does_not_count_is_reported_with_its_first_lines():
    cached = orjson.dumps(
        {
            "call_type": "acompletion",
            "model": "gpt-4o",
            "cache_hit": True,
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "startTime": MONDAY,
        }
    )
    good = orjson.dumps(event())
    count = count_of(good, b"bad", b"", b"[]", *[b"bad"] * 5, cached, good, at_once=4)

    assert count.lines == 10
    assert count.counted == 2
    assert count.rejected["not_json"].count == 6
    assert count.rejected["not_json"].places == [("a.ndjson", at) for at in (2, 5, 6)]
    assert count.skipped["empty_batch"].places == [("a.ndjson", 4)]
    assert count.skipped["cache_hit"].places == [("a.ndjson", 10)]
    assert all(len(each.places) <= FIRST for each in count.rejected.values())


def test_an_event_of_a_file_needs_a_time_of_its_own():
    document = event()
    del document["ts"]
    odd = document | {"tenant": "Zoë"}
    count = count_of(orjson.dumps(document), orjson.dumps(odd))

    assert count.rejected["bad_time"].count == 2


def test_five_years_count_in_any_order_and_however_they_are_cut():
    values = [orjson.dumps(event(-day)) for day in range(0, 5 * 365, 30)]
    newest_first = count_of(*values)

    assert (newest_first.counted, len(newest_first.panes)) == (61, 61)
    assert not newest_first.rejected
    for at_once in (1, 7, 1000):
        oldest_first = count_of(*reversed(values), at_once=at_once)
        assert oldest_first.panes == newest_first.panes
