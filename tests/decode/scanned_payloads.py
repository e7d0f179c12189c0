"""Payloads of LiteLLM, sound ones and odd ones, for what the two readers make of them."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from scanned_values import (
    anything,
    count,
    field,
    number,
    places,
    price,
    providers,
    some_fields,
    spelt,
    text,
    time,
)

from streams.decode.formats import provider_details
from streams.decode.formats.markers import BEFORE_NATIVE

PAYLOAD: dict[str, Any] = {
    "id": "chatcmpl-1",
    "call_type": "acompletion",
    "startTime": 1763900000.1234567,
    "prompt_tokens": 812,
    "completion_tokens": 64,
    "model": "prod-1",
    "model_group": "smart",
    "status": "success",
    "custom_llm_provider": "openai",
    "api_base": "https://llm.example:8443/v1",
    "metadata": {
        "user_api_key_team_id": "red",
        "requester_metadata": {"language": "zh"},
        "usage_object": {
            "prompt_tokens_details": {"cached_tokens": 640, "audio_tokens": None},
            "completion_tokens_details": None,
        },
    },
    "hidden_params": {"response_cost": 1.2e-06},
    "response": {"model": "qwen3-32b", "choices": [{"message": {"content": "你好 \\ \U0001f600"}}]},
    "cost_breakdown": {"total_cost": 1.2e-06},
    "response_cost": 1.2e-06,
}
#: A payload that needs no Python, without anything besides its counts.
SOUND = {
    "call_type": "acompletion",
    "startTime": 1763900000.5,
    "prompt_tokens": 9,
    "completion_tokens": 3,
    "model": "gpt-4o",
}


def maybe(**fields):
    """An object with some of these fields, and with others."""
    return st.fixed_dictionaries({}, optional={**fields, "more": anything, "wörter": text})


#: Of Bedrock's ARNs the first one names no model.
ARNS = (
    "bedrock/arn:aws:bedrock:us-east-1:1:application-inference-profile/a",
    "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0",
)
CALLS = ("acompletion", "aembedding", "call_mcp_tool", "aretrieve_batch", "acreate_batch", "", None)
#: Models of clouds, with a region in the name or with what is nearly one.
REGIONAL = (
    *(
        "bedrock/eu-central-1/anthropic.claude",
        "us-gov-west-1",
        "bedrock/us-east-1:x",
        "eu-west-123",
    ),
    *(
        "x/eu-a-b-c-1",
        "x/eu-a-b-c-d-1",
        "xeu-west-1/a",
        "eu-west-1a",
        "a/EU-west-1",
        "a:eu-west-12/",
    ),
    *("eu--1", "eu-1", "eu-west-", "eu", "", "gpt-4", "o1-mini-2", "a/eu-west-1-b/us-east-2"),
)
name = st.none() | text | anything | st.sampled_from((*ARNS, *REGIONAL))

#: What a usage object may say, by every name that is known.
part_count = st.sampled_from((0, 1, 2, 0, 1, None, 3, 9, 2.0, 0.0, "2", "", -1, True, [1], {}))
CACHED_INSIDE = provider_details.CACHED_INSIDE
REASONING_INSIDE = provider_details.REASONING_INSIDE
INSIDE = (*CACHED_INSIDE, *REASONING_INSIDE, "audio_tokens", "text_tokens")
HOLDERS = (*provider_details.INPUTS, *provider_details.OUTPUTS)
BESIDE = (*provider_details.CACHED, *provider_details.REASONING)


def some_of(names, value, size):
    """An object with few of many names."""
    return st.dictionaries(st.sampled_from(names), value, max_size=size)


def maybe_only(**fields):
    """An object with some of these fields, and with no others."""
    return st.fixed_dictionaries({}, optional=fields)


inputs = st.fixed_dictionaries(
    {}, optional={"cached_tokens": part_count, "audio_tokens": st.none()}
)
outputs = st.fixed_dictionaries({}, optional={"reasoning_tokens": part_count, "ü": st.just(1)})
usages = st.builds(
    lambda *parts: {name: value for each in parts for name, value in each.items()},
    st.fixed_dictionaries(
        {},
        optional={
            "prompt_tokens": st.integers(0, 9),
            "prompt_tokens_details": inputs | st.none(),
            "completion_tokens_details": outputs | st.none(),
            "cache_read_input_tokens": part_count,
            "prompt_cache_hit_tokens": part_count,
        },
    ),
    st.just({})
    | some_of(HOLDERS, some_of(INSIDE, part_count, 3) | anything, 2)
    | some_of((*BESIDE, *INSIDE), part_count, 2)
    | some_of(
        ("iterations", "input_tokens_details"),
        st.lists(some_of(("cache_read_input_tokens", "x"), part_count, 2) | anything, max_size=2),
        1,
    ),
)
#: A zero is judged by what lies beside it.
zero_or_price = st.sampled_from((0, 0.0, 0.0, None, "0", 1e-12, 0.25, 1.5e-05)) | price
diagnosis = st.sampled_from((None, None, {}, "", 0, False, {"error": "é"}, "x", [], [0], True))
status = st.sampled_from(("success", "failure", None, 1))


def besides(odd):
    """What a payload says besides its counts, `odd` where each of it could be anything."""
    breakdown = maybe(vertex_location=places | odd, total_cost=price) | odd
    usage = usages | odd
    return {
        "status": status,
        "response_cost": zero_or_price | odd,
        "response_cost_failure_debug_info": diagnosis,
        "zero_cost_diagnostic": diagnosis,
        "cost_breakdown": breakdown,
        "custom_llm_provider": providers | odd,
        "api_base": places | odd,
        "metadata": maybe(
            user_api_key_team_id=odd | text,
            user_api_key_user_id=odd | text,
            language=odd | text,
            requester_metadata=maybe(language=odd | text) | odd,
            spend_logs_metadata=maybe(language=odd | text) | odd,
            status=status,
            usage_object=usage,
            additional_usage_values=usage,
            cost_breakdown=breakdown,
            model_map_information=maybe(model_map_key=name, model_map_value=name) | odd,
        )
        | odd,
        "hidden_params": maybe(
            litellm_model_name=name,
            api_base=places | odd,
            response_cost=zero_or_price | odd,
            usage_object=usage,
        )
        | odd,
        "model_map_information": maybe(model_map_key=name) | odd,
        "response": maybe(
            model=name,
            provider=providers | odd,
            usage=maybe(input_tokens=st.integers(0, 9), output_tokens=number) | usage,
        )
        | st.just(json.dumps({"provider": "Novita"}))
        | odd,
    }


payloads = st.builds(
    lambda good, odd, *rest: spelt([*good.items(), *odd], *rest),
    st.fixed_dictionaries(
        {
            "call_type": st.sampled_from(CALLS),
            "startTime": st.floats(1e9, 2e9) | time | anything,
            "prompt_tokens": st.integers(0, 3) | count | anything,
            "completion_tokens": st.integers(0, 3) | count | anything,
            "model": text | anything | st.sampled_from(ARNS),
        },
        optional={
            "id": name,
            "spend": st.sampled_from([0, 0.0, 0.25, None, "0"]),
            "request_id": name,
            "cache_hit": st.sampled_from([None, True, False, "True", "False", "None", 1]),
            "total_tokens": st.integers(0, 9) | count | anything,
            "__op": st.sampled_from(["c", "u"]),
            "model_group": name,
            "team_id": name,
            "user": name,
            "messages": st.none() | text | st.lists(maybe(role=text, content=name), max_size=2),
            **besides(name),
        },
    ),
    st.lists(
        field
        | st.sampled_from(
            [(key, value) for key in (*BEFORE_NATIVE, "genai_x") for value in (1, [], {}, None)]
        ),
        max_size=1,
    ),
    st.booleans(),
    st.integers(0, 4),
)
damaged = st.builds(
    lambda value, at, bytes_: value[: at % len(value)] + bytes_ + value[at % len(value) + 1 :],
    payloads,
    st.integers(0, 2000),
    st.binary(max_size=2) | st.sampled_from([b"\\", b'"', b"\\ud800", b"\xc3\xa9", b"1e400", b"-"]),
)

LIKELY = besides(st.nothing())
#: Nothing about their counts, times and models is odd: most of them are for compiled code.
sound = st.builds(
    lambda prompt, model, said, *rest: spelt(
        (SOUND | {"prompt_tokens": prompt, "model": model} | said).items(), *rest
    ),
    st.integers(1, 9),
    st.sampled_from(("gpt-4o", *filter(None, REGIONAL))),
    some_fields(LIKELY, LIKELY, 7),
    st.booleans(),
    st.integers(0, 4),
)

#: Payloads as LiteLLM writes them: of all of these, what they say is for compiled code.
known = st.sampled_from((0, 1, 2, 3, 9, 12, None))
neat_usage = st.builds(
    lambda *parts: {name: value for each in parts for name, value in each.items()},
    maybe_only(
        prompt_tokens=known,
        prompt_tokens_details=st.none() | maybe_only(cached_tokens=known, audio_tokens=known),
        completion_tokens_details=st.none() | maybe_only(reasoning_tokens=known),
    ),
    some_of(BESIDE, known, 1),
    some_of(HOLDERS, some_of(INSIDE, known, 1), 1),
)
neat_price = st.sampled_from((0, 0.0, None, 1e-12, 0.25, 1.5e-05)) | st.floats(0, 1)
neat_place = st.sampled_from(
    (
        *(
            None,
            "",
            "https://api.deepseek.com/beta",
            "http://vllm.internal:8000/v1",
            "https://h?k=1",
        ),
        *(
            "https://h#x",
            "https:///v1",
            "https://h",
            "eu-west-1",
            "http",
            "httpx",
            "http://h:/a@b:c",
        ),
    )
)
why = st.sampled_from((None, None, None, {"error": 1}))
ended = st.sampled_from(("success", "success", None, "failure"))
neat = st.builds(
    lambda said, *rest: spelt((SOUND | said).items(), *rest),
    maybe_only(
        status=ended,
        model=st.sampled_from(("gpt-4o", *filter(None, REGIONAL))),
        response_cost=neat_price,
        response_cost_failure_debug_info=why,
        zero_cost_diagnostic=why,
        custom_llm_provider=st.sampled_from(
            ("openai", "openrouter", "a b", "", None, "bedrock", "My-AZURE", "AmazoN")
        ),
        api_base=neat_place,
        cost_breakdown=st.none() | maybe_only(vertex_location=neat_place, total_cost=neat_price),
        metadata=maybe_only(
            usage_object=neat_usage, additional_usage_values=neat_usage, status=ended
        ),
        hidden_params=maybe_only(
            api_base=neat_place,
            response_cost=neat_price,
            usage_object=neat_usage,
            litellm_model_name=st.sampled_from(REGIONAL),
        ),
        response=maybe_only(
            model=st.just("m"),
            provider=st.sampled_from(("Novita", "", None, "a/b c")),
            usage=neat_usage,
        ),
    ),
    st.booleans(),
    st.integers(0, 4),
)
