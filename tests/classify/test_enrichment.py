"""What only adds to a request, above all the language of its prompt, never takes its count away."""

from __future__ import annotations

import base64
import json
import sys
from collections import Counter
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laws import examples
from odd import ENGLISH, NONCHARACTERS, ODD, PLACES, SURROGATES, texts
from test_batch_fetch import batch_of
from test_detect import needs_detectors

from streams.classify import classifier as classify
from streams.classify import enrichment
from streams.classify.classifier import Classifier
from streams.classify.language import opinion
from streams.classify.language.detect import detect, detect_messages
from streams.classify.language.tags import canonical, display_name
from streams.classify.origin import name as naming
from streams.classify.origin.catalog import Catalog
from streams.classify.tenant import hashed, marked
from streams.decode import decoder as read
from streams.decode.decoder import Decoder
from streams.decode.event import REASONS, UsageEvent, event_time
from streams.decode.formats import cloudevents, custom, litellm, native, otlp, provider
from streams.decode.formats.raw_usage import Found, judge
from streams.decode.options import Options, language_of
from streams.decode.reader import Reader
from streams.gateway.bridge.post import Reader as PostReader
from streams.settings import Settings

CATALOG = Catalog.load()
NOW = 1_800_000_000.0
DETECTING = Options(detect=language_of)


@pytest.fixture(autouse=True)
def _nothing_fails():
    """No test of this file may count a failure but those that say so."""
    before = enrichment.failures()
    yield
    assert enrichment.failures() == before


class Counted:
    """How often a kind fails within a block; what was counted there is taken back."""

    def __init__(self, kind="language"):
        self.kind = kind

    def __enter__(self):
        self._before = dict(enrichment._failures)
        return self

    def __exit__(self, *_):
        self.count = enrichment._failures[self.kind] - self._before.get(self.kind, 0)
        enrichment._failures.clear()
        enrichment._failures.update(self._before)


def raising(*_, **__):
    raise RuntimeError("text of a prompt")


# --- documents with a prompt


def messages(text):
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]


def payload(text):
    return {
        "id": "call-1",
        "call_type": "acompletion",
        "startTime": NOW - 60,
        "model": "deepseek-chat",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "messages": messages(text),
    }


def spans(text):
    attributes = {
        "gen_ai.operation.name": {"stringValue": "chat"},
        "gen_ai.response.model": {"stringValue": "deepseek-chat"},
        "gen_ai.usage.input_tokens": {"intValue": "10"},
        "gen_ai.usage.output_tokens": {"intValue": "5"},
        "gen_ai.input.messages": {"stringValue": json.dumps(messages(text))},
    }
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "startTimeUnixNano": str(int((NOW - 60) * 1e9)),
        "attributes": [{"key": key, "value": value} for key, value in attributes.items()],
    }
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


def langfuse(text):
    body = {
        "id": "gen-1",
        "startTime": "2026-11-18T12:01:20.500Z",
        "model": "deepseek-chat",
        "input": messages(text),
        "usage": {"input": 10, "output": 5, "unit": "TOKENS"},
    }
    event = {"id": "e2", "timestamp": "2026-11-18T12:01:20.600Z", "type": "generation-create"}
    return {"batch": [event | {"body": body}], "metadata": {"sdk_name": "python"}}


def kong(text):
    plugin = {
        "meta": {"provider_name": "openai", "response_model": "deepseek-chat"},
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        "payload": {"request": json.dumps({"model": "x", "messages": messages(text)})},
    }
    return {
        "started_at": 1795003280500,
        "latencies": {"request": 1800},
        "ai": {"ai-proxy": plugin},
    }


def apisix(text):
    return {
        "route_id": "1",
        "apisix_latency": 2,
        "start_time": 1795003280500.0,
        "request": {"uri": "/v1/chat/completions"},
        "llm_summary": {"model": "deepseek-chat", "prompt_tokens": 10, "completion_tokens": 5},
        "llm_request": {"messages": messages(text)},
    }


def higress(text):
    log = {"model": "deepseek-chat", "input_token": 10, "output_token": 5, "question": text}
    return {"start_time": "2026-11-18 12:01:20", "ai_log": json.dumps(log)}


def bedrock(text):
    body = {"messages": [{"role": "user", "content": [{"text": text}]}]}
    return {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": "2026-11-18T12:01:20Z",
        "requestId": "a1b2",
        "operation": "Converse",
        "modelId": "deepseek-chat",
        "input": {"inputBodyJson": body, "inputTokenCount": 10},
        "output": {"outputBodyJson": {}, "outputTokenCount": 5},
    }


def answer(text):
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "deepseek-chat",
        "choices": [{"message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def plain(text):
    return {
        "model": "deepseek-chat",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "messages": messages(text),
    }


def enveloped(text):
    return {"specversion": "1.0", "id": "1", "source": "/gateway", "data": payload(text)}


def enveloped_text(text):
    return enveloped(text) | {"data": json.dumps(kong(text))}


def shipped(text):
    return {"@timestamp": "2026-11-18T12:01:20Z", "message": json.dumps(payload(text))}


def spend_log(text):
    document = payload(text) | {"messages": text, "metadata": json.dumps({"note": text})}
    return document | {"request_id": document.pop("id")}


def own(text):
    return {"llm": {"name": "deepseek-chat", "in": 10, "out": 5}, "asked": text}


OWN = Options(
    paths={
        "model": "llm.name",
        "prompt_tokens": "llm.in",
        "completion_tokens": "llm.out",
        "text": "asked",
    },
    detect=language_of,
)
#: Document -> whether it holds a prompt, of which the language is read.
DOCUMENTS = {
    payload: True,
    spans: True,
    langfuse: True,
    kong: True,
    apisix: True,
    higress: True,
    bedrock: True,
    enveloped: True,
    enveloped_text: True,
    shipped: True,
    spend_log: True,
    own: True,
    answer: False,
    plain: False,
}


def values_of(document):
    """The ways JSON writes a document; the first two are UTF-8, the last has escapes."""
    text = json.dumps(document, ensure_ascii=False)
    ways = [json.dumps(document).encode()]
    try:
        ways.append(text.encode())
    except UnicodeEncodeError:
        return ways
    return [*ways, orjson.dumps([document])]


def check(decoded, odd=ENGLISH, *, has_prompt=True):
    """See that the request counts, and that its language is one that there is.

    No noncharacter makes it another language.
    """
    [event] = decoded.events
    assert not decoded.rejected
    assert not decoded.skipped
    assert (event.model, event.prompt_tokens, event.completion_tokens) == ("deepseek-chat", 10, 5)
    if not has_prompt:
        assert event.language is None
    elif odd in NONCHARACTERS:
        assert event.language in {"en", "und"}
    else:
        assert canonical(event.language) == event.language


# --- odd characters in prompts


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
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: each.__name__)
@pytest.mark.parametrize("place", PLACES)
def test_a_request_counts_whatever_characters_are_in_its_prompt(document, place):
    options = OWN if document is own else DETECTING
    for odd in ODD + SURROGATES:
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


# --- the second detector


@needs_detectors
def test_where_the_second_detector_refuses_a_text_the_first_one_answers_alone(monkeypatch):
    import pycld2

    def refusing(*_, **__):
        raise pycld2.error("input contains invalid UTF-8")

    text = "please write a short letter to my teacher and thank her for the help"
    both = opinion.opinion(text)
    monkeypatch.setattr(pycld2, "detect", refusing)
    alone = opinion.opinion(text)

    assert alone == opinion.Opinion(both.ranked, "und", 0.0, sure=False)
    assert detect(ENGLISH).language == "en"


@needs_detectors
def test_each_noncharacter_is_read_by_the_first_detector_alone():
    for odd in NONCHARACTERS:
        assert opinion.opinion(f"please write a short letter{odd}").ranked[0][0] == "en"


# --- whatever fails


FAILING = [
    "streams.classify.language.detect.detect_messages",
    "streams.classify.language.detect.detect",
    "streams.classify.language.opinion.opinion",
    "streams.classify.language.prose.prose",
    "streams.classify.language.script.written",
    "pycld2.detect",
]


@needs_detectors
@pytest.mark.parametrize("document", [each for each, asked in DOCUMENTS.items() if asked])
@pytest.mark.parametrize("error", [RuntimeError, RecursionError, MemoryError, UnicodeError])
def test_a_detector_that_fails_leaves_the_tokens(document, error, monkeypatch, caplog):
    def failing(*_, **__):
        raise error("text of a prompt")

    monkeypatch.setattr("streams.classify.language.detect.detect_messages", failing)
    decoder = Decoder(OWN if document is own else DETECTING)
    for _ in range(3):
        with Counted() as counted:
            decoded = decoder.decode(orjson.dumps(document(ENGLISH)))
        check(decoded)
        assert decoded.events[0].language == "und"
        assert counted.count == 1
    assert "text of a prompt" not in caplog.text


@needs_detectors
@pytest.mark.parametrize("name", FAILING)
def test_wherever_detection_fails_each_way_counts(name, monkeypatch):
    monkeypatch.setattr(name, raising)
    if name.endswith("prose"):
        monkeypatch.setattr("streams.classify.language.detect.prose", raising)
    values = [orjson.dumps(payload(ENGLISH))] * 4 + [orjson.dumps([payload(ENGLISH)] * 3)]
    with Counted() as counted:
        decoded = Decoder(DETECTING).decode_many(values, [()] * 5)
        posted = PostReader(Settings(_env_file=None)).read(values[4], (), NOW)
    assert [len(each.events) for each in decoded] == [1, 1, 1, 1, 3]
    assert {event.language for each in decoded for event in each.events} == {"und"}
    assert posted.events == 3
    assert counted.count == 10


def test_a_detector_of_ones_own_that_fails_leaves_the_tokens():
    with Counted() as counted:
        event = judge(Found("m", 1, 2, text="hello"), raising)
    assert event == UsageEvent("m", 1, 2, language="und")
    assert counted.count == 1


def test_the_log_says_once_that_something_fails_and_not_on_what(caplog, monkeypatch):
    monkeypatch.setattr(enrichment, "_failures", Counter())
    with Counted():
        for _ in range(3):
            assert enrichment.attempt("language", raising, "text", otherwise="und") == "und"
            enrichment.attempt("tenant", raising, "text", otherwise=None)

    assert [record.getMessage() for record in caplog.records] == [
        f"looking up the {kind} of a request failed: RuntimeError; such requests count without it"
        for kind in ("language", "tenant")
    ]


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (read, "_sorted"),
        (read, "completed"),
        (read, "judge"),
        (read, "format_of"),
        (read, "_has_too_many_values"),
        (read, "_is_protobuf"),
        (cloudevents, "from_headers"),
        (cloudevents, "is_envelope"),
        (cloudevents, "data_of"),
        (cloudevents, "envelope_of"),
        (litellm, "is_litellm"),
        (litellm, "read"),
        (otlp, "read_protobuf"),
        (custom.Mapped, "matches"),
        (custom.Mapped, "read"),
        (native, "readable"),
        (native, "nameless"),
        (native, "decode"),
        (provider, "read"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.__name__.rpartition(".")[2],
)
@pytest.mark.parametrize("error", [RuntimeError, KeyError, RecursionError, UnicodeError])
def test_whatever_fails_within_a_decoder_ends_as_a_rejection(place, name, error, monkeypatch):
    def failing(*_, **__):
        raise error("text of a prompt")

    documents = [payload(ENGLISH), payload(ENGLISH), enveloped(ENGLISH), answer(""), plain("")]
    values = [orjson.dumps(each) for each in documents]
    values += [orjson.dumps([payload(ENGLISH), plain("")]), b"\n\x01", None, b"", b"{"]
    headers: list[Any] = [()] * len(values)
    headers[4] = [("ce_specversion", b"1.0"), ("ce_id", b"1"), ("content-type", b"text/json")]
    headers[6] = [("content-type", b"application/x-protobuf")]
    for options in (DETECTING, OWN):
        decoders = [Decoder(options), Decoder(options)]
        decoders[0].decode(values[0])
        with monkeypatch.context() as patch:
            patch.setattr(place, name, failing)
            for decoder in decoders:
                for decoded in (
                    *map(decoder.decode, values, headers),
                    *decoder.decode_many(values, headers),
                ):
                    if isinstance(decoded, UsageEvent):
                        continue
                    assert decoded.events or decoded.rejected or decoded.skipped
                    for each in decoded.rejected:
                        assert each.reason in REASONS
                        assert "text of a prompt" not in each.detail


# --- the other things that are looked up for a request


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
    tables = classifier.tables()
    for each in (classifier.cell_names, classifier.model_names, classifier.language_names):
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
    assert classifier.origin_names.names == ["unknown"]
    assert classifier.language_names.names == ["en", "de"]
    assert classifier.cell_names.names == ["unknown/en/(unreadable)", "unknown/de/(unreadable)"]
    # The answer is kept, as any other.
    assert counted.count == 1


def test_a_tag_or_a_tenant_that_fails_is_counted_as_none(monkeypatch):
    classifier = Classifier(CATALOG)
    monkeypatch.setattr(classify, "canonical", raising)
    with Counted("language") as counted:
        classifier.pairs([("gpt-4o", "en")])
    assert counted.count == 1
    assert classifier.language_names.names == ["und"]

    monkeypatch.setattr(classify, "hashed", raising)
    with Counted("tenant") as counted:
        assert classifier.tenants(["team-7", None]).tolist() == [-1, -1]
    assert counted.count == 1
