"""What a fault may do to a worker: nothing, something that it reports, or something wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from truth import Gap

if TYPE_CHECKING:
    from collections.abc import Iterable


EXACT = Gap()


class Outcome(Enum):
    """How a fault ended, the best first."""

    #: Every count is the truth.
    EXACT = "exact"
    #: A count is not, and the worker says so: it is not ready or has ended, and why, or it counts
    #: what it has lost.
    REPORTED = "reported"
    #: Ready with other counts than it reports, or neither ready nor a word that explains it.
    WRONG = "WRONG"


@dataclass(frozen=True)
class State:
    """What a worker shows when it changes no more."""

    name: str
    is_ready: bool = False
    #: None while it runs.
    exit_code: int | None = None
    gap: Gap = EXACT
    #: Events that it reports as lost.
    reported_lost: int = 0
    #: What it says of itself: the reasons of /readyz, or the last line of one that has ended.
    words: str = ""
    #: The last line of one that runs; nobody reads it at night, so it explains nothing.
    logged: str = ""

    @property
    def is_exact(self) -> bool:
        """Return whether it serves the truth."""
        return self.is_ready and self.exit_code is None and not self.gap

    def outcome(self, explained: str) -> Outcome:
        """Return its outcome; `explained` is a pattern for words that name the cause."""
        if self.is_exact:
            return Outcome.EXACT
        if self.is_ready and self.exit_code is None:
            counts_it = 0 < self.gap.lost <= self.reported_lost and not self.gap.doubled
            return Outcome.REPORTED if counts_it else Outcome.WRONG
        if self.exit_code == 0:
            return Outcome.WRONG
        is_explained = bool(explained) and re.search(explained, self.words, re.IGNORECASE)
        return Outcome.REPORTED if is_explained else Outcome.WRONG

    def __str__(self) -> str:
        if self.exit_code is not None:
            status = f"ended with {self.exit_code}"
        else:
            status = "ready" if self.is_ready else "not ready"
        if self.is_exact:
            return f"{self.name} exact"
        lost = f", {self.reported_lost} reported as lost" if self.reported_lost else ""
        counts = f", {self.gap}" if self.exit_code is None and self.gap else ""
        logged = f" [{self.logged}]" if self.logged else ""
        return f"{self.name} {status}{counts}{lost}: {self.words or 'no reason'}{logged}"


@dataclass(frozen=True)
class Verdict:
    """A scenario's outcome, that of its worst worker, and what was seen."""

    outcome: Outcome
    seen: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([self.outcome.value, *(f"  {line}" for line in self.seen)])


def verdict(
    states: Iterable[State],
    *,
    explained: str = "",
    faults: Iterable[str] = (),
    notes: Iterable[str] = (),
) -> Verdict:
    """Return the verdict on all workers; one of `faults`, seen on the way, makes it wrong."""
    states, faults = list(states), list(faults)
    outcomes = [state.outcome(explained) for state in states]
    worst = max(outcomes, key=list(Outcome).index, default=Outcome.WRONG)
    if faults:
        worst = Outcome.WRONG
    return Verdict(worst, (*map(str, states), *(f"wrong: {each}" for each in faults), *notes))
