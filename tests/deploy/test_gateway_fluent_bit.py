"""Fluent Bit, which ships the logs of Envoy AI Gateway and of Higress."""

from __future__ import annotations

import re

import orjson
import pytest
from gateway_files import configuration, sample

from streams.decode.decoder import Decoder
from streams.decode.options import Options

both_shippers = pytest.mark.parametrize("name", ["envoy-ai-gateway", "higress"])


def filters(name, kind):
    pipeline = configuration(name, "fluent-bit.yaml")["pipeline"]
    return [each for each in pipeline["filters"] if each["name"] == kind]


def output(name):
    (kafka,) = configuration(name, "fluent-bit.yaml")["pipeline"]["outputs"]
    return kafka


@both_shippers
def test_a_line_passes_every_part_of_the_shipper(name):
    document = configuration(name, "fluent-bit.yaml")
    (tail,) = document["pipeline"]["inputs"]
    parsers = {each["name"] for each in document["parsers"]}

    assert {each["match"] for each in document["pipeline"]["filters"]} == {tail["tag"]}
    assert output(name)["match"] == tail["tag"]
    assert {each["parser"] for each in filters(name, "parser")} <= parsers
    assert all(each["format"] == "json" for each in document["parsers"])


@both_shippers
def test_the_shipper_forgets_nothing_when_it_or_kafka_is_away(name):
    (tail,) = configuration(name, "fluent-bit.yaml")["pipeline"]["inputs"]

    assert tail["db"].startswith("${STATE_DIRECTORY}/")
    assert tail["skip_long_lines"] is True
    assert output(name)["queue_full_retries"] == 0
    assert output(name)["rdkafka.request.required.acks"] == -1


@both_shippers
def test_the_shipper_keys_records_by_the_id_of_the_request(name):
    document = sample(name)
    key = output(name)["message_key_field"]
    (event,) = Decoder(Options()).decode(orjson.dumps(document)).events

    assert document[key] == event.id


@both_shippers
def test_the_shipper_lets_the_sample_pass(name):
    # In Higress' log ai_log is a text where it is looked at.
    document = sample(name) | ({"ai_log": '{"model": "m"}'} if name == "higress" else {})
    (grep,) = filters(name, "grep")
    key, _, pattern = grep["regex"].partition(" ")

    assert re.search(pattern, document[key])
    assert not re.search(pattern, "-") or key == "genai_model_name"


def test_of_higress_only_what_is_read_is_shipped():
    (modifier,) = filters("higress", "record_modifier")
    (nest,) = filters("higress", "nest")
    document = sample("higress")

    assert nest["nest_under"] == "ai_log"
    assert set(document["ai_log"]) == set(nest["wildcard"])
    assert {*document["ai_log"], *document} - {"ai_log", "@timestamp"} == set(
        modifier["allowlist_key"]
    )
    assert not {"question", "answer", "messages"} & set(modifier["allowlist_key"])


def test_higress_logs_the_consumer_and_nothing_that_was_said():
    plugin = configuration("higress", "wasm-plugin.yaml")["spec"]["defaultConfig"]

    assert set(plugin) == {"attributes"}
    assert [each["key"] for each in plugin["attributes"]] == ["consumer"]
    assert plugin["attributes"][0]["apply_to_log"] is True
