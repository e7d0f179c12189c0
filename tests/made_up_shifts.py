"""Made-up shifts, and what moved them, in the shapes of the API."""

from __future__ import annotations

import dataclasses
import math

from made_up_shares import HOSTILE, made_up_window

#: Shifts of cost are as these.
MEASURES = ("tokens", "requests")


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
                for measure in MEASURES:
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
        "tenants_note": None,
    }
