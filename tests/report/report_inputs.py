"""Events, lines of them, and what a count, a worker and a report make of them."""

from __future__ import annotations

import orjson
from click.testing import CliRunner
from test_batch_fetch import batch_of

from streams import cli
from streams.classify.classifier import Classifier
from streams.classify.origin.catalog import Catalog
from streams.counting.partition import Partition
from streams.decode.options import Options
from streams.decode.reader import Reader
from streams.report.count import Count
from streams.report.summary import histories, summary

CATALOG = Catalog.load()
NOW = 1_800_000_000.0
#: A Monday.
MONDAY = 1_767_571_200
A_DAY = 86_400


def event(day=0, model="gpt-4o", prompt=100, completion=20, **more):
    return {
        "model": model,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "ts": MONDAY + day * A_DAY,
    } | more


def ndjson(*documents):
    return b"".join(
        (each if isinstance(each, bytes) else orjson.dumps(each)) + b"\n" for each in documents
    )


def count_of(*values, options=None, dedupe=0, at_once=1000):
    count = Count(CATALOG, options or Options(), NOW, dedupe)
    count.begin("a.ndjson")
    for begin in range(0, len(values), at_once):
        count.add(values[begin : begin + at_once])
    return count


def worker_of(values, options, dedupe=0):
    """Return a partition as a worker has it after the same records, in batches of Kafka's."""
    classifier = Classifier(CATALOG)
    reader = Reader(classifier, options, with_ids=bool(dedupe))
    partition = Partition.restore(0, 1, {}, dedupe_records=dedupe)
    raw = batch_of(list(values))
    partition.apply(reader.read(0, len(values), [raw]), classifier, NOW)
    return partition


def report_of(*documents, by="week", **more):
    count = count_of(*map(orjson.dumps, documents))
    return summary(histories(count.panes, CATALOG, by), by, **more)


def run(*arguments, stdin=None):
    return CliRunner().invoke(cli.cli, ["report", *map(str, arguments)], input=stdin)
