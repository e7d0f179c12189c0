"""An error of Kafka's protocol that aiokafka does not define."""

from __future__ import annotations

from aiokafka.errors import BrokerResponseError


class InvalidRecordError(BrokerResponseError):  # type: ignore[misc]
    """A topic's rules refuse a record, such as one without a key where the topic is compacted.

    `batch_fetch.install` registers it. Without it aiokafka takes the refusal for a failure of the
    broker.
    """

    errno = 87
    message = "INVALID_RECORD"
    description = "A record was refused by the broker."
