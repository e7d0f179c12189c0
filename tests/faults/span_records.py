"""Requests as the records of several writers: spans inside each other, and answers of one id.

Each request of a stream is reported more than once, in records of its own or in one, and counts
once. What is sent for it shares a partition, as a producer that keys by trace does it.
"""

from __future__ import annotations

import json
from itertools import count, islice
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.demo.truth import Simulated

MILLISECOND, SECOND = 1_000_000, 1_000_000_000
#: Records of so many requests are under way at once, so that they do not follow each other.
AT_ONCE = 40
#: The most requests of one agent.
MOST_PARTS = 4


class Record(NamedTuple):
    """A record, and the number that its partition follows from."""

    trace: int
    value: bytes


class Trace:
    """The spans of one trace; its ids are those of no other one."""

    def __init__(self, seed: int, number: int) -> None:
        self.number = number
        self.id = f"{seed % 2**64:016x}{number + 1:016x}"
        self._ids = count(1)

    def span(self, attributes: dict[str, Any], parent: str = "", **fields: Any) -> dict[str, Any]:
        """Return a span of the trace."""
        return {
            "traceId": self.id,
            "spanId": f"{self.number % 2**32:08x}{next(self._ids):08x}",
            "parentSpanId": parent,
            "attributes": [{"key": key, "value": _value(each)} for key, each in attributes.items()],
            **fields,
        }

    def request(self, event: Simulated, parent: str = "", **more: Any) -> dict[str, Any]:
        """Return a span of a request; those of one request begin at the same time."""
        start = round(event.ts * 1000) * MILLISECOND
        return self.span(
            {"gen_ai.operation.name": "chat", **_usage([event]), **_names(event), **more},
            parent,
            startTimeUnixNano=str(start),
            endTimeUnixNano=str(start + SECOND),
        )


def _value(value: object) -> dict[str, Any]:
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}


def _usage(events: Iterable[Simulated]) -> dict[str, int]:
    events = list(events)
    return {
        "gen_ai.usage.input_tokens": sum(each.prompt_tokens for each in events),
        "gen_ai.usage.output_tokens": sum(each.completion_tokens for each in events),
    }


def _names(event: Simulated) -> dict[str, Any]:
    sent = json.loads(event.value)
    language = sent.get("language")
    said = {"gen_ai.prompt.language": language} if language else {}
    return {"gen_ai.request.model": sent["model"], **said}


def _of_spans(*spans: dict[str, Any], scope: str = "gateway") -> bytes:
    scopes = [{"scope": {"name": scope}, "spans": list(spans)}]
    return json.dumps({"resourceSpans": [{"scopeSpans": scopes}]}, separators=(",", ":")).encode()


# --- what writers report of one request, or of those of one agent


def client_and_gateway(trace: Trace, dice: Random, events: list[Simulated]) -> list[bytes]:
    """Report a client's span and a gateway's inside it, in either order."""
    outer = trace.request(events[0])
    inner = trace.request(events[0], outer["spanId"])
    records = [_of_spans(outer, scope="client"), _of_spans(inner)]
    dice.shuffle(records)
    return records


def through_a_proxy(trace: Trace, _: Random, events: list[Simulated]) -> list[bytes]:
    """Report a raw request in a proxy's span in a client's, with ordinary spans between them."""
    outer = trace.request(events[0])
    hop = trace.span({"http.method": "POST"}, outer["spanId"])
    proxy = trace.request(events[0], hop["spanId"])
    raw = trace.request(events[0], proxy["spanId"])
    return [_of_spans(raw, hop), _of_spans(proxy), _of_spans(outer, scope="client")]


def agent(trace: Trace, dice: Random, events: list[Simulated]) -> list[bytes]:
    """Report an agent's sum after its requests, each with a gateway's span inside."""
    total = trace.span({**_usage(events), **_names(events[0])})
    records: list[bytes] = []
    together: list[dict[str, Any]] = []
    for event in events:
        outer = trace.request(event, total["spanId"])
        inner = trace.request(event, outer["spanId"])
        if dice.random() < 0.5:
            together += [outer, inner]
        else:
            records += [_of_spans(inner), _of_spans(outer, scope="client")]
    return [*records, _of_spans(*together, total, scope="agent")]


def one_batch(trace: Trace, dice: Random, events: list[Simulated]) -> list[bytes]:
    """Report everything in one record, which an exporter sends again."""
    total = trace.span({**_usage(events), **_names(events[0])})
    spans = [total]
    for event in events:
        outer = trace.request(event, total["spanId"])
        spans += [outer, trace.request(event, outer["spanId"])]
    dice.shuffle(spans)
    value = _of_spans(*spans)
    return [value] * dice.randint(1, 3)


def two_instrumentations(trace: Trace, _: Random, events: list[Simulated]) -> list[bytes]:
    """Report one answer by two instrumentations of a program, side by side."""
    answer = {"gen_ai.response.id": f"answer-{trace.id}"}
    return [
        _of_spans(trace.request(events[0], **answer), scope=scope) for scope in ("one", "another")
    ]


def span_and_log_event(trace: Trace, dice: Random, events: list[Simulated]) -> list[bytes]:
    """Report a request to Anthropic as Claude Code does: as a span and as a log event."""
    [event] = events[:1]
    names = _names(event)
    usage = {
        "model": names.pop("gen_ai.request.model"),
        "input_tokens": event.prompt_tokens,
        "output_tokens": event.completion_tokens,
        "request_id": f"req_{trace.id}",
        **names,
    }
    start = str(round(event.ts * 1000) * MILLISECOND)
    span = trace.span(
        {"span.type": "llm_request", **usage},
        startTimeUnixNano=start,
        endTimeUnixNano=str(int(start) + SECOND),
    )
    attributes = {"event.name": "api_request", **usage}
    record = {
        "timeUnixNano": start,
        "attributes": [{"key": key, "value": _value(each)} for key, each in attributes.items()],
    }
    logs = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}).encode()
    records = [_of_spans(span), logs]
    dice.shuffle(records)
    return records


def polled_batch(trace: Trace, dice: Random, events: list[Simulated]) -> list[bytes]:
    """Report a finished batch at each retrieval, as LiteLLM does."""
    [event] = events[:1]
    names = _names(event)
    language = names.get("gen_ai.prompt.language")
    payload = {
        "id": f"batch_{trace.id}",
        "call_type": "aretrieve_batch",
        "startTime": event.ts,
        "endTime": event.ts + 1,
        "model": names["gen_ai.request.model"],
        "prompt_tokens": event.prompt_tokens,
        "completion_tokens": event.completion_tokens,
        "total_tokens": event.tokens,
        "status": "success",
        "metadata": {"language": language} if language else {},
    }
    return [json.dumps(payload).encode()] * dice.randint(2, 4)


ALONE = (client_and_gateway, through_a_proxy, two_instrumentations)
WITH_SUM = (agent, one_batch)
OF_ONE_ID = (two_instrumentations, span_and_log_event, polled_batch)


def nested(events: Iterable[Simulated], seed: int) -> Iterator[Record]:
    """Yield the records of requests that are reported by spans inside each other."""
    return _mixed(events, seed, (*ALONE, *WITH_SUM))


def of_one_id(events: Iterable[Simulated], seed: int) -> Iterator[Record]:
    """Yield the records of requests whose reports share an id, and lie side by side."""
    return _mixed(events, seed, OF_ONE_ID)


def _mixed(events: Iterable[Simulated], seed: int, writers: tuple[Any, ...]) -> Iterator[Record]:
    """Yield the records of each request in their order, those of several requests mixed."""
    dice = Random(seed)
    events = iter(events)
    waiting: list[tuple[int, list[bytes]]] = []
    for number in count():
        write = dice.choice(writers)
        some = list(islice(events, dice.randint(2, MOST_PARTS) if write in WITH_SUM else 1))
        if some:
            waiting.append((number, write(Trace(seed, number), dice, some)))
        while waiting and (len(waiting) > AT_ONCE or not some):
            place = dice.randrange(len(waiting))
            trace, records = waiting[place]
            yield Record(trace, records.pop(0))
            if not records:
                del waiting[place]
        if not some:
            return
