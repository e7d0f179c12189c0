"""Prompts as gateways log them: which part decides."""

from __future__ import annotations

import json

import pytest
from detect_texts import CHINESE, PYTHON, THAI, UND

from streams.classify.language import prompt
from streams.classify.language.detect import (
    detect_messages,
)

USER = {"role": "user", "content": CHINESE}
SHAPES = {
    "text": CHINESE,
    "openai chat": [{"role": "system", "content": "Be brief."}, USER],
    "openai parts": [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "text", "text": CHINESE},
            ],
        }
    ],
    "openai responses text": {"model": "m", "input": CHINESE},
    "openai responses items": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": CHINESE}]},
        {"type": "function_call", "name": "find", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": THAI},
    ],
    "openai completions": {"prompt": [CHINESE]},
    "anthropic": {
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": CHINESE}]},
            {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "content": THAI}]},
        ],
    },
    "gemini": {"contents": [{"role": "user", "parts": [{"text": CHINESE}]}]},
    "gemini without role": {"contents": [{"parts": [{"text": CHINESE}]}]},
    "gemini tool": {
        "contents": [
            {"role": "user", "parts": [{"text": CHINESE}]},
            {"role": "user", "parts": [{"functionResponse": {"response": {"text": THAI}}}]},
        ]
    },
    "bedrock converse": [{"role": "user", "content": [{"text": CHINESE}]}],
    "bedrock titan": {"inputText": f"User: {CHINESE}\nBot: "},
    "text generation inference": {"inputs": CHINESE, "parameters": {"max_new_tokens": 20}},
    "cohere": {"message": CHINESE, "chat_history": []},
    "dify": {"inputs": {"tone": "polite"}, "query": CHINESE},
    "opentelemetry": [{"role": "user", "parts": [{"type": "text", "content": CHINESE}]}],
    "opentelemetry tool": [
        {"role": "user", "parts": [{"type": "text", "content": CHINESE}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "response": THAI}]},
    ],
    "one message": USER,
    "json": json.dumps([USER]),
    "json escaped": json.dumps({"messages": [USER]}, ensure_ascii=True),
    "json in a body": {"messages": json.dumps([USER])},
    "json of text": json.dumps(CHINESE),
}


@pytest.mark.parametrize("logged", SHAPES.values(), ids=SHAPES)
def test_each_shape_of_prompt_is_read(logged):
    assert detect_messages(logged).language == "zh-Hans"


def test_the_last_user_message_decides():
    messages = [
        {"role": "user", "content": THAI},
        {"role": "assistant", "content": "คำตอบ"},
        USER,
        {"role": "assistant", "content": "คำตอบ"},
    ]

    assert detect_messages(messages).language == "zh-Hans"


@pytest.mark.parametrize(
    "last", ["ok", PYTHON, "", [{"type": "image_url", "image_url": {"url": "x"}}], None]
)
def test_earlier_user_messages_decide_where_the_last_one_does_not(last):
    messages = [
        {"role": "user", "content": THAI},
        USER,
        {"role": "user", "content": last},
    ]

    assert detect_messages(messages).language == "zh-Hans"


@pytest.mark.parametrize(
    "logged",
    [
        [{"role": "system", "content": THAI}, {"role": "user", "content": "ok"}],
        [{"role": "developer", "content": THAI}],
        {"instructions": THAI, "input": "ok"},
        {"system": THAI, "messages": [{"role": "user", "content": "1"}]},
        {
            "systemInstruction": {"parts": [{"text": THAI}]},
            "contents": [{"parts": [{"text": "1"}]}],
        },
        [{"role": "system", "content": THAI}, *[{"role": "assistant", "content": "x"}] * 500],
    ],
)
def test_the_system_prompt_decides_without_a_user(logged):
    assert detect_messages(logged).language == "th"


@pytest.mark.parametrize(
    "logged",
    [
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
        [{"role": "assistant", "content": THAI}],
        [{"role": "tool", "content": THAI}],
        [[1, 2, 3]],
        {"prompt": [1, 2, 3]},
        {"model": "m"},
        [],
        {},
        None,
        7,
        3.5,
        True,
        b"bytes",
        [{"role": ["user"], "type": {}, "content": {"text": 3}}],
        "redacted-by-litellm",
        "[REDACTED]",
        '{"messages": "redacted"}',
        "[" * 100_000,
        '{"a":' * 2,
    ],
    ids=lambda logged: repr(logged)[:30],
)
def test_prompts_without_text_of_users_are_undetermined(logged):
    assert detect_messages(logged) == UND


def test_json_that_breaks_off_is_read_up_to_the_break():
    whole = json.dumps({"messages": [USER, {"role": "user", "content": "1 " * 50}]})
    start = whole.index("1 1")

    assert {detect_messages(whole[:end]).language for end in range(start, len(whole))} == {
        "zh-Hans"
    }


def test_long_json_is_read_at_its_beginning():
    messages = [USER, *[{"role": "assistant", "content": "x" * 500}] * 1000]

    assert detect_messages(json.dumps(messages)).language == "zh-Hans"


def test_a_prompt_that_only_begins_like_json_is_text():
    assert detect_messages(f"[{CHINESE}").language == "zh-Hans"
    assert detect_messages(f'"{CHINESE}" 是什么意思').language == "zh-Hans"


def test_only_the_latest_messages_are_read():
    endless = [{"role": "user", "content": "ok"}] * prompt.MAX_TEXTS
    assert detect_messages([USER, *endless]) == UND
    assert len(prompt.texts([USER] * 10_000)) <= prompt.MAX_MESSAGES + prompt.FIRST_MESSAGES


def test_structures_that_contain_themselves_end():
    messages: list[object] = []
    messages.append({"role": "user", "content": messages})
    body: dict[str, object] = {}
    body["messages"] = body

    assert detect_messages(messages) == UND
    assert detect_messages(body) == UND


@pytest.mark.parametrize(
    "logged",
    [
        *SHAPES.values(),
        [USER, {"role": "user", "content": "x" * 1000}],
        [USER, {"role": "user", "content": ""}],
        [USER, {"role": "user", "content": "redacted-by-litellm"}],
        [USER, {"role": "user", "content": "b", "type": "tool_result"}],
        [USER, {"role": "assistant", "content": "b"}],
        [{"content": "b"}],
        ["b"],
        [],
    ],
)
def test_the_last_text_is_the_first_that_is_read(logged):
    content = prompt.last_content(logged)
    last = None if content is None else prompt.only_text(content)

    assert last is None or [last] == prompt.read(logged, 1).users
