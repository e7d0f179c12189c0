"""Kong: it logs usage and no payloads."""

from __future__ import annotations

import pytest
from gateway_files import configuration, sample

both_of_kong = pytest.mark.parametrize("plugin", ["kafka-log", "http-log"])


def at(value, path):
    for name in path:
        value = value[name]
    return value


def kong_plugins(plugin):
    (service,) = configuration("kong", f"{plugin}.yaml")["services"]
    (route,) = service["routes"]
    return {each["name"]: each["config"] for each in route["plugins"]}


@both_of_kong
def test_kong_logs_usage_and_no_payloads(plugin):
    assert kong_plugins(plugin)["ai-proxy"]["logging"] == {
        "log_statistics": True,
        "log_payloads": False,
    }


@both_of_kong
def test_what_kong_is_set_to_leave_out_is_not_in_the_sample(plugin):
    fields = kong_plugins(plugin)[plugin]["custom_fields_by_lua"]

    assert {"request.headers", "request.querystring", "response.headers"} <= set(fields)
    assert set(fields.values()) == {"return nil"}
    for field in fields:
        *path, last = field.split(".")
        assert last not in at(sample("kong"), path)


def test_both_ways_of_kong_leave_out_the_same():
    names = ("kafka-log", "http-log")
    first, second = (kong_plugins(name)[name]["custom_fields_by_lua"] for name in names)

    assert first == second
