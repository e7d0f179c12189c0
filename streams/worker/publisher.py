"""The output of a worker: snapshots of all partitions, shifts, lag, and its readiness."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from streams.classify.keys import OTHER
from streams.classify.origin.values import ORIGINS
from streams.decode.event import ALLOWED_CLOCK_SKEW_SECONDS
from streams.kafka import diagnosis, login
from streams.shares.history import History
from streams.shares.policy import ExcludedTokens, Policy
from streams.shares.windows import Windows
from streams.shifts.live import LiveShifts
from streams.shifts.notes import Notes
from streams.state.pieces import PIECE_SECONDS
from streams.web import snapshot
from streams.web.snapshot import PartitionStatus, Snapshot
from streams.worker.explanations import Explanations
from streams.worker.faust_app import SEND_ERRORS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.classify.origin.catalog import Catalog
    from streams.kafka.admin import Topic
    from streams.settings import Settings
    from streams.shifts.movers import Moved
    from streams.shifts.notes import Note
    from streams.shifts.shift import Shifts
    from streams.state.follower import Follower
    from streams.state.view import View
    from streams.web.snapshot import ShiftName
    from streams.worker.assignment import Assignment
    from streams.worker.clock import Clock
    from streams.worker.flusher import Flusher
    from streams.worker.integrity import Integrity
    from streams.worker.owned import Owned

log = logging.getLogger("tokenshare.app")

#: Time limit of a request for the end offsets of the source partitions.
LAG_TIMEOUT_SECONDS = 3.0
#: A lag above this is a backlog, in events: what is computed in advance waits until it is counted.
BACKLOG_EVENTS = 10_000
#: While the lag is unknown, the warning is repeated at this interval.
LAG_WARNING_INTERVAL_SECONDS = 60.0


class Publisher:
    """Takes snapshots of a view; `snapshot` is the newest one, replaced in one assignment.

    Shares are by `catalog` until `use` is called with another one. `source` is the topic as found
    at the start.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        source: Topic,
        *,
        view: View,
        follower: Follower,
        owned: Owned,
        assignment: Assignment,
        flusher: Flusher,
        integrity: Integrity,
        clock: Clock,
    ) -> None:
        self.snapshot = Snapshot(as_of=0.0, made_at=0.0)
        self.history = History(view, catalog)
        self._windows = Windows(view, self.history.cache)
        self._settings = settings
        self._catalog = catalog
        self._source = source
        self._view = view
        self._follower = follower
        self._owned = owned
        self._assignment = assignment
        self._flusher = flusher
        self._integrity = integrity
        self._clock = clock
        self._live_shifts = LiveShifts(view, self.history)
        self._shifts: tuple[Shifts, ...] = ()
        self._shifts_as_of = 0.0
        self._explanations = Explanations(view, self.history)
        self._moved: Mapping[ShiftName, Moved] = {}
        self._noted: Mapping[ShiftName, tuple[Note, ...]] = {}
        self._notes = Notes()
        self._policy = Policy()
        self._excluded_tokens = ExcludedTokens(view)
        self._excluded: Mapping[tuple[str, str], int] = {}
        #: End offsets of the source partitions, by number; empty while Kafka does not respond.
        self.ends: dict[int, int] = {}
        self._lag_warned_at = -LAG_WARNING_INTERVAL_SECONDS
        self._has_snapshot = False

    def use(self, catalog: Catalog) -> None:
        """Use another catalogue, also for what was counted as unknown so far."""
        self._catalog = catalog
        self.history.use(catalog)
        self._windows.reclassify()

    def use_notes(self, notes: Notes) -> None:
        """Show these known events; a shift names them when shifts are computed next."""
        self._notes = notes
        self.snapshot = replace(self.snapshot, notes=notes)

    def use_policy(self, policy: Policy) -> None:
        """Apply this policy for groups of tenants; its tokens are added up next."""
        self._policy = policy
        self.snapshot = replace(self.snapshot, policy=policy)

    def readiness(self) -> tuple[str, ...]:
        """Return why this worker is not ready; empty when it is."""
        has_caught_up = self._follower.has_caught_up
        states = {
            "rebalancing": not self._assignment.is_active,
            "recovering": not has_caught_up,
            "drawing": has_caught_up and not self._has_snapshot,
            "lag_unknown": len(self.ends) < self._source.partitions,
            "not_writing": self._flusher.is_failing,
        }
        # Connections may go on without a token: it is a reason where something else fails.
        is_hindered = any(states.values())
        states["no_token"] = is_hindered and bool(login.problem(self._settings))
        login_refusal = diagnosis.refused(self._settings) if is_hindered else ""
        states["login_refused"] = bool(login_refusal)
        general = (snapshot.STATES[state] for state, is_in_it in states.items() if is_in_it)
        refusal = "" if self._assignment.is_active else self._assignment.refusal
        refusals = (each for each in (login_refusal, refusal) if each)
        return (*refusals, *general, *self._further_reasons())

    def _further_reasons(self) -> tuple[str, ...]:
        return (*self._integrity.reasons(), *self._clock.reasons())

    def move_windows(self, now: float) -> bool:
        """Move the windows to the current time, a piece at a time; False if there is more to do.

        The previous snapshot stays until then, and determines whether this worker is ready.
        """
        if not self._follower.has_caught_up:
            return True
        as_of = self._view.as_of(now, ALLOWED_CLOCK_SKEW_SECONDS)
        if self._windows.advance(as_of, PIECE_SECONDS):
            return True
        self.snapshot = replace(self.snapshot, reasons=self.readiness())
        return False

    def take_snapshot(self, now: float) -> None:
        """Replace the snapshot by that of the windows, which have been moved."""
        if not self._follower.has_caught_up:
            self.snapshot = replace(self.snapshot, made_at=now, reasons=self.readiness())
            return
        self._has_snapshot = True
        taken = snapshot.take(
            self._windows,
            self._view.positions.values(),
            self._catalog,
            now,
            self._statuses(),
            self.readiness(),
            self.snapshot,
        )
        self.snapshot = replace(
            taken,
            shifts=self._shifts,
            shifts_as_of=self._shifts_as_of,
            moved=self._moved,
            notes=self._notes,
            noted=self._noted,
            policy=self._policy,
            excluded=self._excluded,
        )

    def has_backlog(self) -> bool:
        """Return whether so many events wait that panes change faster than anyone looks at them."""
        return sum(status.lag or 0 for status in self.snapshot.partitions) > BACKLOG_EVENTS

    def _statuses(self) -> tuple[PartitionStatus, ...]:
        return tuple(map(self._status, range(self._source.partitions)))

    def _status(self, number: int) -> PartitionStatus:
        position = self._view.positions.get(number)
        return PartitionStatus(
            partition=number,
            position=None if position is None else position.offset,
            end_offset=self.ends.get(number),
            newest=None if position is None or not position.newest else position.newest,
            is_owned=self._owned.get(number) is not None,
            state_bytes=self._view.bytes.get(number, 0),
            lost=None if position is None else position.lost,
        )

    async def update_shifts(self, now: float) -> None:
        """Compute how far each share has shifted; the next snapshot shows it."""
        latest = self.snapshot
        if latest.as_of <= 0 or not self._has_snapshot:
            return
        keys = {
            "origin": ORIGINS,
            "language": (*sorted(latest.shown["language"]), OTHER),
            "developer": (*sorted(latest.shown["developer"]), OTHER),
        }
        panes = self._live_shifts.panes(latest.as_of)
        self._shifts = await asyncio.to_thread(
            self._live_shifts.shifts, panes, keys, now, latest.models
        )
        self._shifts_as_of = panes.as_of
        computed = replace(latest, shifts=self._shifts, shifts_as_of=panes.as_of)
        self._moved = await self._explanations.update(computed, now)
        self._noted = snapshot.find_noted(replace(computed, moved=self._moved, notes=self._notes))

    async def update_policy(self) -> None:
        """Add up what groups of tenants sent to excluded origins; the next snapshot shows it."""
        as_of, groups = self.snapshot.as_of, self._policy.groups
        if not groups:
            self._excluded = {}
        elif as_of > 0 and self._has_snapshot:
            hours = self._excluded_tokens.hours(as_of)
            self._excluded = await asyncio.to_thread(self._excluded_tokens.tokens, groups, hours)

    async def read_ends(self) -> None:
        """Ask Kafka for the end offsets of the source partitions."""
        topic = self._settings.topic
        try:
            self.ends = await asyncio.wait_for(
                self._follower.end_offsets(topic, range(self._source.partitions)),
                timeout=LAG_TIMEOUT_SECONDS,
            )
        except (TimeoutError, *SEND_ERRORS) as error:
            self.ends = {}
            now = time.monotonic()
            if now - self._lag_warned_at >= LAG_WARNING_INTERVAL_SECONDS:
                self._lag_warned_at = now
                log.warning(
                    "Kafka does not say where %s ends (%s): the lag is not known, and what comes "
                    "in waits in Kafka while it is away",
                    topic,
                    str(error) or type(error).__name__,
                )
