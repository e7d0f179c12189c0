"""A field that is nested nearly as deep as JSON is read makes no reader fail."""

from __future__ import annotations

import json

import orjson
import pytest
from every import every
from format_documents import DOCUMENTS, decode
from laws import apart

from streams.decode.contents import contents_of
from streams.decode.decoder import FAILED
from streams.decode.formats import cloudevents
from streams.decode.formats.raw_usage import is_same

#: The document around it may add some levels of the 1,024 that are read.
DEEP = "[" * 1_000 + "]" * 1_000
HOLE = "DEEP"
EVENT = {"model": "gpt-4o", "prompt_tokens": 1, "completion_tokens": 2}
CHANGE = {"source_metadata": {"change_type": "INSERT"}, "payload": EVENT}
#: Of the fields of samples, one in so many is tried.
APART = apart(7)


def nested(document):
    return json.dumps(document).replace(json.dumps(HOLE), DEEP).encode()


def span(**texts):
    given = [
        {"key": key.replace("__", "."), "value": {"stringValue": text}}
        for key, text in {"gen_ai__usage__output_tokens": "5", **texts}.items()
    ]
    one = {"traceId": "0" * 31 + "1", "spanId": "0" * 15 + "1", "attributes": given}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [one]}]}]}


def langfuse(**counts):
    created = {"id": "1", "type": "generation-create", "timestamp": "2026-11-18T12:01:20Z"}
    body = {"id": "x", "model": "gpt-4o", "usageDetails": counts}
    return {"batch": [created | {"body": body}]}


#: What readers look at as a text, or compare with another field of the record.
FIELDS = {
    "how Datastream has read a row": CHANGE | {"read_method": HOLE},
    "the type of the data of a CloudEvent": {
        "specversion": "1.0",
        "datacontenttype": HOLE,
        "data": EVENT,
    },
    "counts and total of Langfuse": langfuse(input=HOLE, output=3, total=HOLE, cacheRead=1),
    "output of Langfuse on a span": span(
        gen_ai__request__model="gpt-4o",
        gen_ai__usage__input_tokens="1",
        gen_ai__usage__output_tokens=HOLE,
        gen_ai__usage__total_tokens="6",
        langfuse__observation__usage_details={"input": 1, "output": HOLE},
    ),
    "input of the AI SDK on Anthropic": span(
        gen_ai__request__model="claude-sonnet-4",
        gen_ai__usage__input_tokens=HOLE,
        gen_ai__usage__cache_read__input_tokens="1",
        ai__response__providerMetadata={"anthropic": {"usage": {"input_tokens": HOLE}}},
    ),
    "model and alias of LiteLLM": span(
        gen_ai__request__model=HOLE,
        gen_ai__response__model=HOLE,
        gen_ai__usage__input_tokens="1",
        litellm__provider__model="gpt-4o",
    ),
    "input and total of a span": span(
        gen_ai__request__model="gpt-4o",
        gen_ai__usage__input_tokens=HOLE,
        gen_ai__usage__total_tokens=HOLE,
        gen_ai__usage__cache_read__input_tokens="1",
    ),
}


@pytest.mark.parametrize("document", FIELDS.values(), ids=FIELDS)
def test_fields_that_are_read_or_compared_may_be_nested_deeply(document):
    decoded = decode(nested(document))

    assert decoded.events or decoded.rejected
    assert FAILED not in {each.detail for each in decoded.rejected}


@every(list(DOCUMENTS.items()), name=lambda each: each[0])
def test_any_field_of_a_sample_may_be_nested_deeply(name, document):
    document = json.loads(json.dumps(document))
    for parent, key in [*places(document)][len(name) % APART :: APART]:
        before, parent[key] = parent[key], HOLE
        decoded = decode(nested(document))
        parent[key] = before
        assert FAILED not in {each.detail for each in decoded.rejected}, key


def places(node):
    keys = [*node] if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        yield node, key
        yield from places(node[key])


@pytest.mark.parametrize("method", ["mysql-backfill", ["backfill"], HOLE, None])
def test_only_a_text_says_that_a_row_is_older_than_its_change(method):
    document = CHANGE | {"read_method": method, "source_timestamp": "2026-11-18T12:01:20Z"}
    (event,) = decode(nested(document)).events

    assert (event.ts is None) is (method == "mysql-backfill")


def test_an_array_is_equal_to_nothing():
    assert is_same(5, 5)
    assert is_same(None, None)
    assert not is_same("5", 5)
    deep, other = orjson.loads(nested(HOLE)), orjson.loads(nested(HOLE))
    assert not is_same(deep, other)
    assert not is_same(5, other)


@pytest.mark.parametrize("kind", ["application/protobuf", "Application/Protobuf", ["protobuf"]])
def test_commands_and_the_decoder_agree_on_what_holds_protobuf(kind):
    event = {"specversion": "1.0", "datacontenttype": kind, "data_base64": "CgA="}
    assert cloudevents.holds_protobuf(event) is isinstance(kind, str)
    (shown,) = contents_of(json.dumps(event).encode(), [], 10_000).packed.documents

    assert ("data_base64" in shown) is not isinstance(kind, str)
