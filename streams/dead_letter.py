"""A record that cannot be counted goes on as it was, with what is needed to find it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from streams.event import Rejected

#: The headers that are added; a header of the record itself keeps its name and place.
REASON = "tokenshare.reason"
DETAIL = "tokenshare.detail"
TOPIC = "tokenshare.topic"
PARTITION = "tokenshare.partition"
OFFSET = "tokenshare.offset"
TIMESTAMP = "tokenshare.timestamp_ms"
ITEMS = "tokenshare.rejected_items"
TRUNCATED = "tokenshare.truncated_bytes"

_ADDED = (REASON, DETAIL, TOPIC, PARTITION, OFFSET, TIMESTAMP, ITEMS)


class DeadLetter(NamedTuple):
    """A rejected record: original key, value and headers, and ours behind them."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        headers = sum(len(name) + len(value or b"") for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers + 256


def dead_letter(
    topic: str, partition: int, record: Any, rejected: Rejected, items: int = 1
) -> DeadLetter:
    """Return the dead letter of a record (with .offset, .timestamp, .key, .value, .headers).

    `items` says how many of the record's items were rejected, the first of them for `rejected`.
    """
    facts = (
        *(rejected.reason, rejected.detail, topic, partition),
        *(record.offset, record.timestamp, items),
    )
    added = ((name, str(fact).encode()) for name, fact in zip(_ADDED, facts, strict=True))
    # The beginning of a value is nothing that anybody could read.
    is_cut = rejected.reason == "too_large" and any(name == TRUNCATED for name, _ in record.headers)
    return DeadLetter(record.key, b"" if is_cut else record.value, [*record.headers, *added])


def shorter(letter: DeadLetter) -> list[DeadLetter]:
    """Return what to send in the place of a letter that the topic refuses as too large.

    First without the value, then without the record's own key and headers as well. What is left
    says where the whole record is to be found, as long as the source topic keeps it.
    """
    told = [header for header in letter.headers if header[0] == TRUNCATED]
    size = told[-1] if told else (TRUNCATED, b"%d" % len(letter.value or b""))
    own = [header for header in letter.headers if header[0] != TRUNCATED]
    return [
        DeadLetter(letter.key, b"", [*own, size]),
        DeadLetter(None, b"", [*own[-len(_ADDED) :], size]),
    ]
