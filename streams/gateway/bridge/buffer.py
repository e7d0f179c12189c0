"""The bounded buffer: what a bridge holds of posts that it has not answered yet."""

from __future__ import annotations

from typing import Self

from streams.gateway.bridge.answer import full


class Room:
    """The buffer: bytes, events and posts held, and the limits."""

    def __init__(self, most_bytes: int, most_events: int) -> None:
        self.most_bytes = most_bytes
        self.most_events = most_events
        self.bytes = 0
        self.events = 0
        self.posts = 0


class Held:
    """One post's part of the buffer, until the end of its `with` block."""

    __slots__ = ("_room", "bytes", "events")

    def __init__(self, room: Room) -> None:
        self._room = room
        self.bytes = 0
        self.events = 0

    def __enter__(self) -> Self:
        self._room.posts += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._room.posts -= 1
        self._room.bytes -= self.bytes
        self._room.events -= self.events

    def expect_bytes(self, count: int) -> None:
        """Raise RefusedError if this many more bytes would not fit at the moment."""
        room = self._room
        if room.bytes + count > room.most_bytes:
            raise full()

    def take_bytes(self, count: int) -> None:
        """Reserve this many more bytes. Raises RefusedError if they do not fit."""
        self.expect_bytes(count)
        self._room.bytes += count
        self.bytes += count

    def take_events(self, count: int) -> None:
        """Reserve this many more events. Raises RefusedError if they do not fit."""
        room = self._room
        # A post larger than the whole buffer is admitted when no other events are held.
        if room.events and room.events + count > room.most_events:
            raise full()
        room.events += count
        self.events += count
