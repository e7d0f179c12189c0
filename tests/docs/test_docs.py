"""What the documents say is what the code does."""

from __future__ import annotations

import itertools
import re
import shlex
import tomllib
from typing import Any

import click
import orjson
import pytest
from documents import ROOT, between, block, blocks, manual, section, text, tracked_files
from test_architecture import LAYERS

from streams import cli, process
from streams.classify.classifier import Classifier
from streams.classify.origin.catalog import Catalog
from streams.classify.origin.overrides import parse
from streams.classify.provider.providers import Providers
from streams.cli.operate import settings_markdown
from streams.counting.partition import Partition
from streams.counting.running_totals import MAX_TOTALS
from streams.decode import dead_letter, stored_letter
from streams.decode.decoder import Decoder
from streams.decode.event import REASONS, SKIP_REASONS
from streams.decode.formats import markers, native, otlp_names
from streams.decode.formats.registry import NAMES
from streams.decode.rows import Reading, rows_of
from streams.gateway.bridge import metrics as bridge_metrics
from streams.settings import Settings, load, table
from streams.shares.grouping import HYSTERESIS, SHOWN_DEVELOPERS, SHOWN_LANGUAGES, SHOWN_MODELS
from streams.shares.sums import SumsCache
from streams.shares.windows import MAX_WINDOW_MODELS, Windows
from streams.state.pane import (
    ALL_LEVELS,
    MAX_LANGUAGES,
    MAX_NAMED_CELLS,
    MAX_PAIRS,
    MAX_STATE_BYTES,
    MAX_TENANTS,
    MAX_UNKNOWN_MODELS,
)
from streams.state.view import View
from streams.web.metric_definitions import DEFINITIONS, exposed_name
from streams.web.metrics import Exposition, ProcessFacts
from streams.web.server import Sources, make_app
from streams.web.snapshot import take

PROSE = re.sub(r"^```\w+\n.*?^```$", "", manual(), flags=re.MULTILINE | re.DOTALL)
COMMANDS = [
    *(line for _, body in blocks("sh") for line in body.splitlines()),
    *re.findall(r"`((?:tokenshare|make) [^`]+)`", PROSE),
]


def metrics_markdown(definitions=DEFINITIONS) -> str:
    """Return the table of metrics."""
    rows = ["| Metric | Kind | Labels | Meaning |", "|---|---|---|---|"]
    for each in definitions:
        labels = ", ".join(f"`{label}`" for label in each.labels)
        rows.append(f"| `{exposed_name(each)}` | {each.kind} | {labels} | {each.help} |")
    return "\n".join(rows)


def test_the_settings_are_as_the_command_prints_them():
    assert between("settings") == settings_markdown(), "paste: tokenshare settings --markdown"


def test_every_metric_has_its_line():
    assert between("metrics") == metrics_markdown(), f"paste:\n{metrics_markdown()}"
    bridge = metrics_markdown(bridge_metrics.DEFINITIONS)
    assert between("bridge-metrics") == bridge, f"paste:\n{bridge}"


def test_every_variable_is_named_and_no_other():
    known = {name for name, _, _ in table()}

    assert set(re.findall(r"TOKENSHARE_[A-Z_]+", manual())) == known


def test_the_layers_are_those_that_the_tests_hold():
    rows = ["| Folder or module | May import |", "|---|---|"]
    for layer, allowed in LAYERS.items():
        rows.append(f"| `{layer}` | {', '.join(f'`{each}`' for each in allowed.split())} |")
    layers = "\n".join(rows)

    assert between("layers") == layers, f"paste:\n{layers}"


def test_messages_are_explained_in_their_own_words():
    # Texts that stand over several lines of code are one text.
    code = "\n".join(path.read_text() for path in sorted((ROOT / "streams").rglob("*.py")))
    code = re.sub(r'"\s*\n\s*f?"', "", code)
    troubles = section("docs/operations.md", "## Troubleshooting")
    messages = re.findall(r"^\| `([^`]+)` \|", troubles, flags=re.MULTILINE)
    words = {message: max(message.split("…"), key=len).strip(" :;,") for message in messages}

    assert len(words) > 15
    assert {message: said for message, said in words.items() if said not in code} == {}


def test_every_reason_is_explained():
    table = section("docs/connect.md", "## What cannot be counted")
    explained = re.findall(r"^\| `(\w+)` \| (?:has|is|lacks) ", table, flags=re.MULTILINE)

    assert explained == list(REASONS)


def test_every_reason_to_skip_and_every_format_is_explained():
    table = section("docs/connect.md", "## Records without usage")
    explained = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)
    assert {*explained, "cache_hit"} == set(SKIP_REASONS)

    table = section("docs/connect.md", "## Formats").partition("| Format |")[2].partition("\n\n")[0]
    named = re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.split("\n")[2:]))
    assert sorted(named) == sorted(NAMES)


def test_every_format_says_where_its_cost_and_provider_are():
    named = re.findall(r"^\| `(\w+)` \|", between("details"), flags=re.MULTILINE)
    assert sorted(named) == sorted(NAMES)


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ("cached tokens", otlp_names.CACHED),
        ("reasoning tokens", otlp_names.REASONING),
        ("cost", otlp_names.COST),
        ("provider", otlp_names.SERVED),
        ("its place", otlp_names.PLACE),
        ("its place", otlp_names.REGION),
    ],
)
def test_the_attributes_of_cost_and_provider_are_named_in_their_order(row, names):
    table = section("docs/connect.md", "### Attributes of spans")
    line = next(line for line in table.splitlines() if line.startswith(f"| {row} |"))
    assert [name for name in re.findall(r"`([^`]+)`", line) if name in names] == list(names)


@pytest.mark.parametrize(
    ("row", "names"),
    [
        ("cached tokens", ("cached_tokens", *markers.CACHED)),
        ("reasoning tokens", ("reasoning_tokens", *markers.REASONING)),
        ("cost", ("cost", *markers.COST, *markers.LITELLM_COST)),
        ("provider", ("provider", *markers.PROVIDER, *markers.LITELLM_PROVIDER)),
        ("provider", (*markers.PLACE, *markers.LITELLM_PLACE)),
        ("provider", markers.REGION),
    ],
)
def test_the_names_of_flat_records_are_named_in_their_order(row, names):
    table = section("docs/connect.md", "### Flat records")
    line = next(line for line in table.splitlines() if line.startswith(f"| {row} |"))
    assert [name for name in re.findall(r"`([^`]+)`", line) if name in names] == list(names)


def test_the_headers_of_a_dead_letter_are_named():
    headers = {
        getattr(dead_letter, name)
        for name in (
            "REASON",
            "DETAIL",
            "TOPIC",
            "PARTITION",
            "OFFSET",
            "LAST_OFFSET",
            "RECORDS",
            "TIMESTAMP",
            "ITEMS",
            "COUNTED",
            "TRUNCATED",
        )
    } | {stored_letter.RESENT, stored_letter.RESENT_FROM}

    # An attribute of spans has the same prefix.
    attributes = {each for each in otlp_names.LANGUAGE if each.startswith("tokenshare.")}

    assert set(re.findall(r"`(tokenshare\.[a-z_]+)`", manual())) == headers | attributes


def test_every_exit_code_is_explained():
    table = section("docs/operations.md", "## Exit codes")
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", table, flags=re.MULTILINE)}
    usage = click.UsageError("").exit_code

    assert codes == {
        process.OK,
        process.MISCONFIGURED,
        usage,
        process.NO_BROKER,
        process.PARTITIONS_CHANGED,
        process.FAILED,
    }


def test_every_path_of_the_server_has_its_line():
    nothing: Any = dict
    app = make_app(Sources(*[nothing] * 8))
    paths = {str(resource.canonical) for resource in app.router.resources()}

    assert set(re.findall(r"^\| `(/[\w/.]*)` \|", text("docs/api.md"), flags=re.MULTILINE)) == {
        path for path in paths if not path.startswith("/static")
    }


def test_every_command_has_its_line():
    listed = re.findall(r"^\| `tokenshare ([\w-]+)` \|", text("docs/cli.md"), flags=re.MULTILINE)

    assert sorted(listed) == sorted(cli.COMMANDS)


def command_of(name):
    """Return the command of a name."""
    return cli.cli.get_command(click.Context(cli.cli), name)


@pytest.mark.parametrize("line", sorted({line for line in COMMANDS if "tokenshare " in line}))
def test_every_tokenshare_command_parses(line, tmp_path):
    for name in re.findall(r"(?:--compare|tokenshare decode(?: --\w+)*) (\S+)", line):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    _, _, arguments = line.partition("tokenshare ")
    name, *rest = shlex.split(arguments)
    if name == "--help":
        return

    command = command_of(name)
    if isinstance(command, click.Group):
        if not rest:
            return
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(name, rest)


@pytest.mark.parametrize("line", sorted({line for line in COMMANDS if line.startswith("make ")}))
def test_every_make_target_exists(line):
    _, target, *variables = shlex.split(line)

    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for variable in variables:
        name, _, value = variable.partition("=")
        if target == "links":
            assert name in {"PAGE", "RUNBOOK"}
            continue
        assert name == "ARGS"
        command_of("demo").make_context("demo", shlex.split(value))


def test_the_event_of_readme_becomes_the_lines_of_readme():
    value = block("event").encode()
    decoded = Decoder().decode(value)
    assert not decoded.rejected
    ts = orjson.loads(value)["ts"]
    catalog = Catalog.load()
    partition = Partition(0, 1)
    classifier = Classifier(catalog)
    reading = Reading(0, 1, rows_of([0], [None], decoded.events, classifier))
    assert not partition.apply(reading, classifier, ts)
    flush = partition.begin_flush()
    view = View()
    for key, written in (*flush.panes.items(), flush.position):
        view.apply(key, written)
    windows = Windows(view, SumsCache(view, catalog))
    windows.advance(view.as_of(ts, 300.0))
    picture = take(windows, view.positions.values(), catalog, ts, (), (), None)

    body, _ = Exposition(lambda: picture, lambda: ProcessFacts("0", 0.0, 0, 0))("text/plain")

    assert set(block("lines").splitlines()) <= set(body.decode().splitlines())


def test_the_event_of_readme_is_the_one_of_the_schema():
    assert [orjson.loads(block("event"))] == native.SCHEMA["examples"]


def test_every_field_of_the_event_has_its_line():
    described = native.SCHEMA["properties"]
    table = section("docs/connect.md", "## The event")
    rows = re.findall(r"^\| `(\w+)` \| (yes|no) \|", table, flags=re.MULTILINE)

    assert {name for name, _ in rows} == set(described)
    assert {name for name, must in rows if must == "yes"} == set(native.SCHEMA["required"])


def test_the_example_of_overrides_is_read(tmp_path):
    path = tmp_path / "overrides.toml"
    path.write_text(block("overrides"))
    catalog = Catalog.load(path)

    assert catalog.classify("Prod-Chat").origin == "row-proprietary"
    assert catalog.classify("team-a/anything").developer == "Acme"
    assert catalog.classify("lab-7").origin == "row-open"


def test_the_example_of_overrides_of_who_served_is_read():
    overrides = parse(block("provider-overrides").encode(), "overrides.toml")
    providers = Providers.load(overrides.providers)

    assert providers.classify("openai@llm.example.com").name == "vLLM in Berlin"
    assert providers.classify("Bedrock Proxy").key == "aws-bedrock"


def test_the_table_of_who_served_is_what_the_catalogue_says():
    table = section("docs/providers.md", "## What is read")
    rows = re.findall(r"^\| `(\S+)` \| `(\S+)` \| `(\S+)` \|", table, flags=re.MULTILINE)
    found = [Providers.load().classify(text) for text, _, _ in rows]

    assert len(rows) > 10
    assert rows == [
        (text, each.key, each.jurisdiction) for (text, _, _), each in zip(rows, found, strict=True)
    ]


@pytest.mark.kafka
def test_the_example_of_a_producer_writes_an_event_that_counts():
    from kafka import KafkaConsumer, TopicPartition

    from streams.demo.broker import EmbeddedBroker
    from streams.kafka import admin

    with EmbeddedBroker() as broker:
        settings = load(bootstrap_servers=broker.bootstrap, partitions=1)
        client = admin.connect(settings, wait_seconds=10)
        admin.create_missing(client, settings)
        client.close()
        source = block("producer").replace("127.0.0.1:9092", broker.bootstrap)
        assert broker.bootstrap in source
        exec(compile(source, "connect.md", "exec"), {})
        consumer = KafkaConsumer(
            bootstrap_servers=broker.bootstrap,
            auto_offset_reset="earliest",
            consumer_timeout_ms=10_000,
        )
        consumer.assign([TopicPartition(settings.topic, 0)])
        record = next(consumer)
        consumer.close()

    decoded = Decoder().decode(record.value)
    assert not decoded.rejected
    assert decoded.events[0].model == "qwen/qwen3-32b"


def test_every_dependency_has_its_reason_above_it():
    lines = [line.strip() for line in text("pyproject.toml").splitlines()]
    project = tomllib.loads(text("pyproject.toml"))
    wanted = {
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *itertools.chain(*project["project"]["optional-dependencies"].values()),
        *itertools.chain(*project["dependency-groups"].values()),
    }
    stated = {
        line.strip('",'): before
        for before, line in itertools.pairwise(lines)
        if line.startswith('"') and line.strip('",') in wanted
    }

    assert stated.keys() == wanted
    assert [each for each, before in stated.items() if not re.match(r"# \w", before)] == []


def test_the_defaults_that_are_stated_in_prose_are_the_defaults():
    settings = Settings(_env_file=None)

    for topic in (settings.topic, settings.changelog_topic, settings.dead_letters):
        assert f"| `{topic}` |" in text("docs/connect.md")
    assert f"http://{settings.web_host}:{settings.web_port}/" in text("README.md")
    assert f"listens on {settings.bridge_host}:{settings.bridge_port}" in text("docs/gateways.md")
    assert settings.flush_seconds == 0.5
    assert "Every half second" in text("docs/architecture.md")


def test_the_bounds_that_are_stated_in_prose_are_the_bounds():
    bounds = section("docs/architecture.md", "### Cardinality bounds")
    languages, developers = int(SHOWN_LANGUAGES * HYSTERESIS), int(SHOWN_DEVELOPERS * HYSTERESIS)

    assert f"the {SHOWN_LANGUAGES} with the most tokens in 7 days, at most {languages} " in bounds
    assert f"the {SHOWN_DEVELOPERS} with the most tokens in 7 days, at most {developers} " in bounds
    assert f"| API, `model` | {SHOWN_MODELS}, " in bounds
    assert f"{MAX_TOTALS} languages and {MAX_TOTALS} developers per partition" in bounds
    assert (
        f"{MAX_LANGUAGES} languages, {MAX_PAIRS:,} models with who served them, "
        f"{MAX_UNKNOWN_MODELS} unknown models by name, {MAX_NAMED_CELLS:,} pairs of unknown model "
        f"and language, {MAX_TENANTS} tenants"
    ) in bounds
    assert f"| a window's models | {MAX_WINDOW_MODELS:,}, " in bounds
    kilobytes = re.findall(r"(\d+) kB", bounds)
    assert [int(each) * 1024 for each in kilobytes] == [each.max_bytes for each in ALL_LEVELS]
    assert f"| {MAX_STATE_BYTES / 1e6:.0f} MB per partition" in bounds
    assert f"worse than {HYSTERESIS} times" in bounds


def test_readme_is_short():
    assert len(text("README.md").splitlines()) <= 150


#: In halves, so that this file does not name what no file may name.
REGISTRIES = [
    ".".join(halves)
    for halves in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("crates", "io"),
        ("proxy.golang", "org"),
        ("repo1.maven", "org"),
        ("repo.maven.apache", "org"),
        ("deb.debian", "org"),
        ("docker", "io"),
        ("ghcr", "io"),
        ("quay", "io"),
    )
]
#: Where one machine keeps its trees and its people.
MACHINE_PATH = re.compile(r"(?<![\w.\-/}])/(?:work|root|home|Users)/[\w.]")


def test_no_file_names_a_package_registry_or_a_place_on_one_machine():
    found = []
    for path in tracked_files():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [(path.name, host) for host in REGISTRIES if host in text]
        found += [(path.name, place) for place in MACHINE_PATH.findall(text)]

    assert found == []
