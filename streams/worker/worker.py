"""One worker: builds the parts, runs the background loops, starts and stops.

A batch goes through `counter` into the partitions of `owned`; `flusher` writes them to the table,
`follower` reads the table's changelog back into `view`, and `publisher` shows that.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import time
from typing import TYPE_CHECKING, Any, cast

from mode import Service

from streams.classify.classifier import Classifier
from streams.classify.tenant_names import TenantNames
from streams.decode.options import Options
from streams.decode.reader import Reader
from streams.kafka import aio_login
from streams.kafka.fetch_pace import Reader as ChangelogReader
from streams.kafka.login_watch import LoginWatch
from streams.kafka.silence import METADATA_MAX_AGE_MS
from streams.state.follower import Follower
from streams.state.pieces import PIECE_SECONDS, Effort
from streams.state.view import View
from streams.worker import faust_app, memory
from streams.worker.assignment import REVOKE_FLUSH_SECONDS, Assignment, StaleWrites
from streams.worker.clock import Clock
from streams.worker.counter import Counter
from streams.worker.dead_letter_sender import LetterSender
from streams.worker.flusher import Flusher
from streams.worker.integrity import Integrity
from streams.worker.join_watch import JoinWatch
from streams.worker.owned import Owned
from streams.worker.prices import prices_of
from streams.worker.publisher import Publisher

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from streams.classify.origin.catalog import Catalog
    from streams.counting.partition import Partition
    from streams.kafka.admin import Topic
    from streams.settings import Settings
    from streams.shares.history import History
    from streams.web.snapshot import Snapshot

#: A snapshot at least this often, so that windows move on without events.
SNAPSHOT_SECONDS = 1.0
#: And at most this often, however fast the changelog grows.
SNAPSHOT_MIN_SECONDS = 0.2
#: In a backlog of weeks windows move by days at a time, which takes most of a second: snapshots
#: take at most this part of a core, as long as the next one does not wait for longer than this.
SNAPSHOT_EFFORT, SNAPSHOT_MAX_SECONDS = 0.2, 5.0
#: The pause after a piece of history. A full state is summed within 15 s of a start.
WARM_PAUSE_SECONDS = 0.06
#: How often shifts are computed: rules are evaluated each minute, and wait half an hour.
SHIFT_SECONDS = 30.0
#: How often what a policy excludes is added up.
POLICY_SECONDS = 5.0
#: How often Kafka is asked for the end offsets of the source partitions, for the lag.
LAG_SECONDS = 2.0
#: How often it is checked whether missing records of the changelog have been written again.
INTEGRITY_SECONDS = 1.0
#: How often a refused join of the group is looked for, and tried again; a refused login as well.
JOIN_SECONDS = 1.0
#: What a fetch of the changelog brings. One is read while the next one comes, and what they take is
#: free, in pieces, when a worker has read its state.
CHANGELOG_FETCH_BYTES = 8 * 1024 * 1024
#: A record's timestamp is the broker's.
_APPEND_TIME = 1
#: How often freed memory is given back to the system, and how often while the changelog is read. It
#: takes some milliseconds.
RELEASE_SECONDS = 30.0
READING_RELEASE_SECONDS = 1.0
#: How often the event loop updates the watchdog.
ALIVE_SECONDS = 0.5


class Worker:
    """One tokenshare worker: owns some partitions, shows them all.

    `source` is the topic as found at the start. `fatal` resolves with the error that ends the
    process. `tenant_names` are for answers of page and API: nothing that is counted or exported
    has them.
    """

    def __init__(self, settings: Settings, catalog: Catalog, source: Topic) -> None:
        self.settings = settings
        self.catalog = catalog
        self.source = source
        self.fatal: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        #: Whether the overrides in force are those of the file, and since when; None without one.
        has_overrides = settings.catalog_overrides is not None
        self.overrides_are_good = True if has_overrides else None
        self.overrides_loaded_at = time.time() if has_overrides else None
        self.tenant_names = TenantNames()
        #: Updated by the event loop; a watchdog outside the loop checks it.
        self.alive_at = time.monotonic()

        self.view = View()
        self.clock = Clock()
        self.letter_sender = LetterSender(settings.dead_letters, settings.codec)
        self.app = faust_app.make_app(settings)
        table = faust_app.make_table(self.app, source.partitions)
        owned = self._owned = Owned()
        self.flusher = Flusher(settings, self.app, table, self.letter_sender, owned)
        self.integrity = Integrity(settings.changelog_topic, self.view, owned, self.flusher)
        self.follower = _make_follower(settings, source, self.view, owned, self)
        self.integrity.follower = self.follower
        self.view.shared = owned.shared
        table.now = self.clock.stamp
        table.on_cut = self.integrity.on_records_lost
        self.assignment = Assignment(
            settings,
            source,
            self.app,
            view=self.view,
            follower=self.follower,
            owned=owned,
            flusher=self.flusher,
            integrity=self.integrity,
            table=table,
            fail=self.fail,
        )
        self.publisher = Publisher(
            settings,
            catalog,
            source,
            view=self.view,
            follower=self.follower,
            owned=owned,
            assignment=self.assignment,
            flusher=self.flusher,
            integrity=self.integrity,
            clock=self.clock,
        )
        self._classifier = Classifier(
            catalog, settings.tenant_salt.get_secret_value(), prices_of(settings)
        )
        counter = _make_counter(settings, self._classifier, owned, self)
        table.restore = self.assignment.restore
        faust_app.add_agent(self.app, settings.topic, counter.count, self.fail)
        self.app.on_partitions_revoked.connect(cast("Any", self.assignment.on_revoked), weak=False)
        self.join_watch = JoinWatch(settings, self.app, self.assignment, self.fail)
        self.login_watch = LoginWatch(settings, self.readiness, self.fail)
        self._loops = _Loops(self)

    async def start(self) -> None:
        """Start everything; returns when the first partitions are taken over.

        The follower starts first: a partition is taken over from what it has read. Raises
        KafkaError.
        """
        await self.follower.start()
        await self._loops.start()
        self.app.group_consumer.position_of = self.assignment.position_of
        await self.app.start()

    async def stop(self) -> None:
        """Write what is counted, commit, leave the group, stop."""
        with contextlib.suppress(Exception):
            consumer = self.app.group_consumer
            consumer.stop_flow()
            await asyncio.wait_for(self.flusher.flush(), timeout=REVOKE_FLUSH_SECONDS)
            await asyncio.wait_for(consumer.force_commit(), timeout=REVOKE_FLUSH_SECONDS)
        await self.app.stop()
        await self._loops.stop()
        await self.follower.stop()

    def fail(self, error: BaseException) -> None:
        """Note the error that this process cannot go on from; the first one counts."""
        if not self.fatal.done():
            self.fatal.set_result(error)

    def use(self, catalog: Catalog) -> None:
        """Classify by another catalogue: new events, and earlier ones counted as unknown."""
        self.catalog = catalog
        self._classifier.use(catalog)
        self.publisher.use(catalog)

    @property
    def surprises(self) -> int:
        """Return how often Kafka's answers did not fit what was known of its topics."""
        return self.app.group_consumer.surprises

    # What the web server, the demo and the benchmark read.

    @property
    def partitions(self) -> Mapping[int, Partition]:
        """Return the counting state of each partition that this worker owns."""
        return self._owned.partitions

    @property
    def snapshot(self) -> Snapshot:
        """Return the newest snapshot."""
        return self.publisher.snapshot

    @property
    def history(self) -> History:
        """Return counts over time."""
        return self.publisher.history

    @property
    def flush_seconds(self) -> float:
        """Return how long the last flush took."""
        return self.flusher.seconds

    @property
    def flush_failures(self) -> int:
        """Return how many flushes have failed."""
        return self.flusher.failures

    @property
    def rebalances(self) -> int:
        """Return how often partitions have been taken over."""
        return self.assignment.rebalances

    def readiness(self) -> tuple[str, ...]:
        """Return why this worker is not ready; empty when it is."""
        return self.publisher.readiness()


def _make_counter(
    settings: Settings, classifier: Classifier, owned: Owned, worker: Worker
) -> Counter:
    return Counter(
        Reader(
            classifier,
            Options.of(settings),
            with_ids=settings.dedupe_records > 0,
            with_spans=settings.trace_records > 0,
        ),
        classifier,
        owned=owned,
        assignment=worker.assignment,
        flusher=worker.flusher,
        clock=worker.clock,
    )


def _make_follower(
    settings: Settings,
    source: Topic,
    view: View,
    owned: Owned,
    worker: Worker,
) -> Follower:
    def make_consumer() -> ChangelogReader:
        return ChangelogReader(
            bootstrap_servers=list(settings.bootstrap_servers),
            client_id="tokenshare-follower",
            enable_auto_commit=False,
            # An offset that Kafka no longer has is a loss, and is not passed over.
            auto_offset_reset="none",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=CHANGELOG_FETCH_BYTES // 8,
            fetch_max_bytes=CHANGELOG_FETCH_BYTES,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            **aio_login.arguments(settings),
        )

    def on_time(record: Any, is_live: bool) -> None:
        worker.clock.note_changelog(
            record.partition,
            record.timestamp,
            of_broker=record.timestamp_type == _APPEND_TIME,
            is_live=is_live,
        )

    return Follower(
        make_consumer,
        settings.changelog_topic,
        source.partitions,
        view=view,
        on_stale=StaleWrites(owned).overwrite,
        on_cut=worker.integrity.on_records_lost,
        on_failure=worker.fail,
        on_time=on_time,
    )


def _task(loop: Callable[[_Loops], Awaitable[None]]) -> Any:
    """Run a loop while the worker runs; an error in it is fatal, or it would go unnoticed."""

    @functools.wraps(loop)
    async def guarded(self: _Loops) -> None:
        try:
            await loop(self)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not go unnoticed
            self.worker.fail(error)

    return Service.task(guarded)


class _Loops(Service):
    """The background loops of a worker."""

    def __init__(self, worker: Worker, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.worker = worker

    @_task
    async def _flush(self) -> None:
        while not self.should_stop:
            flusher = self.worker.flusher
            await self.sleep(flusher.effort.rest(self.worker.settings.flush_seconds))
            await flusher.flush()

    @_task
    async def _look(self) -> None:
        while not self.should_stop:
            await self.sleep(INTEGRITY_SECONDS)
            await self.worker.integrity.look()
            self.worker.clock.report()

    @_task
    async def _publish(self) -> None:
        news = self.worker.follower.news
        effort = Effort(SNAPSHOT_EFFORT, SNAPSHOT_MAX_SECONDS)
        while not self.should_stop:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), timeout=SNAPSHOT_SECONDS)
            news.clear()
            publisher = self.worker.publisher
            has_moved = False
            while not has_moved:
                await asyncio.sleep(0)
                with effort:
                    has_moved = publisher.move_windows(self.worker.clock.now())
            with effort:
                publisher.take_snapshot(self.worker.clock.now())
            await self.sleep(effort.rest(SNAPSHOT_MIN_SECONDS))

    @_task
    async def _warm(self) -> None:
        publisher = self.worker.publisher
        while not self.should_stop:
            is_idle = not publisher.readiness() and not publisher.has_backlog()
            has_more = is_idle and publisher.history.warm(PIECE_SECONDS)
            await self.sleep(WARM_PAUSE_SECONDS if has_more else SNAPSHOT_SECONDS)

    @_task
    async def _update_shifts(self) -> None:
        while not self.should_stop:
            await self.worker.publisher.update_shifts(self.worker.clock.now())
            await self.sleep(SHIFT_SECONDS)

    @_task
    async def _update_policy(self) -> None:
        while not self.should_stop:
            await self.worker.publisher.update_policy()
            await self.sleep(POLICY_SECONDS)

    @_task
    async def _read_ends(self) -> None:
        while not self.should_stop:
            await self.worker.publisher.read_ends()
            await self.sleep(LAG_SECONDS)

    @_task
    async def _watch_join(self) -> None:
        while not self.should_stop:
            await self.sleep(JOIN_SECONDS)
            await self.worker.join_watch.look()

    @_task
    async def _watch_login(self) -> None:
        while not self.should_stop:
            await self.sleep(JOIN_SECONDS)
            self.worker.login_watch.look()

    @_task
    async def _watch_log(self) -> None:
        while not self.should_stop:
            await self.worker.assignment.source_log.watch(self.worker.publisher.ends)
            await self.sleep(LAG_SECONDS)

    @_task
    async def _release_memory(self) -> None:
        while not self.should_stop:
            has_read = self.worker.follower.has_caught_up
            await asyncio.to_thread(memory.release)
            await self.sleep(RELEASE_SECONDS if has_read else READING_RELEASE_SECONDS)

    @_task
    async def _be_alive(self) -> None:
        while not self.should_stop:
            self.worker.alive_at = time.monotonic()
            await self.sleep(ALIVE_SECONDS)
