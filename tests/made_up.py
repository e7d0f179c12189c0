"""Made-up numbers in the shapes of the API, for a page without a worker."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import random
import threading
import time
from contextlib import contextmanager

from streams.classify.keys import ALL_DIMENSIONS
from streams.classify.origin.overrides import suggestion
from streams.shares.history import STEPS as ALL_STEPS
from streams.shares.windows import WINDOWS as ALL_WINDOWS
from streams.shifts.series import SHIFT_MEASURES
from streams.web.server import Sources, make_app, serve

WINDOWS = {window.name: window.seconds for window in ALL_WINDOWS}
STEPS = {name: step.seconds for name, step in ALL_STEPS.items()}
ORIGIN_SHARES = {
    "cn-open": 0.274,
    "cn-proprietary": 0.031,
    "row-open": 0.127,
    "row-proprietary": 0.545,
    "unknown": 0.023,
}
LANGUAGE_SHARES = {
    "en": ("English", 0.8287),
    "zh-Hans": ("Chinese (Simplified)", 0.0495),
    "ru": ("Russian", 0.0247),
    "es": ("Spanish", 0.0143),
    "th": ("Thai", 0.0103),
    "de": ("German", 0.0100),
    "ja": ("Japanese", 0.0090),
    "fr": ("French", 0.0085),
    "pt": ("Portuguese", 0.0070),
    "ko": ("Korean", 0.0050),
    "zh-Hant": ("Chinese (Traditional)", 0.0020),
    "und": ("Undetermined", 0.0130),
    "other": ("Other", 0.0180),
}
DEVELOPER_SHARES = {
    "Anthropic": 0.24,
    "Google": 0.21,
    "DeepSeek": 0.17,
    "OpenAI": 0.11,
    "Alibaba": 0.08,
    "Meta": 0.07,
    "Mistral": 0.06,
    "Moonshot AI": 0.03,
    "other": 0.03,
}
# A model's name is text from outside: it must stay text, however it looks.
HOSTILE = "<img src=x onerror=document.title='broken'>"
MODEL_SHARES = {
    "anthropic/claude-sonnet-4.5": (0.22, "row-proprietary"),
    "google/gemini-2.5-flash": (0.20, "row-proprietary"),
    "deepseek/deepseek-v3.2": (0.17, "cn-open"),
    "qwen/qwen3-235b-a22b-instruct-2507": (0.08, "cn-open"),
    "meta-llama/llama-3.3-70b-instruct": (0.07, "row-open"),
    HOSTILE: (0.01, "unknown"),
    "other": (0.25, None),
}
#: What a window's shares are apart from those of the last day: points of Chinese open models.
DRIFT = {"5m": 0.012, "1h": 0.006, "24h": 0.0, "7d": -0.053}


def rows(shares, tokens, requests, **more):
    """Rows of one dimension; in requests the small shares are larger than in tokens."""
    roots = {key: share**0.7 for key, share in shares.items()}
    whole = sum(roots.values())
    return [
        {
            "key": key,
            "tokens": round(tokens * share),
            "requests": round(requests * roots[key] / whole),
            "tokens_ratio": share,
            "requests_ratio": roots[key] / whole,
            **{name: value[key] for name, value in more.items() if key in value},
        }
        for key, share in shares.items()
    ]


def drifted(shares, key, points):
    """Take points from every share in proportion and give them to one."""
    left = (1 - shares[key] - points) / (1 - shares[key])
    return {one: share + points if one == key else share * left for one, share in shares.items()}


def made_up_window(name, now):
    seconds = WINDOWS[name]
    requests = round(seconds * 37.3)
    tokens = requests * 5_431
    origins = drifted(ORIGIN_SHARES, "cn-open", DRIFT[name])
    languages = {key: share for key, (_, share) in LANGUAGE_SHARES.items()}
    languages = drifted(languages, "zh-Hans", DRIFT[name] / 10)
    return {
        "seconds": seconds,
        "start": now - seconds,
        "end": now,
        "requests": requests,
        "tokens": tokens,
        "prompt_tokens": tokens * 15 // 16,
        "completion_tokens": tokens // 16,
        "origin": rows(origins, tokens, requests),
        "language": rows(
            languages, tokens, requests, name={k: n for k, (n, _) in LANGUAGE_SHARES.items()}
        ),
        "developer": rows(DEVELOPER_SHARES, tokens, requests),
        "model": rows(
            {key: share for key, (share, _) in MODEL_SHARES.items()},
            tokens,
            requests,
            origin={key: origin for key, (_, origin) in MODEL_SHARES.items() if origin},
        ),
        "joint": [
            {
                "origin": origin,
                "language": language,
                "tokens": round(tokens * share * part),
                "requests": round(requests * share * part),
                "tokens_ratio": share * part,
                "requests_ratio": share * part,
            }
            for origin, share in origins.items()
            for language, part in languages.items()
        ],
    }


def made_up_unknown(model, tokens, requests):
    return {
        "model": model,
        "tokens": tokens,
        "requests": requests,
        "matched_by": "unknown: no known name",
        "override": suggestion(model),
    }


def made_up_shares(now):
    return {
        "as_of": now - 0.8,
        "generated_at": now,
        "ready": True,
        "reasons": [],
        "simulated": True,
        "windows": {name: made_up_window(name, now) for name in WINDOWS},
        "unknown": [
            made_up_unknown("prod-chat", 1_812_000_000, 310_211),
            made_up_unknown("openrouter/auto", 901_200_300, 90_411),
            made_up_unknown(HOSTILE, 1_200, 3),
        ],
        "pipeline": {
            "lag": 12,
            "late": 41,
            "rejected": 3,
            "unread": {"count": 0, "last": None, "sources": []},
            "partitions": [
                {
                    "partition": number,
                    "position": 1_234_000 + number,
                    "end_offset": 1_234_006 + number,
                    "lag": 6,
                    "newest": now - 0.4,
                    "owned": number == 0,
                    "lost": {"1h": 1_200, "1d": 1_200} if number else {},
                }
                for number in (0, 1)
            ],
            "records": [
                {"result": "counted", "reason": "", "count": 2_468_000},
                {"result": "rejected", "reason": "not_json", "count": 3},
            ],
        },
    }


def no_traffic():
    """Return the windows of a worker that has counted nothing."""
    window = made_up_window("24h", 1000.0)
    nothing = {"requests": 0, "tokens": 0, "language": [], "developer": [], "model": []}
    none = [
        {"key": key, "tokens": 0, "requests": 0, "tokens_ratio": None, "requests_ratio": None}
        for key in ORIGIN_SHARES
    ]
    return dict.fromkeys(WINDOWS, window | nothing | {"origin": none, "joint": []})


def made_up_history(dimension, step, start, now):
    """Chinese open rises from 1.2 % to 27.4 % over the year; part of an hour is missing."""
    seconds = STEPS[step]
    chance = random.Random(f"{dimension}{step}")
    # 1970 began on a Thursday: weeks start four days later.
    shift = 4 * 86_400 if step == "1w" else 0
    first = math.ceil((start - shift) / seconds) * seconds + shift
    points = []
    for at in range(int(first), int(now), seconds):
        if step == "5m" and 6 * 3600 < now - at < 7 * 3600:
            continue
        done = max(0.0, 1 - (now - at) / (365 * 86_400))
        requests = round(seconds * 37.3 * chance.uniform(0.8, 1.2))
        tokens = requests * 5_431
        if dimension == "origin":
            rise = 0.012 + 0.262 * done**1.6 - ORIGIN_SHARES["cn-open"]
            shares = drifted(ORIGIN_SHARES, "cn-open", rise * chance.uniform(0.97, 1.03))
        elif dimension == "language":
            shares = {key: share for key, (_, share) in LANGUAGE_SHARES.items()}
            shares = drifted(shares, "zh-Hans", 0.02 * done + chance.uniform(0, 0.004))
        elif dimension == "developer":
            shares = drifted(DEVELOPER_SHARES, "DeepSeek", chance.uniform(-0.01, 0.01))
        else:
            shares = {key: share for key, (share, _) in MODEL_SHARES.items()}
            shares = drifted(shares, "deepseek/deepseek-v3.2", chance.uniform(-0.01, 0.01))
        cells = {
            key: [
                round(tokens * share),
                round(requests * share),
                round(tokens * share * 15 / 16),
                round(tokens * share / 16),
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
                "cells": cells,
            }
        )
    return {
        "dimension": dimension,
        "step": step,
        "seconds": seconds,
        "as_of": now,
        "points": points,
    }


def made_up_shift(dimension, row, measure, window, shift, spread):
    """One statement; `shift` and `spread` are ratios, None where history is too short for them."""
    share = row[f"{measure}_ratio"]
    zscore = None if shift is None or spread is None else shift / spread
    named = {"name": row["name"]} if "name" in row else {"name": row["key"]}
    is_shifted = zscore is not None and abs(zscore) >= 3 and abs(shift) >= 0.01
    return {
        "dimension": dimension,
        "key": row["key"],
        **named,
        "measure": measure,
        "window": window,
        "share": share,
        "baseline": None if shift is None else share - shift,
        "shift": shift,
        "standard_error": 0.001,
        "usual_spread": spread,
        "zscore": zscore,
        "detectable": None if spread is None else 3 * spread,
        "without_top_tenant": shift if window == "1h" else None,
        "evidence_requests": float(row["requests"]),
        "since": None,
        "peak": None,
        "developer": "",
        "origin": "",
        "is_shifted": is_shifted,
        "sentence": f"{named['name']} {shift * 100:+.1f} points: hy3 +3.1" if is_shifted else None,
        "notes": [],
    }


def made_up_shifts(now, state="shifted"):
    """The body of /api/v1/shifts: `shifted`, `quiet`, `young` (2.5 days) or `new` (none)."""
    body = {"as_of": now, "baseline_days": 28.0, "needed_days": 21, "shifts": []}
    if state == "new":
        return body | {"baseline_days": 0.0}
    if state == "young":
        body["baseline_days"] = 2.59
    moved = {
        ("origin", "cn-open", "24h", "tokens"): 0.053,
        ("origin", "cn-open", "1h", "tokens"): 0.059,
        ("origin", "row-proprietary", "24h", "tokens"): -0.037,
        ("language", "ru", "24h", "tokens"): 0.0118,
    }
    for dimension in ("origin", "language"):
        for window in ("24h", "1h"):
            for row in made_up_window(window, now)[dimension]:
                for measure in SHIFT_MEASURES:
                    usual = max(0.0006, 0.022 * row["tokens_ratio"] ** 0.8)
                    is_moved = state == "shifted" and (dimension, row["key"], window, measure)
                    shift = moved.get(is_moved, usual * 1.6 * math.sin(len(body["shifts"])))
                    spread = None if state == "young" else usual
                    body["shifts"].append(
                        made_up_shift(dimension, row, measure, window, shift, spread)
                    )
    return body


def mover(name, before, share, kind="mix"):
    return {
        "name": name,
        "contribution": share - before,
        "share": share,
        "before": before,
        "kind": kind,
    }


def movers(shift, named, others):
    """A list of movers whose rest makes up the shift."""
    arrival = sum(each["contribution"] for each in named if each["kind"] != "mix")
    return {
        "movers": named,
        "rest": shift - sum(each["contribution"] for each in named),
        "rest_members": others,
        "mix": shift - arrival,
        "arrival": arrival,
    }


def made_up_moved(asked, now, state="shifted"):
    """The body of /api/v1/shifts/movers, or None where there is no such shift."""
    found = [
        each
        for each in made_up_shifts(now, state)["shifts"]
        if all(each[name] == value for name, value in dataclasses.asdict(asked).items())
    ]
    if not found:
        return None
    shift = found[0]["shift"]
    models = [
        mover("moonshotai/kimi-k3", 0.0, 0.56 * shift, "new"),
        mover("deepseek/deepseek-v3.2", 0.142, 0.142 + 0.42 * shift),
        mover("qwen/qwen3-235b-a22b-instruct-2507", 0.062, 0.062 + 0.18 * shift),
        mover("deepseek/deepseek-r1", 0.2 * abs(shift), 0.0, "gone"),
        mover(HOSTILE, 0.001, 0.001 + 0.01 * shift),
    ]
    tenants = [
        mover("9f2c1ab04d77e310", 0.01, 0.01 + 0.5 * shift),
        mover("04bbe9137a5f2c6d", 0.002, 0.002 + 0.2 * shift),
    ]
    across = {"origin": ("zh-Hans", "en"), "language": ("cn-open", "row-proprietary")}
    first, second = across[asked.dimension]
    joint = [mover(first, 0.03, 0.03 + 0.7 * shift), mover(second, 0.2, 0.2 + 0.25 * shift)]
    return {
        "as_of": now,
        **dataclasses.asdict(asked),
        "shift": shift,
        "models": movers(shift, models, 12) if asked.dimension == "origin" else None,
        "sentence": f"{asked.key} {shift * 100:+.1f} points",
        "notes": [],
        "joint": movers(shift, joint, 3),
        "tenants": movers(shift, tenants, 41),
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


def only(dimensions, body):
    """The body of /api/v1/shares with no more than these dimensions."""
    left_out = {*ALL_DIMENSIONS} - {*dimensions}
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
        start = asked.start or time.time() - 3600
        return made_up_history(asked.dimension, asked.step, start, time.time())

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
    )


@contextmanager
def served(sources, port=0, access=None):
    """Serve the page from a thread of its own; gives its address."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)

    runner = run(serve(make_app(sources, access), "127.0.0.1", port))
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        run(runner.cleanup())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
