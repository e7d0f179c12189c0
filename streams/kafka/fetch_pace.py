"""Ask Kafka for news less often where asking costs more.

A fetch names each partition, and so does its answer: with a thousand of them, one that brings
nothing costs 10 ms. Kafka answers as soon as any partition of a fetch has news, so one that names
all of them may wait long. One that leaves some out, whose last records are not consumed yet, would
delay those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaConsumer
from aiokafka.client import ConnectionGroup
from aiokafka.protocol.fetch import FetchRequest

from streams.kafka.fetch_end import end_quietly

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

#: The wait of a fetch for each partition in it. Up to a hundred partitions it is the consumer's
#: own: not every broker ends a wait when there is news, and the embedded one does not.
WAIT_MS_PER_PARTITION = 0.5
#: The default of Kafka's clients. It is also how long a seek may have to wait.
MAX_WAIT_MS = 500


def keep_pace(consumer: Any) -> None:
    """Make a started consumer of aiokafka wait for news in proportion to its partitions."""
    fetcher = consumer._fetcher
    find_actions: Callable[[Any], tuple[Any, ...]] = fetcher._get_actions_per_node

    def actions(assignment: Any) -> tuple[Any, ...]:
        found = find_actions(assignment)
        requests, resets, _, is_without_leader, paused = found
        if not (fetcher._records or resets or is_without_leader or paused):
            for _, request in requests:
                number = sum(len(partitions) for _, partitions in request.topics)
                wait = min(MAX_WAIT_MS, round(number * WAIT_MS_PER_PARTITION))
                request._max_wait_ms = max(request._max_wait_ms, wait)
        return found

    fetcher._get_actions_per_node = actions


class Reader(AIOKafkaConsumer):  # type: ignore[misc]
    """A consumer that keeps pace, and whose questions do not wait behind its fetches.

    A broker answers the requests of a connection one after the other, so they have another one.
    """

    async def start(self) -> None:
        """Connect. Raises KafkaError."""
        await super().start()
        keep_pace(self)
        end_quietly(self)
        send: Callable[..., Coroutine[Any, Any, Any]] = self._client.send

        async def send_beside(
            node_id: int, request: Any, *, group: Any = ConnectionGroup.DEFAULT
        ) -> Any:
            is_fetch = isinstance(request, FetchRequest)
            beside = group if is_fetch else ConnectionGroup.COORDINATION
            return await send(node_id, request, group=beside)

        self._client.send = send_beside
