"""What Faust runs: the app, the table of panes, and the agent over the source topic."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import faust
from aiokafka.errors import KafkaError
from faust.exceptions import ProducerSendError

from streams.kafka import aio_login
from streams.kafka.batch_fetch import PARTITION_FETCH_BYTES
from streams.kafka.faust_transport import BatchSchema, Consumer, Transport
from streams.kafka.silence import METADATA_MAX_AGE_MS, SILENCE_SECONDS
from streams.state.table import PaneTable, PaneTables

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streams.kafka.batch_fetch import Batch
    from streams.settings import Settings

#: Errors that a request to Kafka or a write raises while Kafka is away or refuses it.
SEND_ERRORS = (KafkaError, ProducerSendError, OSError)


class TokenshareApp(faust.App):
    """A Faust app that keeps nothing on disk."""

    source_topics: tuple[str, ...] = ()

    def _create_directories(self) -> None:
        """Create none: all state is in Kafka."""

    @property
    def group_consumer(self) -> Consumer:
        """Return the group's consumer, which returns batches."""
        return cast("Consumer", self.consumer)


def make_app(settings: Settings) -> TokenshareApp:
    """Return the app that reads the source topic in batches."""
    join_seconds = settings.rebalance_timeout_seconds + SILENCE_SECONDS
    app = TokenshareApp(
        settings.group,
        broker=[f"kafka://{server}" for server in settings.bootstrap_servers],
        broker_credentials=credentials(settings),
        store="memory://",
        web_enabled=False,
        autodiscover=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        TableManager=PaneTables,
        Table=PaneTable,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=PARTITION_FETCH_BYTES,
        # The unit is batches, not records; queueing more costs memory and brings no speed.
        stream_buffer_maxsize=4,
        broker_max_poll_records=2,
        stream_recovery_delay=0.0,
        broker_session_timeout=settings.session_timeout_seconds,
        broker_heartbeat_interval=min(1.0, settings.session_timeout_seconds / 3),
        broker_rebalance_timeout=settings.rebalance_timeout_seconds,
        # A join of the group is answered within the rebalance timeout.
        broker_request_timeout=max(30.0, settings.session_timeout_seconds + 1, join_seconds),
        broker_commit_interval=1.0,
        producer_compression_type=settings.codec,
        producer_request_timeout=15.0,
        consumer_metadata_max_age_ms=METADATA_MAX_AGE_MS,
        producer_metadata_max_age_ms=METADATA_MAX_AGE_MS,
        producer_max_request_size=settings.max_record_bytes + 1024 * 1024,
    )
    app.source_topics = (settings.topic,)
    app.transport = Transport(app.conf.broker, app)
    return app


def make_table(app: TokenshareApp, partitions: int) -> PaneTable:
    """Return the table of panes, with as many partitions as the source topic."""
    table = app.Table(
        "panes",
        key_type=str,
        value_type=bytes,
        partitions=partitions,
        help="Counts by pane of event time; see streams/state/codec.py.",
    )
    return cast("PaneTable", table)


def add_agent(
    app: TokenshareApp,
    topic: str,
    count: Callable[[Batch], Awaitable[None]],
    fail: Callable[[BaseException], None],
) -> None:
    """Make the app count each batch of a topic, one after the other.

    An error is passed to `fail`: stock Faust skips the batch and goes on, so it must be fatal.
    """

    async def count_all(batches: Any) -> None:
        try:
            async for batch in batches:
                await count(batch)
        except Exception as error:
            fail(error)
            raise

    app.agent(app.topic(topic, schema=BatchSchema(), acks=True), name="count")(count_all)


def credentials(settings: Settings) -> Any:
    """Return Faust's credentials for the security protocol, None where it has none."""
    arguments = aio_login.arguments(settings)
    context = arguments.get("ssl_context")
    provider = arguments.get("sasl_oauth_token_provider")
    if provider is not None:
        return faust.OAuthCredentials(oauth_cb=provider, ssl_context=context)
    if settings.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=arguments["sasl_plain_password"],
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    if context is not None:
        return faust.SSLCredentials(context=context)
    return None
