"""A real Prometheus over real workers answers every query of the dashboards."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from dashboard_files import DASHBOARDS, Query, put_in, queries, variables
from kafka import KafkaProducer
from processes import WorkerProcess, wait_until
from prometheus_server import BOTH, TWO, Prometheus

from streams.demo.broker import EmbeddedBroker, free_port

TOPIC = "llm-usage"
EVENTS = 120_000
EVENT = {
    "model": "qwen/qwen3-32b",
    "prompt_tokens": 8,
    "completion_tokens": 2,
    "language": "zh",
    "cached_tokens": 4,
    "reasoning_tokens": 1,
    "cost": 0.002,
    "provider": "deepinfra",
}

NOT_KNOWN = {"model": "nobody-knows-it", "prompt_tokens": 8, "completion_tokens": 2, "cost": 0.001}

#: A line of an access log, with counts that no reader takes.
UNREAD = {"remote_addr": "10.0.0.7", "upstream_model": "qwen3-32b", "tokens_used": 48}


def settings_of(prometheus: Prometheus, name: str, chosen: dict[str, str]) -> dict[str, str]:
    """Return the values of a dashboard's variables as Grafana sets them when it is opened.

    `chosen` overrules some of them. One that offers nothing is empty, as it is in Grafana.
    """
    values = {"__rate_interval": "20s"}
    for variable, each in variables(name).items():
        if variable in chosen:
            values[variable] = chosen[variable]
        elif each["type"] == "query":
            offered = prometheus.choices(put_in(each["query"]["query"], values))
            assert each["definition"] == each["query"]["query"]
            # Nothing has a label `gateway` here but the targets of one job.
            assert offered or variable == "gateway", variable
            if each["includeAll"]:
                # In a string of PromQL a backslash is written twice.
                every = "|".join(
                    re.sub(r"[\\^$*+?.()|\[\]{}]", r"\\\\\g<0>", one) for one in offered
                )
                values[variable] = each.get("allValue") or f"({every})"
            else:
                current = each["current"].get("value")
                values[variable] = current if current in offered else (offered or [""])[0]
        elif each["type"] != "datasource":
            values[variable] = each["current"]["value"]
    return values


def combinations(name: str) -> Iterator[dict[str, str]]:
    """Yield each way to choose the variables of a dashboard that have a fixed set of values."""
    fixed = {
        variable: [option["value"] for option in each["options"]]
        for variable, each in variables(name).items()
        if each["type"] == "custom"
    }
    for values in itertools.product(*fixed.values()):
        yield dict(zip(fixed, values, strict=True))


def post(port: int, *events: Any) -> None:
    body = json.dumps(events).encode()
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/events", body, timeout=10).close()


def write(bootstrap: str, value: bytes) -> None:
    """Write a record to the source topic, past the bridge."""
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    producer.send(TOPIC, value).get(10)
    producer.close()


def shows_shifts(worker: WorkerProcess) -> bool:
    return "llm_share_shift_zscore{" in worker.get("/metrics")


@contextlib.contextmanager
def workers_and_bridge(
    bootstrap: str, directory: Path
) -> Iterator[tuple[list[WorkerProcess], int]]:
    """Run two workers that have counted 28 days of traffic, and a bridge; yields its port."""
    overrides = directory / "overrides.toml"
    overrides.write_text("")
    notes = directory / "notes.toml"
    notes.write_text('[[notes]]\nfrom = 2026-01-01\nuntil = 2026-02-01\ntext = "a free month"\n')
    policy = directory / "policy.toml"
    policy.write_text('[groups.eu]\ntenants = ["team-1"]\nexcluded_origins = ["cn-open"]\n')
    names = directory / "tenants.toml"
    names.write_text('74e4dbdb632baffb = "Acme"\n')
    port = free_port()
    environment = {
        "TOKENSHARE_BOOTSTRAP_SERVERS": bootstrap,
        "TOKENSHARE_TOPIC": TOPIC,
        "TOKENSHARE_PARTITIONS": "3",
        "TOKENSHARE_REBALANCE_TIMEOUT_SECONDS": "2",
        "TOKENSHARE_CATALOG_OVERRIDES": str(overrides),
        "TOKENSHARE_NOTES": str(notes),
        "TOKENSHARE_POLICY": str(policy),
        "TOKENSHARE_TENANT_NAMES": str(names),
        "TOKENSHARE_BRIDGE_PORT": str(port),
    }
    command, environ = [sys.executable, "-m", "streams"], os.environ | environment
    days = ["simulate", "--events", str(EVENTS), "--hours", "690"]
    subprocess.run([*command, *days], env=environ, check=True, capture_output=True)
    workers = [WorkerProcess(environment, directory / f"worker-{n}.log") for n in range(2)]
    with (directory / "bridge.log").open("wb") as log:
        bridge = subprocess.Popen([*command, "bridge"], env=environ, stdout=log, stderr=log)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.wait_ready()
            worker.wait_counted(EVENTS, 120)
            wait_until(partial(shows_shifts, worker), "shifts")
        yield workers, port
    finally:
        for process in (bridge, *(worker.process for worker in workers)):
            if process is not None and process.poll() is None:
                process.kill()
                process.wait()


@pytest.fixture
def prometheus(tmp_path):
    """A Prometheus that scrapes two workers and a bridge, with something of everything to count."""
    if shutil.which("prometheus") is None:
        reason = "prometheus is not installed (Debian: prometheus)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    with EmbeddedBroker() as broker, workers_and_bridge(broker.bootstrap, tmp_path) as running:
        workers, port = running
        first, second = (f"127.0.0.1:{worker.port}" for worker in workers)
        server = Prometheus(
            tmp_path,
            {
                BOTH: [{"targets": [first, second]}],
                TWO: [
                    {"targets": [first], "labels": {"gateway": "one"}},
                    {"targets": [second], "labels": {"gateway": "two"}},
                ],
                "tokenshare-bridge": [{"targets": [f"127.0.0.1:{port}"]}],
            },
        )
        try:
            wait_until(server.is_up, "targets of Prometheus")
            # What is rare has to happen, and more than once, to have a rate.
            for _ in range(12):
                post(port, EVENT, NOT_KNOWN, {"model": "a-model-without-tokens"}, UNREAD)
                for value in (b"this is no event", json.dumps(UNREAD).encode()):
                    write(broker.bootstrap, value)
                time.sleep(1)
            yield server
        finally:
            server.stop()


#: What counts workers, or is of one worker's own partitions: more of them make another figure.
OF_WORKERS = {
    "pipeline: Workers ready (A)",
    "pipeline: Workers ready (B)",
    "pipeline: Owners of each partition (A)",
}


#: What has no answer by cost before there are prices of 21 days.
OF_PRICED_DAYS = {
    query.place
    for name in DASHBOARDS
    for query in queries(name)
    if name == "shift" or "llm_share_shift_ratio" in query.expression
}


def asks_for_our_own_jobs_when_it_is_opened(prometheus: Prometheus, at: float) -> None:
    """Fail where the pipeline counts what else Prometheus scrapes among its workers."""
    values = settings_of(prometheus, "pipeline", {})
    found = {
        query.place.removeprefix("pipeline: "): prometheus.series(
            query._replace(is_instant=True), put_in(query.expression, values), at
        )
        for query in queries("pipeline")
    }

    assert list(found["Workers ready (B)"].values()) == [4]
    assert list(found["Bridges ready (B)"].values()) == [1]
    assert {dict(each)["job"] for each in found["State of each worker (A)"]} == {BOTH, TWO}


def is_as_of_one_worker(
    prometheus: Prometheus,
    query: Query,
    values: dict[str, str],
    is_calm: bool,
    found: dict[tuple[Any, ...], float],
    at: float,
) -> bool:
    """Return whether one of the workers alone gives the series and, in calm windows, the values."""
    # A matcher more lets in one worker.
    one = put_in(query.expression, values | {"job": f'{BOTH}", instance="{prometheus.one}'})
    alone = prometheus.series(query, one, at)
    if found.keys() != alone.keys():
        return False
    return not is_calm or all(
        math.isclose(
            value, alone[labels], rel_tol=0.4, abs_tol=2.0 if "Age" in query.place else 0.02
        )
        for labels, value in found.items()
    )


@pytest.mark.kafka
def test_every_query_has_an_answer_and_takes_no_worker_twice(prometheus):
    at = time.time() - 1
    empty, doubled = [], []
    for name in DASHBOARDS:
        for chosen in combinations(name):
            values = settings_of(prometheus, name, {"job": BOTH} | chosen)
            for query in queries(name):
                expression = put_in(query.expression, values)
                found = prometheus.series(query, expression, at)
                # A shift of cost needs 21 days with prices, and is of origins only.
                is_open = chosen.get("measure") == "cost" and query.place in OF_PRICED_DAYS
                if not found and not is_open:
                    empty.append((query.place, chosen))
                if query.place in OF_WORKERS or "ALERTS" in query.expression:
                    continue
                if any("instance" in dict(labels) for labels in found):
                    continue
                # Workers are scraped within a second of each other: enough for a short window to
                # move on in one of them, and for a line through few points to tilt. A worker that
                # is taken twice is so at every moment.
                is_calm = chosen.get("window", "24h") == "24h" and "deriv(" not in query.expression
                if not any(
                    is_as_of_one_worker(
                        prometheus,
                        query,
                        values,
                        is_calm,
                        prometheus.series(query, expression, moment),
                        moment,
                    )
                    for moment in (at, at - 3, at - 6)
                ):
                    doubled.append((query.place, chosen))

    assert empty == []
    assert doubled == []
    asks_for_our_own_jobs_when_it_is_opened(prometheus, at)
    # Two gateways together have shares that add up to the whole, and each of them has.
    title = "Shares by $dimension, last"
    (shares,) = [query for query in queries("shares") if title in query.place]
    # At one moment: over a span, a key that has left a short window still has a last value.
    now = shares._replace(is_instant=True)
    for chosen in combinations("shares"):
        for gateway in (".*", "one", "two"):
            values = settings_of(prometheus, "shares", {"job": TWO, "gateway": gateway} | chosen)
            found = prometheus.series(now, put_in(now.expression, values), at)
            assert sum(found.values()) == pytest.approx(1), (chosen, gateway)
    # With gateways to choose from, a shift is that of the first one until another is chosen.
    assert settings_of(prometheus, "shift", {"job": TWO})["gateway"] == "one"
