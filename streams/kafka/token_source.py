"""The token of a SASL/OAUTHBEARER login: one source for all clients of a process.

A token is used until shortly before it expires. A new one is fetched in a thread, once for all who
ask, and replaces it after `REFRESH_PART` of its life; while that fails, the old one is used as long
as it lasts.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import weakref
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("tokenshare.login")

REFRESH_PART = 0.8
#: Not used for so long before it expires: a login takes time, and clocks differ.
MARGIN_SECONDS = 5.0
#: While a token is still good, a login waits no longer for its replacement.
PATIENCE_SECONDS = 1.0
#: Longest wait for a token, for those who have none.
WAIT_SECONDS = 15.0
#: Pauses between attempts, doubled after each; meanwhile the last error is the answer.
FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.5, 15.0


class TokenError(OSError):
    """No token can be had; the message says why and what to do.

    An OSError, which all Kafka clients take for a connection that fails. `is_final`: another
    attempt with the same settings is pointless.
    """

    def __init__(self, problem: str, remedy: str, *, is_final: bool = False) -> None:
        super().__init__(f"{problem}. {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.is_final = is_final


@dataclass(frozen=True, slots=True)
class Token:
    """A token that was requested at `began` (of `time.monotonic`) and is good for `lifetime` s."""

    value: str = field(repr=False)
    began: float
    lifetime: float

    @property
    def refresh_at(self) -> float:
        """Return the moment from which a new one is wanted."""
        return self.began + REFRESH_PART * self.lifetime

    @property
    def unusable_at(self) -> float:
        """Return the moment from which it is not used any more."""
        return self.began + self.lifetime - min(MARGIN_SECONDS, 0.1 * self.lifetime)


class TokenSource:
    """Keeps a token that is good; safe between threads, and reset in the child of a fork.

    `fetch` returns a new token or raises TokenError.
    """

    def __init__(self, fetch: Callable[[], Token]) -> None:
        self._fetch = fetch
        self._reset()
        _SOURCES.add(self)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._error: TokenError | None = None
        self._running: Future[Token] | None = None
        self._pause = FIRST_PAUSE_SECONDS
        self._retry_at = 0.0

    def usable(self) -> Token | None:
        """Return the token if it is good, without waiting."""
        token = self._token
        return token if token is not None and time.monotonic() < token.unusable_at else None

    @property
    def problem(self) -> str:
        """Return why there is no usable token, or "" where there is one or none was wanted."""
        error = self._error
        return "" if error is None or self.usable() is not None else str(error)

    def request(self) -> Future[Token] | None:
        """Return the token to come where a new one is wanted, or None while the old one is good.

        Raises TokenError where none is usable and the last attempt was a moment ago.
        """
        with self._lock:
            now = time.monotonic()
            if self._token is not None and now < self._token.refresh_at:
                return None
            if self._running is None and now >= self._retry_at:
                self._start()
            if self._running is not None:
                return self._running
            if self.usable() is not None:
                return None
            assert self._error is not None
            # Another one each time: it is raised in several threads.
            raise TokenError(self._error.problem, self._error.remedy, is_final=self._error.is_final)

    def _start(self) -> None:
        future: Future[Token] = Future()
        thread = threading.Thread(
            target=self._renew, args=(future,), name="login-token", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            self._error = TokenError(
                "No thread can be started for the login's token", "Raise the limit of threads."
            )
            return
        self._running = future

    def wait(self, began: float) -> float:
        """Return how long to wait for the future of `request`, for one who began to at `began`.

        Less while the old token is good, which is then used. Raises TokenError where the wait has
        been long enough.
        """
        now = time.monotonic()
        token = self.usable()
        if token is not None:
            return max(0.0, min(PATIENCE_SECONDS, token.unusable_at - now))
        if now - began >= WAIT_SECONDS:
            raise TokenError("The login's token takes too long", "It is asked for again.")
        return began + WAIT_SECONDS - now

    def token(self) -> Token:
        """Return a good token; may wait. Raises TokenError."""
        began = time.monotonic()
        while True:
            try:
                future = self.request()
                if future is not None:
                    return future.result(self.wait(began))
            except TokenError:
                if self.usable() is None:
                    raise
            except TimeoutError:
                pass
            token = self.usable()
            if token is not None:
                return token

    def _renew(self, future: Future[Token]) -> None:
        token, error = None, None
        try:
            token = self._fetch()
        except TokenError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 - of libraries for credentials, or a bug
            name = type(failure).__name__
            error = TokenError(f"The login's token cannot be fetched ({name})", "Check the login.")
        with self._lock:
            was_failing, self._error, self._running = self._error is not None, error, None
            if token is not None:
                self._token, self._pause, self._retry_at = token, FIRST_PAUSE_SECONDS, 0.0
            else:
                self._retry_at = time.monotonic() + self._pause
                self._pause = min(2 * self._pause, MAX_PAUSE_SECONDS)
        with contextlib.suppress(Exception):
            _report(error, was_failing=was_failing)
        if error is not None:
            future.set_exception(error)
        else:
            assert token is not None
            future.set_result(token)


def _report(error: TokenError | None, *, was_failing: bool) -> None:
    """Log the first of several failures, and their end."""
    if error is not None and not was_failing:
        log.warning("%s", error)
    elif error is None and was_failing:
        log.warning("there is a token for the login to Kafka again")


_SOURCES: weakref.WeakSet[TokenSource] = weakref.WeakSet()


def _after_fork() -> None:
    for source in list(_SOURCES):
        source._reset()  # noqa: SLF001 - of this module


os.register_at_fork(after_in_child=_after_fork)
