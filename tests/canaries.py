"""Samples of every format with a word of its own in each leaf, which no sink may show."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import partial
from itertools import count, islice
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from streams.decode.decoder import Decoder
from streams.decode.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from formats.samples import Sample
    from google.protobuf.message import Message

#: Short enough to survive where names are cut, and a word wherever it comes to lie.
CANARY = re.compile(r"cnry\d{6}zq", re.IGNORECASE)
_NUMBERS = count()


@dataclass(frozen=True)
class Planted:
    """A record with canaries in it, and those that are in names or in ids."""

    value: bytes
    headers: list[tuple[str, bytes]]
    models: frozenset[str]
    providers: frozenset[str]
    ids: frozenset[str]


def found_in(text: str | bytes) -> frozenset[str]:
    """Return the canaries in a text."""
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    return frozenset(each.lower() for each in CANARY.findall(text))


def planted(sample: Sample, step: int = 1) -> list[Planted]:
    """Return a sample with a canary in each leaf in turn, in all of them, and in names of keys.

    Of these, one in `step`.
    """
    if sample.value is None:
        return []
    # A limit on the size of a record would reject most of them unread.
    decoder = Decoder(replace(sample.options, max_record_bytes=Options().max_record_bytes))
    return [_judged(value, sample, decoder) for value in islice(_values(sample), 0, None, step)]


def _judged(value: bytes, sample: Sample, decoder: Decoder) -> Planted:
    events = decoder.decode(value, sample.headers).events
    return Planted(
        value,
        sample.headers,
        found_in(" ".join(each.model for each in events)),
        found_in(" ".join(str(each.provider) for each in events)),
        found_in(" ".join(str(each.id) for each in events)),
    )


def _values(sample: Sample) -> Iterator[bytes]:
    value = sample.value or b""
    if any(b"protobuf" in each for _, each in sample.headers):
        yield from _protobuf(value)
        return
    lines = [line for line in value.splitlines() if line.strip()]
    documents = [_document(value)] if _document(value) is not None else list(map(_document, lines))
    if not documents or any(each is None for each in documents):
        # No document, so all of it is one leaf.
        yield value + _canary().encode()
        yield b'"' + _canary().encode() + value
        return
    for number, document in enumerate(documents):
        for changed in _documents(document):
            written = list(map(_written, documents))
            written[number] = _written(changed)
            yield b"\n".join(written)
            if changed is not document and number == 0:
                yield b"\n".join(written)[:-2]


def _document(value: bytes) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def _written(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _documents(document: Any) -> Iterator[Any]:
    """Yield copies of a document: a canary in one place each, and one with canaries in all."""
    places = list(_places(document))
    for path, leaf in places:
        for change in _changes(leaf):
            yield _with(document, path, change)
    everywhere = document
    for path, leaf in places:
        everywhere = _with(everywhere, path, next(iter(_changes(leaf))))
    yield everywhere
    for path in {path[:-1] for path, _ in places if path and isinstance(path[-1], str)}:
        held = _at(document, path)
        yield _with(document, path, {_canary(): 1, **held, _canary(): _canary()})


def _changes(leaf: Any) -> list[Any]:
    """Return what stands in the place of a leaf; of a text also what makes it still the same."""
    if not isinstance(leaf, str):
        return [_canary()]
    inner = _document(leaf.encode("utf-8", "surrogatepass"))
    if not isinstance(inner, dict | list):
        return [leaf + " " + _canary(), _canary()]
    return [*(json.dumps(each) for each in _documents(inner)), leaf + _canary()]


def _places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    if isinstance(node, dict | list):
        for key, each in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _places(each, (*path, key))
    else:
        yield path, node


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def _with(document: Any, path: tuple[Any, ...], changed: Any) -> Any:
    if not path:
        return changed
    copied = dict(document) if isinstance(document, dict) else list(document)
    copied[path[0]] = _with(document[path[0]], path[1:], changed)
    return copied


def _canary() -> str:
    return f"cnry{next(_NUMBERS):06d}zq"


def _protobuf(value: bytes) -> Iterator[bytes]:
    """Yield traces with a canary in one text each; behind those that cannot be parsed, one."""
    request = ExportTraceServiceRequest()
    try:
        request.ParseFromString(value)
    except Exception:  # noqa: BLE001 - protobuf's own error differs between its implementations
        yield value + _canary().encode()
        return
    for number in range(len(list(_texts(request)))):
        copied = ExportTraceServiceRequest()
        copied.CopyFrom(request)
        text, put = list(_texts(copied))[number]
        put(f"{text} {_canary()}" if isinstance(text, str) else text + _canary().encode())
        yield copied.SerializeToString()


def _texts(message: Message) -> Iterator[tuple[str | bytes, Callable[[Any], None]]]:
    """Yield each text and each bytes of a message, with a function that replaces it."""
    for field, held in message.ListFields():
        for number, each in enumerate(held if field.is_repeated else [held]):
            if field.message_type is not None:
                yield from _texts(each)
            elif isinstance(each, str | bytes):
                is_one = not field.is_repeated
                yield (
                    each,
                    partial(setattr, message, field.name)
                    if is_one
                    else partial(held.__setitem__, number),
                )
