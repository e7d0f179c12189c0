"""Known events that an alert of the past may be due to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.shifts.notes import Subject, notes_on, reach

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.shifts.backtest.alerts import Alert
    from streams.shifts.notes import Note


def noted(alert: Alert, notes: Iterable[Note]) -> tuple[Note, ...]:
    """Return the notes that an alert names, as a worker would have from its first moment on."""
    last = alert.pending if alert.firing is None else alert.firing
    first = reach(alert.rule.window, alert.pending)
    return notes_on(Subject(alert.dimension, alert.key, first, last), notes)
