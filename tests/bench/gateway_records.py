"""Records of gateways and SDKs as they really come, for the benchmark: whole, and in their batches.

The fields are those of the writers' sources, which tests/formats/README.md names: Kong's log
serializer, Envoy AI Gateway's access log, APISIX's kafka-logger, Langfuse's ingestion API and the
diagnostic records of Azure API Management.
"""

from __future__ import annotations

import json
import random
import uuid
from datetime import UTC, datetime
from typing import Any

_START = 1_795_003_280.5
_MODELS = ("gpt-4o-2024-08-06", "qwen3-32b", "claude-sonnet-4-5", "deepseek-chat", "llama-3.3-70b")
_QUESTION = "Which of the two suppliers has the shorter delivery time for the blue model, and why? "

#: Requests in a record: what each writer puts into a batch where nobody sets it.
APISIX_BATCH = 100
LANGFUSE_BATCH = 15
AZURE_BATCH = 20


def kong(number: int) -> bytes:
    """Return a request as Kong's kafka-log writes it, with the audit log of ai-proxy."""
    draw = random.Random(number)
    asked = json.dumps({"model": "chat", "messages": _messages(), "stream": False})
    answered = json.dumps({"choices": [{"message": {"content": _QUESTION}}], "model": "chat"})
    path = "/v1/chat/completions"
    return _json(
        {
            "started_at": int((_START + number) * 1000),
            "client_ip": "198.51.100.7",
            "latencies": {"kong": 9, "proxy": 1791, "request": 1800, "receive": 3},
            "workspace": _id(draw),
            "workspace_name": "default",
            "upstream_uri": path,
            "upstream_status": "200",
            "tries": [{"ip": "203.0.113.7", "port": 443, "balancer_latency": 0}],
            "service": {"id": _id(draw), "name": "llm", "host": "llm.example", "port": 443},
            "route": {"id": _id(draw), "name": "chat", "paths": ["/chat"], "methods": ["POST"]},
            "consumer": {"id": _id(draw), "username": f"team-{draw.randrange(900)}"},
            "request": _kong_request(draw, path, len(asked)),
            "response": {
                "status": 200,
                "size": len(answered) + 820,
                "headers": {"content-type": "application/json", "x-kong-request-id": _id(draw)},
            },
            "ai": {"proxy": _kong_plugin(draw, asked, answered)},
        }
    )


def _kong_request(draw: random.Random, path: str, size: int) -> dict[str, Any]:
    return {
        "id": _id(draw),
        "uri": path,
        "url": f"http://gateway.example:8000{path}",
        "method": "POST",
        "size": size + 480,
        "headers": {
            "host": "gateway.example:8000",
            "content-type": "application/json",
            "user-agent": "OpenAI/Python 2.8.1",
            "x-stainless-runtime": "CPython",
            "x-stainless-runtime-version": "3.12.8",
            "content-length": str(size),
        },
    }


def _kong_plugin(draw: random.Random, asked: str, answered: str) -> dict[str, Any]:
    model, prompt, completion = _request(draw)
    return {
        "meta": {
            "plugin_id": _id(draw),
            "provider_name": "openai",
            "request_model": model,
            "response_model": model,
            "llm_latency": 1780,
        },
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "time_per_token": 17.2,
            "cost": 0.00041,
        },
        "payload": {"request": asked, "response": answered},
        "cache": {},
    }


def envoy(number: int) -> bytes:
    """Return a line of Envoy AI Gateway's access log, with all fields of its documentation."""
    draw = random.Random(number)
    model, prompt, completion = _request(draw)
    return _json(
        {
            "start_time": _iso(number),
            "method": "POST",
            "x-envoy-origin-path": "/v1/chat/completions",
            "protocol": "HTTP/1.1",
            "response_code": 200,
            "response_flags": "-",
            "bytes_received": 1820,
            "bytes_sent": 911,
            "duration": 1834,
            "x-forwarded-for": "198.51.100.7",
            "user-agent": "OpenAI/Python 2.8.1",
            "x-request-id": _id(draw),
            ":authority": "gateway.example",
            "upstream_host": "203.0.113.7:443",
            "upstream_cluster": "httproute/default/llm/rule/0",
            "connection_termination_details": None,
            "genai_model_name": model,
            "genai_model_name_override": None,
            "genai_backend_name": "default/openai/route/llm/rule/0/ref/0",
            "genai_tokens_input": prompt,
            "genai_tokens_output": completion,
            "genai_tokens_total": prompt + completion,
            "session.id": None,
        }
    )


def apisix(number: int) -> bytes:
    """Return a batch of APISIX's kafka-logger."""
    draw = random.Random(number)
    return _json([_apisix(draw, number + at) for at in range(APISIX_BATCH)])


def _apisix(draw: random.Random, at: int) -> dict[str, Any]:
    model, prompt, completion = _request(draw)
    return {
        "route_id": "1",
        "service_id": "",
        "apisix_latency": 2.1,
        "upstream_latency": 1418.4,
        "latency": 1420.5,
        "start_time": (_START + at) * 1000,
        "client_ip": "198.51.100.7",
        "upstream": "203.0.113.7:443",
        "server": {"hostname": "gateway-0", "version": "3.14.1"},
        "consumer": {"username": f"team-{draw.randrange(900)}"},
        "request": {
            "method": "POST",
            "uri": "/v1/chat/completions",
            "url": "http://gateway.example:9080/v1/chat/completions",
            "size": 1820,
            "querystring": {},
            "headers": {
                "host": "gateway.example:9080",
                "content-type": "application/json",
                "user-agent": "OpenAI/Python 2.8.1",
            },
        },
        "response": {
            "status": 200,
            "size": 911,
            "headers": {"content-type": "application/json", "server": "APISIX/3.14.1"},
        },
        "llm_summary": {
            "request_model": model,
            "model": model,
            "duration": 1400,
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "upstream_response_time": 1390,
        },
        "llm_request": {"model": model, "messages": _messages()},
    }


def langfuse(number: int) -> bytes:
    """Return a batch of Langfuse's ingestion API: a trace and a generation for each request."""
    draw = random.Random(number)
    events: list[dict[str, Any]] = []
    for at in range(LANGFUSE_BATCH):
        model, prompt, completion = _request(draw)
        trace, moment = _id(draw), _iso(number + at)
        body = {
            "id": _id(draw),
            "traceId": trace,
            "name": "chat",
            "startTime": moment,
            "endTime": _iso(number + at + 1),
            "model": model,
            "modelParameters": {"temperature": 0.7, "max_tokens": 1024},
            "input": _messages(),
            "output": {"role": "assistant", "content": _QUESTION},
            "usage": {
                "input": prompt,
                "output": completion,
                "total": prompt + completion,
                "unit": "TOKENS",
            },
        }
        made = {"id": trace, "name": "chat", "userId": f"user-{draw.randrange(900)}"}
        for kind, held in (("trace-create", made), ("generation-create", body)):
            events.append({"id": _id(draw), "timestamp": moment, "type": kind, "body": held})
    metadata = {"batch_size": len(events), "sdk_name": "python", "sdk_version": "2.60.9"}
    return _json({"batch": events, "metadata": metadata})


def azure(number: int) -> bytes:
    """Return diagnostic records of Azure API Management, as an event hub gets them."""
    draw = random.Random(number)
    return _json({"records": [_azure(draw, number + at) for at in range(AZURE_BATCH)]})


def _azure(draw: random.Random, at: int) -> dict[str, Any]:
    model, prompt, completion = _request(draw)
    correlation = _id(draw)
    return {
        "DeploymentVersion": "0.47.0.0",
        "Level": 4,
        "isRequestSuccess": True,
        "time": _iso(at),
        "operationName": "Microsoft.ApiManagement/GatewayLlmLogs",
        "category": "GatewayLlmLogs",
        "durationMs": 1840,
        "correlationId": correlation,
        "resourceId": "/SUBSCRIPTIONS/0/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/A",
        "location": "West Europe",
        "properties": {
            "correlationId": correlation,
            "requestId": f"chatcmpl-{draw.getrandbits(96):024x}",
            "sequenceNumber": 0,
            "modelName": model,
            "deploymentName": "prod",
            "promptTokens": prompt,
            "completionTokens": completion,
            "totalTokens": prompt + completion,
            "promptCachedTokens": 64,
            "isStreamCompletion": False,
        },
    }


def _request(draw: random.Random) -> tuple[str, int, int]:
    return draw.choice(_MODELS), draw.randrange(100, 4000), draw.randrange(10, 900)


def _messages() -> list[dict[str, str]]:
    return [
        {"role": "system", "content": "You answer in one sentence."},
        {"role": "user", "content": _QUESTION * 8},
    ]


def _id(draw: random.Random) -> str:
    return str(uuid.UUID(int=draw.getrandbits(128)))


def _iso(at: int) -> str:
    moment = datetime.fromtimestamp(_START + at, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
