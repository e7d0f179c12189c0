"""The outcomes of a record's items, and what an item's neighbours and envelope say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from streams.decode.event import Rejected, Skipped, UsageEvent
from streams.decode.formats import cloudevents
from streams.decode.formats.raw_usage import SharedId
from streams.decode.nesting import Node, beside_counted, within
from streams.decode.passed_on import passed_on
from streams.decode.unread_usage import UNREAD_USAGE

if TYPE_CHECKING:
    from collections.abc import Hashable

    from streams.decode.event import Reason, SkipReason


class Judged(NamedTuple):
    """The outcome of an item, the format that it was read as, and its place in a trace.

    `is_known` is False for what is neither of a format nor an envelope: in the field of a log
    shipper it is a line like any other.
    """

    format: str | None
    item: UsageEvent | Rejected | Skipped
    node: Node | None = None
    link: Node | None = None
    is_known: bool = True

    @property
    def is_no_document(self) -> bool:
        """Return whether there is not even JSON to be read."""
        return isinstance(self.item, Rejected) and self.item.reason in {"not_json", "not_utf8"}


def one(rejected: Rejected) -> list[Judged]:
    """Return what is rejected without a format, as the only item."""
    return [Judged(None, rejected)]


def unknown(reason: Reason, detail: str) -> list[Judged]:
    """Return what is neither of a format nor an envelope, as the only item."""
    return [Judged(None, Rejected(reason, detail), is_known=False)]


def skip(reason: SkipReason) -> list[Judged]:
    """Return what is skipped without a format, as the only item."""
    return [Judged(None, Skipped(reason))]


class Unread(NamedTuple):
    """An item whose usage no reader takes: its place in a trace, its format, who wrote it."""

    key: Hashable
    format: str
    source: str


def is_unread(item: object) -> bool:
    """Return whether an item holds usage that no reader takes."""
    return type(item) is Skipped and item == UNREAD_USAGE


def unread_of(judged: Judged) -> Unread:
    """Return an item as one whose usage no reader takes."""
    item = judged.item
    source = item.source if isinstance(item, Skipped) else ""
    return Unread(None if judged.node is None else judged.node.key, judged.format or "", source)


def is_traced(judged: Judged) -> bool:
    """Return whether an item may repeat another one by its place in a trace or a shared id."""
    item = judged.item
    return judged.node is not None or (isinstance(item, UsageEvent) and type(item.id) is SharedId)


def _node(judged: Judged) -> Node | None:
    """Return the place of an item in its trace; an event of a shared id lies under that id."""
    item = judged.item
    if judged.node is None and isinstance(item, UsageEvent) and type(item.id) is SharedId:
        return Node(item.id).counting(item.prompt_tokens, item.completion_tokens)
    return judged.node


def skip_nested(found: list[Judged]) -> list[Node]:
    """Skip events that repeat one inside them or share its id; return all spans of the record."""
    nodes = [_node(each) for each in found]
    nodes += [each.link for each in found if each.link is not None]
    skipped = within(nodes)
    for at, event in passed_on([_event(each) for each in found], nodes, skipped).items():
        found[at] = found[at]._replace(item=event)
    for at, why in skipped.items():
        found[at] = found[at]._replace(item=Skipped(why))
    unread = {at for at, each in enumerate(found) if is_unread(each.item)}
    for at in beside_counted(nodes, unread) if unread else ():
        found[at] = found[at]._replace(item=Skipped("not_a_request"))
    return [each for each in nodes if each is not None]


def _event(judged: Judged) -> UsageEvent | None:
    return judged.item if isinstance(judged.item, UsageEvent) else None


def completed(found: list[Judged], envelope: cloudevents.Envelope) -> list[Judged]:
    """Set an envelope's time and id where the document inside has none."""
    if envelope == cloudevents.Envelope():
        return found
    items = list(found)
    several = len(found) > 1
    for index, each in enumerate(found):
        item = each.item
        if isinstance(item, UsageEvent) and (item.ts is None or item.id is None):
            name = f"{envelope.id}/{index}" if several and envelope.id else envelope.id
            event = msgspec.structs.replace(
                item,
                ts=envelope.time if item.ts is None else item.ts,
                id=name if item.id is None else item.id,
            )
            items[index] = each._replace(item=event)
    return items
