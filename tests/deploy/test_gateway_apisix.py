"""APISIX: it logs usage and no payloads."""

from __future__ import annotations

import pytest
from gateway_files import GATEWAYS, configuration, leaves, sample

both_of_apisix = pytest.mark.parametrize("plugin", ["kafka-logger", "http-logger"])


def apisix_plugins(plugin):
    (route,) = configuration("apisix", f"{plugin}.yaml")["routes"]
    return route["plugins"]


@both_of_apisix
def test_apisix_reads_its_file_to_the_end(plugin):
    assert (GATEWAYS / "apisix" / f"{plugin}.yaml").read_text().endswith("\n#END\n")


@both_of_apisix
def test_apisix_logs_usage_and_neither_payloads_nor_bodies(plugin):
    plugins = apisix_plugins(plugin)

    assert plugins["ai-proxy"]["logging"] == {"summaries": True, "payloads": False}
    assert plugins[plugin]["include_req_body"] is False
    assert plugins[plugin]["include_resp_body"] is False


@both_of_apisix
def test_apisix_logs_the_fields_of_the_sample(plugin):
    format_ = apisix_plugins(plugin)[plugin]["log_format"]
    document = sample("apisix")

    # APISIX adds these two by itself.
    assert set(document) == {*format_, "llm_summary", "route_id"}
    assert {path for path, _ in leaves(format_)} == {
        path for path, _ in leaves({name: document[name] for name in format_})
    }
    assert all(value.startswith("$") for _, value in leaves(format_))


def test_apisix_writes_one_request_a_record():
    assert apisix_plugins("kafka-logger")["kafka-logger"]["batch_max_size"] == 1
