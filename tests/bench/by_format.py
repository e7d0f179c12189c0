"""What decoding costs by format: events per second of CPU time, on one core.

    .venv/bin/python tests/bench/by_format.py [--seconds 2] [--only otlp-protobuf]

The whole decoding path is measured: from a record's value to rows of numbers with their models and
tenants classified, as a worker reads it. A value is one that its writer sends: a batch of 100 spans
for OTLP, one of APISIX's, Langfuse's and Azure's batches. Each format is read for the given time, three times in turn; the median counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))

import gateway_records as gateways
from otlp_batches import BATCH, json_batch, protobuf_batch
from payload import payloads

from streams.classify.classifier import Classifier
from streams.classify.origin.catalog import Catalog
from streams.decode.options import Options
from streams.decode.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 3
#: Values that are read in turn: more than a cache of the last one could help with.
VALUES = 50
START = 1_795_003_280.0


class Part(NamedTuple):
    """A format: its values, and the number of requests in each."""

    name: str
    value: Callable[[int], bytes]
    events: int


def _native(number: int) -> bytes:
    event = {"model": "gpt-4o", "prompt_tokens": number, "completion_tokens": 5, "ts": START}
    return json.dumps(event).encode()


def _litellm() -> Callable[[int], bytes]:
    made = list(payloads(VALUES, START, 10.0))
    return made.__getitem__


def parts() -> list[Part]:
    """Return what is measured."""
    return [
        Part("native", _native, 1),
        Part("litellm", _litellm(), 1),
        Part("otlp-json", json_batch, BATCH),
        Part("otlp-protobuf", protobuf_batch, BATCH),
        Part("kong", gateways.kong, 1),
        Part("envoy", gateways.envoy, 1),
        Part("apisix", gateways.apisix, gateways.APISIX_BATCH),
        Part("langfuse", gateways.langfuse, gateways.LANGFUSE_BATCH),
        Part("azure-apim", gateways.azure, gateways.AZURE_BATCH),
    ]


def measure(reader: Reader, values: list[bytes], seconds: float) -> float:
    """Return values per second of CPU time."""
    done, began = 0, time.process_time()
    while (taken := time.process_time() - began) < seconds:
        for reading in reader.values(0, values):
            if reading.rejected:
                raise SystemExit(f"rejected: {reading.rejected[0]}")
        done += len(values)
    return done / taken


def main() -> None:
    """Print a line a format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--only", action="append")
    chosen = parser.parse_args()
    reader = Reader(Classifier(Catalog.load()), Options())
    measured = [each for each in parts() if not chosen.only or each.name in chosen.only]
    # Short values are read by thousands at a time, as record batches hold them.
    values = {each.name: [each.value(at) for at in range(VALUES)] for each in measured}
    for each in measured:
        read = sum(len(reading.rows.ts) for reading in reader.values(0, values[each.name]))
        if read != VALUES * each.events:
            raise SystemExit(f"{each.name}: {read} events read of {VALUES * each.events}")
    rates: dict[str, list[float]] = {each.name: [] for each in measured}
    for _ in range(ROUNDS):
        for each in measured:
            many = values[each.name] * (1 if each.events > 1 else 100)
            rates[each.name].append(measure(reader, many, chosen.seconds) * each.events)
    for each in measured:
        print(f"{each.name:<16}{statistics.median(rates[each.name]):>12,.0f} events/CPU-second")


if __name__ == "__main__":
    main()
