"""LiteLLM's payloads as they stand in Kafka, some four kilobytes each, for the benchmark."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from prompt_texts import prompts

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Different texts in a run.
_POOL = 2_000

MODELS = ("gpt-4o-2024-08-06", "qwen3-32b", "claude-sonnet-4-5", "deepseek-chat", "llama-3.3-70b")


def payloads(count: int, start: float, per_second: float) -> Iterator[bytes]:
    """Yield payloads from `start` (unix seconds) on, each with texts of its own."""
    draw = random.Random("payload")
    texts = list(prompts(draw, _POOL))
    for number in range(count):
        yield json.dumps(_payload(number, start + number / per_second, draw, texts)).encode()


def _payload(number: int, ts: float, draw: random.Random, texts: list[str]) -> dict[str, Any]:
    prompt, completion = draw.randrange(100, 4000), draw.randrange(10, 900)
    model = MODELS[number % len(MODELS)]
    usage = {
        "completion_tokens": completion,
        "prompt_tokens": prompt,
        "total_tokens": prompt + completion,
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        "prompt_tokens_details": {"cached_tokens": prompt // 2, "audio_tokens": 0},
    }
    name = f"chatcmpl-{number:012x}"
    return {
        "id": name,
        "trace_id": f"{draw.getrandbits(128):032x}",
        "call_type": "acompletion",
        "stream": False,
        "response_cost": 0.001237,
        "cost_breakdown": {"input_cost": 0.0008, "output_cost": 4.1e-04, "total_cost": 0.001237},
        "response_cost_failure_debug_info": None,
        "status": "success",
        "custom_llm_provider": "openai",
        "total_tokens": prompt + completion,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "startTime": ts,
        "endTime": ts + 1.25,
        "completionStartTime": ts + 0.5,
        "response_time": 1.25,
        "model": model,
        "model_id": f"{draw.getrandbits(256):064x}",
        "model_group": "smart",
        "api_base": "https://llm.example/v1",
        "metadata": _metadata(number, draw, usage),
        "cache_key": None,
        "cache_hit": None,
        "saved_cache_cost": 0.0,
        "request_tags": ["User-Agent: OpenAI/Python", "production"],
        "end_user": "",
        "messages": [
            {"role": "system", "content": "You are a helpful assistant."},
            {"role": "user", "content": draw.choice(texts)},
        ],
        "response": _response(name, ts, model, draw.choice(texts), usage),
        "error_str": None,
        "error_information": None,
        "model_parameters": {"temperature": 0.7, "stream": False, "max_tokens": 1024},
        "hidden_params": _hidden(draw, model),
        "model_map_information": {
            "model_map_key": model,
            "model_map_value": {"key": model, "max_tokens": 16384, "mode": "chat"},
        },
        "guardrail_information": None,
    }


def _hidden(draw: random.Random, model: str) -> dict[str, Any]:
    return {
        "model_id": f"{draw.getrandbits(256):064x}",
        "cache_key": None,
        "api_base": "https://llm.example/v1",
        "response_cost": 0.001237,
        "litellm_overhead_time_ms": 1.875,
        "additional_headers": {"x-ratelimit-remaining-requests": 4999},
        "batch_models": None,
        "litellm_model_name": model,
        "usage_object": None,
    }


def _metadata(number: int, draw: random.Random, usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "user_api_key_hash": f"{draw.getrandbits(256):064x}",
        "user_api_key_alias": None,
        "user_api_key_team_id": f"team-{number % 60}",
        "user_api_key_org_id": None,
        "user_api_key_user_id": f"user-{number % 900}",
        "user_api_key_team_alias": None,
        "spend_logs_metadata": None,
        "requester_ip_address": "10.2.3.4",
        "requester_metadata": {},
        "applied_guardrails": [],
        "usage_object": usage,
    }


def _response(name: str, ts: float, model: str, text: str, usage: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": name,
        "created": int(ts),
        "model": model,
        "object": "chat.completion",
        "choices": [
            {
                "finish_reason": "stop",
                "index": 0,
                "message": {"content": text, "role": "assistant"},
            }
        ],
        "usage": usage,
    }
