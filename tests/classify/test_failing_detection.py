"""Whatever fails, a request counts and the log says it once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
import pytest
from odd import ENGLISH, NONCHARACTERS
from prompt_documents import (
    DETECTING,
    DOCUMENTS,
    NOW,
    OWN,
    Counted,
    answer,
    check,
    enveloped,
    own,
    payload,
    plain,
    raising,
)
from test_detect import needs_detectors

from streams.classify import enrichment
from streams.classify.language import opinion
from streams.classify.language.detect import detect
from streams.decode import decoded as outcomes
from streams.decode import decoder as read
from streams.decode.decoder import Decoder
from streams.decode.event import REASONS, UsageEvent
from streams.decode.formats import cloudevents, custom, litellm, native, otlp, provider
from streams.decode.formats.raw_usage import Found, judge
from streams.gateway.bridge.post import Reader as PostReader
from streams.settings import Settings


@needs_detectors
def test_where_the_second_detector_refuses_a_text_the_first_one_answers_alone(monkeypatch):
    import pycld2

    def refusing(*_, **__):
        raise pycld2.error("input contains invalid UTF-8")

    text = "please write a short letter to my teacher and thank her for the help"
    monkeypatch.setattr(pycld2, "detect", refusing)

    assert opinion.detectors().second(text, True) == opinion.Second("und", 0.0, sure=False)
    assert opinion.detectors().first(text)[0][0] == "en"
    assert detect(ENGLISH).language == "en"


@needs_detectors
def test_each_noncharacter_is_read_by_the_first_detector_alone():
    for odd in NONCHARACTERS:
        text = f"please write a short letter{odd}"
        assert opinion.detectors().first(text)[0][0] == "en"
        assert opinion.detectors().second(text, True).language in {"en", "und"}


FAILING = [
    "streams.classify.language.detect.detect_messages",
    "streams.classify.language.detect.detect",
    "streams.classify.language.opinion.detectors",
    "streams.classify.language.detect._quick",
    "streams.classify.language.detect.prose",
    "streams.classify.language.detect._of_letters",
    "pycld2.detect",
]
#: A text with signs of code, of whose language the first detector is not sure.
UNSURE = "fila del `make` mondo one"


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
    values = [orjson.dumps(payload(UNSURE))] * 4 + [orjson.dumps([payload(UNSURE)] * 3)]
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
        (read, "sorted_out"),
        (read, "completed"),
        (outcomes, "judge"),
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
