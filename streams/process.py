"""What every process of tokenshare needs: logging, a watchdog, exit codes.

Exit codes: 0 stopped as asked, 1 the settings, the topics or the state do not allow it to run, 3 no
Kafka, 4 the partitions changed while it ran, 70 it failed or hung. A supervisor restarts it.
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, NoReturn, Self

import orjson

from streams.settings import environment, unknown_variables

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.settings import Settings

log = logging.getLogger("tokenshare.process")

OK, MISCONFIGURED, NO_BROKER, PARTITIONS_CHANGED, FAILED = 0, 1, 3, 4, 70

#: After a failure the process has this long to end by itself. Stock Faust sometimes hangs for ever.
STOP_SECONDS = 8.0
#: An event loop that does not move for this long is hung. Recovery of a large state takes less.
HUNG_SECONDS = 60.0
#: A library's line is not repeated within this time.
REPEAT_SECONDS = 60.0


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a log record."""
        line: dict[str, Any] = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class TextFormatter(logging.Formatter):
    """A line of text, with its time in UTC, as everywhere else."""

    def formatTime(  # noqa: N802 - logging's own name
        self, record: logging.LogRecord, datefmt: str | None = None
    ) -> str:
        """Return the time of a log record; logging gives no format."""
        assert datefmt is None
        return _moment(record)


def _moment(record: logging.LogRecord) -> str:
    """Return the time of a log record, to the millisecond, with its zone."""
    at = dt.datetime.fromtimestamp(record.created, dt.UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"


def set_up_logging(settings: Settings) -> None:
    """Log to standard error: our own lines at the configured level, the libraries' warnings."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter()
        if settings.log_format == "json"
        else TextFormatter("%(asctime)s %(levelname)-7s %(message)s")
    )
    handler.addFilter(RateLimitFilter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO if settings.log_level == "DEBUG" else logging.WARNING)
    logging.getLogger("tokenshare").setLevel(settings.log_level)
    # These log details of every start and rebalance that do not help a user.
    for name in ("faust", "mode", "streams"):
        logging.getLogger(name).setLevel(root.level)
    logging.getLogger("aiokafka.consumer.group_coordinator").setLevel(logging.ERROR)
    if settings.log_level != "DEBUG":
        # The admin client at the start: our own error reports the same, with the remedy.
        logging.getLogger("kafka").setLevel(logging.CRITICAL)


class RateLimitFilter(logging.Filter):
    """Lets a library log the same message once a minute.

    While Kafka is away, its clients log it dozens of times a second, and hide our own lines.
    """

    def __init__(self) -> None:
        super().__init__()
        self._logged_at: dict[tuple[str, object], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record, whose exception it flattens."""
        if record.name.startswith("tokenshare"):
            return True
        # The template, not the text: addresses and numbers differ in repeats of one message.
        template = record.name, record.msg if record.args else str(record.msg)[:40]
        if record.created - self._logged_at.get(template, 0.0) < REPEAT_SECONDS:
            return False
        if len(self._logged_at) > 1000:
            self._logged_at.clear()
        self._logged_at[template] = record.created
        _flatten_exception(record)
        return True


def _flatten_exception(record: logging.LogRecord) -> None:
    """Put a record and its exception into one line; log what every first start meets as INFO."""
    if record.exc_info:
        record.msg, record.args = f"{record.getMessage()}: {record.exc_info[1]!r}", ()
        record.exc_info = record.exc_text = None
    if "GroupCoordinatorNotAvailableError" in record.getMessage():
        record.levelno, record.levelname = logging.INFO, "INFO"


class Watchdog:
    """Ends a process whose event loop hangs, or that does not stop after a failure."""

    def __init__(self) -> None:
        self._alive_at: Callable[[], float] = time.monotonic
        self._end_at = float("inf")
        self._code = FAILED
        self._done = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, daemon=True, name="watchdog").start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def watch(self, alive_at: Callable[[], float]) -> None:
        """Watch an event loop that updates this moment (of `time.monotonic`)."""
        self._alive_at = alive_at

    def end_within(self, seconds: float, code: int) -> None:
        """End the process with `code` unless it ends by itself within these seconds."""
        self._code = code
        self._end_at = time.monotonic() + seconds

    def _watch(self) -> None:
        while not self._done.wait(0.5):
            now = time.monotonic()
            if now > self._end_at:
                log.critical("not stopped in time, ending the process")
                os._exit(self._code)
            if now - self._alive_at() > HUNG_SECONDS:
                log.critical("the event loop has not moved for %.0f s, ending", HUNG_SECONDS)
                os._exit(FAILED)


def warn_of_misspelt() -> None:
    """Log each TOKENSHARE_ variable that is not a setting, with the setting that it resembles."""
    for name, close in unknown_variables(environment()):
        log.warning("%s is not a setting%s", name, f"; did you mean {close}?" if close else "")


def end(code: int) -> NoReturn:
    """End the process with a code, even while threads of the libraries still run."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)
