"""The bounded buffer: what a bridge holds of posts that it has not answered yet."""

from __future__ import annotations

from typing import Self

from streams.gateway.bridge.answer import full


class Buffer:
    """The buffer: bytes, events and posts held, and the limits."""

    def __init__(self, max_bytes: int, max_events: int) -> None:
        self.max_bytes = max_bytes
        self.max_events = max_events
        self.bytes = 0
        self.events = 0
        self.posts = 0


class Reservation:
    """One post's part of the buffer, until the end of its `with` block."""

    __slots__ = ("_buffer", "bytes", "events")

    def __init__(self, buffer: Buffer) -> None:
        self._buffer = buffer
        self.bytes = 0
        self.events = 0

    def __enter__(self) -> Self:
        self._buffer.posts += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._buffer.posts -= 1
        self._buffer.bytes -= self.bytes
        self._buffer.events -= self.events

    def expect_bytes(self, count: int) -> None:
        """Raise RefusedError if this many more bytes would not fit at the moment."""
        buffer = self._buffer
        if buffer.bytes + count > buffer.max_bytes:
            raise full()

    def take_bytes(self, count: int) -> None:
        """Reserve this many more bytes. Raises RefusedError if they do not fit."""
        self.expect_bytes(count)
        self._buffer.bytes += count
        self.bytes += count

    def take_events(self, count: int) -> None:
        """Reserve this many more events. Raises RefusedError if they do not fit."""
        buffer = self._buffer
        # A post larger than the whole buffer is admitted when no other events are held.
        if buffer.events and buffer.events + count > buffer.max_events:
            raise full()
        buffer.events += count
        self.events += count
