"""Watches the join of the group: a refused one is reported, and tried again where it can pass.

aiokafka pauses after a refused join until its error is taken, which Faust never does before
partitions are assigned.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from streams.kafka import group_join
from streams.kafka.group_join import JoinRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.settings import Settings
    from streams.worker.assignment import Assignment
    from streams.worker.faust_app import TokenshareApp

log = logging.getLogger("tokenshare.app")


class JoinWatch:
    """Keeps `assignment.refusal` equal to why Kafka refuses this member, "" if it does not.

    `fail` receives a refusal that lasts until a setting or a right changes.
    """

    def __init__(
        self,
        settings: Settings,
        app: TokenshareApp,
        assignment: Assignment,
        fail: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._app = app
        self._assignment = assignment
        self._fail = fail

    async def look(self) -> None:
        """Take the error of the last join, if any: aiokafka then tries again."""
        if self._assignment.is_active:
            self._assignment.refusal = ""
            return
        error = await self._app.group_consumer.join_error()
        if error is None:
            return
        refusal = group_join.explained(error, self._settings)
        text = f"group {self._settings.group} {refusal.problem}. {refusal.remedy}"
        if refusal.is_final:
            self._fail(JoinRefusedError(text))
        elif text != self._assignment.refusal:
            log.error("%s Trying again until it works.", text)
        self._assignment.refusal = text
