"""A worker says what a group of tenants sent to an origin that its policy excludes."""

from __future__ import annotations

import time

import orjson
import pytest
from processes import wait_until
from test_worker import GOOD, produce

from streams.classify.tenant import hashed, marked

pytestmark = pytest.mark.kafka

SALT = "pepper-and-salt"
GROUP = '[groups.eu]\ntenants = ["Secretco"]\nexcluded_origins = ["cn-open", "unknown"]\n'


def excluded(worker):
    lines = [line for line in worker.get("/metrics").splitlines() if line.startswith("llm_policy")]
    return {name: float(value) for name, _, value in (each.rpartition(" ") for each in lines)}


def test_tokens_of_a_group_are_shown_by_origin_and_a_changed_file_is_taken_up(
    bootstrap, make_worker, tmp_path
):
    path = tmp_path / "policy.toml"
    path.write_text(GROUP)
    worker = make_worker(policy=str(path), tenant_salt=SALT).start().wait_ready()
    event = GOOD | {"ts": time.time(), "model": "qwen3-32b"}
    events = [
        event | {"tenant": "Secretco"},
        # As the process beside the gateway writes it.
        event | {"tenant": marked("Secretco", SALT.encode())},
        event | {"tenant": "somebody"},
        event,
        event | {"tenant": "Secretco", "model": "gpt-4o"},
    ]
    produce(bootstrap, make_worker.topic, [orjson.dumps(each) for each in events])
    worker.wait_counted(5)

    of_eu = {
        'llm_policy_excluded_tokens{group="eu",origin="cn-open"}': 30.0,
        'llm_policy_excluded_tokens{group="eu",origin="unknown"}': 0.0,
    }
    wait_until(lambda: excluded(worker) == of_eu, "the tokens of the group")
    answer = worker.get("/api/v1/policy")
    (group,) = answer["windows"]["24h"]
    assert (group["group"], group["tokens"], group["excluded_tokens"]) == ("eu", 45, 30)
    assert [(each["key"], each["tokens"]) for each in group["origins"]] == [
        ("cn-open", 30),
        ("unknown", 0),
    ]
    assert answer["windows"]["7d"] == [group]
    assert hashed("Secretco", SALT.encode()) not in str(answer)
    # The runbook names the tenants by this.
    found = worker.get("/api/v1/shares?dimensions=tenant&origin=cn-open")["windows"]["24h"]
    tokens = {each["key"]: each["tokens"] for each in found["tenant"]}
    assert tokens[hashed("Secretco", SALT.encode())] == 30

    path.write_text('[groups.us]\ntenants = ["somebody"]\nexcluded_origins = ["cn-open"]\n')
    of_us = {'llm_policy_excluded_tokens{group="us",origin="cn-open"}': 15.0}
    wait_until(lambda: excluded(worker) == of_us, "the tokens of the other group")
    for hidden in ("Secretco", "somebody"):
        assert hidden not in worker.tail()
        assert hidden not in worker.get("/metrics")
    assert worker.stop() == 0
