"""Where a value lies in a record, in words: its path, and the envelopes that were taken off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from streams.decode.contents import Packed
from streams.decode.formats import (
    change_rows,
    cloudevents,
    custom,
    envelopes,
    jaeger,
    otlp,
    otlp_snake,
)
from streams.decode.formats.registry import ACCESS_LOG, format_of, formats_named
from streams.decode.options import AUTO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from streams.decode.contents import Place
    from streams.decode.options import Options

#: The objects in which OTLP's JSON wraps a value.
_WRAPS: Final = frozenset(
    (
        *("value", "stringValue", "intValue", "doubleValue", "boolValue", "arrayValue"),
        *("kvlistValue", "values"),
    )
)
#: And those in which others wrap one, which are shown.
_SHOWN_WRAPS: Final = frozenset((*otlp_snake.VALUES, *jaeger.VALUES)) - _WRAPS
#: Lists whose items are one request each, or one of its spans.
_ITEMS: Final = ("spans", "logRecords", "log_records")
_BATCHES: Final = ("batch", "records", "Records", "logEvents")


def shown(packed: Packed, place: Place) -> str:
    """Return a place as a path, as a mapping of fields writes it.

    An attribute of OTLP is shown by its key, and a step into a document that lies in a text by `>`.
    """
    text = ""
    node: Any = packed
    hidden = False
    steps = iter(place)
    for step in steps:
        if step is None:
            at = next(steps, None)
            many = len(node.documents) > 1 and at is not None
            text += (" > " if text else "") + (f"document {at + 1} > " if many else "")  # type: ignore[operator]
            node = node.documents if at is None else node.documents[at]
            hidden = False
            continue
        node = node[step]
        if hidden and step in _WRAPS:
            continue
        if isinstance(step, int):
            name = _attribute(node)
            hidden = name is not None
            text += f"[{step}]" if name is None else f'["{name}"]'
            continue
        hidden = False
        text = _joined(text, step)
    return text.removesuffix(" > ").removesuffix(" >")


def _joined(text: str, key: str) -> str:
    if not key or not set(key).isdisjoint(".[]|+\"' "):
        return f'{text}["{key}"]'
    return f"{text}{key}" if not text or text.endswith(" > ") else f"{text}.{key}"


def _attribute(node: object) -> str | None:
    """Return the name in a pair of a name and a value."""
    if isinstance(node, dict) and not node.keys().isdisjoint(jaeger.VALUES):
        name = node.get("key", node.get("name"))
        return name if isinstance(name, str) else None
    return None


def key_of(packed: Packed, place: Place) -> str:
    """Return the name of the field that a value is in."""
    nodes: list[Any] = [packed]
    for step in place:
        nodes.append(nodes[-1].documents if step is None else nodes[-1][step])
    for at in range(len(place) - 1, -1, -1):
        step = place[at]
        if isinstance(step, str) and step not in _WRAPS and step not in _SHOWN_WRAPS:
            return step
        name = _attribute(nodes[at + 1]) if isinstance(step, int) else None
        if name is not None:
            return name
    return ""


def root_of(
    packed: Packed,
    place: Place,
    reader: str | None,
    options: Options,
    known: dict[tuple[int, Any], str | None],
) -> tuple[Place, tuple[str, ...]]:
    """Return the place of the document that a reader read a value in, and what is around it.

    `known` are the envelopes that were seen before: one may be around many items.
    """
    around: list[str] = []
    node: Any = packed
    for at, step in enumerate(place):
        if isinstance(node, Packed) and step is None:
            name = _encoding(node, is_inside=at > 0)
            around += [name] if name else []
            node = node.documents
            continue
        if isinstance(node, dict):
            if _is_read(node, reader, options):
                return place[:at], tuple(around)
            seen = id(node), step
            if seen not in known:
                known[seen] = _envelope(node, step)
            name = known[seen]
            around += [name] if name else []
        node = node[step]
    return (), tuple(around)


def _encoding(packed: Packed, *, is_inside: bool) -> str | None:
    if packed.how == "base64":
        return "base64"
    if packed.how == "events":
        return "a stream of events"
    if packed.how == "lines":
        return "several documents"
    return "JSON in a text" if is_inside else None


def _is_read(document: dict[str, Any], reader: str | None, options: Options) -> bool:
    """Return whether a reader takes a document, in the order in which the decoder asks."""
    if cloudevents.is_envelope(document):
        return False
    if reader == custom.NAME:
        return custom.Mapped(options.paths).matches(document)
    if options.format != AUTO:
        return any(each.matches(document) for each in formats_named(reader or ""))
    found = format_of(document)
    return found is not None and found.name == reader


def _envelope(document: dict[str, Any], key: Any) -> str | None:
    """Return the name of the envelope that a document is, around one of its values."""
    if cloudevents.is_envelope(document):
        return "CloudEvents"
    found = format_of(document)
    if found is not None and found.name == otlp.NAME:
        return "an OpenTelemetry log record"
    if (found is None or found.name == ACCESS_LOG) and isinstance(
        envelopes.unwrapped(document), envelopes.Inside
    ):
        if document.keys() == {"schema", "payload"}:
            return "Kafka Connect"
        if "op" in document:
            return "Debezium"
        tool = change_rows.writer_of(document)
        if tool is not None:
            return tool
        return "CloudWatch Logs" if key == "logEvents" else f"a batch of {key}"
    return f"the field {key}" if key in envelopes.SHIPPED else None


def owners(places: Mapping[int, Sequence[Place]]) -> dict[Place, int | None]:
    """Return whose places lie below each place: the number of an item, None for several items."""
    found: dict[Place, int | None] = {}
    for number, own in places.items():
        for place in own:
            for length in range(len(place) + 1):
                start = place[:length]
                if found.setdefault(start, number) != number:
                    found[start] = None
    return found


def region_of(places: Sequence[Place], root: Place, owner: Mapping[Place, int | None]) -> Place:
    """Return the part of a document that is one item's: there is nothing of another one in it.

    `owner` is whose places lie below each place.
    """
    shared = places[0]
    for at in range(max(len(root), 1), len(shared)):
        if shared[at - 1] in _ITEMS and isinstance(shared[at], int):
            return shared[: at + 1]
    for each in places[1:]:
        shared = _common(shared, each)
    for length in range(len(root), len(shared) + 1):
        if owner[shared[:length]] is not None:
            return shared[:length]
    return shared


def elements_of(packed: Packed) -> list[Place]:
    """Return the places of the documents that are most often one item each, in their order."""
    found: list[Place] = []
    for at, document in enumerate(packed.documents):
        found += _elements(document, (None, at))
    return found


def _elements(node: Any, place: Place) -> list[Place]:
    if isinstance(node, list):
        return [each for at, item in enumerate(node) for each in _elements(item, (*place, at))]
    if not isinstance(node, dict):
        return [place]
    if otlp.is_otlp(node):
        return [each for name in _ITEMS for each in _of_signal(node, place, name)]
    for name in _BATCHES:
        if isinstance(node.get(name), list):
            return [(*place, name, at) for at in range(len(node[name]))]
    return [place]


def _of_signal(node: Any, place: Place, name: str) -> list[Place]:
    if isinstance(node, list):
        steps = enumerate(node)
        return [each for at, item in steps for each in _of_signal(item, (*place, at), name)]
    if not isinstance(node, dict):
        return []
    if isinstance(node.get(name), list):
        return [(*place, name, at) for at in range(len(node[name]))]
    return [
        each
        for key, item in node.items()
        if isinstance(item, list)
        for each in _of_signal(item, (*place, key), name)
    ]


def _common(one: Place, other: Place) -> Place:
    length = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        length += 1
    return one[:length]
