"""What is looked up for a request never costs its tokens."""

from __future__ import annotations

import base64
import json
import sys
from itertools import product

import orjson
import pytest
from every import every
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import apart, examples
from odd import ENGLISH, NONCHARACTERS, ODD, PLACES, SURROGATES, texts
from prompt_documents import (
    DETECTING,
    DOCUMENTS,
    NOW,
    OWN,
    Counted,
    answer,
    check,
    langfuse,
    messages,
    own,
    payload,
    plain,
    raising,
    spans,
)
from test_batch_fetch import batch_of
from test_detect import needs_detectors

from streams.classify import classifier as classify
from streams.classify.classifier import Classifier
from streams.classify.language.detect import detect, detect_messages
from streams.classify.language.tags import canonical, display_name
from streams.classify.origin import name as naming
from streams.classify.origin.catalog import Catalog
from streams.classify.tenant import hashed, marked
from streams.decode.decoder import Decoder
from streams.decode.event import event_time
from streams.decode.formats.raw_usage import Found, judge
from streams.decode.reader import Reader
from streams.gateway.bridge.post import Reader as PostReader
from streams.settings import Settings

CATALOG = Catalog.load()


def values_of(document):
    """The ways JSON writes a document; the first two are UTF-8, the last has escapes."""
    text = json.dumps(document, ensure_ascii=False)
    ways = [json.dumps(document).encode()]
    try:
        ways.append(text.encode())
    except UnicodeEncodeError:
        return ways
    return [*ways, orjson.dumps([document])]


@needs_detectors
@pytest.mark.parametrize("place", PLACES)
def test_the_language_of_a_text_is_detected_whatever_characters_are_in_it(place):
    for odd in ODD + SURROGATES:
        found = detect(PLACES[place](odd))
        assert canonical(found.language) == found.language
        assert detect_messages(messages(PLACES[place](odd))).language in {found.language, "en"}
        if odd in NONCHARACTERS:
            assert found.language in ({"und"} if place.startswith("alone") else {"en", "und"})


@needs_detectors
@pytest.mark.parametrize("place", ["at the end", "at the beginning", "inside words", "repeated"])
def test_a_noncharacter_leaves_a_prompt_its_language(place):
    found = {odd: detect(PLACES[place](odd)).language for odd in NONCHARACTERS}

    assert set(found.values()) == {"en"}


@needs_detectors
@every(list(enumerate(product(DOCUMENTS, PLACES))), name=lambda case: str(case[1]))
def test_a_request_counts_whatever_characters_are_in_its_prompt(number, case):
    document, place = case
    options = OWN if document is own else DETECTING
    for odd in (ODD + SURROGATES)[number % apart() :: apart()]:
        for value in values_of(document(PLACES[place](odd))):
            check(Decoder(options).decode(value), odd, has_prompt=DOCUMENTS[document])


@needs_detectors
@pytest.mark.parametrize("place", PLACES)
def test_payloads_of_litellm_count_on_the_fast_way_as_well(place):
    decoder = Decoder(DETECTING)
    decoder.decode(orjson.dumps(payload("hello")))
    for odd in ODD + SURROGATES:
        text = PLACES[place](odd)
        general = Decoder(DETECTING).decode(json.dumps(payload(text)).encode())
        for value in values_of(payload(text)):
            decoded = decoder.decode(value)
            assert decoder._is_litellm
            check(decoded, odd)
            assert decoded.events == general.events


@needs_detectors
@pytest.mark.parametrize("place", PLACES)
def test_spans_of_protobuf_count(place):
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    for odd in ODD:
        request = ExportTraceServiceRequest()
        document = spans(PLACES[place](odd))
        # Ids are hex in OTLP's JSON, and base64 in protobuf's own.
        for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
            for name in ("traceId", "spanId"):
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
        value = ParseDict(document, request).SerializeToString()
        headers = [("content-type", b"application/x-protobuf")]
        check(Decoder(DETECTING).decode(value, headers), odd)


@needs_detectors
def test_a_batch_of_records_counts_each_of_them():
    documents = [
        each(place(odd))
        for each in (payload, spans, langfuse, answer, plain, payload)
        for place in PLACES.values()
        for odd in NONCHARACTERS
    ]
    values = [json.dumps(each).encode() for each in documents]
    reading = Reader(Classifier(CATALOG), DETECTING).read(
        0, len(values), [batch_of(values[at : at + 50], at) for at in range(0, len(values), 50)]
    )

    assert not reading.rejected
    assert len(reading.rows) == len(values)
    assert set(reading.rows.prompt.tolist()) == {10}
    assert set(reading.rows.completion.tolist()) == {5}


@needs_detectors
def test_a_post_counts_whatever_characters_are_in_its_prompt():
    reader = PostReader(Settings(_env_file=None))
    for place in PLACES.values():
        for odd in NONCHARACTERS:
            for document in (payload, payload, spans, langfuse):
                body = orjson.dumps(document(place(odd)))
                posted = reader.read(body, (), NOW, signal="traces" if document is spans else "")
                assert not posted.rejected
                [record] = posted.records
                assert orjson.loads(record.value)["prompt_tokens"] == 10
                assert odd.encode() not in record.value


@settings(max_examples=examples(300))
@given(texts)
def test_no_text_and_no_messages_raise(text):
    found = detect(text)
    assert canonical(found.language) == found.language
    for logged in (messages(text), {"prompt": text}, json.dumps(messages(text)), [text], (text,)):
        detect_messages(logged)


def deep(inner, depth=5_000):
    for _ in range(depth):
        inner = [inner] if depth % 2 else {"content": inner, "messages": inner, "role": inner}
    return inner


@pytest.mark.parametrize(
    "logged",
    [
        *(None, True, 0, -1, 2**70, 10**5_000, 1.5, float("nan"), float("inf"), b"text", object()),
        *([], {}, [[]], [None], {"role": None}, {"role": [], "content": {}}, {1: 2, None: [3]}),
        *(deep("x", 5_001), deep("x", 5_000), "[" * 100_000, '{"messages":' * 50_000, '"' * 99_999),
        *("x" * 5_000_000, "\ud800" * 1_000_000, ["x"] * 1_000_000, "\U0001fffe" * 1_000_000),
        *({"messages": messages}, {"type": {}, "text": "x"}, [{"content": [[[]]]}], {1, 2}),
    ],
    ids=lambda logged: str(type(logged).__name__),
)
def test_no_value_raises(logged):
    assert detect_messages(logged).language in {"und", "en"}


def test_no_value_raises_close_to_the_limit_of_the_stack():
    def at_depth(depth):
        return check_all() if depth == 0 else at_depth(depth - 1)

    def check_all():
        decoder = Decoder(DETECTING)
        for document in (payload, spans, langfuse, plain):
            decoded = decoder.decode(orjson.dumps(document(ENGLISH)))
            assert len(decoded.events) + len(decoded.rejected) == 1

    reached = 0
    with Counted():
        for depth in range(50, sys.getrecursionlimit(), 7):
            try:
                at_depth(depth)
            except RecursionError:
                # The call of `decode` itself is one too many.
                break
            reached = depth
    assert reached > 200


@given(texts)
def test_any_tenant_is_hashed(tenant):
    assert len(hashed(tenant, b"salt")) == 16
    assert hashed(marked(tenant, b"salt"), b"other") == hashed(tenant, b"salt")


@given(texts | texts.map(lambda text: "en-" + text) | texts.map(lambda text: text + ",en;q=0.9"))
def test_any_declared_language_has_a_tag_and_a_name(declared):
    tag = canonical(declared)
    assert tag.isascii()
    assert canonical(tag) == tag
    assert display_name(tag)
    display_name(declared)


@given(texts | texts.map(lambda text: "openrouter/" + text) | texts.map(lambda text: "qwen" + text))
def test_any_model_is_classified_under_a_name_that_can_be_written(model):
    found = CATALOG.classify(model)
    assert 0 < len(found.model) <= naming.SHOWN_CHARACTERS
    found.model.encode()
    # A window's picture classifies the name that was counted.
    CATALOG.classify(found.model)


@given(texts | st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?([+-]\d\d:\d\d|Z)?"))
def test_any_time_is_read_or_none(ts):
    at = event_time(ts, None)
    assert at is None or at >= 946_684_800.0


def judge_time(number):
    return judge(Found("m", 1, 2, ts=number)).ts


@given(st.floats() | st.integers(-(10**400), 10**400).map(judge_time))
def test_any_number_is_a_time_or_none(ts):
    at = event_time(ts, None)
    assert at is None or 946_684_800.0 <= at < 1e12


@pytest.mark.parametrize(
    "ts",
    [
        *("0001-01-01T00:00:00+23:59", "0001-01-01T00:00:00", "1999-12-31T23:59:59Z"),
        *("0000-00-00", "10000-01-01", "2026-W54-1", "2026-02-30", "\ud800", "٢٠٢٦-٠١-٠١"),
        *(float("inf"), float("-inf"), float("nan"), 1e308, -1e308, 5e-324),
    ],
)
def test_a_time_beyond_the_calendar_is_none(ts):
    assert event_time(ts, None) is None


names = st.none() | texts


@settings(max_examples=examples(100))
@given(st.lists(st.tuples(texts, names, names, names), min_size=1, max_size=5), st.booleans())
def test_events_of_any_names_are_counted_as_rows(named, ascii_only):
    documents = [
        {"model": "m" + model, "prompt_tokens": 3, "completion_tokens": 4, "ts": NOW - 1}
        | {"language": language, "tenant": tenant, "id": id_}
        for model, language, tenant, id_ in named
    ]
    documents += [
        payload(model) | {"model": "m" + model, "user": tenant} for model, _, tenant, _ in named
    ]
    values = [
        json.dumps(each, ensure_ascii=ascii_only).encode(errors="surrogatepass")
        for each in documents
    ]
    reader = Reader(Classifier(CATALOG, "salt"), DETECTING, with_ids=True)
    reading = reader.read(0, len(values), [batch_of(values)])

    # Half a pair of surrogates in bytes is no UTF-8.
    assert {why.reason for _, why in reading.rejected} <= {"not_utf8"}
    assert len(reading.rows) + len(reading.rejected) == len(values)
    assert ascii_only <= (not reading.rejected)


@settings(max_examples=examples(100))
@given(texts, names, names)
def test_any_names_have_numbers(model, language, tenant):
    classifier = Classifier(CATALOG, "salt")
    pair = int(classifier.pairs([(model, language)])[0])
    tables = classifier.keys.pairs()
    for each in (classifier.keys.cells, classifier.keys.models, classifier.keys.languages):
        for name in each.names:
            name.encode()
    assert tables.cell[pair] == 0
    assert int(classifier.tenants([tenant])[0]) == (0 if tenant else -1)


def test_a_catalogue_that_fails_counts_a_model_as_unknown(monkeypatch):
    classifier = Classifier(CATALOG.overridden_by(CATALOG.overrides))
    monkeypatch.setattr(Catalog, "_decide", raising)
    with Counted("origin") as counted:
        numbers = classifier.pairs([("gpt-4o", "en"), ("gpt-4o", "en"), ("gpt-4o", "de")])
    assert numbers.tolist() == [0, 0, 1]
    assert classifier.keys.origins.names == ["unknown"]
    assert classifier.keys.languages.names == ["en", "de"]
    assert classifier.keys.cells.names == ["unknown/en/(unreadable)", "unknown/de/(unreadable)"]
    # The answer is kept, as any other.
    assert counted.count == 1


def test_a_tag_or_a_tenant_that_fails_is_counted_as_none(monkeypatch):
    classifier = Classifier(CATALOG)
    monkeypatch.setattr(classify, "canonical", raising)
    with Counted("language") as counted:
        classifier.pairs([("gpt-4o", "en")])
    assert counted.count == 1
    assert classifier.keys.languages.names == ["und"]

    monkeypatch.setattr(classify, "hashed", raising)
    with Counted("tenant") as counted:
        assert classifier.tenants(["team-7", None]).tolist() == [-1, -1]
    assert counted.count == 1
