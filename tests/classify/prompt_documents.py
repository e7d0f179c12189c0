"""Documents of each format, with a prompt in them."""

from __future__ import annotations

import json

import pytest
from odd import ENGLISH, NONCHARACTERS

from streams.classify import enrichment
from streams.classify.language.tags import canonical
from streams.decode.options import Options, language_of

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
