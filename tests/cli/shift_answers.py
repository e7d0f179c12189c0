"""What a worker answers about a shift, for the commands that ask it."""

from __future__ import annotations


def shift(**given):
    return {
        "dimension": "origin",
        "key": "cn-open",
        "name": "Chinese open",
        "measure": "tokens",
        "window": "24h",
        "shift": 0.091,
        "zscore": 4.2,
        "is_shifted": True,
        "sentence": "Chinese open +9.1 points in 24 hours: hy3 +10.2",
    } | given


def movers(*contributions, rest=0.0, others=0):
    """Movers by name or by (key, name); each came from nothing."""
    found = [
        (*name, part) if isinstance(name, tuple) else (name, name, part)
        for name, part in contributions
    ]
    return {
        "movers": [
            {"key": key, "name": name, "contribution": part, "share": part, "before": 0.0}
            for key, name, part in found
        ],
        "rest": rest,
        "rest_members": others,
    }


def moved(**given):
    return {
        "dimension": "origin",
        "key": "cn-open",
        "measure": "tokens",
        "window": "24h",
        "shift": 0.091,
        "sentence": "Chinese open +9.1 points in 24 hours: hy3 +10.2",
        "notes": [],
        "models": movers(("hy3[b]", 0.102), rest=-0.011, others=3),
        "joint": movers(("zh-Hans", 0.08), ("other", 0.011)),
        "tenants": movers((("9f2c1ab04d77e310", "Acme, search"), 0.091)),
        "tenants_note": None,
    } | given
