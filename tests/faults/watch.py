"""Looks at the readiness of workers while a fault goes on."""

from __future__ import annotations

import threading
import time
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from processes import WorkerProcess

POLL_SECONDS = 0.3


class Look(NamedTuple):
    """What a worker showed at a moment."""

    at: float
    status: int | None
    counted: int
    reasons: tuple[str, ...]


class Watch:
    """Asks each worker several times a second, in a thread of its own."""

    def __init__(self, workers: list[WorkerProcess]) -> None:
        self._workers = workers
        self._looks: dict[int, list[Look]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            for worker in [*self._workers]:
                if worker.process.poll() is None:
                    self._looks.setdefault(worker.port, []).append(_look(worker))

    def looks(self, worker: WorkerProcess) -> list[Look]:
        """Return what a worker has shown so far."""
        return [*self._looks.get(worker.port, ())]

    def unready_seconds(self, worker: WorkerProcess) -> float:
        """Return how long a worker that had been ready was not."""
        pairs = pairwise(self.looks(worker))
        return sum(after.at - each.at for each, after in pairs if each.status != 200)

    def summary(self, worker: WorkerProcess) -> str:
        """Return how long it was not ready, and the reasons."""
        reasons = sorted({reason for look in self.looks(worker) for reason in look.reasons})
        why = f" ({'; '.join(reasons)})" if reasons else ""
        return f"not ready for {self.unready_seconds(worker):.1f} s{why}"


def _look(worker: WorkerProcess) -> Look:
    try:
        status, body = worker.ask("/readyz")
        counted = worker.records().get("counted/", 0)
    except (AssertionError, OSError, ValueError):
        return Look(time.monotonic(), None, 0, ())
    return Look(time.monotonic(), status, counted, tuple(body.get("reasons", ())))
