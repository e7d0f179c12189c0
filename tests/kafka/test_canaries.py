"""No sink shows a word of any leaf, but names of models and providers, and ids where they belong.

What is planted derives from tests/formats, so a new format is covered by its samples.
"""

from __future__ import annotations

import http.client
from functools import cache
from itertools import groupby

import orjson
import pytest
from bridge_posts import BridgeProcess, records
from canaries import found_in, planted
from formats import samples
from laws import apart
from processes import wait_until
from test_worker import produce, read_all

from streams.decode.formats.registry import NAMES
from streams.state.codec import decode_pane

pytestmark = [pytest.mark.kafka, pytest.mark.any_broker]

PARTITIONS = 3
PATHS = (
    *("/metrics", "/readyz", "/healthz", "/api/v1/shares", "/api/v1/unknown", "/api/v1/shifts"),
    *(
        f"/api/v1/history?dimension={each}&step=1d"
        for each in ("origin", "language", "developer", "model", "joint")
    ),
)


def _settings(sample):
    """Return the settings that a sample is read with: format, fields, ignored sources."""
    options = sample.options
    fields = ",".join(f"{name}={path}" for name, path in options.paths.items())
    return options.format, fields, ",".join(options.ignored_sources)


#: Samples of the same settings.
GROUPS = {
    key: list(group) for key, group in groupby(sorted(samples.load(), key=_settings), key=_settings)
}
each_group = pytest.mark.parametrize(
    "key", GROUPS, ids=lambda key: f"{key[0]}-{len(key[1]) or 'detected'}-{key[2]}"
)


@cache
def canaries_of(key):
    """Return the canaries in the leaves of a group of samples."""
    return [each for sample in GROUPS[key] for each in planted(sample, apart())]


def settings_of(key):
    """Return the settings of a group of samples."""
    return dict(zip(("format", "fields", "otlp_ignore"), key, strict=True))


def test_each_format_has_canaries():
    found = {sample.format for sample in samples.load() if sample.value is not None}

    assert {*NAMES} <= found


def sent(bootstrap, topic, group):
    """Produce records with canaries; returns what is at each partition and offset."""
    found = {}
    for headers, some in groupby(group, key=lambda each: each.headers):
        together = list(some)
        values = [each.value for each in together]
        for each, at in zip(together, produce(bootstrap, topic, values, headers), strict=True):
            found[at.partition, at.offset] = each
    return found


def text_of(record):
    """Return what the changelog holds, as text: a position is JSON, a pane is packed."""
    value = record.value or b""
    text = value.decode() if value.startswith(b"{") else repr(decode_pane(value) if value else "")
    return f"{record.key} {text} {record.headers}"


def is_read(worker, count):
    shares = worker.try_get("/api/v1/shares") or {"pipeline": {"partitions": []}}
    return sum(each["position"] or 0 for each in shares["pipeline"]["partitions"]) == count


@each_group
def test_a_worker_shows_models_and_providers_only(key, bootstrap, make_worker):
    group = canaries_of(key)
    models = frozenset().union(*(each.models | each.providers for each in group))
    worker = make_worker(**settings_of(key), log_level="DEBUG", tenant_salt="pepper").start()
    worker.wait_ready()
    values = sent(bootstrap, make_worker.topic, group)
    wait_until(lambda: is_read(worker, len(values)), f"all read\n{worker.tail()}", 90)
    outcomes = worker.records()

    shown = {path: worker.get(path) for path in PATHS}
    for path, answer in shown.items():
        text = answer if isinstance(answer, str) else orjson.dumps(answer)
        assert found_in(text) <= models, path
    # It has written everything once it has ended.
    assert worker.stop() == 0
    changelog = [
        text_of(each)
        for partition in range(PARTITIONS)
        for each in read_all(bootstrap, f"g-{make_worker.topic}-panes-changelog", 1, partition)
    ]
    assert found_in("".join(changelog)) <= models
    letters = read_letters(bootstrap, make_worker.topic, outcomes)
    for letter in letters:
        added = [(name, value) for name, value in letter.headers if name.startswith("tokenshare.")]
        assert found_in(repr(added)) == frozenset()
        at = dict(added)
        original = values[int(at["tokenshare.partition"]), int(at["tokenshare.offset"])]
        assert letter.value == original.value
        assert letter.headers[: -len(added)] == tuple(original.headers)
    assert found_in(worker.log.read_bytes()) == frozenset()
    # Words that are looked for in vain everywhere would show nothing. The spans of the one sample
    # with an ignored source have one id, so the first of them alone counts.
    if models and not key[2]:
        assert found_in("".join(changelog))


def read_letters(bootstrap, topic, outcomes):
    """Return all dead letters: as many as hold the items that were rejected."""
    rejected = sum(count for name, count in outcomes.items() if name.startswith("rejected/"))
    if not rejected:
        return []
    letters = records(bootstrap, f"{topic}-dead-letter", 1, quiet=2)
    held = (int(dict(each.headers).get("tokenshare.rejected_items", b"1")) for each in letters)
    assert sum(held) == rejected
    return letters


@each_group
def test_a_bridge_shows_no_word_and_sends_models_and_ids_only(key, bootstrap, tmp_path):
    group = canaries_of(key)
    if "requests=" in key[1]:
        pytest.skip("a bridge refuses to start with it: it writes an event a request")
    topic = f"canaries-{abs(hash(key))}"
    settings = {"bootstrap_servers": bootstrap, "topic": topic, "group": topic, "partitions": 1}
    settings |= settings_of(key) | {"tenant_salt": "pepper", "log_level": "DEBUG"}
    bridge = BridgeProcess(tmp_path / "bridge.log", **settings).start()
    try:
        bridge.wait_ready()
        accepted = 0
        for each, (status, text) in zip(group, posted(bridge, group), strict=True):
            assert status in {202, 400}
            assert found_in(text) == frozenset(), each
            accepted += orjson.loads(text.rpartition("\n")[2]).get("accepted", 0)
        assert found_in(bridge.ask("GET", "/metrics")[2]) == frozenset()
        assert found_in(bridge.ask("GET", "/readyz")[2]) == frozenset()
    finally:
        assert bridge.stop() == 0
    assert found_in(bridge.log.read_bytes()) == frozenset()
    found = records(bootstrap, topic, accepted) if accepted else []
    assert len(found) == accepted
    may_be_sent = frozenset().union(*(each.models | each.providers | each.ids for each in group))
    sent = found_in(repr([(each.key, each.value, each.headers) for each in found]))
    assert sent <= may_be_sent
    assert sent or not may_be_sent


def posted(bridge, group):
    """Post records one by one; yields the status of each and all of its answer."""
    connection = http.client.HTTPConnection("127.0.0.1", bridge.port, timeout=60)
    for each in group:
        named = {name.replace("_", "-"): value.decode() for name, value in each.headers}
        connection.request("POST", "/v1/events", each.value, named)
        answer = connection.getresponse()
        yield answer.status, f"{answer.headers}\n{answer.read().decode()}"
    connection.close()
