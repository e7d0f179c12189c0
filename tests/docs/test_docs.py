"""What the documents say is what the code does."""

from __future__ import annotations

import itertools
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import click
import orjson
import pytest

from streams import process
from streams.classify.classifier import Classifier
from streams.classify.origin.catalog import Catalog
from streams.cli import cli
from streams.cli.operate import settings_markdown
from streams.counting.partition import Partition
from streams.decode import dead_letter
from streams.decode.decoder import Decoder
from streams.decode.event import REASONS, SKIP_REASONS
from streams.decode.formats import native
from streams.decode.formats.registry import NAMES
from streams.decode.reader import Reading, rows_of
from streams.gateway.bridge import metrics as bridge_metrics
from streams.settings import Settings, load, table
from streams.shares.sums import Kept
from streams.shares.windows import Windows
from streams.state.view import View
from streams.web.metrics import DEFINITIONS, Exposition, ProcessFacts, exposed_name
from streams.web.server import Sources, make_app
from streams.web.snapshot import take

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
DOCUMENTS = ("README.md", "CHANGELOG.md", "deploy/runbook.md")

#: Fenced blocks as (language, body).
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
PROSE = re.sub(r"^```\w+\n.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [
    *(line for language, body in BLOCKS if language == "sh" for line in body.splitlines()),
    *re.findall(r"`((?:tokenshare|make) [^`]+)`", PROSE),
]


def between(mark: str) -> str:
    """Return what README has between `<!-- mark -->` and `<!-- /mark -->`."""
    found = re.findall(f"<!-- {mark} -->\n(.*?)<!-- /{mark} -->", README, flags=re.DOTALL)
    assert len(found) == 1
    return found[0].strip()


def block(mark: str) -> str:
    """Return the body of the one fenced block between two marks."""
    return re.sub(r"^```\w*$", "", between(mark), flags=re.MULTILINE).strip()


def metrics_markdown(definitions=DEFINITIONS) -> str:
    """Return README's table of metrics."""
    rows = ["| Metric | Kind | Labels | Meaning |", "|---|---|---|---|"]
    for each in definitions:
        labels = ", ".join(f"`{label}`" for label in each.labels)
        rows.append(f"| `{exposed_name(each)}` | {each.kind} | {labels} | {each.help} |")
    return "\n".join(rows)


def tracked_files() -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this tree is no clone: git does not say what belongs to it")
    paths = (ROOT / name.decode() for name in listed.stdout.split(b"\0") if name)
    return [path for path in paths if path.is_file()]


def test_readme_has_the_settings_as_the_command_prints_them():
    assert between("settings") == settings_markdown(), "paste: tokenshare settings --markdown"


def test_readme_has_every_metric():
    assert between("metrics") == metrics_markdown(), f"paste:\n{metrics_markdown()}"
    bridge = metrics_markdown(bridge_metrics.DEFINITIONS)
    assert between("bridge-metrics") == bridge, f"paste:\n{bridge}"


def test_readme_has_every_variable_that_it_names():
    known = {name for name, _, _ in table()}

    assert set(re.findall(r"TOKENSHARE_[A-Z_]+", README)) == known


def test_readme_has_the_messages_of_the_code_in_their_own_words():
    # Texts that stand over several lines of code are one text.
    code = "\n".join(path.read_text() for path in sorted((ROOT / "streams").rglob("*.py")))
    code = re.sub(r'"\s*\n\s*f?"', "", code)
    section = README.partition("### Troubleshooting")[2].partition("\n## ")[0]
    messages = re.findall(r"^\| `([^`]+)` \|", section, flags=re.MULTILINE)
    words = {message: max(message.split("…"), key=len).strip(" :;,") for message in messages}

    assert len(words) > 15
    assert {message: said for message, said in words.items() if said not in code} == {}


def test_readme_explains_every_reason():
    explained = re.findall(r"^\| `(\w+)` \| (?:has|is|lacks) ", README, flags=re.MULTILINE)

    assert explained == list(REASONS)


def test_readme_explains_every_reason_to_skip_and_every_format():
    table = README.partition("| Reason | The record, or the item in it |")[2].partition("\n\n")[0]
    explained = re.findall(r"^\| `(\w+)` \|", table, flags=re.MULTILINE)
    assert {*explained, "cache_hit"} == set(SKIP_REASONS)

    table = README.partition("| Format | What it is | Tokens |")[2].partition("\n\n")[0]
    named = re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.split("\n")[2:]))
    assert sorted(named) == sorted(NAMES)


def test_readme_names_the_headers_of_a_dead_letter():
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
            "TRUNCATED",
        )
    }

    assert set(re.findall(r"`(tokenshare\.[a-z_]+)`", README)) == headers


def test_readme_has_the_exit_codes():
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", README, flags=re.MULTILINE)}
    usage = click.UsageError("").exit_code

    assert codes == {
        process.OK,
        process.MISCONFIGURED,
        usage,
        process.NO_BROKER,
        process.PARTITIONS_CHANGED,
        process.FAILED,
    }


def test_readme_has_every_path_of_the_server():
    app = make_app(Sources(*[dict] * 8))
    paths = {str(resource.canonical) for resource in app.router.resources()}

    assert set(re.findall(r"^\| `(/[\w/.]*)` \|", README, flags=re.MULTILINE)) == {
        path for path in paths if not path.startswith("/static")
    }


def test_readme_has_a_line_for_every_command():
    listed = re.findall(r"^\| `tokenshare (\w+)` \|", README, flags=re.MULTILINE)

    assert sorted(listed) == sorted(cli.commands)


@pytest.mark.parametrize("line", sorted({line for line in COMMANDS if "tokenshare " in line}))
def test_every_tokenshare_command_in_readme_parses(line, tmp_path):
    for name in re.findall(r"(?:--compare|tokenshare decode) (\S+)", line):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    _, _, arguments = line.partition("tokenshare ")
    name, *rest = shlex.split(arguments)
    if name == "--help":
        return

    command = cli.commands[name]
    if isinstance(command, click.Group):
        if not rest:
            return
        command, rest = command.commands[rest[0]], rest[1:]
    command.make_context(name, rest)


@pytest.mark.parametrize("line", sorted({line for line in COMMANDS if line.startswith("make ")}))
def test_every_make_target_in_readme_exists(line):
    _, target, *variables = shlex.split(line)

    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    for variable in variables:
        name, _, value = variable.partition("=")
        assert name == "ARGS"
        cli.commands["demo"].make_context("demo", shlex.split(value))


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
    windows = Windows(view, Kept(view, catalog))
    windows.advance(view.as_of(ts, 300.0))
    picture = take(windows, view.positions.values(), catalog, ts, (), (), None)

    body, _ = Exposition(lambda: picture, lambda: ProcessFacts("0", 0.0, 0, 0))("text/plain")

    assert set(block("lines").splitlines()) <= set(body.decode().splitlines())


def test_the_event_of_readme_is_the_one_of_the_schema():
    assert [orjson.loads(block("event"))] == native.SCHEMA["examples"]


def test_readme_has_every_field_of_the_event():
    described = native.SCHEMA["properties"]
    rows = re.findall(r"^\| `(\w+)` \| (yes|no) \|", README, flags=re.MULTILINE)

    assert {name for name, _ in rows} == set(described)
    assert {name for name, must in rows if must == "yes"} == set(native.SCHEMA["required"])


def test_the_overrides_of_readme_are_read(tmp_path):
    path = tmp_path / "overrides.toml"
    path.write_text(block("overrides"))
    catalog = Catalog.load(path)

    assert catalog.classify("Prod-Chat").origin == "row-proprietary"
    assert catalog.classify("team-a/anything").developer == "Acme"
    assert catalog.classify("lab-7").origin == "row-open"


@pytest.mark.kafka
def test_the_producer_of_readme_writes_an_event_that_counts():
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
        exec(compile(source, "README.md", "exec"), {})
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


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_of_the_repository(name):
    links = re.findall(r"\]\(([^)#\s]+)", (ROOT / name).read_text())
    local = [link for link in links if "://" not in link]

    assert [link for link in local if not (ROOT / link).is_file()] == []


def test_readme_has_a_reason_for_every_dependency():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].values()
    wanted = itertools.chain(project["dependencies"], *extras)
    names = {re.split(r"[\[<>=~! ]", each, maxsplit=1)[0] for each in wanted} - {"tokenshare"}
    section = README.partition("## Dependencies")[2].partition("\n## ")[0]

    assert {name for name in names if name not in section} == set()


def test_the_defaults_that_readme_tells_in_prose_are_the_defaults():
    settings = Settings(_env_file=None)

    for topic in (settings.topic, settings.changelog_topic, settings.dead_letters):
        assert f"| `{topic}` |" in README
    assert f"http://{settings.web_host}:{settings.web_port}/" in README
    assert settings.flush_seconds == 0.5  # "each half second"


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
