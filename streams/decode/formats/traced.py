"""Items of a trace: what a format found, where it lies in its trace, and who wrote it."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from streams.decode.nesting import Node
from streams.decode.unread_usage import unread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.decode.event import Skipped, UsageEvent
    from streams.decode.formats.raw_usage import Item


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
    """A log line that holds a document of its own, and the time at which it was written.

    `attributes` are those of the log record around it, and `source` is who wrote it. `around` is
    the key of the span that it was written in, "" where it names none.
    """

    document: object
    ts: object
    sources: frozenset[str] = frozenset()
    attributes: Mapping[str, object] = MappingProxyType({})
    source: str = ""
    around: str = ""

    @property
    def node(self) -> Node | None:
        """Return the place of the line inside the span that it was written in."""
        return Node(f"{self.around}/line", self.around) if self.around else None

    def unread(self) -> Skipped:
        """Return why a line that holds no document of a known format is skipped."""
        return unread({**self.attributes, "body": self.document}, "not_a_request", self.source)
