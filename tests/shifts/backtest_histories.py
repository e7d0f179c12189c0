"""Histories that the tests of `tokenshare backtest` read."""

from __future__ import annotations

import io

import numpy as np
import orjson
import traffic_model as model
from traffic_model import DAY_PANES, START, Change, Gateway

from streams.shifts.backtest import history_file

DAY, HOUR, PANE = 86400, 3600, 300


def line(**given) -> bytes:
    cell = {
        "start": START,
        "seconds": 300,
        "origin": "cn-open",
        "language": "en",
        "tenant": "t1",
        "requests": 2,
        "tokens": 30,
        "tokens_squared": 500,
    }
    return orjson.dumps(cell | given)


def read(*lines: bytes):
    return history_file.read([("history.ndjson", io.BytesIO(b"\n".join(lines) + b"\n"))])


def history(*, rate=3.0, days=25, change: Change | None = None, dimension="origin", seed=5):
    # Calmer than real traffic, so that the shifts which tests add are alerts for certain.
    gateway = Gateway(
        seed,
        rate,
        days,
        size=0.9,
        activity=(0.5, 0.0),
        memory=2.0,
        visitors=0.0,
        wander=0.1,
        weekend=(0.5, 0.5),
        spread=(5.0, 20.0),
    )
    drawn = gateway.plan().draw(dimension, np.random.default_rng(seed), 0, days * DAY_PANES, change)
    return model.timeline(dimension, drawn)
