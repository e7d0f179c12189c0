"""The bounded buffer: what a bridge holds of posts that it has not answered yet."""

from __future__ import annotations

from typing import Self

from streams.gateway.bridge.answer import full


class Room:
    """How much is held, of how many posts, and how much may be."""

    def __init__(self, most_bytes: int, most_events: int) -> None:
        self.most_bytes = most_bytes
        self.most_events = most_events
        self.bytes = 0
        self.events = 0
        self.posts = 0


class Held:
    """What one post holds of the room, until the end of its `with` block."""

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
        """Raise RefusedError where so many bytes more would find no room by now."""
        room = self._room
        if room.bytes + count > room.most_bytes:
            raise full()

    def take_bytes(self, count: int) -> None:
        """Hold so many bytes more. Raises RefusedError where there is no room."""
        self.expect_bytes(count)
        self._room.bytes += count
        self.bytes += count

    def take_events(self, count: int) -> None:
        """Hold so many events more. Raises RefusedError where there is no room."""
        room = self._room
        # A post of more than all of it has its turn when there is no other.
        if room.events and room.events + count > room.most_events:
            raise full()
        room.events += count
        self.events += count
