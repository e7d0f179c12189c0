"""The worker's data for the web server: shares, history, shifts, metrics."""

from __future__ import annotations

import asyncio
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from streams.shares.tenants import TenantShares
from streams.shifts import movers
from streams.web import responses, server, tenant_responses
from streams.web.metrics import Exposition, ProcessFacts
from streams.web.snapshot import ShiftName, find_shift, notes_of

if TYPE_CHECKING:
    from streams.web.query import Question, WhatMoved, WhichShares
    from streams.worker.worker import Worker

#: Computing what moved a share takes up to seconds; the result is cached for this long.
MOVERS_SECONDS = 30.0


def sources(worker: Worker) -> server.Sources:
    """Return what the web server reads of a worker."""
    running = version("tokenshare")
    exposition = Exposition(
        lambda: worker.snapshot,
        lambda: ProcessFacts(
            running,
            worker.flush_seconds,
            worker.flush_failures,
            worker.rebalances,
            worker.follower.recovery_seconds,
            worker.overrides_are_good,
            worker.overrides_loaded_at,
            tenant_names_are_good=worker.tenant_names.is_current,
            tenant_names_read_at=worker.tenant_names.read_at,
            dead_letters_lost=worker.letter_sender.lost,
            clock_offset=worker.clock.offset,
        ),
        partition_limit=worker.settings.partition_metrics,
        shown=worker.settings.metrics_measures,
    )
    tenants = _Tenants(worker)
    return server.Sources(
        shares=lambda dimensions: responses.shares(
            worker.snapshot, dimensions, simulated=worker.settings.simulated
        ),
        history=lambda asked: (
            tenants.history(asked) if asked.is_of_tenants else _history(worker, asked)
        ),
        unknown=lambda window: responses.unknown(worker.snapshot, window),
        shifts=lambda: responses.shifts(worker.snapshot),
        movers=_Movers(worker).of,
        moment=lambda: responses.moment(worker.snapshot),
        readiness=worker.readiness,
        metrics=exposition,
        notes=lambda: responses.notes(worker.snapshot),
        policy=tenants.policy,
        part=lambda asked: tenants.shares(asked) if asked.is_of_tenants else _part(worker, asked),
    )


async def _part(worker: Worker, asked: WhichShares) -> dict[str, Any]:
    # In a thread: there may be thousands of models and providers.
    return await asyncio.to_thread(
        responses.part,
        *(worker.snapshot, asked.dimensions, dict(asked.chosen), worker.history.cache.catalog),
        simulated=worker.settings.simulated,
    )


async def _history(worker: Worker, asked: Question) -> dict[str, Any]:
    query = worker.history.query(
        *(asked.dimension, asked.step, asked.start, asked.end, worker.snapshot.as_of),
        chosen=asked.chosen,
    )
    # In a thread: two years that are not cached yet take seconds.
    return await asyncio.to_thread(worker.history.answer, query)


class _Tenants:
    """Answers about tenants, one at a time: their sums are read from the panes of a week."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._turn = asyncio.Lock()
        self._tenants = TenantShares(worker.view, worker.history)

    async def shares(self, asked: WhichShares) -> dict[str, Any]:
        worker = self._worker
        async with self._turn:
            snapshot = worker.snapshot
            panes = self._tenants.panes(snapshot.as_of)
            counted = await asyncio.to_thread(self._tenants.windows, panes)
            return await asyncio.to_thread(
                tenant_responses.shares,
                *(snapshot, asked.dimensions, dict(asked.chosen), worker.history.cache.catalog),
                counted,
                simulated=worker.settings.simulated,
                tenant_name=worker.tenant_names.of,
            )

    async def policy(self) -> dict[str, Any]:
        known, as_of = self._worker.snapshot.policy, self._worker.snapshot.as_of
        if not known.groups or as_of <= 0:
            return tenant_responses.policy(known, as_of, {})
        async with self._turn:
            panes = self._tenants.panes(as_of)
            counted = await asyncio.to_thread(self._tenants.windows, panes)
            return await asyncio.to_thread(tenant_responses.policy, known, as_of, counted)

    async def history(self, asked: Question) -> dict[str, Any]:
        async with self._turn:
            panes = self._tenants.panes(self._worker.snapshot.as_of, asked.start or 0, asked.end)
            return await asyncio.to_thread(
                self._tenants.history, panes, asked.dimension, asked.step, dict(asked.chosen)
            )


class _Movers:
    """Computes what moved a share: one query at a time, the same result for equal queries."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker
        self._turn = asyncio.Lock()
        self._answers: dict[WhatMoved, tuple[float, dict[str, Any]]] = {}

    async def of(self, asked: WhatMoved) -> dict[str, Any] | None:
        async with self._turn:
            now = time.monotonic()
            self._answers = {
                each: answer
                for each, answer in self._answers.items()
                if now - answer[0] < MOVERS_SECONDS
            }
            if asked not in self._answers:
                body = await self._work(asked)
                if body is None:
                    return None
                self._answers[asked] = now, body
            return self._answers[asked][1]

    async def _work(self, asked: WhatMoved) -> dict[str, Any] | None:
        worker = self._worker
        shift = find_shift(worker.snapshot, asked.dimension, asked.key, asked.measure, asked.window)
        if shift is None:
            return None
        panes = movers.panes(worker.view, worker.history, shift)
        moved = await asyncio.to_thread(movers.moved, worker.history, panes, shift)
        name = ShiftName(shift.dimension, shift.key, shift.measure, shift.window)
        noted = notes_of(worker.snapshot, name, shift.statistics.since, moved)
        return responses.moved(shift, moved, noted, worker.tenant_names.of)
