"""A server that answers as OpenAI's and Anthropic's do, and remembers what it has charged.

What a request asks for says how it is answered: a text with `cached` in it has been asked before,
and one with `fail` cannot be answered. A tool is called first. Each answer has counts of its own.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What is asked for, and the dated model that answers.
MODELS = {
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "text-embedding-3-small": "text-embedding-3-small",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
}
ANSWER = ("It works ", "with qubits.")


class Charged(NamedTuple):
    """What an answer has said that it used: all input, with the cache, and all output."""

    model: str
    prompt: int
    completion: int


class Spent(NamedTuple):
    """The counts of one answer; `read` and `written` are parts of the prompt."""

    prompt: int
    completion: int
    read: int
    written: int


class MockedModels(ThreadingHTTPServer):
    """The server, on a port of its own, and what it has charged."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.charged: list[Charged] = []
        self.failed = 0
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def charge(self, model: str, *, is_cached: bool, has_output: bool) -> Spent:
        """Return the counts of one more answer of a model."""
        with self._lock:
            number = len(self.charged) + 1
            prompt = 200 + 7 * number
            completion = 10 + 3 * number if has_output else 0
            self.charged.append(Charged(model, prompt, completion))
        return Spent(prompt, completion, *((64 + number, 32) if is_cached else (0, 0)))

    def refuse(self) -> None:
        with self._lock:
            self.failed += 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: MockedModels

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        kind = self.path.rpartition("/")[2].partition("?")[0]
        if kind not in ANSWERS:
            self._json({}, status=404)
            return
        asked = json.loads(body)
        if b"fail" in body:
            self.server.refuse()
            error = {"type": "invalid_request_error", "message": "It cannot be answered."}
            self._json({"type": "error", "error": error}, status=400)
            return
        model = MODELS[asked["model"]]
        spent = self.server.charge(
            model, is_cached=b"cached" in body, has_output=kind != "embeddings"
        )
        answer = ANSWERS[kind](asked, model, spent)
        if asked.get("stream"):
            self._events(STREAMS[kind](asked, answer))
        else:
            self._json(answer)

    def _json(self, document: object, status: int = 200) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _events(self, events: Iterator[tuple[str, object]]) -> None:
        body = "".join(
            (f"event: {name}\n" if name else "")
            + f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n"
            for name, event in events
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _chat(asked: dict, model: str, spent: Spent) -> dict:
    call = _call_of(asked)
    said = {"content": None, "tool_calls": [call]} if call else {"content": "".join(ANSWER)}
    return {
        "id": f"chatcmpl-{spent.prompt}",
        "object": "chat.completion",
        "created": 1_795_000_000,
        "model": model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant"} | said,
                "finish_reason": "tool_calls" if call else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": spent.prompt,
            "completion_tokens": spent.completion,
            "total_tokens": spent.prompt + spent.completion,
            "prompt_tokens_details": {"cached_tokens": spent.read, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 4},
        },
    }


def _call_of(asked: dict) -> dict | None:
    """Return the call of a tool with which a chat is answered as long as none has been made."""
    if not asked.get("tools") or any(each["role"] == "tool" for each in asked["messages"]):
        return None
    function = {"name": asked["tools"][0]["function"]["name"], "arguments": "{}"}
    return {"id": "call_1", "type": "function", "function": function}


def _chat_stream(asked: dict, answer: dict) -> Iterator[tuple[str, object]]:
    chunk = answer | {"object": "chat.completion.chunk", "usage": None}
    call = _call_of(asked)
    pieces = [{"tool_calls": [{"index": 0} | call]}] if call else [{"content": x} for x in ANSWER]
    for piece in pieces:
        delta = {"role": "assistant"} | piece
        yield "", chunk | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    reason = answer["choices"][0]["finish_reason"]
    yield "", chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    if (asked.get("stream_options") or {}).get("include_usage"):
        yield "", chunk | {"choices": [], "usage": answer["usage"]}
    yield "", "[DONE]"


def _embeddings(asked: dict, model: str, spent: Spent) -> dict:
    texts = asked["input"] if isinstance(asked["input"], list) else [asked["input"]]
    return {
        "object": "list",
        "model": model,
        "data": [
            {"object": "embedding", "index": index, "embedding": [0.1, 0.2]}
            for index in range(len(texts))
        ],
        "usage": {"prompt_tokens": spent.prompt, "total_tokens": spent.prompt},
    }


def _response(asked: dict, model: str, spent: Spent) -> dict:
    text = {"type": "output_text", "text": "".join(ANSWER), "annotations": []}
    return {
        "id": f"resp_{spent.prompt}",
        "object": "response",
        "created_at": 1_795_000_000,
        "status": "completed",
        "model": model,
        "output": [
            {
                "id": f"msg_{spent.prompt}",
                "type": "message",
                "role": "assistant",
                "status": "completed",
                "content": [text],
            }
        ],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": spent.prompt,
            "input_tokens_details": {"cached_tokens": spent.read},
            "output_tokens": spent.completion,
            "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": spent.prompt + spent.completion,
        },
    }


def _response_stream(asked: dict, answer: dict) -> Iterator[tuple[str, object]]:
    begun = answer | {"status": "in_progress", "output": [], "usage": None}
    name = "response.created"
    yield name, {"type": name, "sequence_number": 0, "response": begun}
    for number, text in enumerate(ANSWER, 1):
        name = "response.output_text.delta"
        delta = {
            "type": name,
            "sequence_number": number,
            "item_id": answer["output"][0]["id"],
            "output_index": 0,
            "content_index": 0,
            "delta": text,
            "logprobs": [],
        }
        yield name, delta
    name = "response.completed"
    yield name, {"type": name, "sequence_number": 9, "response": answer}


def _message(asked: dict, model: str, spent: Spent) -> dict:
    return {
        "id": f"msg_{spent.prompt}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [{"type": "text", "text": "".join(ANSWER)}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        # The cache lies beside the input.
        "usage": {
            "input_tokens": spent.prompt - spent.read - spent.written,
            "cache_read_input_tokens": spent.read,
            "cache_creation_input_tokens": spent.written,
            "output_tokens": spent.completion,
        },
    }


def _message_stream(asked: dict, answer: dict) -> Iterator[tuple[str, object]]:
    begun = answer | {
        "content": [],
        "stop_reason": None,
        "usage": answer["usage"] | {"output_tokens": 1},
    }
    yield "message_start", {"type": "message_start", "message": begun}
    block = {"type": "text", "text": ""}
    yield (
        "content_block_start",
        {"type": "content_block_start", "index": 0, "content_block": block},
    )
    for text in ANSWER:
        delta = {"type": "text_delta", "text": text}
        yield (
            "content_block_delta",
            {"type": "content_block_delta", "index": 0, "delta": delta},
        )
    yield "content_block_stop", {"type": "content_block_stop", "index": 0}
    yield (
        "message_delta",
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": answer["usage"],
        },
    )
    yield "message_stop", {"type": "message_stop"}


ANSWERS = {
    "completions": _chat,
    "embeddings": _embeddings,
    "responses": _response,
    "messages": _message,
}
STREAMS = {
    "completions": _chat_stream,
    "responses": _response_stream,
    "messages": _message_stream,
}
