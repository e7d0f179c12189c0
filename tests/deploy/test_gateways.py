"""The configurations of deploy/gateways, as far as they go without the gateways.

Each is read as its gateway reads it, LiteLLM's by LiteLLM itself, and what it makes a gateway write
(`sample.json`) is decoded. Names that a configuration and tokenshare must agree on are compared.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import json
import os
import re
import shlex
import tomllib
from pathlib import Path

import orjson
import pytest
import yaml
from aiohttp import web
from click.testing import CliRunner

from streams.cli import cli
from streams.decode.decoder import Decoder
from streams.decode.event import event_time
from streams.decode.formats import envoy, otlp_names
from streams.decode.formats.native import encode
from streams.decode.options import Options
from streams.gateway.bridge.http import POSTS
from streams.settings import Settings, table
from streams.web.metric_definitions import DEFINITIONS, exposed_name

# Otherwise LiteLLM's import fetches prices.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

ROOT = Path(__file__).resolve().parents[2]
GATEWAYS = ROOT / "deploy" / "gateways"
CONFIGURATIONS = sorted(GATEWAYS.glob("*/*.yaml"))
READMES = sorted(GATEWAYS.rglob("README.md"))
#: Folder -> format of its sample, language, and what is skipped beside the one request in it.
SAMPLES = {
    "apisix": ("apisix", None, []),
    "azure-api-management": ("azure_apim", None, []),
    "bifrost": ("bifrost", None, []),
    "envoy-ai-gateway": ("envoy", "fr", []),
    "higress": ("higress", None, []),
    "kong": ("kong", None, []),
    "litellm": ("litellm", "fr", []),
    "one-api": ("one_api", None, []),
    "otel-collector": ("otlp", "fr", ["not_a_request"]),
}
#: Folders of senders by OTLP, of which tests/formats has the samples.
SENDERS = {"opentelemetry-sdks"}
#: Of their configurations, those that are not YAML.
OTHERS = sorted(path for name in SENDERS for path in (GATEWAYS / name).glob("*.[jt]*"))
#: Gateways whose records say nothing of who asked.
WITHOUT_TENANT = {"azure-api-management"}
TOPIC = Settings.model_fields["topic"].default
BRIDGE = f"http://127.0.0.1:{Settings.model_fields['bridge_port'].default}"

every_configuration = pytest.mark.parametrize(
    "path", CONFIGURATIONS, ids=lambda path: f"{path.parent.name}/{path.name}"
)
every_sample = pytest.mark.parametrize("name", sorted(SAMPLES))
every_readme = pytest.mark.parametrize("path", READMES, ids=lambda path: path.parent.name)
both_shippers = pytest.mark.parametrize("name", ["envoy-ai-gateway", "higress"])
both_of_apisix = pytest.mark.parametrize("plugin", ["kafka-logger", "http-logger"])
both_of_kong = pytest.mark.parametrize("plugin", ["kafka-log", "http-log"])


class Unambiguous(yaml.SafeLoader):
    """YAML where a key that is there twice is an error, and not the last one."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key is there twice: {keys}"
        return super().construct_mapping(node, deep)


def documents(path):
    return list(yaml.load_all(path.read_text(), Unambiguous))


def configuration(name, file):
    (document,) = documents(GATEWAYS / name / file)
    return document


def sample(name):
    return json.loads((GATEWAYS / name / "sample.json").read_text())


def leaves(value, path=()):
    """Return (path, value) of all that is neither an object nor an array."""
    if isinstance(value, dict):
        return [leaf for key, each in value.items() for leaf in leaves(each, (*path, str(key)))]
    if isinstance(value, list):
        return [leaf for each in value for leaf in leaves(each, path)]
    return [(path, value)]


def at(value, path):
    for name in path:
        value = value[name]
    return value


# --- all of them


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


# --- what is said of them


@every_readme
def test_its_links_lead_to_files(path):
    links = re.findall(r"\]\(([^)#]+)", path.read_text())

    assert links
    assert all((path.parent / link).is_file() for link in links)


def test_the_table_has_every_configuration():
    linked = re.findall(r"\]\(([^)]+\.yaml)\)", (GATEWAYS / "README.md").read_text())

    assert sorted(linked) == sorted(str(path.relative_to(GATEWAYS)) for path in CONFIGURATIONS)


@every_readme
def test_the_variables_of_tokenshare_in_it_are_settings_too(path):
    known = {name for name, _, _ in table()}

    assert set(re.findall(r"TOKENSHARE_[A-Z_]+", path.read_text())) <= known


@every_readme
def test_the_metrics_in_it_are_there(path):
    known = {exposed_name(each) for each in DEFINITIONS} | {"tokenshare_bridge_events_total"}
    named = set(re.findall(r"tokenshare_[a-z_]+", path.read_text()))

    assert "tokenshare_records_total" in named
    assert named <= known


@every_sample
def test_the_command_in_its_readme_shows_what_is_counted(name, monkeypatch):
    (command,) = re.findall(
        "`tokenshare (decode [^`]+)`", (GATEWAYS / name / "README.md").read_text()
    )
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(cli, shlex.split(command))

    assert done.exit_code == 0
    assert len(orjson.loads(done.stdout)["events"]) == 1


@every_readme
def test_it_says_that_the_language_is_lost(path):
    assert "`und`" in path.read_text()


# --- OpenTelemetry Collector

COLLECTOR = configuration("otel-collector", "collector.yaml")


def kept(kind):
    """Return the keys that the Collector keeps of some kind of attributes."""
    statements = COLLECTOR["processors"]["transform/usage_only"]["trace_statements"]
    (keys,) = [
        re.findall('"([^"]+)"', statement)
        for statement in statements
        if statement.startswith(f"keep_keys({kind}.attributes")
    ]
    return keys


def test_the_collector_keeps_what_is_read_of_a_span_but_for_prompts():
    keys = kept("span")

    assert len(keys) == len(set(keys))
    assert set(keys) == set(otlp_names.WANTED) - set(otlp_names.TEXT)
    assert not {"gen_ai.input.messages", "gen_ai.output.messages", "input.value"} & set(keys)


def test_the_collector_drops_events_and_texts_of_errors():
    processors = COLLECTOR["processors"]

    assert processors["filter/genai"]["traces"]["spanevent"] == ["true"]
    assert {'set(span.status.message, "")', 'set(span.name, "gen_ai")'} <= set(
        processors["transform/usage_only"]["trace_statements"]
    )


def test_the_collector_refuses_spans_that_it_cannot_strip():
    assert COLLECTOR["processors"]["transform/usage_only"]["error_mode"] == "propagate"


def test_the_collector_drops_only_spans_without_usage_and_operation():
    (condition,) = COLLECTOR["processors"]["filter/genai"]["traces"]["span"]
    clauses = condition.split(" and ")

    assert all(re.fullmatch(r'span\.attributes\["[^"]+"\] == nil', each) for each in clauses)
    assert set(re.findall('"([^"]+)"', condition)) == {
        *(otlp_names.OPERATION, *otlp_names.INPUT, *otlp_names.OUTPUT, otlp_names.EMBEDDED),
        *(otlp_names.BARE_INPUT, otlp_names.BARE_OUTPUT),
        *(otlp_names.LANGFUSE_USAGE, otlp_names.MLFLOW_USAGE),
    }


def test_the_collector_strips_before_it_writes_and_writes_once():
    pipelines = COLLECTOR["service"]["pipelines"]

    assert pipelines == {
        "traces/tokenshare": {
            "receivers": ["otlp"],
            "processors": ["memory_limiter", "filter/genai", "transform/usage_only", "batch"],
            "exporters": ["kafka"],
        }
    }
    assert set(pipelines["traces/tokenshare"]["processors"]) == set(COLLECTOR["processors"])
    assert set(COLLECTOR["exporters"]) == {"kafka", "otlphttp/bridge"}


def test_a_batch_of_the_collector_fits_into_a_record():
    resource = sample("otel-collector")["resourceSpans"][0]
    span = resource["scopeSpans"][0]["spans"][0]
    most = COLLECTOR["processors"]["batch"]["send_batch_max_size"]

    assert most * len(orjson.dumps(span)) < 1_000_000 / 2


def test_a_span_of_the_collector_holds_nothing_that_it_does_not_keep():
    (resource,) = sample("otel-collector")["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    spans = scope["spans"]

    assert {each["key"] for each in resource["resource"]["attributes"]} <= set(kept("resource"))
    assert not scope["scope"].keys() & {"attributes"}
    assert {each["key"] for span in spans for each in span["attributes"]} <= set(kept("span"))
    assert {span["name"] for span in spans} == {"gen_ai"}


def test_both_encodings_of_the_collector_say_the_same():
    json_format = importlib.import_module("google.protobuf.json_format")
    traces_data = importlib.import_module("opentelemetry.proto.trace.v1.trace_pb2").TracesData
    document = sample("otel-collector")
    for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for name in ("traceId", "spanId", "parentSpanId"):
            # protobuf's own JSON has bytes in base 64, OTLP's has them in hex.
            span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    value = json_format.ParseDict(document, traces_data()).SerializeToString()
    as_json = Decoder(Options()).decode(orjson.dumps(sample("otel-collector")))
    as_protobuf = Decoder(Options()).decode(value)

    assert COLLECTOR["exporters"]["kafka"]["traces"]["encoding"] == "otlp_proto"
    assert len(as_protobuf.events) == 1
    assert [
        (each.model, each.prompt_tokens, each.completion_tokens, each.language, each.id)
        for each in as_protobuf.events
    ] == [
        (each.model, each.prompt_tokens, each.completion_tokens, each.language, each.id)
        for each in as_json.events
    ]


# --- Envoy AI Gateway

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


# --- Fluent Bit


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


# --- Kong


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


# --- APISIX


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


# --- LiteLLM

CALLBACK = GATEWAYS / "litellm" / "callback.yaml"
GENERIC = GATEWAYS / "litellm" / "generic-api.yaml"
AUTHORIZATION = "Bearer of-the-bridge"


@pytest.fixture(scope="module")
def proxy():
    """The module of LiteLLM's proxy, which takes its time to import."""
    try:
        return importlib.import_module("litellm.proxy.proxy_server")
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("litellm[proxy] is not installed")


@pytest.fixture
def litellm(proxy, monkeypatch):
    """LiteLLM without callbacks, as it is again afterwards."""
    module = importlib.import_module("litellm")
    monkeypatch.setenv("BRIDGE_AUTHORIZATION", AUTHORIZATION)
    monkeypatch.setattr(module, "callbacks", [])
    monkeypatch.setattr(module, "callback_settings", {})
    manager = importlib.import_module("litellm.litellm_core_utils.logging_callback_manager")
    monkeypatch.setattr(manager, "_generic_api_logger_cache", {})
    return module


async def loaded(proxy, litellm, path):
    """Return a configuration as the proxy reads it, with its callbacks made."""
    utils = importlib.import_module("litellm.proxy.common_utils.callback_utils")
    read = await proxy.ProxyConfig().get_config(config_file_path=str(path))
    litellm.callback_settings = read.get("callback_settings") or {}
    utils.initialize_callbacks_on_proxy(
        value=read["litellm_settings"]["callbacks"],
        premium_user=False,
        config_file_path=str(path),
        litellm_settings=read["litellm_settings"],
        callback_specific_params=read.get("callback_settings"),
    )
    return read


class Sent(list):
    """Stands for a producer, and keeps what it is given."""

    def send(self, **event):
        self.append(event)
        return True


@pytest.mark.slow
def test_litellm_finds_the_callback(proxy, litellm):
    ours = importlib.import_module("streams.gateway.litellm")
    asyncio.run(loaded(proxy, litellm, CALLBACK))

    assert litellm.callbacks == [ours.handler]


@pytest.mark.slow
def test_the_callback_writes_an_event_that_is_counted(proxy):
    ours = importlib.import_module("streams.gateway.litellm")
    sent = Sent()
    (payload,) = sample("litellm")
    ours.UsageCallback(sent).log_success_event({"standard_logging_object": payload})
    (event,) = sent
    plain = importlib.import_module("streams.decode.event").UsageEvent(
        **{name: value for name, value in event.items() if name != "prompt"}
    )
    decoded = Decoder(Options()).decode(encode(plain))

    assert decoded.format == "native"
    assert decoded.events == (plain,)
    assert (plain.model, plain.prompt_tokens, plain.completion_tokens, plain.language) == (
        *("gpt-4o-mini-2024-07-18", 812, 64, "fr"),
    )


@pytest.mark.slow
def test_litellm_has_every_setting_of_its_generic_callback(proxy, litellm):
    written = configuration("litellm", "generic-api.yaml")["callback_settings"]["tokenshare"]

    async def made():
        await loaded(proxy, litellm, GENERIC)
        (logger,) = litellm.callbacks
        return logger

    logger = asyncio.run(made())

    assert type(logger).__name__ == "GenericAPILogger"
    assert written.pop("callback_type") == "generic_api"
    assert logger.headers["Authorization"] == AUTHORIZATION
    written.pop("headers")
    assert {name: getattr(logger, name) for name in written} == written


@pytest.mark.slow
def test_what_litellms_generic_callback_posts_is_counted(proxy, litellm, monkeypatch):
    posted = []

    async def take(request):
        posted.append((request.path, request.headers["Authorization"], await request.read()))
        return web.json_response({}, status=202)

    async def post():
        application = web.Application()
        application.router.add_post("/v1/events", take)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            await loaded(proxy, litellm, GENERIC)
            (logger,) = litellm.callbacks
            host, port = runner.addresses[0]
            logger.endpoint = logger.endpoint.replace(BRIDGE, f"http://{host}:{port}")
            for payload in sample("litellm") * 2:
                kwargs = {"standard_logging_object": payload}
                await logger.async_log_success_event(kwargs, None, None, None)
            await logger.flush_queue()
        finally:
            await runner.cleanup()

    asyncio.run(post())
    ((path, authorization, body),) = posted
    decoded = Decoder(Options()).decode(body)

    assert path in POSTS
    assert authorization == AUTHORIZATION
    assert decoded.format == "litellm"
    assert [each.prompt_tokens for each in decoded.events] == [812, 812]


@pytest.mark.slow
def test_litellm_has_what_else_is_said_of_it(proxy):
    litellm = importlib.import_module("litellm")
    constants = importlib.import_module("litellm.constants")
    text = GENERIC.read_text() + (GENERIC.parent / "README.md").read_text()
    variables = set(re.findall(r"(DEFAULT_[A-Z_]+)=", text))

    assert variables == {"DEFAULT_BATCH_SIZE", "DEFAULT_FLUSH_INTERVAL_SECONDS"}
    assert all(hasattr(constants, name) for name in variables)
    assert hasattr(litellm, "turn_off_message_logging")


@pytest.mark.parametrize("path", [CALLBACK, GENERIC], ids=lambda path: path.stem)
def test_litellm_redacts_only_where_it_is_set_to(path):
    (document,) = documents(path)

    assert document["litellm_settings"].keys() == {"callbacks"}
    assert "# turn_off_message_logging: true" in path.read_text()
