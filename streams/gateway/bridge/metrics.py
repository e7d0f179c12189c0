"""The counters of a bridge's posts, and all its metrics."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.registry import Collector

from streams.classify.enrichment import failures
from streams.decode.unread_usage import MAX_SOURCES
from streams.decode.usage_names import OTHER
from streams.web.exposition import encoder, enrichment_family
from streams.web.metric_definitions import BUILD_INFO, ENRICHMENT_FAILURES, Definition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client.core import Metric

    from streams.classify.enrichment import Kind
    from streams.gateway.bridge.post import Posted

REQUESTS: Final = Definition(
    "tokenshare_bridge_requests",
    "counter",
    ("path", "status"),
    "HTTP requests by path (other: any unknown one) and status of the response.",
)
EVENTS: Final = Definition(
    "tokenshare_bridge_events",
    "counter",
    ("result", "reason"),
    "Events in posts: accepted (Kafka has them), rejected, skipped, or refused for a repetition.",
)
UNREAD: Final = Definition(
    "tokenshare_bridge_unread_usage",
    "counter",
    ("format", "source"),
    "Skipped items that visibly hold usage which no reader takes, by the scope, service or keys.",
)
SECONDS: Final = Definition(
    "tokenshare_bridge_post_seconds",
    "histogram",
    (),
    "Seconds from a post's head to its response, including the wait for Kafka.",
)
WAITING_EVENTS: Final = Definition(
    "tokenshare_bridge_waiting_events",
    "gauge",
    (),
    "Events that Kafka has not acknowledged yet; TOKENSHARE_BRIDGE_BUFFER_EVENTS bounds them.",
)
WAITING_BYTES: Final = Definition(
    "tokenshare_bridge_waiting_bytes",
    "gauge",
    (),
    "Bytes of posts without a response yet; TOKENSHARE_BRIDGE_BUFFER_BYTES bounds them.",
)
CONNECTIONS: Final = Definition(
    "tokenshare_bridge_connections",
    "gauge",
    (),
    "Open connections of clients; beyond 1,000 the idlest one is closed.",
)
KAFKA_FAILURES: Final = Definition(
    "tokenshare_bridge_kafka_failures",
    "counter",
    (),
    "Times that Kafka refused a batch, or did not acknowledge one in time.",
)
READY: Final = Definition(
    "tokenshare_bridge_ready",
    "gauge",
    (),
    "1 while Kafka accepts events; /readyz has the reasons if not.",
)

DEFINITIONS: Final = (
    REQUESTS,
    EVENTS,
    UNREAD,
    SECONDS,
    WAITING_EVENTS,
    WAITING_BYTES,
    CONNECTIONS,
    KAFKA_FAILURES,
    ENRICHMENT_FAILURES,
    READY,
    BUILD_INFO,
)

#: Upper bounds of the histogram's buckets.
BUCKETS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Counts:
    """Counters of this process."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.events: Counter[tuple[str, str]] = Counter()
        self.unread: Counter[tuple[str, str]] = Counter()
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.seconds = 0.0

    def answered(self, path: str, status: int) -> None:
        """Count a response."""
        self.requests[path, status] += 1

    def took(self, seconds: float) -> None:
        """Record the duration of a post."""
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.seconds += seconds

    def judged(self, posted: Posted) -> None:
        """Count the items of a post that are not written to Kafka."""
        for rejected in posted.rejected:
            self.events["rejected", rejected.reason] += 1
        for skipped in posted.skipped:
            self.events["skipped", skipped.reason] += 1
        for _, format_, source in posted.unread:
            is_known = (format_, source) in self.unread or len(self.unread) < MAX_SOURCES
            self.unread[format_, source if is_known else OTHER] += 1

    def cumulated(self) -> list[tuple[str, float]]:
        """Return the histogram's cumulative buckets, as Prometheus defines them."""
        found: list[tuple[str, float]] = []
        total = 0
        for end, count in zip((*map(str, BUCKETS), "+Inf"), self.buckets, strict=True):
            total += count
            found.append((end, float(total)))
        return found


@dataclass(frozen=True, slots=True)
class State:
    """The state of a bridge at one moment."""

    counts: Counts
    waiting_events: int
    waiting_bytes: int
    connections: int
    kafka_failures: int
    is_ready: bool
    enrichment_failures: Mapping[Kind, int] = field(default_factory=failures)


def families(state: State) -> Iterable[Metric]:
    """Return all metrics of a bridge."""
    counts = state.counts
    requests = {(path, str(status)): count for (path, status), count in counts.requests.items()}
    for of, values in (
        (REQUESTS, requests),
        (EVENTS, counts.events),
        (UNREAD, counts.unread),
        (KAFKA_FAILURES, {(): state.kafka_failures}),
    ):
        counter = CounterMetricFamily(of.name, of.help, labels=of.labels)
        for labels, value in values.items():
            counter.add_metric(labels, value)
        yield counter
    yield enrichment_family(state.enrichment_failures)
    histogram = HistogramMetricFamily(SECONDS.name, SECONDS.help, labels=SECONDS.labels)
    histogram.add_metric((), counts.cumulated(), counts.seconds)
    yield histogram
    for of, number in (
        (WAITING_EVENTS, state.waiting_events),
        (WAITING_BYTES, state.waiting_bytes),
        (CONNECTIONS, state.connections),
        (READY, int(state.is_ready)),
    ):
        gauge = GaugeMetricFamily(of.name, of.help, labels=of.labels)
        gauge.add_metric((), number)
        yield gauge
    info = InfoMetricFamily(BUILD_INFO.name, BUILD_INFO.help)
    info.add_metric((), {"version": version("tokenshare")})
    yield info


class _StateCollector(Collector):
    def __init__(self, state: Callable[[], State]) -> None:
        self._state = state

    def collect(self) -> Iterable[Metric]:
        return families(self._state())

    def describe(self) -> Iterable[Metric]:
        return []


class Exposition:
    """Answers scrapes in the text format or OpenMetrics, as the scraper requests."""

    def __init__(self, state: Callable[[], State]) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(_StateCollector(state))
        ProcessCollector(registry=self._registry)

    def __call__(self, accept: str) -> tuple[bytes, str]:
        """Return the body and the content type for an Accept header."""
        encode, content_type = encoder(accept)
        return encode(self._registry), content_type
