"""Envoy AI Gateway: its access log has the fields that are read."""

from __future__ import annotations

import json
import re

from gateway_files import GATEWAYS, documents, sample

from streams.decode.formats import envoy

ENVOY = {each["kind"]: each for each in documents(GATEWAYS / "envoy-ai-gateway" / "gateway.yaml")}
#: What the gateway puts into its metadata by itself.
OWN_METADATA = {"model_name_override", "response_model"}


def access_log():
    (setting,) = ENVOY["EnvoyProxy"]["spec"]["telemetry"]["accessLog"]["settings"]
    return setting


class Asked(dict):
    """A document that notes which keys it is asked for, and has nothing but output tokens."""

    def __init__(self):
        super().__init__()
        self.keys_asked = set()

    def get(self, name, default=None):
        self.keys_asked.add(name)
        return 1 if name == envoy._COMPLETION[-1] else default


def test_every_field_that_envoy_logs_is_read():
    asked = Asked()
    envoy.read(asked)

    assert set(access_log()["format"]["json"]) <= asked.keys_asked
    assert envoy.is_envoy(access_log()["format"]["json"])


def test_every_metadata_that_envoy_logs_is_asked_for_on_the_route():
    logged = re.findall(
        r"%DYNAMIC_METADATA\(io\.envoy\.ai_gateway:(\w+)\)%", json.dumps(access_log()["format"])
    )
    costs = {
        each["metadataKey"]: each["type"]
        for each in ENVOY["AIGatewayRoute"]["spec"]["llmRequestCosts"]
    }

    assert costs == {
        "llm_input_token": "InputToken",
        "llm_output_token": "OutputToken",
        "llm_total_token": "TotalToken",
    }
    assert set(logged) == {*costs, *OWN_METADATA}


def test_envoy_logs_the_fields_of_the_sample():
    # The shipper adds the first one.
    assert set(sample("envoy-ai-gateway")) == {"@timestamp", *access_log()["format"]["json"]}


def test_the_parts_of_the_gateway_name_each_other():
    gateway = ENVOY["Gateway"]
    reference = gateway["spec"]["infrastructure"]["parametersRef"]
    (parent,) = ENVOY["AIGatewayRoute"]["spec"]["parentRefs"]

    assert reference["name"] == ENVOY["EnvoyProxy"]["metadata"]["name"]
    assert reference["kind"] == "EnvoyProxy"
    assert parent["name"] == gateway["metadata"]["name"]
    assert len({each["metadata"]["namespace"] for each in ENVOY.values()}) == 1
