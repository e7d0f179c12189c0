"""State a shift and what moved it in one sentence: `Chinese open +9.1 points since 7 Jul: …`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from streams.classify.keys import OTHER, name_of
from streams.shifts.notes import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from streams.shifts.alert_rules import Window
    from streams.shifts.attribution import Attribution
    from streams.shifts.movers import Moved
    from streams.shifts.notes import Note
    from streams.shifts.series import Measure
    from streams.shifts.shift import KeyShift

#: Movers that a sentence names.
MAX_NAMED = 3
#: A mover below this is not worth a word, in points.
_LEAST_POINTS = 0.05
_SPANS: dict[Window, str] = {"1h": "in the last hour", "24h": "in 24 hours", "7d": "in 7 days"}


def leading(moved: Moved | None, dimension: str) -> tuple[tuple[str, float], ...]:
    """Return the names and contributions of the movers that say most, in the shift's direction.

    They are the models where these are known, else origins or languages. The largest that pushed
    comes first; what held against it is left out.
    """
    if moved is None:
        return ()
    of, across = moved.models, None
    if of is None or not of.movers:
        of, across = moved.joint, {"origin": "language", "language": "origin"}.get(dimension)
    if of is None:
        return ()
    return tuple(
        (name_of(across, name) if across else name, contribution)
        for name, contribution in _pushing(of)
    )[:MAX_NAMED]


def _pushing(of: Attribution) -> Iterator[tuple[str, float]]:
    direction = -1.0 if of.shift < 0 else 1.0
    for mover in of.movers:
        if direction * mover.contribution * 100 >= _LEAST_POINTS:
            yield mover.name, mover.contribution


def sentence(
    dimension: str,
    window: Window,
    each: KeyShift,
    moved: Moved | None = None,
    notes: Iterable[Note] = (),
    *,
    measure: Measure = "tokens",
) -> str:
    """Return the sentence on a shift, without a full stop; empty where there is no shift.

    `notes` are the known events that it may be due to. Points are of cost where it says so.
    """
    said = _said(dimension, window, each, moved, " of cost" if measure == "cost" else "")
    return "; ".join((said, *map(words, notes))) if said else ""


def _said(dimension: str, window: Window, each: KeyShift, moved: Moved | None, unit: str) -> str:
    shift = each.shift if moved is None or moved.shift is None else moved.shift
    if shift is None:
        return ""
    when = _SPANS[window] if each.since is None else f"since {_day(each.since)}"
    said = f"{name_of(dimension, each.key)} {_points(shift)} points{unit} {when}"
    if dimension == "model":
        maker = name_of("origin", each.origin)
        return f"{said}, to {_percent(each.share)} ({each.developer}, {maker})"
    named = [
        f"{'models not kept by name' if name == OTHER else name} {_points(contribution)}"
        for name, contribution in leading(moved, dimension)
    ]
    return f"{said}: {', '.join(named)}" if named else said


def _points(share: float) -> str:
    return f"{share * 100:+.1f}".replace("-", "\N{MINUS SIGN}")


def _percent(share: float | None) -> str:
    return "an unknown share" if share is None else f"{share:.1%}"


def _day(seconds: float) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    return f"{at:%a} {at.day} {at:%b}"
