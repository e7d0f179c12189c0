"""Items of a trace: what a format found, where it lies in its trace, and who wrote it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from streams.decode.event import UsageEvent
    from streams.decode.formats.raw_usage import Item
    from streams.decode.nesting import Node


class Traced(NamedTuple):
    """An item with its place in a trace, None where it has none.

    `sources` are the names of its instrumentation scope and service, and of a log event. `link`
    places the log event of the same request inside it.
    """

    item: Item | UsageEvent
    node: Node | None
    sources: frozenset[str] = frozenset()
    link: Node | None = None


class Line(NamedTuple):
    """A log line that holds a document of its own, and the time at which it was written."""

    document: object
    ts: object
    sources: frozenset[str] = frozenset()
