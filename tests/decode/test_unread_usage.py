"""What shows usage without a reader, and ordinary traffic that does not."""

from __future__ import annotations

import pytest

from streams.decode.unread_usage import MAX_DEPTH, MAX_VALUES, holds_usage


@pytest.mark.parametrize(
    "document",
    [
        {"modelName": "m", "stats": {"inputTokenCount": 4, "outputTokenCount": 2}},
        {"llm": {"model_id": "m"}, "tokens_used": "12"},
        {
            "attributes": [
                {"key": "vendor.model", "value": {"stringValue": "m"}},
                {"key": "vendor.tokens.prompt", "value": {"intValue": "7"}},
            ]
        },
    ],
)
def test_a_model_and_counts_show_usage(document):
    assert holds_usage(document)


@pytest.mark.parametrize(
    "document",
    [
        {"path": "/healthz", "status": 200},
        {"model": "m", "max_output_tokens": 100, "remaining_total_tokens": 9},
        {"model": "m", "text": "prompt_tokens: 12, total_tokens: 15"},
        {"model": "m", "messages": [{"content": {"prompt_tokens": 12}}]},
        {"model": "m", "prompt_tokens": 0, "stream": True},
        {"total_tokens": 12, "user": "a"},
        {"model": "m", "total_tokens": True},
        ["total_tokens", 12],
        None,
    ],
)
def test_ordinary_traffic_shows_none(document):
    assert not holds_usage(document)


def test_the_search_is_bounded():
    usage = {"model": "m", "total_tokens": 5}
    deep: object = usage
    for _ in range(MAX_DEPTH + 1):
        deep = {"a": deep}
    assert not holds_usage(deep)
    assert not holds_usage([*range(MAX_VALUES), usage])
