"""Where it all meets: topic, agent, table, follower, flushes, snapshots and the web."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from faust.exceptions import ProducerSendError
from faust.types import TP
from mode import Service

from streams.classify.classifier import Classifier
from streams.classify.keys import OTHER
from streams.classify.origin.values import ORIGINS
from streams.counting.partition import Flush, Partition, SourceReplacedError
from streams.decode.dead_letter import DeadLetter, Letters, Source
from streams.decode.decoder import Options
from streams.decode.event import ALLOWED_CLOCK_SKEW_SECONDS
from streams.decode.reader import Reader
from streams.kafka.faust_transport import (
    PARTITION_FETCH_BYTES,
    Batch,
    BatchSchema,
    Consumer,
    Transport,
)
from streams.shares import history
from streams.shares.windows import Windows
from streams.shifts.live import LiveShifts
from streams.state.table import Follower, PaneTable, PaneTables
from streams.state.view import Stale, View
from streams.web import snapshot
from streams.web.snapshot import PartitionStatus, Snapshot
from streams.worker.dead_letter_sender import LetterSender

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from streams.classify.origin.catalog import Catalog
    from streams.decode.reader import Reading
    from streams.kafka.admin import Topic
    from streams.settings import Settings
    from streams.shifts.shift import Shifts

log = logging.getLogger("tokenshare.app")

#: A picture at least this often, so that windows move on without events.
SNAPSHOT_SECONDS = 1.0
#: And at most this often, however fast the changelog grows.
SNAPSHOT_MIN_SECONDS = 0.2
#: Windows and history are added up a piece at a time: everything else has its turn in between.
PIECE_SECONDS = 0.02
#: The pause behind a piece of history. A full state is added up within a quarter of a minute of a
#: start.
WARM_PAUSE_SECONDS = 0.06
#: How often shifts are worked out anew: rules are evaluated each minute, and wait half an hour.
SHIFT_SECONDS = 30.0
#: Ends of the source partitions, for the lag.
LAG_SECONDS = 2.0
LAG_PATIENCE_SECONDS = 3.0
#: While it does not know, it is said again after so long.
LAG_SAID_SECONDS = 60.0
#: At most this long for the last flush before a partition is given away.
REVOKE_FLUSH_SECONDS = 3.0
#: Late writes of an earlier owner come in bunches, which are told once.
STALE_SECONDS = 60.0
#: Dead letters wait for a flush, but not more bytes of them than this.
DEAD_LETTER_BYTES = 8 * 1024 * 1024

_SEND_ERRORS = (KafkaError, ProducerSendError, OSError)


class TokenshareApp(faust.App):
    """A Faust app that keeps nothing on disk."""

    source_topics: tuple[str, ...] = ()

    def _create_directories(self) -> None:
        """Create none: all state is in Kafka."""


class Worker:
    """One tokenshare worker: owns some partitions, shows them all.

    `source` is the topic as it was found at the start. `fatal` resolves with the error that the
    process cannot go on from.
    """

    def __init__(self, settings: Settings, catalog: Catalog, source: Topic) -> None:
        self.settings = settings
        self.catalog = catalog
        self.source = source
        self.view = View()
        self.history = history.History(self.view, catalog)
        self.windows = Windows(self.view, self.history.kept)
        self.live_shifts = LiveShifts(self.view, self.history)
        self.shifts: tuple[float, tuple[Shifts, ...]] = (0.0, ())
        self.classifier = Classifier(catalog, settings.tenant_salt.get_secret_value())
        self.reader = Reader(
            self.classifier, Options.of(settings), with_ids=settings.dedupe_records > 0
        )
        self.partitions: dict[int, Partition] = {}
        self.snapshot = Snapshot(as_of=0.0, made_at=0.0)
        self.fatal: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        #: Whether the overrides file is in force as it stands, and since when (unix seconds); None
        #: without such a file.
        has_overrides = settings.catalog_overrides is not None
        self.overrides_are_good = True if has_overrides else None
        self.overrides_loaded_at = time.time() if has_overrides else None
        self.flush_seconds = 0.0
        self.flush_failures = 0
        self.rebalances = 0
        #: Moved on by the event loop; a watchdog outside the loop looks at it.
        self.alive_at = time.monotonic()
        self.letter_sender = LetterSender(settings.dead_letters)
        self._letters: dict[int, list[DeadLetter]] = {}
        #: Where a checksum was wrong when a partition was last read, by partition.
        self._damaged_at: dict[int, frozenset[int]] = {}
        self._locks: dict[int, asyncio.Lock] = {}
        self._sought: dict[int, float] = {}
        self._ends: dict[int, int] = {}
        self._lag_said_at = -LAG_SAID_SECONDS
        self._revocations = 0
        self._stale_told: dict[int, float] = {}
        self._is_active = False
        self._has_picture = False
        self._flush_is_failing = False
        self.app = self._make_app()
        self.table = self._make_table()
        self.follower = Follower(
            self._follower_consumer,
            settings.changelog_topic,
            source.partitions,
            view=self.view,
            table=self.table,
            on_stale=self._on_stale,
            on_failure=self.fail,
        )
        self._services = _Services(self)

    # -- what Faust is told

    def _make_app(self) -> TokenshareApp:
        settings = self.settings
        app = TokenshareApp(
            settings.group,
            broker=[f"kafka://{server}" for server in settings.bootstrap_servers],
            broker_credentials=_credentials(settings),
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
            # Batches, not records: more of them at hand cost memory and bring no speed.
            stream_buffer_maxsize=4,
            broker_max_poll_records=2,
            stream_recovery_delay=0.0,
            broker_session_timeout=settings.session_timeout_seconds,
            broker_heartbeat_interval=min(1.0, settings.session_timeout_seconds / 3),
            broker_rebalance_timeout=settings.rebalance_timeout_seconds,
            broker_request_timeout=max(30.0, settings.session_timeout_seconds + 1),
            broker_commit_interval=1.0,
            producer_compression_type="lz4",
            producer_request_timeout=15.0,
            producer_max_request_size=settings.max_record_bytes + 1024 * 1024,
        )
        app.source_topics = (settings.topic,)
        app.transport = Transport(app.conf.broker, app)
        topic = app.topic(settings.topic, schema=BatchSchema(), acks=True)

        async def count(batches: Any) -> None:
            try:
                async for batch in batches:
                    await self._count(batch)
            except Exception as error:
                self.fail(error)
                raise

        app.agent(topic, name="count")(count)
        app.on_partitions_revoked.connect(cast("Any", self._on_revoked), weak=False)
        return app

    def _make_table(self) -> PaneTable:
        table = cast(
            "PaneTable",
            self.app.Table(
                "panes",
                key_type=str,
                value_type=bytes,
                partitions=self.source.partitions,
                help="Counts by pane of event time; see streams/state/codec.py.",
            ),
        )
        table.restore = self._restore
        return table

    def _follower_consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=list(self.settings.bootstrap_servers),
            client_id="tokenshare-follower",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            **self.settings.kafka_security(),
        )

    @property
    def consumer(self) -> Consumer:
        """The group's consumer."""
        return cast("Consumer", self.app.consumer)

    def _tp(self, partition: int) -> TP:
        return TP(self.settings.topic, partition)

    # -- life

    async def start(self) -> None:
        """Start everything; returns when the first partitions are taken up.

        The follower starts first: a partition is taken up from what it has read. Raises KafkaError.
        """
        await self.follower.start()
        await self._services.start()
        self.consumer.position_of = self._position_of
        await self.app.start()

    async def stop(self) -> None:
        """Write what is counted, commit, leave the group, stop."""
        with contextlib.suppress(Exception):
            self.consumer.stop_flow()
            await asyncio.wait_for(self.flush(), timeout=REVOKE_FLUSH_SECONDS)
            await asyncio.wait_for(self.consumer.force_commit(), timeout=REVOKE_FLUSH_SECONDS)
        await self.app.stop()
        await self._services.stop()
        await self.follower.stop()

    def fail(self, error: BaseException) -> None:
        """Note the error that this process cannot go on from; the first one counts."""
        if not self.fatal.done():
            self.fatal.set_result(error)

    def use(self, catalog: Catalog) -> None:
        """Classify by another catalogue: what comes, and what was counted as unknown so far."""
        self.catalog = catalog
        self.classifier.use(catalog)
        self.history.use(catalog)
        self.windows.reclassify()

    # -- partitions come and go

    def _position_of(self, tp: TP) -> int | None:
        partition = self.partitions.get(tp.partition)
        return None if partition is None or tp.topic != self.settings.topic else partition.read_to

    async def _restore(self) -> None:
        app = self.app
        generation = app.consumer_generation_id
        revocations = self._revocations

        def is_wanted() -> bool:
            return bool(
                app.consumer_generation_id == generation and self._revocations == revocations
            )

        assigned = sorted(
            tp.partition for tp in app.consumer.assignment() if tp.topic == self.settings.topic
        )
        try:
            caught_up = await self.follower.catch_up(assigned, is_wanted)
            if not caught_up or not is_wanted():
                return
            self.partitions = {
                number: Partition.restore(
                    number,
                    generation,
                    self.view.of_partition(number),
                    self.source.topic_id,
                    self.settings.dedupe_records,
                )
                for number in assigned
            }
        except Exception as error:  # noqa: BLE001 - Faust drops what its callbacks raise
            self.fail(error)
            return
        for partition in self.partitions.values():
            # The first flush says who owns the partition now, before anything is counted.
            partition.is_moved = True
        self._letters = {}
        self._sought = {}
        self.rebalances += 1
        self._is_active = True
        log.info(
            "partitions %s of %s from %s",
            assigned,
            self.settings.topic,
            {number: each.position for number, each in self.partitions.items()},
        )

    async def _on_revoked(self, _app: Any, revoked: Any, **_: Any) -> None:  # noqa: ARG002
        self._is_active = False
        self._revocations += 1
        # The others of the group wait for this, and not longer than the rebalance timeout.
        patience = min(REVOKE_FLUSH_SECONDS, self.settings.rebalance_timeout_seconds / 2)
        try:
            await asyncio.wait_for(self.flush(), timeout=patience)
            await asyncio.wait_for(self.consumer.force_commit(), timeout=patience / 3)
        except (TimeoutError, *_SEND_ERRORS):
            log.warning("last counts not written, the next owner reads them again")
        self.partitions = {}
        self.consumer.written.clear()

    def _on_stale(self, stale: Stale) -> None:
        partition = self.partitions.get(stale.partition)
        if partition is not None:
            partition.rewrite(stale.key)
            now = time.monotonic()
            if now - self._stale_told.get(stale.partition, -1e9) > STALE_SECONDS:
                log.warning(
                    "an earlier owner wrote partition %s late, writing it again", stale.partition
                )
            self._stale_told[stale.partition] = now

    # -- counting

    async def _count(self, batch: Batch) -> None:
        partition = self.partitions.get(batch.partition)
        if partition is None:
            return
        if batch.start != partition.read_to:
            await self._on_gap(partition, batch)
            return
        if batch.damaged and self._damaged_at.get(batch.partition) != batch.damaged:
            # Kafka has checked them: perhaps it was the way to here. Twice is no accident.
            self._damaged_at[batch.partition] = batch.damaged
            await self.consumer.seek_to(self._tp(batch.partition), partition.read_to)
            return
        if partition.read_to < partition.position:
            await self._remember(partition, batch)
        if partition.read_to < batch.end:
            await self._apply(partition, batch)

    async def _remember(self, partition: Partition, batch: Batch) -> None:
        """Remember the ids in what was counted before: nothing else of it is wanted again."""
        async for reading in self._readings(batch.start, batch):
            if not self._owns(partition) or reading.start >= partition.position:
                return
            partition.remember(reading, time.time())

    async def _apply(self, partition: Partition, batch: Batch) -> None:
        letters, held = Letters(Source(batch.topic, batch.partition)), 0
        async for reading in self._readings(partition.position, batch):
            if not self._owns(partition):
                return
            rejections = partition.apply(reading, self.classifier, time.time())
            if rejections or reading.corrupt:
                records = reading.records_at(letters.wanted(rejections))
                made = list(letters.of(rejections, records, reading.corrupt))
                self._letters.setdefault(partition.number, []).extend(made)
                held += sum(letter.size for letter in made)
            if held > DEAD_LETTER_BYTES:
                await self._write_letters(partition)
                held = 0

    def _owns(self, partition: Partition) -> bool:
        return self.partitions.get(partition.number) is partition

    async def _readings(self, start: int, batch: Batch) -> AsyncIterator[Reading]:
        """Yield what a batch holds from an offset on, while the loop goes on."""
        readings = self.reader.readings(start, batch.end, batch.record_batches, batch.damaged)
        for reading in readings:
            while reading is None:
                # The next one takes long.
                reading = await asyncio.to_thread(next, readings)  # noqa: PLW2901
            yield reading
            await asyncio.sleep(0)

    async def _write_letters(self, partition: Partition) -> None:
        """Write a partition's dead letters, before there are too many of them in memory."""
        while self._owns(partition) and self._letters.get(partition.number):
            await self.flush()
            if self._flush_is_failing:
                await asyncio.sleep(1.0)

    async def _on_gap(self, partition: Partition, batch: Batch) -> None:
        """Put the reader right where a batch does not follow the position.

        Mostly these are batches that were read before a rebalance. Where Kafka no longer holds
        the position, the records in between are lost to everybody, and that is said.
        """
        number = partition.number
        now = time.monotonic()
        if now - self._sought.get(number, -1e9) < 1.0:
            return
        self._sought[number] = now
        beginning = await self._beginning(number)
        if not self._owns(partition):
            return
        if beginning is None:
            pass
        elif beginning > partition.position:
            log.error(
                "%s[%s]: records %s to %s expired before they were read",
                *(self.settings.topic, number, partition.position, beginning - 1),
            )
            partition.skip_to(beginning)
        elif beginning > partition.read_to:
            # Ids that Kafka no longer holds are not known any more.
            partition.read_to = beginning
        elif batch.start == beginning and batch.end <= partition.position:
            end = (await self.follower.end_offsets(self.settings.topic, [number]))[number]
            if end < partition.position:
                self.fail(
                    SourceReplacedError(
                        f"{self.settings.topic}[{number}] ends at {end}, but {partition.position} "
                        "has been counted: the topic was made anew. Set TOKENSHARE_GROUP to a "
                        "new name to count it from its beginning."
                    )
                )
                return
        await self.consumer.seek_to(self._tp(number), partition.read_to)

    async def _beginning(self, partition: int) -> int | None:
        try:
            return await self.follower.beginning_offset(self.settings.topic, partition)
        except _SEND_ERRORS as error:
            log.warning("beginning of %s not known: %s", self.settings.topic, error)
            return None

    # -- writing

    async def flush(self) -> None:
        """Write all that Kafka does not hold yet; what fails is kept and written next time."""
        started = time.monotonic()
        owned = [each for each in self.partitions.values() if each.needs_flush]
        if not owned:
            return
        written = await asyncio.gather(*(self._flush_partition(each) for each in owned))
        self.flush_seconds = time.monotonic() - started
        if all(written):
            if self._flush_is_failing:
                log.info("the changelog takes writes again")
            self._flush_is_failing = False
        else:
            self.flush_failures += 1

    async def _flush_partition(self, partition: Partition) -> bool:
        number = partition.number
        async with self._locks.setdefault(number, asyncio.Lock()):
            flush = await _in_pieces(partition.flushing())
            letters = self._letters.pop(number, [])
            written = False
            try:
                # The position is written alone and last, when everything that it stands for is
                # acknowledged: whatever part of a flush Kafka holds after a crash is consistent.
                both = (self.table.write(flush.panes), self._send_letters(number, letters))
                for failed in await asyncio.gather(*both, return_exceptions=True):
                    if failed is not None:
                        raise failed
                await self.table.write(dict([flush.position]))
                written = True
            except _SEND_ERRORS as error:
                if not self._flush_is_failing:
                    where = f"{self.settings.changelog_topic} or {self.settings.dead_letters}"
                    log.error("%s cannot be written, counts are kept: %s", where, error)  # noqa: TRY400
                self._flush_is_failing = True
            finally:
                partition.end_flush(flush, written=written)
                if letters:
                    self._letters[number] = letters + self._letters.get(number, [])
            if written:
                await self._after_flush(partition, flush)
            return written

    async def _after_flush(self, partition: Partition, flush: Flush) -> None:
        if self._owns(partition):
            self.consumer.written[self._tp(partition.number)] = flush.end
        if flush.expired:
            try:
                await self.table.write(dict.fromkeys(flush.expired))
            except _SEND_ERRORS as error:
                log.warning("expired panes not deleted: %s", error)

    async def _send_letters(self, partition: int, letters: list[DeadLetter]) -> None:
        if letters:
            producer = cast("Any", await self.app.maybe_start_producer())
            await self.letter_sender.send(producer._ensure_producer(), partition, letters)  # noqa: SLF001

    # -- showing

    def readiness(self) -> tuple[str, ...]:
        """Return why this worker is not ready; empty when it is."""
        states = {
            "rebalancing": not self._is_active,
            "recovering": not self.follower.has_caught_up,
            "drawing": self.follower.has_caught_up and not self._has_picture,
            "lag_unknown": len(self._ends) < self.source.partitions,
            "not_writing": self._flush_is_failing,
        }
        return tuple(snapshot.STATES[state] for state, is_in_it in states.items() if is_in_it)

    def move_windows(self, now: float) -> bool:
        """Move the windows to this moment, a piece at a time; False where more is to be done.

        The picture before stays until then, and says whether this worker is ready.
        """
        if not self.follower.has_caught_up:
            return True
        as_of = self.view.as_of(now, ALLOWED_CLOCK_SKEW_SECONDS)
        if self.windows.advance(as_of, PIECE_SECONDS):
            return True
        self.snapshot = replace(self.snapshot, reasons=self.readiness())
        return False

    def take_snapshot(self, now: float) -> None:
        """Put the picture of the windows as they stand in the place of the last one."""
        if not self.follower.has_caught_up:
            self.snapshot = replace(self.snapshot, made_at=now, reasons=self.readiness())
            return
        self._has_picture = True
        picture = snapshot.take(
            self.windows,
            self.view.positions.values(),
            self.catalog,
            now,
            self._statuses(),
            self.readiness(),
            self.snapshot,
        )
        as_of, shifts = self.shifts
        self.snapshot = replace(picture, shifts=shifts, shifts_as_of=as_of)

    async def tell_shifts(self, now: float) -> None:
        """Work out how far each share has shifted; the next picture shows it."""
        picture = self.snapshot
        if picture.as_of <= 0 or not self._has_picture:
            return
        keys = {"origin": ORIGINS, "language": (*sorted(picture.shown["language"]), OTHER)}
        told = await asyncio.to_thread(self.live_shifts.ask(keys, picture.as_of, now))
        for found in told.found:
            self.history.keep(found)
        self.shifts = told.as_of, told.shifts

    def _statuses(self) -> tuple[PartitionStatus, ...]:
        statuses = []
        for number in range(self.source.partitions):
            position = self.view.positions.get(number)
            statuses.append(
                PartitionStatus(
                    partition=number,
                    position=None if position is None else position.s,
                    end_offset=self._ends.get(number),
                    newest=None if position is None or not position.newest else position.newest,
                    is_owned=number in self.partitions,
                    state_bytes=self.view.bytes.get(number, 0),
                )
            )
        return tuple(statuses)

    async def read_ends(self) -> None:
        """Ask Kafka where the source partitions end."""
        try:
            self._ends = await asyncio.wait_for(
                self.follower.end_offsets(self.settings.topic, range(self.source.partitions)),
                timeout=LAG_PATIENCE_SECONDS,
            )
        except (TimeoutError, *_SEND_ERRORS) as error:
            self._ends = {}
            now = time.monotonic()
            if now - self._lag_said_at >= LAG_SAID_SECONDS:
                self._lag_said_at = now
                log.warning(
                    "Kafka does not say where %s ends (%s): the lag is not known, and what comes "
                    "in waits in Kafka while it is away",
                    self.settings.topic,
                    str(error) or type(error).__name__,
                )


async def _in_pieces(work: Generator[None, None, Flush]) -> Flush:
    with contextlib.closing(work):
        while True:
            ends = time.perf_counter() + PIECE_SECONDS
            while time.perf_counter() < ends:
                try:
                    next(work)
                except StopIteration as end:
                    flush: Flush = end.value
                    return flush
            await asyncio.sleep(0)


class _Services(Service):
    """What goes on beside the counting."""

    def __init__(self, worker: Worker, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._worker = worker

    async def _guarded(self, work: Any) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - a service that is gone must not go unnoticed
            self._worker.fail(error)

    @Service.task
    async def _flush(self) -> None:
        await self._guarded(self._flush_on())

    async def _flush_on(self) -> None:
        worker = self._worker
        while not self.should_stop:
            await self.sleep(worker.settings.flush_seconds)
            await worker.flush()

    @Service.task
    async def _show(self) -> None:
        await self._guarded(self._show_on())

    async def _show_on(self) -> None:
        worker = self._worker
        while not self.should_stop:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(worker.follower.news.wait(), timeout=SNAPSHOT_SECONDS)
            worker.follower.news.clear()
            has_moved = worker.move_windows(time.time())
            while not has_moved:
                await asyncio.sleep(0)
                has_moved = worker.move_windows(time.time())
            worker.take_snapshot(time.time())
            await self.sleep(SNAPSHOT_MIN_SECONDS)

    @Service.task
    async def _warm(self) -> None:
        await self._guarded(self._warm_on())

    async def _warm_on(self) -> None:
        worker = self._worker
        while not self.should_stop:
            has_more = not worker.readiness() and worker.history.warm(PIECE_SECONDS)
            await self.sleep(WARM_PAUSE_SECONDS if has_more else SNAPSHOT_SECONDS)

    @Service.task
    async def _tell(self) -> None:
        await self._guarded(self._tell_on())

    async def _tell_on(self) -> None:
        while not self.should_stop:
            await self._worker.tell_shifts(time.time())
            await self.sleep(SHIFT_SECONDS)

    @Service.task
    async def _measure(self) -> None:
        await self._guarded(self._measure_on())

    async def _measure_on(self) -> None:
        while not self.should_stop:
            await self._worker.read_ends()
            await self.sleep(LAG_SECONDS)

    @Service.task
    async def _live(self) -> None:
        while not self.should_stop:
            self._worker.alive_at = time.monotonic()
            await self.sleep(0.5)


def _credentials(settings: Settings) -> Any:
    context = settings.ssl_context()
    if settings.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password.get_secret_value(),
            mechanism=settings.sasl_mechanism,
            ssl_context=context,
        )
    if context is not None:
        return faust.SSLCredentials(context=context)
    return None
