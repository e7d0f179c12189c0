"""What carries documents to a topic: envelopes that know themselves, and fields of log shippers.

Sources: Azure Monitor's stream of resource logs to Event Hubs (`records`) and its references of
ContainerAppConsoleLogs, AppServiceConsoleLogs, AppServiceAppLogs and AppTraces; CloudWatch Logs'
subscription filters and Data Firehose; Kafka Connect's JsonConverter; Debezium's change events and
its unwrapping of them (`change_rows.py` has those of other tools); Elasticsearch's documents in
its answers (`_source`); PostHog's topic of captured events (`data`); the fields in which Fluent
Bit, Fluentd, Logstash, Filebeat, Vector, Promtail and others put the line that they ship.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.decode.event import Rejected, Skipped, event_time
from streams.decode.formats import change_rows
from streams.decode.formats.cloudevents import Envelope
from streams.decode.formats.lenient_json import parsed
from streams.decode.formats.markers import CHANGES
from streams.decode.formats.native import time_of
from streams.decode.formats.raw_usage import json_type, part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Fields in which log shippers, streams, queues and searches put what they hold, parsed or not.
SHIPPED = (
    *("log_processed", "message", "log", "body", "value", "event", "line", "json", "original"),
    *("payload", "jsonPayload", "textPayload", "msg", "MESSAGE", "LogMessage", "LogEntry", "_raw"),
    *("_source", "data"),
)
_SHIPPED = frozenset(SHIPPED)
#: Where resource logs of Azure's have a line: in their properties, or beside them.
_LINES = (
    *("Log", "log", "Message", "message", "resultDescription", "ResultDescription"),
    *("LogMessage", "LogEntry"),
)
#: Fields in which gateways and people put the body of a response.
_ANSWERS = (
    *(("response", "body"), ("response",), ("response_body",), ("responseBody",), ("resp_body",)),
    *(("upstream_response_body",), ("response", "content"), ("responsePayload",)),
    *(("llm_response",), ("response_data",), ("res", "body")),
)
_ANSWERED = frozenset(each[0] for each in _ANSWERS)
#: Where providers' answers say what was used.
_USED = frozenset(
    ("usage", "usageMetadata", "usage_metadata", "eval_count", "prompt_eval_count", "x_groq")
)
#: Beginnings of texts that may hold documents. Most log lines hold none.
_MAY_HOLD = re.compile(r"[\ufeff\s]*(?:[{\[\"]|(?:data|event|id|retry)?:)")

#: The beginning of a document, which may be one that was cut off.
_DOCUMENT = re.compile(r"[\ufeff\s\"\[\\]*{")

#: Debezium's operations on a row that make a new one: created, and read in a snapshot.
_NEW_ROWS = ("c", "r")
_OPERATIONS = (*_NEW_ROWS, "u", "d", "t", "m")
#: One of these is beside it: a table that was emptied, and a message without a row, have no rows.
_AROUND_ROWS = ("after", "before", "source")
#: Two fields, and no others.
_CONNECT = {"schema", "payload"}
_NOT_BASE64 = Rejected("bad_envelope", "the payload is not base64")


class Inside(NamedTuple):
    """The documents in an envelope, or their texts and bytes, and what the envelope adds."""

    documents: list[Any]
    envelope: Envelope = Envelope()


def may_hold(value: object) -> bool:
    """Return whether a shipped value may hold documents."""
    if type(value) is str:
        return _MAY_HOLD.match(value) is not None
    return type(value) in {dict, list} and bool(value)


def is_of_a_resource(document: Mapping[str, Any]) -> bool:
    """Return whether a document names the resource that it is from, by its path in Azure."""
    resource = document.get("resourceId")
    return type(resource) is str and resource.startswith("/")


def shipped(document: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the values that may be what a log shipper has wrapped, the likeliest first.

    In a resource log of Azure's a line of an application lies in the properties or beside them.
    """
    if "resourceId" in document and is_of_a_resource(document):
        properties = parsed(document.get("properties"))
        for name in _LINES:
            yield from filter(may_hold, (part(properties, name), document.get(name)))
    if document.keys().isdisjoint(_SHIPPED):
        return
    for name in SHIPPED:
        if name in document and may_hold(document[name]):
            yield document[name]


def is_plain_line(document: Mapping[str, Any]) -> bool:
    """Return whether a document ships a line of text, as any program logs."""
    texts = [document[name] for name in SHIPPED if type(document.get(name)) is str]
    if is_of_a_resource(document):
        return not any(map(may_hold, shipped(document)))
    return bool(texts) and not any(map(_DOCUMENT.match, texts))


def answers(document: Mapping[str, Any]) -> Iterator[Any]:
    """Yield what a log of requests may hold of the body of a response, as a text or parsed."""
    if document.keys().isdisjoint(_ANSWERED):
        return
    for path in _ANSWERS:
        body = part(document, *path)
        # Most logs have a parsed response that holds no answer of a model.
        if type(body) is dict and body.keys().isdisjoint(_USED):
            continue
        if may_hold(body):
            yield body


def around_answer(document: Mapping[str, Any]) -> Envelope:
    """Return what a log of requests adds to a response: the time at which the request began."""
    found = around(document)
    return at_time(document.get("started_at")) if found.time is None else found


def around(document: Mapping[str, Any]) -> Envelope:
    """Return what a log shipper's document adds to the line that it ships: its time."""
    return at_time(time_of(document))


def at_time(time: object) -> Envelope:
    """Return what the time of a shipper's document adds: nothing where it cannot be read."""
    if not isinstance(time, int | float | str) or event_time(time, None) is None:
        return Envelope()
    return Envelope(time if isinstance(time, str) else float(time))


def is_change(document: Mapping[str, Any]) -> bool:
    """Return whether a row, unwrapped by Debezium, is an old one that changed or went."""
    if document.keys().isdisjoint(CHANGES):
        return False
    operation = document.get("__op")
    return (type(operation) is str and operation not in _NEW_ROWS) or document.get("__deleted") in (
        True,
        "true",
    )


def unwrapped(document: Mapping[str, Any]) -> Inside | Rejected | Skipped | None:
    """Return what an envelope that its own keys identify holds; None for any other document."""
    if document.keys() == _CONNECT:
        return _connect(document)
    if document.get("op") in _OPERATIONS and not document.keys().isdisjoint(_AROUND_ROWS):
        return _debezium(document)
    changed = change_rows.new_rows(document)
    if changed is not None:
        if isinstance(changed, change_rows.Rows):
            return Inside(changed.rows, at_time(changed.time))
        return changed
    if type(document.get("logEvents")) is list and "messageType" in document:
        return _cloudwatch(document)
    if type(document.get("_source")) is dict and "_index" in document:
        return Inside([document["_source"]])
    if type(document.get("data")) is str and "distinct_id" in document:
        return _captured(document)
    for name in ("records", "Records"):
        records = document.get(name)
        if type(records) is list:
            return Inside([*map(_record, records)]) if records else Skipped("empty_batch")
    return None


def _connect(document: Mapping[str, Any]) -> Inside | Rejected:
    payload = document["payload"]
    if payload is None:
        return Rejected("tombstone", "the payload is null")
    if part(document, "schema", "type") == "bytes" and type(payload) is str:
        return Inside([_decoded(payload)])
    return Inside([payload])


def _debezium(document: Mapping[str, Any]) -> Inside | Rejected | Skipped:
    # A row that was counted when it was made is no new request when it changes.
    if document["op"] not in _NEW_ROWS:
        return Skipped("not_a_request")
    after = document.get("after")
    if type(after) not in {dict, str}:
        return Rejected("bad_envelope", f"after is {json_type(after)}")
    # A snapshot reads old rows, so its own time says nothing about them.
    made = part(document, "source", "ts_ms") if document["op"] == "c" else None
    return Inside([after], around({"time": made}))


def _cloudwatch(document: Mapping[str, Any]) -> Inside | Skipped:
    if document["messageType"] != "DATA_MESSAGE" or not document["logEvents"]:
        return Skipped("empty_batch")
    return Inside([*map(_log_event, document["logEvents"])])


def _captured(document: Mapping[str, Any]) -> Inside:
    """Return an event as PostHog's capture puts it into its own topic, with what it adds."""
    event = parsed(document["data"])
    if type(event) is not dict:
        return Inside([document["data"]])
    given = {name: document[name] for name in ("distinct_id", "uuid") if name in document}
    return Inside([{**given, **event}], at_time(document.get("now")))


def _log_event(event: Any) -> Any:
    """Return an event of a log group; a line that holds no document is ordinary traffic."""
    message = event.get("message") if type(event) is dict else None
    if type(message) is str and not may_hold(message):
        return Skipped("not_a_request")
    return event


def _record(record: Any) -> Any:
    """Return what a record of a batch holds: Firehose and Kinesis write its bytes in base64."""
    for data in (part(record, "data"), part(record, "kinesis", "data")):
        if type(data) is str and data:
            return _decoded(data)
    return record


def _decoded(text: str) -> bytes | Rejected:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return _NOT_BASE64
