"""The metrics of a snapshot.

A collector creates them at each scrape. A key that leaves a window also leaves /metrics, and a
scrape never sees a partial update.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import InfoMetricFamily
from prometheus_client.registry import Collector

from streams.classify.enrichment import failures
from streams.classify.keys import DIMENSIONS, name_of
from streams.classify.origin.values import ORIGINS
from streams.shares import measures
from streams.shifts.sentence import leading
from streams.state.counts import CACHE_STATED, CACHED, REASONING, at, tokens_of
from streams.state.counts import REQUESTS as REQUESTS_COLUMN
from streams.state.pane import DAY
from streams.web.exposition import counter, encoder, enrichment_family, gauge
from streams.web.metric_definitions import (
    AS_OF,
    BASELINE,
    BUILD_INFO,
    CACHED_TOKENS,
    CLOCK_OFFSET,
    COST,
    DEAD_LETTERS_LOST,
    DETECTABLE,
    DRIFT_SINCE,
    EFFECTIVE_REQUESTS,
    ESTIMATED_RATIO,
    EVENTS,
    EVIDENCE,
    EXCLUDED_TOKENS,
    FLUSH_FAILURES,
    FLUSH_SECONDS,
    HISTORY_DAYS,
    JOINT_RATIO,
    KEY_INFO,
    KEY_NAME,
    LATE_EVENTS,
    LAW_RATIO,
    MEASURED_RATIO,
    MOVER,
    NOTE_END,
    NOTE_TIME,
    NOTES_SUCCESSFUL,
    NOTES_TIME,
    OVERRIDES_SUCCESSFUL,
    OVERRIDES_TIME,
    PEAK,
    POLICY_SUCCESSFUL,
    POLICY_TIME,
    PRICED_RATIO,
    READY,
    REASONING_TOKENS,
    REBALANCES,
    RECORDS,
    RECOVERY_SECONDS,
    REQUESTS,
    SERVED_RATIO,
    SHARE_RATIO,
    SHIFT,
    SHIFT_NOTE,
    STANDARD_ERROR,
    STATE,
    TENANT_NAMES_SUCCESSFUL,
    TENANT_NAMES_TIME,
    TOKENS,
    UNREAD_USAGE,
    USUAL_SPREAD,
    WINDOW_COST,
    WINDOW_REQUESTS,
    WINDOW_TOKENS,
    WITHOUT_TOP_TENANT,
    ZSCORE,
)
from streams.web.partition_metrics import partition_families
from streams.web.snapshot import STATES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from prometheus_client.core import Metric

    from streams.classify.enrichment import Kind
    from streams.classify.keys import Dimension
    from streams.shares.measures import Measure
    from streams.shares.window_shares import Share
    from streams.state.counts import Counts
    from streams.web.metric_definitions import Definition
    from streams.web.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class ProcessFacts:
    """Facts that are specific to this process."""

    version: str
    flush_seconds: float
    flush_failures: int
    rebalances: int
    recovery_seconds: float | None = None
    overrides_are_good: bool | None = None
    overrides_loaded_at: float | None = None
    tenant_names_are_good: bool | None = None
    tenant_names_read_at: float | None = None
    dead_letters_lost: int = 0
    clock_offset: float | None = None
    enrichment_failures: Mapping[Kind, int] = field(default_factory=failures)


#: The dimensions whose shares are on /metrics in all windows.
EXPOSED_DIMENSIONS: tuple[Dimension, ...] = tuple(each for each in DIMENSIONS if each != "model")
#: Of these a key is a code; of the others it is a name.
_NAMED_DIMENSIONS: tuple[Dimension, ...] = ("origin", "language", "jurisdiction")
#: The window of the shares by provider and origin together.
_SERVED_WINDOW = "24h"
DEFAULT_MEASURES: tuple[Measure, ...] = ("tokens", "requests", "cost")


def families(
    snapshot: Snapshot,
    facts: ProcessFacts,
    partition_limit: int | None = None,
    shown: Sequence[Measure] = DEFAULT_MEASURES,
) -> Iterable[Metric]:
    """Return all metrics of a snapshot, with the shares of some measures.

    There are at most `partition_limit` series for partitions.
    """
    yield from _share_families(snapshot, shown)
    yield from _shift_families(snapshot)
    yield from _note_families(snapshot)
    yield _excluded(snapshot)
    yield from _total_families(snapshot)
    yield from _pipeline_families(snapshot)
    yield from partition_families(snapshot.partitions, partition_limit)
    yield from _process_families(snapshot, facts)


def _ratios(share: Share, measures: Iterable[Measure]) -> list[tuple[Measure, float]]:
    ratios = ((measure, share.ratio(measure)) for measure in measures)
    return [(measure, ratio) for measure, ratio in ratios if ratio is not None]


def _key_shares(
    snapshot: Snapshot, measures: Sequence[Measure]
) -> Iterable[tuple[tuple[str, str, str, str], float]]:
    """Yield (dimension, key, measure, window) and the share of each key.

    Where shifts are known, these are the shares that they were computed from: they are some seconds
    older than the snapshot's, and at each scrape share less baseline is the shift.
    """
    stated = {(each.dimension, each.measure, each.window) for each in snapshot.shifts}
    for table in snapshot.shifts:
        for of_key in table.keys:
            if of_key.share is not None:
                yield (table.dimension, of_key.key, table.measure, table.window), of_key.share
    for window in snapshot.windows.values():
        for dimension in EXPOSED_DIMENSIONS:
            for share in window.dimensions[dimension]:
                for measure, value in _ratios(share, measures):
                    if (dimension, measure, window.name) not in stated:
                        yield (dimension, share.key, measure, window.name), value


def _share_families(snapshot: Snapshot, measures: Sequence[Measure]) -> Iterable[Metric]:
    ratio = gauge(SHARE_RATIO)
    joint, law, served = gauge(JOINT_RATIO), gauge(LAW_RATIO), gauge(SERVED_RATIO)
    for labels, value in _key_shares(snapshot, measures):
        ratio.add_metric(labels, value)
    for window in snapshot.windows.values():
        for family, pairs in (
            (joint, window.joint),
            (law, window.law),
            # So many series in one window only.
            (served, window.served if window.name == _SERVED_WINDOW else ()),
        ):
            for one, other, share in pairs:
                for measure, value in _ratios(share, measures):
                    family.add_metric((one, other, measure, window.name), value)
    yield from (ratio, joint, law, served, _key_names(snapshot))
    yield from _window_families(snapshot)
    as_of = gauge(AS_OF)
    if snapshot.as_of > 0:
        as_of.add_metric((), snapshot.as_of)
    yield as_of


def _key_names(snapshot: Snapshot) -> Metric:
    """Return the names of keys that are no names themselves."""
    family = gauge(KEY_NAME)
    for dimension in _NAMED_DIMENSIONS:
        keys = {
            share.key
            for window in snapshot.windows.values()
            for share in window.dimensions[dimension]
        }
        if dimension == "origin":
            keys |= {*ORIGINS}
        for key in sorted(keys):
            family.add_metric((dimension, key, name_of(dimension, key)), 1)
    return family


def _window_families(snapshot: Snapshot) -> Iterable[Metric]:
    """Yield what each window's shares are based on; what is not known is absent."""
    for definition, value_of in _OF_WINDOW.items():
        family = gauge(definition)
        for window in snapshot.windows.values():
            value = value_of(window.whole)
            if value is not None:
                family.add_metric((window.name,), value)
        yield family


_OF_WINDOW: Mapping[Definition, Callable[[Counts], float | None]] = {
    WINDOW_REQUESTS: partial(measures.value_of, "requests"),
    WINDOW_TOKENS: partial(measures.value_of, "tokens"),
    WINDOW_COST: measures.dollars_of,
    PRICED_RATIO: measures.priced_ratio,
    ESTIMATED_RATIO: measures.estimated_ratio,
    MEASURED_RATIO: measures.measured_ratio,
}


def _shift_families(snapshot: Snapshot) -> Iterable[Metric]:
    gauges = [
        (gauge(STANDARD_ERROR), "standard_error"),
        (gauge(BASELINE), "baseline"),
        (gauge(SHIFT), "shift"),
        (gauge(USUAL_SPREAD), "usual_spread"),
        (gauge(ZSCORE), "zscore"),
        (gauge(DETECTABLE), "detectable"),
        (gauge(WITHOUT_TOP_TENANT), "without_top_tenant"),
        (gauge(EVIDENCE), "evidence_requests"),
        (gauge(PEAK), "peak"),
    ]
    effective, days, since = gauge(EFFECTIVE_REQUESTS), gauge(HISTORY_DAYS), gauge(DRIFT_SINCE)
    info = gauge(KEY_INFO)
    for table in snapshot.shifts:
        if table.effective_requests is not None:
            labels = (table.dimension, table.measure, table.window)
            effective.add_metric(labels, table.effective_requests)
        for each in table.keys:
            labels_of_key = (table.dimension, each.key, table.measure, table.window)
            for family, name in gauges:
                value = getattr(each, name)
                if value is not None:
                    family.add_metric(labels_of_key, value)
            if each.developer:
                info.add_metric((table.dimension, each.key, each.developer, each.origin), 1)
            if each.since is not None:
                since.add_metric((table.dimension, each.key, table.measure), each.since)
    if snapshot.shifts:
        days.add_metric((), snapshot.shifts[0].baseline_days * DAY.seconds)
    yield from (family for family, _ in gauges)
    yield from (effective, days, since, info, _movers(snapshot), _noted(snapshot))


def _movers(snapshot: Snapshot) -> Metric:
    mover = gauge(MOVER)
    for shift, moved in snapshot.moved.items():
        for by, contribution in leading(moved, shift.dimension):
            mover.add_metric((*shift, by), contribution)
    return mover


def _noted(snapshot: Snapshot) -> Metric:
    noted = gauge(SHIFT_NOTE)
    for shift, notes in snapshot.noted.items():
        for each in notes:
            noted.add_metric((*shift, each.text, each.at), each.start)
    return noted


def _note_families(snapshot: Snapshot) -> Iterable[Metric]:
    times, ends = gauge(NOTE_TIME), gauge(NOTE_END)
    for each in snapshot.notes.entries:
        labels = (each.text, each.at, each.dimension, each.key)
        times.add_metric(labels, each.start)
        if each.end is not None:
            ends.add_metric(labels, each.end)
    yield from (times, ends)


def _excluded(snapshot: Snapshot) -> Metric:
    excluded = gauge(EXCLUDED_TOKENS)
    for group_and_origin, tokens in snapshot.excluded.items():
        excluded.add_metric(group_and_origin, tokens)
    return excluded


def _total_families(snapshot: Snapshot) -> Iterable[Metric]:
    tokens, requests, cost = counter(TOKENS), counter(REQUESTS), counter(COST)
    cached, reasoning = counter(CACHED_TOKENS), counter(REASONING_TOKENS)
    for dimension, keys in snapshot.totals.items():
        for key, counts in keys.items():
            tokens.add_metric((dimension, key), tokens_of(counts))
            requests.add_metric((dimension, key), counts[REQUESTS_COLUMN])
            if (dollars := measures.dollars_of(counts)) is not None:
                cost.add_metric((dimension, key), dollars)
            if at(counts, CACHE_STATED):
                cached.add_metric((dimension, key), at(counts, CACHED))
            if at(counts, REASONING):
                reasoning.add_metric((dimension, key), at(counts, REASONING))
    yield from (tokens, requests, cost, cached, reasoning)


def _pipeline_families(snapshot: Snapshot) -> Iterable[Metric]:
    records, events, late = counter(RECORDS), counter(EVENTS), counter(LATE_EVENTS)
    for result, count in snapshot.records.items():
        name, _, reason = result.partition("/")
        records.add_metric((name, reason), count)
    for name, count in snapshot.events.items():
        events.add_metric((name,), count)
    unread = counter(UNREAD_USAGE)
    for key, count in snapshot.unread.items():
        name, _, source = key.partition("/")
        unread.add_metric((name, source), count)
    if snapshot.as_of > 0:
        # Before the first snapshot the total is unknown; a 0 would look like a counter reset.
        late.add_metric((), snapshot.late)
    yield from (records, unread, events, late)


def _process_families(snapshot: Snapshot, facts: ProcessFacts) -> Iterable[Metric]:
    for definition, value in (
        (READY, 0 if snapshot.reasons else 1),
        (CLOCK_OFFSET, facts.clock_offset),
        (RECOVERY_SECONDS, facts.recovery_seconds),
        (FLUSH_SECONDS, facts.flush_seconds),
        (OVERRIDES_SUCCESSFUL, facts.overrides_are_good),
        (OVERRIDES_TIME, facts.overrides_loaded_at),
        (NOTES_SUCCESSFUL, snapshot.notes.is_current),
        (NOTES_TIME, snapshot.notes.read_at),
        (POLICY_SUCCESSFUL, snapshot.policy.is_current),
        (POLICY_TIME, snapshot.policy.read_at),
        (TENANT_NAMES_SUCCESSFUL, facts.tenant_names_are_good),
        (TENANT_NAMES_TIME, facts.tenant_names_read_at),
    ):
        family = gauge(definition)
        if value is not None:
            family.add_metric((), value)
        yield family
    state = gauge(STATE)
    state.add_metric(("running",), 0 if snapshot.reasons else 1)
    for name, reason in STATES.items():
        state.add_metric((name,), int(reason in snapshot.reasons))
    yield state
    for definition, value in (
        (FLUSH_FAILURES, facts.flush_failures),
        (DEAD_LETTERS_LOST, facts.dead_letters_lost),
        (REBALANCES, facts.rebalances),
    ):
        total = counter(definition)
        total.add_metric((), value)
        yield total
    yield enrichment_family(facts.enrichment_failures)
    info = InfoMetricFamily(BUILD_INFO.name, BUILD_INFO.help)
    info.add_metric((), {"version": facts.version})
    yield info


class _SnapshotCollector(Collector):
    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        facts: Callable[[], ProcessFacts],
        partition_limit: int | None,
        shown: Sequence[Measure],
    ) -> None:
        self._snapshot = snapshot
        self._facts = facts
        self._partition_limit = partition_limit
        self._shown = shown

    def collect(self) -> Iterable[Metric]:
        return families(self._snapshot(), self._facts(), self._partition_limit, self._shown)

    def describe(self) -> Iterable[Metric]:
        return []


class Exposition:
    """Answers scrapes in the text format or OpenMetrics, as the scraper requests."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        facts: Callable[[], ProcessFacts],
        partition_limit: int | None = None,
        shown: Sequence[Measure] = DEFAULT_MEASURES,
    ) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_SnapshotCollector(snapshot, facts, partition_limit, shown))
        ProcessCollector(registry=self._registry)

    def __call__(self, accept: str) -> tuple[bytes, str]:
        """Return the body and the content type for an Accept header."""
        encode, content_type = encoder(accept)
        return encode(self._registry), content_type
