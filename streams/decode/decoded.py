"""What is in a record: events, and what is rejected or skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from streams.decode.event import Rejected, Skipped, UsageEvent
from streams.decode.formats.raw_usage import Found, Item, PlacedId, SharedId, judge
from streams.decode.judged import Judged, Unread, is_traced, is_unread, skip_nested, unread_of
from streams.decode.nesting import NO_USAGE, Node
from streams.decode.unread_usage import is_ordinary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from streams.decode.formats.traced import Line, Traced

#: The detail reported when a reader fails on a document, which should not happen.
FAILED = "cannot be read as what it seems to be"


class Decoded(NamedTuple):
    """The contents of one record; `format` is that of its first item, None where it is unknown.

    `formats` are those of its events, one each. `nodes` are the spans that it holds, and `unread`
    the items whose usage no reader takes.
    """

    format: str | None
    events: Sequence[UsageEvent] = ()
    rejected: Sequence[Rejected] = ()
    skipped: Sequence[Skipped] = ()
    formats: Sequence[str] = ()
    nodes: Sequence[Node] = ()
    unread: Sequence[Unread] = ()


def sorted_out(found: list[Judged]) -> Decoded:
    """Return the outcomes of a record's items by their kind; what repeats another is skipped."""
    format_, item = found[0].format, found[0].item
    if len(found) == 1 and isinstance(item, UsageEvent) and not is_traced(found[0]):
        return Decoded(format_, (item,), formats=(format_ or "",))
    nodes = skip_nested(found)
    events = [each for each in found if isinstance(each.item, UsageEvent)]
    return Decoded(
        next((each.format for each in found if each.format is not None), None),
        [each.item for each in found if isinstance(each.item, UsageEvent)],
        [each.item for each in found if isinstance(each.item, Rejected)],
        [each.item for each in found if isinstance(each.item, Skipped)],
        [each.format or "" for each in events],
        nodes,
        [unread_of(each) for each in found if is_unread(each.item)],
    )


def is_something(found: list[Judged]) -> bool:
    """Return whether a reader has found more than nothing in a document that is its own."""
    item = found[0].item
    return len(found) > 1 or not isinstance(item, Skipped) or not is_ordinary(item)


def judge_item(
    item: Item | UsageEvent, detect: Callable[[object], str] | None
) -> UsageEvent | Rejected | Skipped:
    """Return the outcome of what a format found; one that cannot be judged is rejected."""
    if not isinstance(item, Found):
        return item
    try:
        return judge(item, detect)
    except Exception:  # noqa: BLE001 - the other items of a record count
        return Rejected("wrong_type", FAILED)


def traced_item(
    name: str,
    traced: Traced,
    ignored: frozenset[str],
    detect: Callable[[object], str] | None,
) -> Judged:
    """Return the outcome of an item of a trace, of which some writers are left out."""
    item, node, sources, link = traced
    if ignored and not ignored.isdisjoint(sources):
        item = Skipped("not_a_request", is_final=True)
        node = None if node is None else node.counting(NO_USAGE, NO_USAGE)
    elif isinstance(item, Found):
        item = judge_item(item, detect)
        if node is not None and isinstance(item, UsageEvent):
            node = node.counting(item.prompt_tokens, item.completion_tokens)
    return Judged(name, item, node, link)


def placed(found: list[Judged], line: Line, at: int) -> list[Judged]:
    """Place the events of a log line inside the span that it was written in.

    The request's own span repeats such an event, or it repeats the span. `at` is the line's place
    in its batch: a span may have several lines that are alike.
    """
    if not line.around:
        return found
    return [
        _placed(each, each.item, line, f"{at}/{number}")
        if each.node is None and isinstance(each.item, UsageEvent)
        else each
        for number, each in enumerate(found)
    ]


def _placed(judged: Judged, event: UsageEvent, line: Line, number: str) -> Judged:
    if type(event.id) is SharedId:
        return judged
    counts = event.prompt_tokens, event.completion_tokens
    key = f"{line.around}/line/{number}/{line.ts}/{event.ts}/{event.id}/{counts}"
    name = SharedId(key) if event.id is None else PlacedId.at(event.id, key)
    node = Node(key, line.around).counting(*counts)
    return judged._replace(item=msgspec.structs.replace(event, id=name), node=node)
