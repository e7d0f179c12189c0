"""The newest shares of a running worker, kept by two threads: one listens, one fetches."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streams.cli import client

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Pause before a lost connection is tried again.
RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class News:
    """What is known of the worker: its last answer, when it came, and what is wrong since.

    `dimension` is the one that the answer is about. `lost` says why there are no newer numbers,
    `slowed` why they are asked for instead of announced; empty where nothing is wrong.
    """

    dimension: str
    body: Mapping[str, Any]
    at: float
    lost: str = ""
    slowed: str = ""


class Feed:
    """Fetches a worker's shares whenever it announces new ones, and tries again where it is lost.

    `changed` is called after each change, from another thread.
    """

    def __init__(self, url: str, first: News, changed: Callable[[], None]) -> None:
        self._url = url
        self._changed = changed
        self._dimension = first.dimension
        self._answer = (first.dimension, first.body, first.at)
        self._lost = self._slowed = ""
        self._is_due = threading.Event()

    def start(self) -> None:
        """Start both threads; they end with the process."""
        for work in (self._listen, self._fetch):
            threading.Thread(target=work, daemon=True).start()

    @property
    def news(self) -> News:
        """What is known now."""
        return News(*self._answer, self._lost, self._slowed)

    def choose(self, dimension: str) -> None:
        """Fetch the shares of another dimension, at once."""
        if dimension != self._dimension:
            self._dimension = dimension
            self._is_due.set()

    def _listen(self) -> None:
        while True:
            try:
                for _ in client.announcements(self._url):
                    self._slowed = ""
                    self._is_due.set()
                reason = "the worker has ended its stream of events"
            except client.WorkerUnreachableError as error:
                reason = str(error)
            self._slowed = reason
            # Fetching says whether there is a worker at all.
            self._is_due.set()
            time.sleep(RETRY_SECONDS)

    def _fetch(self) -> None:
        while True:
            self._is_due.wait()
            self._is_due.clear()
            dimension = self._dimension
            try:
                body = client.table(self._url, dimension)
            except client.WorkerUnreachableError as error:
                self._lost = str(error)
            else:
                self._answer, self._lost = (dimension, body, time.time()), ""
            self._changed()
