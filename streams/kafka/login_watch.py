"""Watches the login and TLS of a running process: what Kafka refuses is reported, and ends it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from streams.kafka import diagnosis

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.settings import Settings

log = logging.getLogger("tokenshare.login")


class LoginRefusedError(Exception):
    """Kafka has refused this process for too long; the message gives the remedy."""


class LoginWatch:
    """Reports a refused login, and ends a worker or a bridge that is not ready for it.

    A supervisor starts it again, with the login that is right by then. A process whose connections
    still work goes on.
    """

    def __init__(
        self,
        settings: Settings,
        readiness: Callable[[], tuple[str, ...]],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._readiness = readiness
        self._fail = fail
        self._reported = ""
        self._since: float | None = None

    def look(self) -> None:
        """Look at what the last connections met."""
        problem = diagnosis.refused(self._settings)
        if problem and problem != self._reported:
            log.error("%s Trying again until it works.", problem)
        elif self._reported and not problem:
            log.info("Kafka accepts the login again")
        self._reported = problem
        if not problem or problem not in self._readiness():
            self._since = None
            return
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        limit = self._settings.login_refused_seconds
        if limit and now - self._since >= limit:
            self._fail(LoginRefusedError(f"{problem} Refused for {limit:g} s: ending."))
