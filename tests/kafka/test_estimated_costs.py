"""Costs that nobody states are estimated by a worker, shown as estimates, and survive a crash."""

from __future__ import annotations

import re
import time
from decimal import Decimal

import orjson
import pytest
from kafka import KafkaProducer
from processes import wait_until

pytestmark = pytest.mark.kafka

_SPEND = re.compile(r'llm_cost_usd_total\{dimension="provider",key="([^"]*)"\} (\S+)')
_ESTIMATED = re.compile(r'llm_window_estimated_ratio\{window="1h"\} (\S+)')


def send(bootstrap, topic, *events):
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    for more in events:
        event = {"ts": time.time(), "prompt_tokens": 1000, "completion_tokens": 100} | more
        producer.send(topic, orjson.dumps(event))
    producer.flush()
    producer.close()


def spend(worker):
    return {key: Decimal(dollars) for key, dollars in _SPEND.findall(worker.get("/metrics"))}


def ratio(worker):
    found = _ESTIMATED.search(worker.get("/metrics"))
    return None if found is None else float(found[1])


def test_estimates_are_shown_as_such_and_a_crash_changes_none(bootstrap, make_worker):
    worker = make_worker(prices="genai-prices").start().wait_ready()
    send(
        bootstrap,
        make_worker.topic,
        {"model": "gpt-4o", "provider": "openai"},
        {"model": "gpt-4o", "provider": "openai", "cost": 0.5},
        {"model": "gpt-4o", "provider": "vllm@10.0.0.1"},
        {"model": "gpt-4o"},
    )
    worker.wait_counted(4)

    # $2.50 per million tokens in, $10 out: of one event of four.
    expected = {"openai": Decimal("0.5035")}
    wait_until(lambda: spend(worker) == expected, "the spend")
    wait_until(lambda: ratio(worker) == 0.25, "the estimated part")
    hour = worker.get("/api/v1/shares")["windows"]["1h"]
    assert (hour["priced_ratio"], hour["estimated_ratio"]) == (0.5, 0.25)
    worker.kill()

    second = make_worker(prices="genai-prices").start().wait_ready()
    send(bootstrap, make_worker.topic, {"model": "gpt-4o", "provider": "openai"})
    second.wait_counted(5)
    wait_until(lambda: spend(second) == {"openai": Decimal("0.507")}, "the spend after a crash")
    wait_until(lambda: ratio(second) == 0.4, "the estimated part after a crash")


def test_nothing_is_estimated_by_default(bootstrap, make_worker):
    worker = make_worker().start().wait_ready()
    send(bootstrap, make_worker.topic, {"model": "gpt-4o", "provider": "openai"})
    worker.wait_counted(1)

    assert spend(worker) == {}
    assert ratio(worker) == 0
