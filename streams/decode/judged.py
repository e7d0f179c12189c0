"""The outcomes of a record's items, and what an item's neighbours and envelope say of it."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from streams.decode.event import Rejected, Skipped, UsageEvent
from streams.decode.formats import cloudevents
from streams.decode.formats.raw_usage import SharedId
from streams.decode.nesting import Node, within


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


def skip_nested(found: list[Judged]) -> list[Node]:
    """Skip the events that repeat one inside them; return all spans of the record."""
    nodes = [each.node for each in found]
    nodes += [each.link for each in found if each.link is not None]
    for at, why in within(nodes).items():
        found[at] = found[at]._replace(item=Skipped(why))
    return [each for each in nodes if each is not None]


def skip_repeated(found: list[Judged]) -> None:
    """Skip the events that report a request again which an earlier one of the record reports."""
    seen: set[object] = set()
    for at, each in enumerate(found):
        item = each.item
        if isinstance(item, UsageEvent) and type(item.id) is SharedId:
            if item.id in seen:
                found[at] = each._replace(item=Skipped("duplicate"))
            seen.add(item.id)


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
