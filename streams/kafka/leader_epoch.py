"""Ask Kafka where a leader epoch ended (KIP-320): what was read beyond it, the log has lost.

aiokafka has no such request. An end that is below what was read shows that a leader without the
last records was elected, or that a broker lost the end of its log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiokafka import errors
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Int64, Schema, String

if TYPE_CHECKING:
    from aiokafka import TopicPartition

#: "No replica", for which a broker answers up to the last record that it has.
_CONSUMER = -1
_UNKNOWN = -1


class _Response(Response):  # type: ignore[misc]
    API_KEY = 23
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader_epoch", Int32),
                        ("end_offset", Int64),
                    ),
                ),
            ),
        ),
    )


class _Struct(RequestStruct):  # type: ignore[misc]
    # Earlier versions need a right on the cluster, this one Describe on the topic.
    API_KEY = 23
    API_VERSION = 3
    RESPONSE_TYPE = _Response
    SCHEMA = Schema(
        ("replica_id", Int32),
        (
            "topics",
            Array(
                ("topic", String("utf-8")),
                (
                    "partitions",
                    Array(
                        ("partition", Int32),
                        ("current_leader_epoch", Int32),
                        ("leader_epoch", Int32),
                    ),
                ),
            ),
        ),
    )


class _Request(Request[_Struct]):  # type: ignore[misc]
    API_KEY = 23

    def __init__(self, tp: TopicPartition, epoch: int) -> None:
        self._topics = [(tp.topic, [(tp.partition, _UNKNOWN, epoch)])]

    def build(self, request_struct_class: type[_Struct]) -> Any:
        return request_struct_class(_CONSUMER, self._topics)


async def end_of(client: Any, tp: TopicPartition, epoch: int) -> int | None:
    """Return the offset after the last record of an epoch; None where Kafka does not know it.

    Where the log has no record of that epoch, it is the end of the last one before it. `client` is
    aiokafka's. Raises KafkaError where Kafka cannot answer now.
    """
    node = client.cluster.leader_for_partition(tp)
    if node is None or node == -1:
        await client.add_topic(tp.topic)
        raise errors.LeaderNotAvailableError(tp)
    try:
        answer = await client.send(node, _Request(tp, epoch))
    except (NotImplementedError, errors.IncompatibleBrokerVersion):
        # Kafka before 2.3, or a broker that is not Apache's.
        return None
    ((_, ((code, _, _, end),)),) = answer.topics
    if code:
        await client.force_metadata_update()
        raise errors.for_code(code)(tp)
    return None if end < 0 else int(end)
