"""Errors of Kafka's protocol: those that aiokafka does not define, and what they mean."""

from __future__ import annotations

from aiokafka.errors import BrokerResponseError, UnsupportedForMessageFormatError


class InvalidRecordError(BrokerResponseError):  # type: ignore[misc]
    """A topic's rules refuse a record, such as one without a key where the topic is compacted.

    `batch_fetch.install` registers it. Without it aiokafka takes the refusal for a failure of the
    broker.
    """

    errno = 87
    message = "INVALID_RECORD"
    description = "A record was refused by the broker."


class UnsupportedCompressionTypeError(BrokerResponseError):  # type: ignore[misc]
    """The broker does not take this compression. `batch_fetch.install` registers it."""

    errno = 76
    message = "UNSUPPORTED_COMPRESSION_TYPE"
    description = "The broker does not support the compression of the records."


#: Of brokers that take no such compression: Azure Event Hubs answers with the first one.
COMPRESSION_ERRORS = (UnsupportedForMessageFormatError, UnsupportedCompressionTypeError)


def is_of_compression(error: BaseException) -> bool:
    """Return whether a write was refused for its compression; the error may be wrapped."""
    return isinstance(error, COMPRESSION_ERRORS) or isinstance(error.__cause__, COMPRESSION_ERRORS)
