"""A time on the command line: ISO 8601, unix seconds, or how long ago."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime

import click

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
#: Unix seconds have at least this many digits here: eight are a date, as in 20261128.
_UNIX = re.compile(r"\d{9,11}(\.\d{1,9})?", re.ASCII)
_MILLISECONDS = re.compile(r"\d{12,14}", re.ASCII)


class Moment(click.ParamType):
    """A time: ISO 8601 (UTC unless it says otherwise), unix seconds, or how long ago: 2h, 7d."""

    name = "time"

    def convert(
        self,
        value: object,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> float:
        """Return the time in unix seconds."""
        text = str(value).strip()
        ago = re.fullmatch(r"(\d{1,9})([smhd])", text, flags=re.ASCII)
        if ago:
            return time.time() - int(ago[1]) * _UNITS[ago[2]]
        if _UNIX.fullmatch(text):
            return float(text)
        if _MILLISECONDS.fullmatch(text):
            self.fail(f"{text!r} is in milliseconds: give seconds, {text[:-3]}", param, ctx)
        try:
            moment = datetime.fromisoformat(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            self.fail(
                f"{text!r} is neither like 2026-11-28T20:00 nor like 2h, and no unix seconds",
                param,
                ctx,
            )
