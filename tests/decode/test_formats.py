"""Every sample is read as its rules say, alike in every way to read it."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from every import every
from formats import samples
from hypothesis import assume, example, given
from hypothesis import strategies as st
from test_batch_fetch import batch_of

from streams.classify.classifier import Classifier
from streams.classify.origin.catalog import Catalog
from streams.decode import compiled as compiled_reader
from streams.decode import reader as reading
from streams.decode.decoder import FAILED, Decoder
from streams.decode.event import REASONS, SKIP_REASONS, event_time
from streams.decode.formats.registry import NAMES
from streams.decode.money import nano_dollars
from streams.decode.options import Options

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

from check import facts, same
from format_documents import (
    DOCUMENTS,
    OBJECTS,
    PLAIN,
    SAMPLES,
    answers,
    by_name,
    decode,
    items,
    natives,
    payloads,
    values,
)

#: What only a worker notices: its clock, and the batch that a record is in.
OF_A_WORKER = {"future", "too_old", "corrupt_batch"}


@every(SAMPLES, name=by_name)
def test_a_sample_is_read_as_its_rules_say(sample):
    decoded = decode(sample.value, sample.headers, sample.options)
    rejected = [each.reason for each in decoded.rejected]
    events = []
    for event, expected in zip(
        decoded.events, [*sample.events, *({},) * len(decoded.events)], strict=False
    ):
        at = event_time(event.ts, None)
        if at is None and event.ts is not None:
            rejected.append("bad_time")
            continue
        said = {
            "model": event.model,
            "prompt": event.prompt_tokens,
            "completion": event.completion_tokens,
            "at": at,
            "tenant": event.tenant,
            "language": event.language,
            "id": event.id,
            "requests": getattr(event, "requests", None),
            "cached": event.cached_tokens,
            "reasoning": event.reasoning_tokens,
            "cost": nano_dollars(event.cost),
            "provider": event.provider,
        }
        events.append(
            {name: value for name, value in said.items() if value is not None or name in expected}
        )
        # An id is a matter of the few samples that name it.
        if "id" not in expected:
            events[-1].pop("id", None)
    assert events == [_with_seconds(event) for event in sample.events]
    assert rejected == sample.rejected
    assert [each.reason for each in decoded.skipped] == sample.skipped
    assert decoded.format == sample.format
    assert FAILED not in {each.detail for each in decoded.rejected}


def _with_seconds(event):
    if "cost" in event:
        # Dollars, as a text: a float of TOML would not be exact.
        event = event | {"cost": nano_dollars(event["cost"])}
    if "at" not in event:
        return event
    return event | {"at": pytest.approx(event["at"].timestamp(), abs=1e-5)}


def test_every_file_is_a_sample():
    assert samples.unused() == set()


@pytest.mark.parametrize("name", NAMES)
def test_a_format_has_four_samples(name):
    assert sum(sample.format == name for sample in SAMPLES) >= 4


@pytest.mark.parametrize("folder", sorted({sample.folder for sample in SAMPLES}))
def test_a_folder_has_four_samples(folder):
    assert sum(sample.folder == folder for sample in SAMPLES) >= 4


@pytest.mark.parametrize("reason", [each for each in REASONS if each not in OF_A_WORKER])
def test_a_reason_to_reject_is_met_by_a_sample(reason):
    assert any(reason in sample.rejected for sample in SAMPLES)


@pytest.mark.parametrize("reason", SKIP_REASONS)
def test_a_reason_to_skip_is_met_by_a_sample(reason):
    assert any(reason in sample.skipped for sample in SAMPLES)


@given(st.lists(items, max_size=6))
def test_each_item_of_a_batch_is_judged_alone(documents):
    # These are no JSON: one spoils a whole array.
    assume(not re.search("NaN|Infinity", json.dumps(documents)))
    alone = [decode([document]) for document in documents]
    ids = [event.id for decoded in alone for event in decoded.events if event.id is not None]
    # Answers of one id are pieces of one stream, of which only the last counts.
    assume(len(set(map(str, ids))) == len(ids))
    together = decode(documents)
    if documents:
        assert list(together.events) == [event for each in alone for event in each.events]
        # Where something is no JSON, the place in the value is told, and that is another one.
        assert [each.reason for each in together.rejected] == [
            each.reason for one in alone for each in one.rejected
        ]
        assert list(together.skipped) == [each for one in alone for each in one.skipped]


objects = st.one_of(st.sampled_from(OBJECTS), natives, payloads, answers)


@given(st.lists(objects, min_size=2, max_size=5))
@example([{"model": "gpt-4o", "prompt_tokens": 1, "completion_tokens": 2, "prompt": "\ud83d"}] * 2)
def test_lines_are_read_like_an_array(documents):
    # These are no JSON: one spoils a whole array, and of several lines its own.
    assume(not re.search("NaN|Infinity", json.dumps(documents)))
    lines = "\n".join(map(json.dumps, documents)).encode()
    assert decode(lines) == decode(documents)


def test_a_long_id_beside_a_gigantic_number_is_read_alike_in_every_way():
    payload = b'{"id": 1795003280500000000, "call_type": "c", "startTime": 1795003280, '
    value = payload + b'"model": "m", "prompt_tokens": 0, "x": ' + b"9" * 400 + b"}"
    after = Decoder()
    after.decode(b'{"call_type": "c", "startTime": 1795003280}')
    assert same(after.decode(value)) == same(decode(value))


CUT_OFF = "Explain this joke, please \ud83d"


def test_logs_in_a_text_that_was_cut_off_in_an_emoji_count():
    payload = {"call_type": "completion", "startTime": 1_800_000_000.0, "model": "gpt-4o"}
    payload |= {"prompt_tokens": 3, "completion_tokens": 4}
    asked = [{"role": "user", "content": CUT_OFF}]
    log = {"model": "gpt-4o", "input_token": 3, "output_token": 4, "question": CUT_OFF}
    for document in (
        {"start_time": "2026-11-18 12:01:20", "ai_log": json.dumps(log)},
        {"@timestamp": "x", "message": json.dumps(payload | {"messages": asked})},
    ):
        [event] = Decoder().decode(json.dumps(document).encode()).events
        assert (event.model, event.prompt_tokens, event.completion_tokens) == ("gpt-4o", 3, 4)


def test_metadata_in_a_text_that_was_cut_off_in_an_emoji_name_the_tenant():
    team = {"team": "search", "user_api_key_team_id": "search", "note": CUT_OFF}
    payload = {"call_type": "completion", "startTime": 1_800_000_000.0, "model": "gpt-4o"}
    payload |= {"prompt_tokens": 3, "completion_tokens": 4, "metadata": json.dumps(team)}
    cloudflare = {"model": "m", "tokens_in": 1, "tokens_out": 2, "metadata": json.dumps(team)}
    for document in (payload, cloudflare):
        [event] = Decoder().decode(json.dumps(document).encode()).events
        assert event.tenant == "search"


@given(st.lists(values, max_size=12))
def test_a_batch_is_decoded_like_its_values_one_by_one_whatever_came_before(batch):
    decoder = Decoder()
    alone = [same(decode(value)) for value in batch]
    assert [same(each) for each in decoder.decode_many(batch, [()] * len(batch))] == alone
    assert [same(decoder.decode(value)) for value in batch] == alone


@given(payloads)
def test_a_payload_after_a_payload_is_decoded_like_the_first(payload):
    decoder = Decoder()
    decoder.decode(b'{"call_type": "acompletion", "startTime": 1795003280.5}')
    assert same(decoder.decode(json.dumps(payload).encode())) == same(decode(payload))


@given(natives)
def test_an_event_in_a_batch_is_decoded_like_the_event_alone(event):
    value = json.dumps(event).encode()
    (decoded,) = Decoder().decode_many([value], [()])
    assert same(decoded) == same(decode(value))


@pytest.mark.parametrize(
    "data",
    [
        '"x": 1e400',
        '"x": 1' + "0" * 400,
        '"genai_other": 1',
        '"x": "\\ud800"',
        '"x": "\\q"',
        '"x": 01',
        '"x": ' + "[" * 1023 + "]" * 1023,
        '"x": ' + "[" * 1024 + "]" * 1024,
    ],
    ids=lambda data: data[:20],
)
@pytest.mark.parametrize(
    "event",
    [
        '"model": "gpt-4o", "prompt_tokens": 1, "completion_tokens": 2',
        '"model": "gpt-4o", "prompt_tokens": 1, "call_type": "c", "startTime": 1795003280',
    ],
    ids=["native", "litellm"],
)
def test_what_is_not_needed_is_read_alike_in_every_way(event, data):
    value = f"{{{event}, {data}}}".encode()
    (decoded,) = Decoder().decode_many([value], [()])
    assert same(decoded) == same(decode(value))
    after = Decoder()
    after.decode(f'[{{{event}, "call_type": "c", "startTime": 1795003280}}]'.encode())
    assert same(after.decode(value)) == same(decode(value))


@pytest.mark.parametrize("is_compiled", [True, False], ids=["compiled", "python"])
def test_a_worker_reads_of_records_what_is_decoded(is_compiled, monkeypatch):
    if is_compiled and not compiled_reader.IS_COMPILED:
        pytest.skip("there is no compiled reader here")
    monkeypatch.setattr(compiled_reader, "IS_COMPILED", is_compiled)
    catalog = Catalog.load()
    for sample in SAMPLES:
        reader = reading.Reader(Classifier(catalog), sample.options)
        read = reader.read(0, 1, [batch_of([sample.value], headers=sample.headers)])
        decoded = decode(sample.value, sample.headers, sample.options)
        assert read.rows.prompt.tolist() == [each.prompt_tokens for each in decoded.events]
        assert len(read.rejected) == len(decoded.rejected)
        assert read.skipped == Counter(each.reason for each in decoded.skipped)


@every(
    [sample for sample in PLAIN if isinstance(DOCUMENTS.get(sample.name), dict | list)],
    name=by_name,
)
def test_a_cloud_event_around_it_changes_nothing_but_a_missing_time_and_id(sample):
    document = DOCUMENTS[sample.name]
    envelope = {"specversion": "1.0", "id": "1", "source": "/s", "time": "2026-11-19T00:00:00Z"}
    _is_wrapped(decode(sample.value), decode(envelope | {"data": document}), envelope)


@every(PLAIN, name=by_name)
def test_base64_in_a_cloud_event_is_read_like_the_bytes(sample):
    envelope = {"specversion": "1.0", "id": "1", "source": "/s", "time": "2026-11-19T00:00:00Z"}
    data = base64.b64encode(sample.value).decode()
    _is_wrapped(decode(sample.value), decode(envelope | {"data_base64": data}), envelope)


@every(PLAIN, name=by_name)
def test_headers_of_a_cloud_event_are_read_like_its_envelope(sample):
    envelope = {"specversion": "1.0", "id": "1", "source": "/s", "time": "2026-11-19T00:00:00Z"}
    headers = [(f"ce_{name}", value.encode()) for name, value in envelope.items()]
    _is_wrapped(decode(sample.value), decode(sample.value, headers), envelope)


def _is_wrapped(bare, wrapped, envelope):
    several = len(bare.events) + len(bare.rejected) + len(bare.skipped) > 1
    for inside, outside in zip(bare.events, wrapped.events, strict=True):
        assert facts(outside) | {"ts": None, "id": None} == facts(inside) | {"ts": None, "id": None}
        assert outside.ts == (envelope["time"] if inside.ts is None else inside.ts)
        if inside.id is None:
            assert outside.id.startswith("/s/1/" if several else "/s/1")
        else:
            assert outside.id == inside.id
    assert same(wrapped)[2:] == same(bare)[2:]
    assert wrapped.format == bare.format


SECRET = "what-somebody-asked-9182736455"


@given(st.sampled_from(OBJECTS), st.data())
def test_a_detail_repeats_no_value(document, data):
    document = json.loads(json.dumps(document))
    places = list(_places(document))
    for _ in range(data.draw(st.integers(1, 3))):
        parent, key = data.draw(st.sampled_from(places))
        parent[key] = data.draw(st.sampled_from([SECRET, [SECRET], {SECRET: SECRET}, 9182736455]))
    value = json.dumps(document).encode()
    cut = data.draw(st.none() | st.integers(0, len(value)))
    for each in decode(value[:cut]).rejected:
        assert SECRET not in each.detail
        assert "9182736455" not in each.detail


def _places(node):
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        yield node, key
        if isinstance(value, dict | list):
            yield from _places(value)


@given(st.sampled_from(OBJECTS) | natives | payloads | answers, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(document, random):
    def shuffled(node):
        if isinstance(node, list):
            return [shuffled(each) for each in node]
        if not isinstance(node, dict):
            return node
        return {key: shuffled(node[key]) for key in random.sample(sorted(node), len(node))}

    # Kong's plugins are calls that come in the order of their keys.
    assert _unordered(decode(shuffled(document))) == _unordered(decode(document))


def _unordered(decoded):
    return (
        decoded.format,
        Counter(map(repr, map(facts, decoded.events))),
        Counter(each.reason for each in decoded.rejected),
        Counter(each.reason for each in decoded.skipped),
    )


@every(
    [
        sample
        for sample in PLAIN
        if sample.format in NAMES and isinstance(DOCUMENTS.get(sample.name), dict)
    ],
    name=by_name,
)
def test_a_pin_changes_nothing_for_its_own_format(sample):
    pinned = decode(sample.value, options=Options(format=sample.format))
    assert same(pinned) == same(decode(sample.value))
