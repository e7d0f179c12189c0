"""Shared by workers and bridges: the exposition format, and the failed-enrichment counter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import choose_encoder

from streams.web.metric_definitions import ENRICHMENT_FAILURES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prometheus_client.registry import Collector

    from streams.classify.enrichment import Kind
    from streams.web.metric_definitions import Definition


def encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """Return the encoder of an exposition for an Accept header, and its content type."""
    try:
        return choose_encoder(accept)
    except TypeError:
        # It fails to compare an invalid version with numbers; such a client gets the text format.
        return choose_encoder("")


def gauge(of: Definition) -> GaugeMetricFamily:
    """Return an empty gauge of a definition."""
    return GaugeMetricFamily(of.name, of.help, labels=of.labels)


def counter(of: Definition) -> CounterMetricFamily:
    """Return an empty counter of a definition."""
    return CounterMetricFamily(of.name, of.help, labels=of.labels)


def enrichment_family(counts: Mapping[Kind, int]) -> CounterMetricFamily:
    """Return the counter of enrichments that failed, which a bridge exposes as well."""
    family = counter(ENRICHMENT_FAILURES)
    for kind, count in counts.items():
        family.add_metric((kind,), count)
    return family
