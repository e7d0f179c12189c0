"""Made-up numbers in the shapes of the API, for a page without a worker."""

from __future__ import annotations

import asyncio
import math
import random
import threading
import time
from contextlib import contextmanager

from made_up_shares import (
    DEVELOPER_SHARES,
    HOSTILE,
    JURISDICTION_SHARES,
    LANGUAGE_SHARES,
    MODEL_SHARES,
    ORIGIN_SHARES,
    PROVIDER_SHARES,
    TENANT_SHARES,
    WINDOWS,
    cost_of,
    drifted,
    made_up_shares,
    made_up_unknown,
    made_up_window,
    no_traffic,
)
from made_up_shifts import made_up_moved, made_up_shifts, mover, movers

from streams.classify.keys import ALL_DIMENSIONS, TENANT
from streams.shares.filtered import unavailable
from streams.shares.history import STEPS as ALL_STEPS
from streams.web.server import Sources, make_app, serve

#: What tests take from here, wherever it is made.
__all__ = [
    "HOSTILE",
    "ORIGIN_SHARES",
    "STEPS",
    "WINDOWS",
    "made_up_history",
    "made_up_moved",
    "made_up_note",
    "made_up_notes",
    "made_up_shares",
    "made_up_shifts",
    "made_up_sources",
    "made_up_unknown",
    "made_up_window",
    "mover",
    "movers",
    "no_traffic",
    "only",
    "served",
]

STEPS = {name: step.seconds for name, step in ALL_STEPS.items()}


def _shares_then(dimension, done, chance):
    """Shares by a dimension when a part (0-1) of the year has passed."""
    if dimension == "origin":
        rise = 0.012 + 0.262 * done**1.6 - ORIGIN_SHARES["cn-open"]
        return drifted(ORIGIN_SHARES, "cn-open", rise * chance.uniform(0.97, 1.03))
    if dimension == "language":
        shares = {key: share for key, (_, share) in LANGUAGE_SHARES.items()}
        return drifted(shares, "zh-Hans", 0.02 * done + chance.uniform(0, 0.004))
    if dimension == "developer":
        return drifted(DEVELOPER_SHARES, "DeepSeek", chance.uniform(-0.01, 0.01))
    if dimension == "provider":
        return {key: share for key, (_, share, _) in PROVIDER_SHARES.items()}
    if dimension == "jurisdiction":
        return JURISDICTION_SHARES
    if dimension == TENANT:
        return {key: share for key, (_, share) in TENANT_SHARES.items()}
    shares = {key: share for key, (share, _) in MODEL_SHARES.items()}
    return drifted(shares, "deepseek/deepseek-v3.2", chance.uniform(-0.01, 0.01))


def made_up_history(dimension, step, start, now, end=None):
    """Chinese open rises from 1.2 % to 27.4 % over the year; part of an hour is missing.

    The points are those before `end`, `now` unless given.
    """
    seconds = STEPS[step]
    chance = random.Random(f"{dimension}{step}")
    # 1970 began on a Thursday: weeks start four days later.
    shift = 4 * 86_400 if step == "1w" else 0
    first = math.floor((start - shift) / seconds) * seconds + shift
    points = []
    for at in range(int(first), int(min(now, end or now)), seconds):
        if step == "5m" and 6 * 3600 < now - at < 7 * 3600:
            continue
        done = max(0.0, 1 - (now - at) / (365 * 86_400))
        requests = round(seconds * 37.3 * chance.uniform(0.8, 1.2))
        tokens = requests * 5_431
        shares = _shares_then(dimension, done, chance)
        cells = {
            key: [
                round(tokens * share),
                round(requests * share),
                round(tokens * share * 15 / 16),
                round(tokens * share / 16),
                round(tokens * share / 4),
                cost_of(key, tokens * share),
            ]
            for key, share in shares.items()
        }
        points.append(
            {
                "start": at,
                "tokens": tokens,
                "requests": requests,
                "prompt_tokens": tokens * 15 // 16,
                "completion_tokens": tokens // 16,
                "uncached_tokens": tokens // 4,
                "cost": sum(each[-1] or 0 for each in cells.values()),
                "cells": cells,
                "priced_tokens": sum(each[0] for each in cells.values() if each[-1] is not None),
                "estimated_tokens": 0,
                "measured_tokens": tokens,
            }
        )
    return {
        "dimension": dimension,
        "step": step,
        "seconds": seconds,
        "as_of": now,
        "points": points,
    }


def made_up_note(start, text, end=None, dimension="", key=""):
    return {"start": start, "end": end, "text": text, "dimension": dimension, "key": key}


def made_up_notes(now, *notes, is_current=True, omitted=0):
    """The body of /api/v1/notes: a launch of nine days ago and a week's migration unless given."""
    given = notes or (
        made_up_note(now - 19 * 86_400, "Customers move to the new router", now - 12 * 86_400),
        made_up_note(now - 9 * 86_400, "Kimi K3 is free", None, "model", "moonshotai/kimi-k3"),
    )
    return {
        "notes": sorted(given, key=lambda each: each["start"]),
        "read_at": now,
        "is_current": is_current,
        "omitted": omitted,
    }


def made_up_policy(now, is_current=True):
    """The body of /api/v1/policy: three groups, of which one sent to what it excludes."""

    def group(name, tokens, *origins):
        excluded = sum(sent for _, _, sent in origins)
        return {
            "group": name,
            "tokens": tokens,
            "excluded_tokens": excluded,
            "excluded_ratio": excluded / tokens if tokens else None,
            "origins": [
                {"key": key, "name": named, "tokens": sent} for key, named, sent in origins
            ],
        }

    def groups(scale):
        chinese = ("cn-proprietary", "Chinese proprietary", 0)
        return [
            group(
                "eu-public-sector",
                18_300_000 * scale,
                ("cn-open", "Chinese open", 1_281_000 * scale),
                chinese,
            ),
            group("labs", 4_200_000 * scale, chinese),
            group("pilots", 0, ("unknown", "Unknown", 0)),
        ]

    return {
        "as_of": now,
        "read_at": now,
        "is_current": is_current,
        "windows": {"24h": groups(1), "7d": groups(7)},
    }


def made_up_part(chosen, dimensions, now):
    """The body of /api/v1/shares for a part of the traffic: a tenth of everything each time."""
    missing = unavailable(chosen)
    body = only(dimensions - missing, made_up_shares(now))
    if TENANT in chosen:
        body["windows"] = {name: body["windows"][name] for name in ("24h", "7d")}
        for window in body["windows"].values():
            if TENANT in window:
                window[TENANT] = [row for row in window[TENANT] if row["key"] == chosen[TENANT]]
    for window in body["windows"].values():
        window["everything"] = {
            name: window[name] * (10 ** len(chosen))
            for name in ("tokens", "requests", "output_tokens", "uncached_tokens", "cost")
        }
    return body | {"filter": chosen, "unavailable": sorted(missing & dimensions)}


def only(dimensions, body):
    """The body of /api/v1/shares with no more than these dimensions."""
    left_out = {*ALL_DIMENSIONS, TENANT} - {*dimensions}
    windows = {
        name: {part: value for part, value in window.items() if part not in left_out}
        for name, window in body["windows"].items()
    }
    return body | {"windows": windows}


def made_up_sources(state="shifted", **changes):
    """Return sources of made-up numbers.

    `state` is that of the shifts; `changes` replace parts of the body of the shares.
    """

    async def history(asked):
        now = time.time()
        start = now - 3600 if asked.start is None else asked.start
        return made_up_history(asked.dimension, asked.step, start, now, asked.end)

    async def part(asked):
        return made_up_part(dict(asked.chosen), asked.dimensions, time.time()) | changes

    async def moved(asked):
        return made_up_moved(asked, time.time(), state)

    return Sources(
        shares=lambda dimensions: only(dimensions, made_up_shares(time.time()) | changes),
        history=history,
        unknown=lambda window: {"window": window, "models": []},
        shifts=lambda: made_up_shifts(time.time(), state),
        movers=moved,
        moment=lambda: {"as_of": time.time(), "generated_at": time.time(), "ready": True},
        readiness=lambda: changes.get("reasons", []),
        metrics=lambda accept: (b"# EOF\n", "text/plain; version=0.0.4"),
        notes=lambda: made_up_notes(time.time()),
        part=part,
    )


#: The port of the last server: at the same address a browser has the files already.
_last = [0]


@contextmanager
def served(sources, port=0, access=None):
    """Serve the page from a thread of its own; gives its address, the one before if it is free."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    app = make_app(sources, access)
    try:
        runner = run(serve(app, "127.0.0.1", port or _last[0]))
    except OSError:
        if port:
            raise
        runner = run(serve(make_app(sources, access), "127.0.0.1", 0))
    _last[0] = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{_last[0]}/"
    finally:
        run(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()
