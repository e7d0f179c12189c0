"""What stands on /metrics."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from streams.classify import enrichment
from streams.classify.origin.catalog import Catalog
from streams.classify.origin.values import ORIGINS
from streams.shares.policy import Policy
from streams.shares.sums import SumsCache
from streams.shares.windows import Windows
from streams.shifts.attribution import Part, attribute
from streams.shifts.movers import Moved
from streams.shifts.notes import Note, Notes
from streams.shifts.shift import KeyShift, Shifts
from streams.state.codec import (
    STATE_VERSION,
    PaneKey,
    PositionRecord,
    Totals,
    encode_pane,
    encode_position,
    pane_key,
    position_key,
)
from streams.state.pane import DAY, FINE, HOUR, MIDDLE, Pane, pane_start
from streams.state.seal import Loss
from streams.state.view import View
from streams.web.metric_definitions import DEFINITIONS, exposed_name
from streams.web.metrics import Exposition, ProcessFacts
from streams.web.snapshot import (
    MAX_SOURCES,
    STATES,
    PartitionStatus,
    ShiftName,
    Snapshot,
    add_unread,
    take,
)

NOW = 1_800_000_000.0
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def snapshot() -> Snapshot:
    view = View()
    totals = Totals(
        origins={"cn-open": [3, 30, 3, 0, 10, 33, 2, 2_500_000_001, 2, 22]},
        languages={"zh-Hans": [3, 30, 3, 0]},
        developers={'We "say" \\ so\n': [3, 30, 3, 0]},
        records={"counted/": 3, "rejected/not_json": 2},
        events={"native": 3},
        late=1,
        unread={"otlp/shop.llm": 4, "access_log/ai,model": 1},
        unread_at=NOW,
    )
    record = PositionRecord(STATE_VERSION, 1, 17, NOW, NOW, totals)
    view.apply(position_key(0), encode_position(record))
    # One of the three has no price.
    priced = [3, 30, 3, 0, 10, 33, 0, 2_500_000_001, 2, 22]
    cells = {"cn-open/zh-Hans": priced, "row-open/en": [1, 0, 11, 0]}
    for level in (FINE, MIDDLE, HOUR, DAY):
        key = pane_key(0, PaneKey(level, pane_start(level, NOW)))
        view.apply(key, encode_pane(Pane(cells, {"deepseek-chat": [4, 30, 14, 0]}, {}, 1), 1))
    statuses = (PartitionStatus(0, 17, 20, NOW, is_owned=True, lost=Loss(NOW, {}, {"1h": 7})),)
    windows = Windows(view, SumsCache(view, Catalog.load()))
    windows.advance(view.as_of(NOW, 300.0))
    picture = take(windows, view.positions.values(), Catalog.load(), NOW, statuses, (), None)
    large = KeyShift("cn-open", 0.6, 0.01, 0.5, 0.1, 0.02, 5.0, 0.08, 0.09, 300.0, NOW - 9 * 86400)
    young = KeyShift("row-open", 0.4, 0.01, None, None, None, None, None, None, 3.0)
    shifts = Shifts("origin", "tokens", "1h", 41.5, 30.25, (large, young))
    models = Shifts("model", "tokens", "24h", 41.5, 30.25, (LAUNCHED,))
    return replace(
        picture,
        shifts=(shifts, models),
        shifts_as_of=NOW,
        moved={ShiftName(*MOVED): OF_MODELS},
        notes=Notes((NOTE,), b"", True, NOW),
        noted={ShiftName(*MOVED): (NOTE,)},
        policy=Policy((), b"", True, NOW),
        excluded={("eu", "cn-open"): 7},
    )


MOVED = ("origin", "cn-open", "tokens", "1h")
NOTE = Note(int(NOW) - 3600, "a launch", int(NOW))
LAUNCHED = KeyShift(
    *("hy3", 0.03, 0.001, 0.0, 0.03, None, None, None, None, 90.0),
    peak=0.002,
    origin="cn-open",
    developer="Tencent",
)
OF_MODELS = Moved(
    attribute(
        Part({"hy3": 80, "qwen3": 10, "old": 0}, 90, 1000), Part({"qwen3": 5, "old": 9}, 14, 1000)
    ),
    None,
    None,
)


def scrape(
    picture: Snapshot, accept: str = "text/plain", partition_limit: int = 100
) -> dict[str, dict[tuple, float]]:
    body, content_type = Exposition(
        lambda: picture,
        lambda: ProcessFacts("1.2.3", 0.01, 0, 1, 0.4, True, NOW, True, NOW, clock_offset=-0.2),
        partition_limit,
    )(accept)
    parse = parse_openmetrics if "openmetrics" in content_type else parse_text
    samples: dict[str, dict[tuple, float]] = {}
    for family in parse(body.decode()):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return samples


def labels(**given):
    return tuple(sorted(given.items()))


@pytest.mark.parametrize(
    "accept",
    [
        "text/plain",
        OPENMETRICS,
        "*/*",
        "",
        "text/plain;version=x",
        f"{OPENMETRICS.partition(';')[0]};version=1.0.x",
    ],
)
def test_shares_are_on_metrics_in_either_format(accept):
    ratios = scrape(snapshot(), accept)["llm_share_ratio"]
    at = {"measure": "tokens", "window": "1h"}

    # Where a shift is known, the share that it was computed from; else that of the snapshot.
    assert ratios[labels(dimension="origin", key="cn-open", **at)] == 0.6
    of_requests = at | {"measure": "requests"}
    assert ratios[labels(dimension="origin", key="cn-open", **of_requests)] == 0.75
    assert ratios[labels(dimension="origin", key="cn-proprietary", **of_requests)] == 0.0
    assert ratios[labels(dimension="language", key="zh-Hans", **at)] == 0.75
    for dimension in ("origin", "language", "developer"):
        for measure in ("tokens", "requests"):
            for window in ("5m", "1h", "24h", "7d"):
                shares = [
                    ratio
                    for key, ratio in ratios.items()
                    if {("dimension", dimension), ("measure", measure), ("window", window)}
                    <= set(key)
                ]
                assert abs(sum(shares) - 1) < 1e-9


def test_share_less_baseline_is_the_shift_at_each_scrape():
    samples = scrape(snapshot())
    shares, baselines = samples["llm_share_ratio"], samples["llm_share_baseline_ratio"]
    shifts = samples["llm_share_shift_ratio"]

    assert shifts
    for key, shift in shifts.items():
        assert shares[key] - baselines[key] == pytest.approx(shift, abs=1e-12)


def test_usage_that_no_reader_takes_is_shown_by_format_and_source():
    unread = scrape(snapshot())["tokenshare_unread_usage_total"]

    assert unread == {
        labels(format="otlp", source="shop.llm"): 4,
        labels(format="access_log", source="ai,model"): 1,
    }
    assert snapshot().unread_at == NOW


def test_money_is_exact_and_what_has_no_price_is_visible():
    shown = scrape(snapshot())
    share = shown["llm_share_ratio"]

    assert shown["llm_cost_usd_total"] == {
        labels(dimension="origin", key="cn-open"): 2.500000001,
        labels(dimension="provider", key="unknown"): 2.500000001,
    }
    assert shown["llm_window_cost_usd"][labels(window="1h")] == 2.500000001
    assert shown["llm_window_priced_ratio"][labels(window="1h")] == 22 / 44
    assert shown["llm_window_estimated_ratio"][labels(window="1h")] == 0
    assert shown["llm_window_measured_ratio"][labels(window="1h")] == 1
    of_cost = {
        key: share.get(labels(dimension="origin", key=key, measure="cost", window="5m"))
        for key in ("cn-open", "row-open", "cn-proprietary")
    }
    # A request without a price is not free: the share is not known. No request is a share of zero.
    assert of_cost == {"cn-open": 1.0, "row-open": None, "cn-proprietary": 0.0}


def test_who_served_is_unknown_where_no_record_says_it():
    shown = scrape(snapshot())

    served = {"measure": "tokens", "window": "24h"}
    provider = labels(provider="unknown", origin="cn-open", **served)
    assert shown["llm_share_provider_ratio"][provider] == 1.0
    law = labels(origin="cn-open", jurisdiction="unknown", **served)
    assert shown["llm_share_jurisdiction_ratio"][law] == 1.0


def test_sources_of_all_partitions_are_bounded_together():
    positions = [
        PositionRecord(
            *(STATE_VERSION, 1, 17, NOW, NOW),
            Totals(unread={f"otlp/s{part}x{number}": number + 1 for number in range(32)}),
        )
        for part in range(9)
    ]
    found = add_unread(positions)

    assert len(found) == MAX_SOURCES + 1
    assert sum(found.values()) == 9 * 32 * 33 / 2
    assert min(count for key, count in found.items() if key != "otlp/other") >= 20


def test_counters_are_of_the_whole():
    samples = scrape(snapshot())

    assert samples["llm_tokens_total"][labels(dimension="origin", key="cn-open")] == 33
    assert samples["llm_requests_total"][labels(dimension="language", key="zh-Hans")] == 3
    assert samples["tokenshare_records_total"] == {
        labels(result="counted", reason=""): 3,
        labels(result="rejected", reason="not_json"): 2,
    }
    assert samples["tokenshare_late_events_total"] == {(): 1}


def test_odd_label_values_are_escaped():
    keys = {dict(key)["key"] for key in scrape(snapshot())["llm_tokens_total"]}
    assert 'We "say" \\ so\n' in keys


def test_the_pipeline_says_where_it_stands():
    samples = scrape(snapshot())

    assert samples["tokenshare_consumer_lag_records"] == {labels(partition="0"): 3}
    assert samples["tokenshare_position"] == {labels(partition="0"): 17}
    assert samples["tokenshare_ready"] == {(): 1}
    assert samples["llm_share_as_of_timestamp_seconds"] == {(): NOW}
    assert samples["tokenshare_build_info"] == {labels(version="1.2.3"): 1}


def test_before_the_first_event_there_are_no_shares_and_no_as_of():
    samples = scrape(Snapshot(as_of=0.0, made_at=0.0))

    assert "llm_share_ratio" not in samples
    assert "llm_share_as_of_timestamp_seconds" not in samples
    assert samples["tokenshare_ready"] == {(): 0}


def test_every_metric_is_defined_once_and_every_definition_is_shown():
    shown = {
        name
        for name in scrape(snapshot())
        if name.startswith(("llm_", "tokenshare_")) and not name.endswith("_created")
    }

    assert shown == {exposed_name(definition) for definition in DEFINITIONS}
    assert len({definition.name for definition in DEFINITIONS}) == len(DEFINITIONS)


def test_failures_of_what_is_added_to_requests_are_there_from_the_start():
    before = enrichment.failures()
    assert set(before) == {"language", "origin", "tenant", "provider", "price"}
    page = scrape(snapshot())
    assert page["tokenshare_enrichment_failures_total"] == {
        labels(kind=kind): float(count) for kind, count in before.items()
    }


def test_the_state_of_a_worker_is_one_of_a_closed_set():
    samples = scrape(snapshot())["tokenshare_state"]
    assert {state for ((_, state),), value in samples.items() if value} == {"running"}
    recovering = replace(snapshot(), reasons=(STATES["rebalancing"], STATES["recovering"]))
    samples = scrape(recovering)["tokenshare_state"]
    assert {state for ((_, state),), value in samples.items() if value} == {
        "rebalancing",
        "recovering",
    }
    assert {state for ((_, state),) in samples} == {"running", *STATES}


def test_a_shift_is_on_metrics_with_all_that_an_alert_asks_for():
    samples = scrape(snapshot())
    at = labels(dimension="origin", key="cn-open", measure="tokens", window="1h")

    assert samples["llm_share_shift_ratio"][at] == 0.1
    assert samples["llm_share_shift_zscore"] == {at: 5.0}
    assert samples["llm_share_shift_without_top_tenant_ratio"] == {at: 0.09}
    of_window = labels(dimension="origin", measure="tokens", window="1h")
    assert samples["llm_window_effective_requests"][of_window] == 41.5
    assert samples["llm_share_baseline_seconds"] == {(): 30.25 * 86_400}
    # What cannot be said is absent: an alert on it stays silent.
    assert len(samples["llm_share_evidence_requests"]) == 3


def test_a_model_is_on_metrics_with_its_peak_its_developer_and_its_origin():
    samples = scrape(snapshot())

    assert samples["llm_share_peak_ratio"] == {
        labels(dimension="model", key="hy3", measure="tokens", window="24h"): 0.002
    }
    assert samples["llm_share_key_info"] == {
        labels(dimension="model", key="hy3", developer="Tencent", origin="cn-open"): 1
    }


def test_keys_that_are_codes_have_their_names_for_alerts():
    found = {dict(key)["key"]: dict(key) for key in scrape(snapshot())["llm_share_key_name_info"]}

    assert {*ORIGINS} <= found.keys()
    assert found["cn-open"] == {"dimension": "origin", "key": "cn-open", "name": "Chinese open"}
    assert found["zh-Hans"]["name"] == "Chinese (Simplified)"
    assert {each["dimension"] for each in found.values()} == {"origin", "language", "jurisdiction"}


def test_what_pushed_a_shift_is_on_metrics_and_what_held_against_it_is_not():
    of_shift = dict(zip(("dimension", "key", "measure", "window"), MOVED, strict=True))
    movers = scrape(snapshot())["llm_share_mover_ratio"]

    assert movers == {
        labels(**of_shift, mover="hy3"): pytest.approx(0.08),
        labels(**of_shift, mover="qwen3"): pytest.approx(0.005),
    }


def test_the_files_of_overrides_and_names_are_good_or_broken_and_absent_without_one():
    facts = ProcessFacts("1.2.3", 0.01, 0, 1)
    broken = replace(facts, overrides_are_good=False, tenant_names_are_good=False)
    for name in ("tokenshare_overrides", "tokenshare_tenant_names"):
        body, _ = Exposition(snapshot, lambda: facts)("text/plain")
        assert f"\n{name}_last".encode() not in body
        body, _ = Exposition(snapshot, lambda: broken)("text/plain")
        assert f"\n{name}_last_reload_successful 0.0\n".encode() in body


def test_a_clock_is_ahead_above_zero_and_absent_while_not_known():
    facts = ProcessFacts("1.2.3", 0.01, 0, 1)
    behind = replace(facts, clock_offset=-600.0)
    body, _ = Exposition(snapshot, lambda: facts)("text/plain")
    assert b"\ntokenshare_clock_offset_seconds " not in body
    body, _ = Exposition(snapshot, lambda: behind)("text/plain")
    assert b"\ntokenshare_clock_offset_seconds -600.0\n" in body


OF_PARTITIONS = {
    exposed_name(each): each for each in DEFINITIONS if each.labels[:1] == ("partition",)
}


def with_partitions(count: int) -> Snapshot:
    """Return a snapshot of a topic whose every partition has a lag, a state and a loss."""
    statuses = tuple(
        PartitionStatus(
            number,
            position=1_000 + number,
            end_offset=1_000 + 3 * number,
            newest=NOW,
            is_owned=number % 2 == 0,
            state_bytes=100 + number,
            lost=Loss(NOW + number, {}, {"1h": number, "1d": 1}),
        )
        for number in range(count)
    )
    return replace(snapshot(), partitions=statuses)


def by_partition(samples: dict[str, dict[tuple, float]], name: str) -> dict[str, float]:
    """Return the values of a metric by its one label."""
    return {dict(key)["partition"]: value for key, value in samples.get(name, {}).items()}


@pytest.mark.parametrize(
    ("count", "limit"), [(1, 1), (2, 1), (100, 100), (101, 100), (1_000, 100), (1_000, 7), (9, 4)]
)
def test_however_many_partitions_there_are_their_series_are_bounded(count, limit):
    samples = scrape(with_partitions(count), partition_limit=limit)

    for name, definition in OF_PARTITIONS.items():
        levels = 2 if "level" in definition.labels else 1
        assert len(samples.get(name, {})) <= limit * levels
    numbers = range(count)
    lag = by_partition(samples, "tokenshare_consumer_lag_records")
    assert sum(lag.values()) == sum(2 * number for number in numbers)
    position = by_partition(samples, "tokenshare_position")
    assert sum(position.values()) == sum(1_000 + number for number in numbers)
    assert max(by_partition(samples, "tokenshare_state_bytes").values()) == 99 + count
    lost = samples["tokenshare_state_lost_requests"]
    assert sum(lost.values()) == sum(number + 1 for number in numbers)
    lost_at = by_partition(samples, "tokenshare_state_lost_timestamp_seconds")
    assert max(lost_at.values()) == NOW + count - 1
    assert samples["tokenshare_partitions"] == {(): count}
    assert samples["tokenshare_partitions_owned"] == {(): (count + 1) // 2}
    assert ("tokenshare_partition_owned" in samples) == (count <= limit)


def test_within_the_limit_each_partition_has_its_own_series():
    samples = scrape(with_partitions(100))

    for name in OF_PARTITIONS.keys() - {"tokenshare_state_lost_requests"}:
        assert list(by_partition(samples, name)) == [str(number) for number in range(100)]


def test_ranges_are_of_equal_length_and_the_last_ends_with_the_topic():
    samples = scrape(with_partitions(11), partition_limit=3)

    lag = by_partition(samples, "tokenshare_consumer_lag_records")
    assert lag == {"0-3": 12, "4-7": 44, "8-10": 54}
    state = by_partition(samples, "tokenshare_state_bytes")
    assert state == {"0-3": 103, "4-7": 107, "8-10": 110}


def test_a_range_sums_what_is_known_and_is_absent_where_nothing_is():
    known = PartitionStatus(0, 5, 9, NOW, is_owned=True)
    unknown = [PartitionStatus(number, None, None, None, is_owned=False) for number in (1, 2, 3)]
    picture = replace(snapshot(), partitions=(known, *unknown))

    samples = scrape(picture, partition_limit=2)

    assert by_partition(samples, "tokenshare_consumer_lag_records") == {"0-1": 4}
    assert by_partition(samples, "tokenshare_position") == {"0-1": 5}
    assert "tokenshare_state_lost_timestamp_seconds" not in samples


def test_before_the_first_snapshot_the_number_of_partitions_is_absent():
    samples = scrape(replace(snapshot(), partitions=()))

    assert "tokenshare_partitions" not in samples
    assert samples["tokenshare_partitions_owned"] == {(): 0}


def test_a_scrape_of_a_thousand_partitions_is_as_large_as_one_of_a_hundred():
    def size(count: int) -> int:
        facts = ProcessFacts("1.2.3", 0.01, 0, 1)
        return len(Exposition(lambda: with_partitions(count), lambda: facts, 100)("text/plain")[0])

    assert size(1_000) < 1.2 * size(100)


@pytest.mark.slow
def test_promtool_has_nothing_to_say_about_our_metrics():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    body, _ = Exposition(
        snapshot,
        lambda: ProcessFacts("1.2.3", 0.01, 0, 1, 0.4, True, NOW, True, NOW, clock_offset=-0.2),
    )("text/plain")
    done = subprocess.run(
        [promtool, "check", "metrics"], input=body, capture_output=True, check=False
    )

    assert (done.returncode, done.stderr.decode()) == (0, "")
