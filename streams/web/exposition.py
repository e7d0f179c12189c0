"""Shared by workers and bridges: the exposition format, and the failed-enrichment counter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily
from prometheus_client.exposition import choose_encoder

from streams.web.metric_definitions import ENRICHMENT_FAILURES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prometheus_client.registry import Collector

    from streams.classify.enrichment import Kind


def encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """Return the encoder of an exposition for an Accept header, and its content type."""
    try:
        return choose_encoder(accept)
    except TypeError:
        # It fails to compare an invalid version with numbers; such a client gets the text format.
        return choose_encoder("")


def enrichment_family(counts: Mapping[Kind, int]) -> CounterMetricFamily:
    """Return the counter of enrichments that failed, which a bridge exposes as well."""
    of = ENRICHMENT_FAILURES
    counter = CounterMetricFamily(of.name, of.help, labels=of.labels)
    for kind, count in counts.items():
        counter.add_metric((kind,), count)
    return counter
