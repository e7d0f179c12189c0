"""The configurations of deploy/gateways, as far as they go without the gateways.

What each makes a gateway write (`sample.json`) is decoded. Names that a configuration and
tokenshare must agree on are compared.
"""

from __future__ import annotations

import json
import re
import tomllib

import pytest
from gateway_files import (
    BRIDGE,
    CONFIGURATIONS,
    GATEWAYS,
    READMES,
    SAMPLES,
    SENDERS,
    documents,
    every_sample,
    leaves,
    sample,
)

from streams.decode.decoder import Decoder
from streams.decode.event import event_time
from streams.decode.options import Options
from streams.gateway.bridge.http import POSTS
from streams.settings import Settings, table

#: Of their configurations, those that are not YAML.
OTHERS = sorted(path for name in SENDERS for path in (GATEWAYS / name).glob("*.[jt]*"))
#: Gateways whose records say nothing of who asked.
WITHOUT_TENANT = {"azure-api-management"}
TOPIC = Settings.model_fields["topic"].default

every_configuration = pytest.mark.parametrize(
    "path", CONFIGURATIONS, ids=lambda path: f"{path.parent.name}/{path.name}"
)


def test_there_is_one_for_each_gateway():
    folders = SENDERS | set(SAMPLES)

    assert {path.parent.name for path in CONFIGURATIONS} == folders
    assert {path.parent for path in READMES} == {GATEWAYS, *(GATEWAYS / name for name in folders)}


@every_configuration
def test_it_is_yaml_and_begins_with_what_it_is_for(path):
    assert all(isinstance(document, dict) for document in documents(path))
    assert path.read_text().startswith("# ")


@every_configuration
def test_secrets_come_from_the_environment(path):
    is_secret = re.compile("password|secret|api_key|token|authorization|auth_header|header_value")
    secrets = [
        value
        for where, value in leaves(documents(path))
        if isinstance(value, str)
        and is_secret.search(where[-1].lower().removeprefix("tokenshare_"))
        and not {"json", "llmRequestCosts", "logging"} & set(where)
        and where[-1] != "header_name"
    ]

    assert all(re.search(r"\$\{|\$ENV://|^os\.environ/", value) for value in secrets), secrets


@every_configuration
def test_the_variables_of_tokenshare_in_it_are_settings(path):
    known = {name for name, _, _ in table()} | {"TOKENSHARE_"}

    assert set(re.findall(r"TOKENSHARE_[A-Z_]*", path.read_text())) <= known


@every_configuration
def test_it_writes_to_the_topic_of_the_worker_or_posts_to_the_bridge(path):
    text = path.read_text()
    topics = re.findall(
        r"^\s+(?:kafka_topic|topics?|\S+\.replacement|TOKENSHARE_TOPIC): (\S+)",
        text,
        flags=re.MULTILINE,
    )
    posts = re.findall(r"http://127\.0\.0\.1:\d+\S*", text)

    assert set(topics) <= {TOPIC}
    assert set(posts) <= {BRIDGE + route for route in POSTS}
    assert topics or posts or path.name in {"gateway.yaml", "wasm-plugin.yaml", "callback.yaml"}
    sends_spans = "traces_endpoint" in text or path.parent.name in SENDERS
    assert all(post.endswith("/v1/traces") == sends_spans for post in posts)


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_an_agent_posts_its_logs_to_the_bridge_and_keeps_prompts(path):
    text = path.read_text()
    read = json.loads if path.suffix == ".json" else tomllib.loads
    said = {where[-1]: value for where, value in leaves(read(text))}

    assert re.findall(r"http://127\.0\.0\.1:\d+[^\s\"]*", text) == [f"{BRIDGE}/v1/logs"]
    assert said.get("OTEL_LOG_USER_PROMPTS", "0") == "0"
    assert said.get("log_user_prompt", False) is False


@every_sample
def test_what_it_makes_a_gateway_write_is_one_request(name):
    format_, language, skipped = SAMPLES[name]
    decoded = Decoder(Options()).decode((GATEWAYS / name / "sample.json").read_bytes())
    (event,) = decoded.events

    assert decoded.format == format_
    assert (event.prompt_tokens, event.completion_tokens) == (812, 64)
    assert event.language == language
    assert event.tenant == (None if name in WITHOUT_TENANT else "team-7")
    assert event.model in {"gpt-4o-mini-2024-07-18", "qwen3-32b", "qwen-turbo"}
    assert event.id
    assert event_time(event.ts, None) == pytest.approx(1_795_568_814, abs=2)
    assert not decoded.rejected
    assert [each.reason for each in decoded.skipped] == skipped


@every_sample
def test_nothing_that_was_said_is_in_what_it_makes_a_gateway_write(name):
    said = {"content", "question", "answer", "messages", "payload", "llm_request", "body"}
    texts = [
        value for path, value in leaves(sample(name)) if said & set(path) and isinstance(value, str)
    ]

    assert set(texts) <= {"user", "redacted-by-litellm"}
