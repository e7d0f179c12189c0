"""OTLP log records that carry usage: coding agents' events, access logs, and shipped log lines.

Most log records are ordinary. What counts:

* Claude Code's `api_request`: the cache lies beside the input.
* Gemini CLI's `api_response` and that of its forks, which write each answer a second time as a
  GenAI event without the thoughts; the total says whether the thoughts lie beside the output.
* Codex CLI's `sse_event` of a completed response: cached and reasoning tokens are parts.
* The GenAI event of a request's details. It is written inside its request's span: whichever of the
  two comes first in a partition counts.
* An access log whose fields are attributes, or a line of any other format in the body.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from streams.decode.event import Skipped
from streams.decode.formats import otlp_names as names
from streams.decode.formats.envelopes import may_hold
from streams.decode.formats.otlp_details import details_of
from streams.decode.formats.otlp_usage import first, usage
from streams.decode.formats.provider_details import Parts
from streams.decode.formats.provider_usage import Usage
from streams.decode.formats.raw_usage import Found, add, whole, wrong_count
from streams.decode.formats.traced import Line, Traced
from streams.decode.nesting import Node
from streams.decode.unread_usage import unread
from streams.decode.usage_names import may_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.decode.formats.otlp_span import Source

_NOT_A_REQUEST: Final = Skipped("not_a_request")
#: The GenAI event of a request.
DETAILS: Final = "gen_ai.client.inference.operation.details"
#: Services and scopes that write every answer as an event of their own as well.
TWICE: Final = frozenset(("gemini-cli", "qwen-code", "gemini_cli", "qwen_code", "iflow-cli"))
#: Names of attributes by which an access log is recognised.
_ACCESS_LOG: Final = ("genai_", "gen_ai.usage.")
_TIME: Final = "event.timestamp"
_SPENT: Final = ("model", "gen_ai.request.model")


class Record(NamedTuple):
    """A log record: its span, its time, its event's name, all its attributes, and its body.

    `is_broken` if an attribute that is needed of a request is not UTF-8.
    """

    trace: str
    span: str
    time: object
    event: str
    attributes: Mapping[str, object]
    body: object
    is_broken: bool = False


def traced(record: Record, source: Source) -> Traced | Line:
    """Return what a log record is."""
    attributes = record.attributes
    event = record.event or attributes.get("event.name")
    if type(event) is not str or not event:
        # Before events had a name, it was the body.
        event = record.body if type(record.body) is str else ""
    sources = source.names | {event} if 0 < len(event) <= len(DETAILS) else source.names
    if event == DETAILS:
        return Traced(*_details(record, source), sources)
    name = event.rpartition(".")[2]
    if name in _READERS and "model" in attributes:
        found = _READERS[name](record)
        if found is not None:
            return Traced(found, _node(found), sources)
    around = _around(record)
    if any(key.startswith(_ACCESS_LOG) for key in attributes):
        return Line({**attributes}, record.time, sources, around=around)
    body = record.body
    if isinstance(body, dict | str | list) and may_hold(body):
        return Line(body, record.time, sources, attributes, source.shown, around)
    if any(may_count(key) or type(held) in {dict, list} for key, held in attributes.items()):
        item = unread(attributes, "not_a_request", source.shown)
        return Traced(item, Node(f"{around}/line", around) if around else None, sources)
    return Traced(_NOT_A_REQUEST, None, sources)


def _around(record: Record) -> str:
    """Return the key of the span that a record was written in, "" where it names none."""
    if not (record.trace.strip("0") and record.span.strip("0")):
        return ""
    return f"{record.trace}/{record.span}".lower()


def _claude_code(record: Record) -> Found | None:
    attributes = record.attributes
    found = Usage(
        add(*(whole(attributes.get(key)) for key in (names.BARE_INPUT, *names.BARE_CACHE))),
        whole(attributes.get(names.BARE_OUTPUT)),
    )
    parts = Parts(attributes.get(names.BARE_CACHE[0]))
    return _found(record, found, parts, attributes.get(names.REQUEST_ID))


def _gemini_cli(record: Record) -> Found | None:
    attributes = record.attributes
    prompt = add(
        whole(attributes.get("input_token_count")), whole(attributes.get("tool_token_count"))
    )
    output = whole(attributes.get("output_token_count"))
    thoughts = whole(attributes.get("thoughts_token_count"))
    total = whole(attributes.get("total_token_count"))
    parts = Parts(attributes.get("cached_content_token_count"), thoughts)
    if type(total) is int and total and add(attributes.get("input_token_count"), output) == total:
        # The total has no place for tools' tokens or thoughts: they are parts.
        return _found(record, Usage(whole(attributes.get("input_token_count")), output), parts)
    if type(total) is int and add(prompt, output) == total:
        return _found(record, Usage(prompt, output), parts)
    return _found(record, Usage(prompt, add(output, thoughts)), parts)


def _codex(record: Record) -> Found | None:
    attributes = record.attributes
    if attributes.get("event.kind") != "response.completed":
        return None
    found = Usage(
        whole(attributes.get("input_token_count")), whole(attributes.get("output_token_count"))
    )
    parts = Parts(attributes.get("cached_token_count"), attributes.get("reasoning_token_count"))
    return _found(record, found, parts)


_READERS: Final = {
    "api_request": _claude_code,
    "api_response": _gemini_cli,
    "sse_event": _codex,
}


def _found(record: Record, found: Usage, parts: Parts, name: object = None) -> Found | None:
    if found == (None, None):
        return None
    attributes = record.attributes
    return Found(
        model=first(attributes, _SPENT),
        prompt=found.prompt,
        completion=found.completion,
        ts=record.time or attributes.get(_TIME),
        language=first(attributes, names.LANGUAGE),
        tenant=first(attributes, names.TENANT),
        id=name or None,
        failed=wrong_count("", found.prompt) is None and attributes.get(names.ERROR) is not None,
        **parts._asdict(),
        # None of them says who served: Claude Code asks clouds as well, and others any endpoint.
        cost=attributes.get(names.COST[-1]),
    )


def _node(found: Found) -> Node | None:
    """Return the place of an event in a trace; one with an id of its own is found by that."""
    if type(found.id) is str:
        return Node(found.id)
    return None


def _details(record: Record, source: Source) -> tuple[Found | Skipped, Node | None]:
    """Return the GenAI event of a request, as a span inside the span that it was written in."""
    if not source.names.isdisjoint(TWICE):
        return _NOT_A_REQUEST, None
    attributes = record.attributes
    if isinstance(record.body, dict):
        # Before events had attributes, they were in the body.
        attributes = {**record.body, **attributes}
    operation = attributes.get(names.OPERATION)
    operation = operation if isinstance(operation, str) else ""
    if operation in names.NO_REQUESTS or operation == names.INVOKE_AGENT:
        return _NOT_A_REQUEST, None
    has = names.present(attributes)
    found = usage(attributes, has, source)
    if found == (None, None):
        return unread(attributes, "no_usage", source.shown), None
    around = _around(record) or None
    name = f"{around}/event" if around else None
    item = Found(
        model=first(attributes, names.MODEL),
        prompt=found.prompt,
        completion=found.completion,
        ts=record.time or attributes.get(_TIME),
        language=first(attributes, names.LANGUAGE),
        tenant=first(attributes, names.TENANT),
        id=name,
        text=first(attributes, names.TEXT),
        failed=attributes.get(names.ERROR) is not None,
        **details_of(attributes, has, source)._asdict(),
    )
    return item, Node(name, around) if name else None
