"""Write a state as an earlier version stores it: run by that version's own code.

Prints one JSON line a record: key, value (base64), and what the version counts in it.
"""

import base64
import json
import random
import sys

from streams.state.codec import (
    STATE_VERSION,
    PaneKey,
    PositionRecord,
    Totals,
    encode_pane,
    encode_position,
    pane_key,
    position_key,
)
from streams.state.pane import ALL_LEVELS, Pane, pane_start

NOW = 1_800_000_000
MODELS = ("gpt-4o", "deepseek-chat", "qwen-max", "prod-chat", "llama-3.3-70b-instruct")
LANGUAGES = ("en", "zh-Hans", "und", "sr-Latn")
ORIGINS = ("cn-open", "row-proprietary", "unknown")


def counts(dice):
    # Some sums of squares pass 64 bits.
    return [dice.randint(1, 999), dice.randint(0, 10**9), dice.randint(0, 10**7),
            dice.randint(0, 10 ** dice.choice((6, 12, 25)))]  # fmt: skip


def pane(dice, level, stamp):
    if level.of_tenants:
        keys = [f"{dice.getrandbits(64):016x}/{axis}" for axis in ("o/cn-open", "l/en", "l/und")]
        return Pane({}, {}, {key: counts(dice) for key in keys}, stamp)
    cells = {f"{origin}/{tag}": counts(dice) for origin in ORIGINS for tag in LANGUAGES}
    cells["unknown/en/prod-chat"] = counts(dice)
    return Pane(cells, {model: counts(dice) for model in MODELS}, {}, stamp)


def main(panes_a_level, partitions):
    dice = random.Random(7)
    for partition in range(partitions):
        stamp = 0
        for level in ALL_LEVELS:
            last = pane_start(level, NOW)
            for number in range(min(panes_a_level, level.max_panes - 1), -1, -1):
                stamp += 1
                start = last - number * level.seconds
                held = pane(dice, level, stamp)
                value = encode_pane(held, 3)
                counted = [held.cells, held.models, held.tenants, held.stamp]
                show(pane_key(partition, PaneKey(level, start)), value, counted)
        totals = Totals({"cn-open": counts(dice)}, {"en": counts(dice)}, {"DeepSeek": counts(dice)},
                        {"counted/": 7}, {"native": 7}, 1)  # fmt: skip
        record = PositionRecord(STATE_VERSION, 3, stamp + 1, float(NOW), float(NOW), totals, "id")
        whole = [totals.origins, totals.languages, totals.developers]
        show(position_key(partition), encode_position(record), whole)


def show(key, value, counted):
    print(json.dumps({"key": key, "value": base64.b64encode(value).decode(), "counted": counted}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
