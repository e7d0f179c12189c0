"""One scenario: its topic, group and workers on a Kafka, what was sent, and the verdict on it."""

from __future__ import annotations

import re
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from zlib import crc32

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from processes import WorkerProcess, wait_until
from rounds import Sending, gap_of
from truth import Gap, PaneTruth
from verdict import State, Verdict, verdict
from watch import Watch

from streams.demo.bulk import plain_events
from streams.kafka.admin import changelog_configs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from apache_cluster import ApacheCluster

    from streams.demo.truth import Simulated

PARTITIONS = 4
MINUTE = 60.0
#: Event times of what a scenario sends, in minutes before it begins. They share no pane of 10
#: seconds or 5 minutes, and the first ones no hour with the others.
LONG_AGO, BEFORE, LATELY = (300.0, 250.0), (45.0, 30.0), (20.0, 5.0)
#: No worker changes for so long: what it shows is what it will show.
STEADY_SECONDS = 20.0
PATIENCE_SECONDS = 90.0
COUNTED_SECONDS = START_SECONDS = 90.0
#: Sent while a fault goes on, and its longest stream.
RATE, STREAM_EVENTS = 500, 200_000
#: A worker writes what it has counted within this time.
FLUSHED_SECONDS = 2.0


class Stage:
    """Workers of one group on one topic, and the truth of what was sent to it."""

    def __init__(
        self,
        kafka: ApacheCluster,
        name: str,
        directory: Path,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.kafka = kafka
        self.topic = self.group = name
        self.changelog = f"{name}-panes-changelog"
        self.dead_letters = f"{name}-dead-letter"
        self.directory = directory
        self.truth = PaneTruth()
        self.workers: list[WorkerProcess] = []
        self.names: dict[int, str] = {}
        self.notes: list[str] = []
        self.faults: list[str] = []
        self._settings = dict(settings or {})
        self._began = time.time()
        # Two stages send different events.
        self._streams = crc32(name.encode())
        kafka.create(name, PARTITIONS)

    # -- workers

    def new_worker(self, name: str = "", **settings: str) -> WorkerProcess:
        """Start one more worker; `settings` replace those of the stage."""
        name = name or f"worker {len(self.names) + 1}"
        environment = {
            "TOKENSHARE_BOOTSTRAP_SERVERS": self.kafka.bootstrap,
            "TOKENSHARE_TOPIC": self.topic,
            "TOKENSHARE_GROUP": self.group,
            "TOKENSHARE_SESSION_TIMEOUT_SECONDS": "4",
            "TOKENSHARE_REBALANCE_TIMEOUT_SECONDS": "6",
        }
        environment |= self._settings | settings
        log = self.directory / f"{self.topic}-{name.replace(' ', '-')}.log"
        worker = WorkerProcess(environment, log).start()
        self.names[worker.port] = name
        self.workers.append(worker)
        return worker

    def ready_workers(self, count: int) -> None:
        """Start workers, and wait until all are ready."""
        for _ in range(count):
            self.new_worker()
        for worker in self.workers:
            wait_until(lambda worker=worker: worker.try_get("/readyz"), "ready", START_SECONDS)

    def stop_workers(self) -> None:
        """Stop all workers in good order."""
        for worker in self.workers:
            if worker.process.poll() is None and (code := worker.stop(30)):
                self.faults.append(f"exit code {code} of {self.names[worker.port]} after SIGTERM")
        self.workers.clear()

    def supervise(self) -> int:
        """Start those again that have ended, as a supervisor does; return how many."""
        ended = [each for each in self.workers if each.process.poll() is not None]
        for worker in ended:
            words = self.plain(last_words(worker))
            code = worker.process.returncode
            self.note(f"{self.names[worker.port]} ended with {code}: {words}")
            worker.start()
        return len(ended)

    def end(self) -> None:
        """End all workers at once."""
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.kill()

    # -- events

    def send(self, count: int, minutes: tuple[float, float] = LATELY) -> None:
        """Send events as fast as Kafka takes them; they are acknowledged when this returns."""
        events = list(self._events(count, minutes))
        sending = Sending(self.kafka.bootstrap, self.topic, events, None)
        sending.start()
        sending.finish()
        for event in events:
            self.truth.add(event)

    @contextmanager
    def sending(self, rate: float = RATE, minutes: tuple[float, float] = LATELY) -> Iterator[None]:
        """Send events evenly as long as the block runs, whatever happens to Kafka."""
        with self.flowing(self._events(STREAM_EVENTS, minutes), rate) as sent:
            yield
        for event in sent:
            self.truth.add(event)

    @contextmanager
    def flowing(self, events: Iterator[Simulated], rate: float) -> Iterator[list[Simulated]]:
        """Send given events likewise; the list holds those that were sent, not in the truth yet."""
        sent: list[Simulated] = []
        ended = threading.Event()

        def until_ended() -> Iterator[Simulated]:
            for event in events:
                if ended.is_set():
                    return
                sent.append(event)
                yield event

        sending = Sending(self.kafka.bootstrap, self.topic, until_ended(), rate)
        sending.start()
        try:
            yield sent
        finally:
            ended.set()
            sending.join()
        sending.finish()

    def events(self, count: int, minutes: tuple[float, float] = LATELY) -> list[Simulated]:
        """Return new events, to be sent in another form and to be added to the truth."""
        return list(self._events(count, minutes))

    def _events(self, count: int, minutes: tuple[float, float]) -> Iterator[Simulated]:
        self._streams += 1
        first, last = (self._began - each * MINUTE for each in minutes)
        return plain_events(count, self._streams, first, last)

    def wait_counted(self, seconds: float = COUNTED_SECONDS) -> None:
        """Wait until each worker has counted all that was sent, and has written it."""
        for worker in self.workers:
            worker.wait_counted(self.truth.events, seconds)
        time.sleep(FLUSHED_SECONDS)

    def have_counted(self) -> bool:
        """Return whether each worker that runs has counted all that was sent."""
        running = [each for each in self.workers if each.process.poll() is None]
        return all(each.records().get("counted/") == self.truth.events for each in running)

    # -- topics

    def ends(self, topic: str) -> dict[int, int]:
        """Return the end offsets of a topic."""
        consumer = KafkaConsumer(bootstrap_servers=self.kafka.bootstrap.split(","))
        try:
            numbers = consumer.partitions_for_topic(topic) or set()
            found = consumer.end_offsets([TopicPartition(topic, each) for each in numbers])
        finally:
            consumer.close()
        return {place.partition: end for place, end in found.items()}

    def recreate(self, topic: str) -> None:
        """Delete a topic, and create it again with the same settings."""
        with self.kafka.admin() as admin:
            admin.delete_topics([topic])
        configs = changelog_configs() if topic == self.changelog else {}
        self.kafka.create(topic, PARTITIONS, configs)

    # -- the end

    def note(self, words: str) -> None:
        """Keep what was seen, for the report."""
        self.notes.append(words)

    @contextmanager
    def watching(self) -> Iterator[Watch]:
        """Watch the readiness of the workers; how long each was not ready is noted."""
        with Watch(self.workers) as watch:
            yield watch
        for worker in self.workers:
            self.note(f"{self.names[worker.port]} {watch.summary(worker)}")

    def judge(
        self, explained: str = "", *, fresh: bool = True, before: list[State] | None = None
    ) -> Verdict:
        """Return the verdict on those that run, and then on a fresh worker beside them.

        `explained` is a pattern for words that name the cause, where counts may differ at all.
        """
        states = self.settled() if before is None else before
        if fresh:
            # One that is wrong now stays wrong, whatever the fresh one does to it.
            wrong = [state for state in states if not state.is_exact]
            self.new_worker("fresh worker")
            states = [*wrong, *self.settled(besides={each.name for each in wrong})]
        return self.verdict(states, explained)

    def verdict(self, states: list[State], explained: str = "") -> Verdict:
        """Return the verdict on these states, with all that was seen on the way."""
        return verdict(states, explained=explained, faults=self.faults, notes=self.notes)

    def settled(self, besides: set[str] | None = None) -> list[State]:
        """Return what workers show once they are exact, have ended or change no more."""
        workers = [each for each in self.workers if self.names[each.port] not in (besides or ())]
        deadline = time.monotonic() + PATIENCE_SECONDS
        seen: dict[int, tuple[State, float]] = {}
        while True:
            now = time.monotonic()
            for worker in workers:
                found = self.state(worker)
                old = seen.get(worker.port)
                if old is None or old[0] != found:
                    seen[worker.port] = found, now
            if now > deadline or all(_is_final(state, now - at) for state, at in seen.values()):
                return [state for state, _ in seen.values()]
            time.sleep(0.5)

    def state(self, worker: WorkerProcess) -> State:
        """Return what a worker shows now."""
        name = self.names[worker.port]
        code = worker.process.poll()
        if code is not None:
            return State(name, exit_code=code, words=self.plain(last_words(worker)))
        status, body = worker.ask("/readyz")
        reasons = self.plain("; ".join(body.get("reasons", ())))
        try:
            lost = sum(
                count for kind, count in worker.records().items() if kind.startswith("lost/")
            )
            gap = gap_of(worker, self.truth)
        except AssertionError:
            return self.state(worker)
        if status != 200:
            gap = Gap()
            reasons = reasons or "it does not answer"
        logged = self.plain(last_words(worker))
        return State(name, status == 200, None, gap, lost, reasons, logged)

    def plain(self, words: str) -> str:
        """Return a worker's words without the scenario's name, which would explain everything."""
        for name, plain in (
            (self.changelog, "CHANGELOG"),
            (self.dead_letters, "DEAD-LETTERS"),
            (self.topic, "TOPIC"),
            (self.group, "GROUP"),
        ):
            words = words.replace(name, plain)
        return words


def _is_final(state: State, seconds: float) -> bool:
    # One that is not ready may still become so: it gets all patience.
    ended = state.exit_code is not None
    return state.is_exact or ended or (state.is_ready and seconds > STEADY_SECONDS)


def last_words(worker: WorkerProcess) -> str:
    """Return the last line of a worker's log that is more than information, without its time."""
    lines = [line for line in worker.tail().splitlines() if re.search(r"WARN|ERROR|CRITICAL", line)]
    return re.sub(r"^[\d: ,.-]+", "", lines[-1])[:400] if lines else "(nothing logged)"


def lag_of(worker: WorkerProcess) -> int | None:
    """Return how many records of the source are not counted yet; None where it is not known."""
    text = worker.get("/metrics")
    lags = re.findall(r"^tokenshare_consumer_lag_records\S* (\S+)$", text, re.MULTILINE)
    return int(sum(map(float, lags))) if lags else None


def records_in(stage: Stage, topic: str) -> int:
    """Return how many records a topic has; fewer than its offsets where it was compacted."""
    consumer: Any = KafkaConsumer(
        bootstrap_servers=stage.kafka.bootstrap.split(","),
        auto_offset_reset="earliest",
        consumer_timeout_ms=5_000,
        enable_auto_commit=False,
    )
    ends = stage.ends(topic)
    consumer.assign([TopicPartition(topic, number) for number in ends])
    try:
        return sum(1 for _ in consumer)
    finally:
        consumer.close()


def wait_for(condition: Any, what: str, seconds: float) -> bool:
    """Wait until a condition holds; return whether it did in time."""
    try:
        wait_until(condition, what, seconds)
    except (AssertionError, KafkaError):
        return False
    return True
