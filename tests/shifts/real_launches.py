"""Launches and withdrawals that are added to real shares, by model and by developer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from real_moments import moments
from real_shares import Real, developer_of, grouped_keys
from traffic_model import DAY_PANES, PANE

from streams.shifts.backtest.alerts import Alert, alerts
from streams.shifts.backtest.conditions import watch

NEW_MODEL = "new-developer/new-model"
#: A launched model stays for so many days at least.
STAYS = 7
WITHIN_HOURS = 24


@dataclass(frozen=True)
class Launch:
    """A model wins `points` of all tokens in `ramp` days, and is gone `STAYS` days after that."""

    points: float
    ramp: int = 0


def launched(real: Real, launch: Launch, begin: int) -> tuple[Real, int]:
    """Return shares with a launch at a pane, and the pane at which the model is gone."""
    end = begin + (launch.ramp + STAYS) * DAY_PANES
    panes = np.arange(len(real.tokens))
    grown = np.clip((panes - begin + 1) / max(launch.ramp * DAY_PANES, 1), 0, 1)
    part = np.where((panes >= begin) & (panes < end), launch.points * grown, 0.0)[:, None, None]

    def beside(values: np.ndarray) -> np.ndarray:
        whole = values.sum(axis=2, keepdims=True)
        return np.concatenate([values * (1 - part), whole * part], axis=2)

    requests, tokens, squares = (
        beside(each) for each in (real.requests, real.tokens, real.squares)
    )
    keys = (*real.keys, NEW_MODEL)
    return replace(real, keys=keys, requests=requests, tokens=tokens, squares=squares), end


def withdrawn(real: Real, key: str, begin: int) -> Real:
    """Return shares without a model from a pane on; the others have what it had."""
    place = real.keys.index(key)

    def without(values: np.ndarray) -> np.ndarray:
        found, whole = values.copy(), values[begin:].sum(axis=2, keepdims=True)
        found[begin:, :, place] = 0.0
        rest = found[begin:].sum(axis=2, keepdims=True)
        found[begin:] *= whole / np.maximum(rest, 1e-9)
        return found

    requests, tokens, squares = (
        without(each) for each in (real.requests, real.tokens, real.squares)
    )
    return replace(real, requests=requests, tokens=tokens, squares=squares)


def events(real: Real, since: int, until: int) -> list[Alert]:
    """Return the alerts on models and developers that fire between two panes."""
    cut = real.until(until)
    found = []
    for dimension, each in (("model", cut), ("developer", grouped_keys(cut, developer_of))):
        timeline = replace(each.timeline(), dimension=dimension)
        first = real.start + (since - 2 * DAY_PANES) * PANE
        watched = watch(timeline, first)
        found += [alert for condition in watched for alert in alerts(condition)]
    begins = real.start + since * PANE
    return [each for each in found if each.firing is not None and each.firing > begins]


def launches(real: Real, launch: Launch) -> dict:
    """Return how many launches are found, and how many withdrawals of what was launched."""
    risen, gone = [], []
    hours = WITHIN_HOURS + (launch.ramp + STAYS) * 24
    for begin in moments(real, hours):
        shares, end = launched(real, launch, begin)
        risen.append(_first(events(shares, begin, end), "up", real.start + begin * PANE))
        after = events(shares, end, end + WITHIN_HOURS * 12)
        gone.append(_first(after, "down", real.start + end * PANE))
    return {
        "shares": real.name,
        "points": launch.points,
        "in_days": launch.ramp,
        "launches": _row(risen, None if launch.ramp else WITHIN_HOURS),
        "withdrawals": _row(gone, WITHIN_HOURS),
    }


def withdrawals(real: Real, least: float) -> dict:
    """Return how many models of at least so many points are found to be gone."""
    found = []
    for begin, key in _large(real, least):
        shares = withdrawn(real, key, begin)
        after = events(shares, begin, begin + WITHIN_HOURS * 12)
        found.append(_first(after, "down", real.start + begin * PANE, key))
    return {
        "shares": real.name,
        "points": least,
        "real_models_withdrawn": _row(found, WITHIN_HOURS),
    }


def _large(real: Real, least: float) -> Iterator[tuple[int, str]]:
    """Yield a pane and one of the models that have a large share then, at each moment."""
    for number, begin in enumerate(moments(real, WITHIN_HOURS)):
        week = real.tokens[begin - 7 * DAY_PANES : begin].sum(axis=(0, 1))
        large = [
            key for key, part in zip(real.keys, week / week.sum(), strict=True) if part >= least
        ]
        named = [key for key in large if key != "other"]
        yield begin, named[number % len(named)]


def _first(found: list[Alert], direction: str, begins: int, key: str = NEW_MODEL) -> float | None:
    keys = {key, developer_of(key)}
    times = [each.firing for each in found if each.key in keys and each.direction == direction]
    return (min(times) - begins) / 3600 if times else None


def _row(hours: list[float | None], within: int | None) -> dict:
    hit = [each for each in hours if each is not None and (within is None or each <= within)]
    median = round(float(np.median(hit)), 1) if hit else None
    return {"found": len(hit), "of": len(hours), "median_hours": median}
