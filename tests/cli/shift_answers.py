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
