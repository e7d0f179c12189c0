"""Faults while each request is reported several times, by records that repeat each other."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from kafka import KafkaProducer
from span_records import nested, of_one_id
from stage import BEFORE, PARTITIONS, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from span_records import Record
    from stage import Stage
    from verdict import Verdict

    from streams.demo.truth import Simulated

    Write = Callable[[Iterable[Simulated], int], Iterator[Record]]

ROUNDS = 3
EVENTS, SECONDS = 6_000, 12.0
COUNTED_SECONDS = 60.0


def nested_spans(stage: Stage) -> Verdict:
    """Clients, proxies and agents report one request by several spans; workers die meanwhile."""
    return _play(stage, nested)


def answers_of_one_id(stage: Stage) -> Verdict:
    """Several writers report one answer by its id, side by side; workers die meanwhile."""
    return _play(stage, of_one_id)


def _play(stage: Stage, write: Write) -> Verdict:
    """Send requests in rounds, with faults in each; every worker is compared after each."""
    stage.ready_workers(2)
    for number in range(ROUNDS):
        # These writers report tokens only.
        events = [
            event._replace(cached_tokens=None, cost=None, provider=None)
            for event in stage.events(EVENTS, BEFORE)
        ]
        sending = threading.Thread(target=_send, args=(stage, write(events, number)))
        sending.start()
        # One dies, one joins, one leaves: the partitions move, with what is remembered of spans.
        time.sleep(SECONDS / 4)
        stage.workers[0].kill()
        stage.supervise()
        time.sleep(SECONDS / 4)
        late = stage.new_worker()
        time.sleep(SECONDS / 4)
        late.kill()
        stage.workers.remove(late)
        sending.join()
        for event in events:
            stage.truth.add(event)
        if not wait_for(stage.have_counted, "all requests", COUNTED_SECONDS):
            stage.faults.append(f"the count after round {number + 1}")
        wrong = [state for state in stage.settled() if not state.is_exact]
        stage.note(f"round {number + 1}: {'; '.join(map(str, wrong)) or 'exact'}")
    return stage.judge()


def _send(stage: Stage, records: Iterator[Record]) -> None:
    """Send records evenly, those of one trace to one partition."""
    producer = KafkaProducer(
        bootstrap_servers=stage.kafka.bootstrap.split(","), linger_ms=5, acks="all"
    )
    values = list(records)
    began = time.monotonic()
    for number, record in enumerate(values):
        producer.send(stage.topic, record.value, partition=record.trace % PARTITIONS)
        time.sleep(max(0.0, began + number * SECONDS / len(values) - time.monotonic()))
    producer.flush()
    producer.close()
