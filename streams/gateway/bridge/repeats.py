"""Spans of one request that come in several posts: Kafka gets the request once.

What a bridge writes holds no spans, so it compares them itself: those of the last
TOKENSHARE_TRACE_RECORDS posts. A post that Kafka did not take is forgotten, as it is sent again.
This is the memory of one process: several bridges behind a balancer, or a bridge that restarts
between two posts, do not see what the other one got.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.decode.event import Skipped
from streams.decode.trace_memory import TraceMemory
from streams.decode.unread_usage import UNREAD_USAGE

if TYPE_CHECKING:
    from streams.gateway.bridge.post import Posted
    from streams.settings import Settings


class Repeats:
    """Compares the spans of posts. Its methods are to be called by one thread."""

    def __init__(self, settings: Settings) -> None:
        records = settings.trace_records
        self._memory = TraceMemory(records) if records else None
        self._posts = 0

    def without(self, posted: Posted) -> Posted:
        """Return a post without the records that repeat a span of an earlier one; remember it."""
        if self._memory is None or not posted.nodes:
            return posted
        self._posts += 1
        repeated = self._memory.repeated(self._posts, [each.keyed(hash) for each in posted.nodes])
        posted = self._explained(posted, self._memory)
        if not repeated:
            return posted
        reasons = [repeated.get(hash(key)) for key in posted.keys]
        kept = [at for at, why in enumerate(reasons) if why is None]
        return posted._replace(
            records=[posted.records[at] for at in kept],
            events=len(kept),
            skipped=[*posted.skipped, *(Skipped(why) for why in reasons if why is not None)],
            keys=[posted.keys[at] for at in kept],
        )

    @staticmethod
    def _explained(posted: Posted, memory: TraceMemory) -> Posted:
        """Return a post without the unread spans around or inside of one that counts."""
        unread = [each for each in posted.unread if not memory.counts(hash(each.key))]
        repeating = len(posted.unread) - len(unread)
        if not repeating:
            return posted
        skipped = [each for each in posted.skipped if each != UNREAD_USAGE]
        skipped += [UNREAD_USAGE] * len(unread) + [Skipped("not_a_request")] * repeating
        return posted._replace(skipped=skipped, unread=unread)

    def forget(self, posted: Posted) -> None:
        """Forget a post that Kafka did not take."""
        if self._memory is not None:
            self._memory.forget(hash(key) for key in posted.keys)
