"""Every metric: its name, unit, labels and what it says to whoever is on call.

A collector over the snapshot makes them anew at each scrape, so a key that leaves a window leaves
/metrics with it, and a scrape never sees half an update.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from streams.classify.enrichment import failures
from streams.web.snapshot import STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client.core import Metric

    from streams.classify.enrichment import Kind
    from streams.web.snapshot import Share, Snapshot


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric: `name` as it stands on /metrics, without the `_total` of a counter."""

    name: str
    kind: Literal["gauge", "counter", "histogram", "info"]
    labels: tuple[str, ...]
    help: str


SHARE_RATIO = Definition(
    "llm_share_ratio",
    "gauge",
    ("dimension", "key", "measure", "window"),
    "Share of a key in a window, 0 to 1; the shares of a dimension add up to 1.",
)
JOINT_RATIO = Definition(
    "llm_share_joint_ratio",
    "gauge",
    ("origin", "language", "measure", "window"),
    "Share of an origin and a prompt language together in a window, 0 to 1.",
)
WINDOW_REQUESTS = Definition(
    "llm_window_requests",
    "gauge",
    ("window",),
    "Requests that a window's shares are based on.",
)
WINDOW_TOKENS = Definition(
    "llm_window_tokens", "gauge", ("window",), "Tokens that a window's shares are based on."
)
_OF_SHIFT = ("dimension", "key", "measure", "window")
STANDARD_ERROR = Definition(
    "llm_share_standard_error_ratio",
    "gauge",
    _OF_SHIFT,
    "How exactly a window of so many requests can measure the share at all.",
)
BASELINE = Definition(
    "llm_share_baseline_ratio",
    "gauge",
    _OF_SHIFT,
    "The share that the seven days before make one expect, at this time of day.",
)
SHIFT = Definition(
    "llm_share_shift_ratio",
    "gauge",
    _OF_SHIFT,
    "Share less baseline: 0.07 is 7 points more than expected.",
)
USUAL_SPREAD = Definition(
    "llm_share_usual_spread_ratio",
    "gauge",
    _OF_SHIFT,
    "How far the share usually is from its baseline, over 28 days (95 % quantile / 1.96).",
)
ZSCORE = Definition(
    "llm_share_shift_zscore",
    "gauge",
    _OF_SHIFT,
    "Shift in units of the larger of usual spread and standard error; absent for 21 days.",
)
DETECTABLE = Definition(
    "llm_share_detectable_shift_ratio",
    "gauge",
    _OF_SHIFT,
    "The smallest shift that could alert now; absent for 21 days.",
)
WITHOUT_TOP_TENANT = Definition(
    "llm_share_shift_without_top_tenant_ratio",
    "gauge",
    _OF_SHIFT,
    "What is left of the hour's shift without the tenant that adds most to it.",
)
EVIDENCE = Definition(
    "llm_share_evidence_requests",
    "gauge",
    _OF_SHIFT,
    "Requests behind a statement on the key: those it has, or should have.",
)
EFFECTIVE_REQUESTS = Definition(
    "llm_window_effective_requests",
    "gauge",
    ("dimension", "measure", "window"),
    "Equal requests that would say as much: few long ones say little (Kish).",
)
BASELINE_DAYS = Definition(
    "llm_share_baseline_days",
    "gauge",
    (),
    "Days of history behind the shifts; alerts on them are silent below 21.",
)
AS_OF = Definition(
    "llm_share_as_of_timestamp_seconds",
    "gauge",
    (),
    "The moment that all windows end at, in unix time; behind the clock while a backlog is read.",
)
TOKENS = Definition(
    "llm_tokens",
    "counter",
    ("dimension", "key"),
    "Tokens counted since the first record, over all workers; a restart does not reset it.",
)
REQUESTS = Definition(
    "llm_requests",
    "counter",
    ("dimension", "key"),
    "Requests counted since the first record, over all workers; a restart does not reset it.",
)
RECORDS = Definition(
    "tokenshare_records",
    "counter",
    ("result", "reason"),
    "Records by what came of them; rejected ones are in the dead-letter topic.",
)
EVENTS = Definition(
    "tokenshare_events", "counter", ("format",), "Events counted, by the format they came in."
)
LATE_EVENTS = Definition(
    "tokenshare_late_events",
    "counter",
    (),
    "Events counted that were over 10 minutes older than the newest one.",
)
LAG = Definition(
    "tokenshare_consumer_lag_records",
    "gauge",
    ("partition",),
    "Records in Kafka that the shown counts do not hold yet.",
)
POSITION = Definition(
    "tokenshare_position",
    "gauge",
    ("partition",),
    "Next source offset to be counted, as the changelog has it.",
)
PARTITION_OWNED = Definition(
    "tokenshare_partition_owned",
    "gauge",
    ("partition",),
    "1 where this worker counts the partition, else 0; over all workers each adds up to 1.",
)
STATE_BYTES = Definition(
    "tokenshare_state_bytes",
    "gauge",
    ("partition",),
    "Bytes of a partition's stored counts, in Kafka and in each worker's memory; at most 67 MB.",
)
READY = Definition(
    "tokenshare_ready", "gauge", (), "1 when this worker is ready; /readyz says why it is not."
)
STATE = Definition(
    "tokenshare_state",
    "gauge",
    ("state",),
    "1 while the worker is in a state: running, or rebalancing, recovering and others before.",
)
RECOVERY_SECONDS = Definition(
    "tokenshare_recovery_seconds",
    "gauge",
    (),
    "How long this process took to read the changelog at its start; absent until it has.",
)
FLUSH_SECONDS = Definition(
    "tokenshare_flush_seconds", "gauge", (), "How long the last write to the changelog took."
)
FLUSH_FAILURES = Definition(
    "tokenshare_flush_failures",
    "counter",
    (),
    "Writes to the changelog that failed and were kept for the next one, in this process.",
)
DEAD_LETTERS_LOST = Definition(
    "tokenshare_dead_letters_lost",
    "counter",
    (),
    "Dead letters that their topic took in no shape, in this process; their records are counted.",
)
ENRICHMENT_FAILURES = Definition(
    "tokenshare_enrichment_failures",
    "counter",
    ("kind",),
    "Faults in finding a request's language, origin or tenant, in this process; its tokens count.",
)
REBALANCES = Definition(
    "tokenshare_rebalances", "counter", (), "Times this process has taken up its partitions."
)
OVERRIDES_SUCCESSFUL = Definition(
    "tokenshare_overrides_last_reload_successful",
    "gauge",
    (),
    "1 when the overrides file is in force as it stands, 0 when a fault in it keeps the old ones.",
)
OVERRIDES_TIME = Definition(
    "tokenshare_overrides_last_reload_success_timestamp_seconds",
    "gauge",
    (),
    "When the overrides file was last taken up, in unix time; both are absent without such a file.",
)
BUILD_INFO = Definition(
    "tokenshare_build", "info", ("version",), "The version of tokenshare that runs."
)

DEFINITIONS = (
    SHARE_RATIO,
    JOINT_RATIO,
    WINDOW_REQUESTS,
    WINDOW_TOKENS,
    STANDARD_ERROR,
    BASELINE,
    SHIFT,
    USUAL_SPREAD,
    ZSCORE,
    DETECTABLE,
    WITHOUT_TOP_TENANT,
    EVIDENCE,
    EFFECTIVE_REQUESTS,
    BASELINE_DAYS,
    AS_OF,
    TOKENS,
    REQUESTS,
    RECORDS,
    EVENTS,
    LATE_EVENTS,
    LAG,
    POSITION,
    PARTITION_OWNED,
    STATE_BYTES,
    READY,
    STATE,
    RECOVERY_SECONDS,
    FLUSH_SECONDS,
    FLUSH_FAILURES,
    DEAD_LETTERS_LOST,
    ENRICHMENT_FAILURES,
    REBALANCES,
    OVERRIDES_SUCCESSFUL,
    OVERRIDES_TIME,
    BUILD_INFO,
)


def exposed_name(definition: Definition) -> str:
    """Return the name of a metric's samples on /metrics."""
    suffix = {"counter": "_total", "info": "_info", "gauge": "", "histogram": ""}[definition.kind]
    return definition.name + suffix


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """What only this process knows."""

    version: str
    flush_seconds: float
    flush_failures: int
    rebalances: int
    recovery_seconds: float | None = None
    overrides_are_good: bool | None = None
    overrides_loaded_at: float | None = None
    dead_letters_lost: int = 0
    enrichment_failures: Mapping[Kind, int] = field(default_factory=failures)


def _gauge(of: Definition) -> GaugeMetricFamily:
    return GaugeMetricFamily(of.name, of.help, labels=of.labels)


def _counter(of: Definition) -> CounterMetricFamily:
    return CounterMetricFamily(of.name, of.help, labels=of.labels)


def enrichment_family(counts: Mapping[Kind, int]) -> CounterMetricFamily:
    """Return the counter of what could not be added to requests, which a bridge has as well."""
    counter = _counter(ENRICHMENT_FAILURES)
    for kind, count in counts.items():
        counter.add_metric((kind,), count)
    return counter


def families(picture: Snapshot, facts: ProcessFacts) -> Iterable[Metric]:
    """Return all metrics of a picture."""
    yield from _share_families(picture)
    yield from _shift_families(picture)
    yield from _total_families(picture)
    yield from _pipeline_families(picture)
    yield from _process_families(picture, facts)


def _ratios(share: Share) -> list[tuple[str, float]]:
    ratios = ("tokens", share.tokens_ratio), ("requests", share.requests_ratio)
    return [(measure, ratio) for measure, ratio in ratios if ratio is not None]


def _share_families(picture: Snapshot) -> Iterable[Metric]:
    ratio, joint = _gauge(SHARE_RATIO), _gauge(JOINT_RATIO)
    requests, tokens = _gauge(WINDOW_REQUESTS), _gauge(WINDOW_TOKENS)
    for window in picture.windows.values():
        requests.add_metric((window.name,), window.requests)
        tokens.add_metric((window.name,), window.tokens)
        for dimension in ("origin", "language", "developer"):
            for share in window.dimensions[dimension]:
                for measure, value in _ratios(share):
                    ratio.add_metric((dimension, share.key, measure, window.name), value)
        for origin, language, share in window.joint:
            for measure, value in _ratios(share):
                joint.add_metric((origin, language, measure, window.name), value)
    yield from (ratio, joint, requests, tokens)
    as_of = _gauge(AS_OF)
    if picture.as_of > 0:
        as_of.add_metric((), picture.as_of)
    yield as_of


def _shift_families(picture: Snapshot) -> Iterable[Metric]:
    gauges = [
        (_gauge(STANDARD_ERROR), "standard_error"),
        (_gauge(BASELINE), "baseline"),
        (_gauge(SHIFT), "shift"),
        (_gauge(USUAL_SPREAD), "usual_spread"),
        (_gauge(ZSCORE), "zscore"),
        (_gauge(DETECTABLE), "detectable"),
        (_gauge(WITHOUT_TOP_TENANT), "without_top_tenant"),
        (_gauge(EVIDENCE), "evidence_requests"),
    ]
    effective, days = _gauge(EFFECTIVE_REQUESTS), _gauge(BASELINE_DAYS)
    for told in picture.shifts:
        if told.effective_requests is not None:
            labels = (told.dimension, told.measure, told.window)
            effective.add_metric(labels, told.effective_requests)
        for each in told.keys:
            labels_of_key = (told.dimension, each.key, told.measure, told.window)
            for gauge, name in gauges:
                value = getattr(each, name)
                if value is not None:
                    gauge.add_metric(labels_of_key, value)
    if picture.shifts:
        days.add_metric((), picture.shifts[0].baseline_days)
    yield from (gauge for gauge, _ in gauges)
    yield from (effective, days)


def _total_families(picture: Snapshot) -> Iterable[Metric]:
    tokens, requests = _counter(TOKENS), _counter(REQUESTS)
    for dimension, keys in picture.totals.items():
        for key, counts in keys.items():
            tokens.add_metric((dimension, key), counts[1] + counts[2])
            requests.add_metric((dimension, key), counts[0])
    yield from (tokens, requests)


def _pipeline_families(picture: Snapshot) -> Iterable[Metric]:
    records, events, late = _counter(RECORDS), _counter(EVENTS), _counter(LATE_EVENTS)
    for result, count in picture.records.items():
        name, _, reason = result.partition("/")
        records.add_metric((name, reason), count)
    for name, count in picture.events.items():
        events.add_metric((name,), count)
    if picture.as_of > 0:
        # Before the first picture the total is not known; a 0 would look like a counter's reset.
        late.add_metric((), picture.late)
    yield from (records, events, late)
    lag, position, owned = _gauge(LAG), _gauge(POSITION), _gauge(PARTITION_OWNED)
    state = _gauge(STATE_BYTES)
    for status in picture.partitions:
        labels = (str(status.partition),)
        if status.lag is not None:
            lag.add_metric(labels, status.lag)
        if status.position is not None:
            position.add_metric(labels, status.position)
        owned.add_metric(labels, int(status.is_owned))
        state.add_metric(labels, status.state_bytes)
    yield from (lag, position, owned, state)


def _process_families(picture: Snapshot, facts: ProcessFacts) -> Iterable[Metric]:
    for definition, value in (
        (READY, 0 if picture.reasons else 1),
        (RECOVERY_SECONDS, facts.recovery_seconds),
        (FLUSH_SECONDS, facts.flush_seconds),
        (OVERRIDES_SUCCESSFUL, facts.overrides_are_good),
        (OVERRIDES_TIME, facts.overrides_loaded_at),
    ):
        gauge = _gauge(definition)
        if value is not None:
            gauge.add_metric((), value)
        yield gauge
    state = _gauge(STATE)
    state.add_metric(("running",), 0 if picture.reasons else 1)
    for name, reason in STATES.items():
        state.add_metric((name,), int(reason in picture.reasons))
    yield state
    for definition, value in (
        (FLUSH_FAILURES, facts.flush_failures),
        (DEAD_LETTERS_LOST, facts.dead_letters_lost),
        (REBALANCES, facts.rebalances),
    ):
        counter = _counter(definition)
        counter.add_metric((), value)
        yield counter
    yield enrichment_family(facts.enrichment_failures)
    info = InfoMetricFamily(BUILD_INFO.name, BUILD_INFO.help)
    info.add_metric((), {"version": facts.version})
    yield info


class _SnapshotCollector(Collector):
    def __init__(self, picture: Callable[[], Snapshot], facts: Callable[[], ProcessFacts]) -> None:
        self._picture = picture
        self._facts = facts

    def collect(self) -> Iterable[Metric]:
        return families(self._picture(), self._facts())

    def describe(self) -> Iterable[Metric]:
        return []


def encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """Return what writes an exposition for an Accept header, and the content type of that."""
    try:
        return choose_encoder(accept)
    except TypeError:
        # It compares numbers with a version that is none; whoever asks for that gets plain text.
        return choose_encoder("")


class Exposition:
    """Answers scrapes in the text format or OpenMetrics, as the scraper asks."""

    def __init__(self, picture: Callable[[], Snapshot], facts: Callable[[], ProcessFacts]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_SnapshotCollector(picture, facts))
        ProcessCollector(registry=self._registry)

    def __call__(self, accept: str) -> tuple[bytes, str]:
        """Return the body and the content type for an Accept header."""
        encode, content_type = encoder(accept)
        return encode(self._registry), content_type
