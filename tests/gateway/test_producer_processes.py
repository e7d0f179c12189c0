"""Producers at the end of a process, and in forked ones."""

from __future__ import annotations

import pytest
from producer_records import events, run

from streams.demo.broker import EmbeddedBroker
from streams.gateway import producer as module

pytestmark = pytest.mark.slow


def test_at_the_interpreter_s_exit_the_buffer_is_sent(broker, topic):
    done, _ = run(
        """
        import sys
        from streams.gateway.producer import UsageProducer
        producer = UsageProducer(*sys.argv[1:])
        for number in range(3000):
            assert producer.send("m", 1, 1, id=number)
        """,
        broker.bootstrap,
        topic,
    )
    assert done.stderr == ""
    assert len(events(broker.bootstrap, topic)) == 3000


def test_without_a_broker_the_exit_does_not_hang(absent, topic):
    done, spent = run(
        """
        import sys
        from streams.gateway.producer import UsageProducer
        producer = UsageProducer(*sys.argv[1:])
        assert producer.send("m", 1, 1)
        """,
        absent,
        topic,
    )
    # With the start of an interpreter, beside other work. Without an end it would go on for ever.
    assert spent < module.CLOSE_SECONDS + 30.0
    assert "1 usage events had not reached Kafka" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("used", [False, True], ids=["before its first event", "while connected"])
def test_workers_forked_from_a_process_with_a_producer_send_their_own_events(broker, topic, used):
    """As gunicorn and uvicorn do it with an application that is loaded before they fork."""
    run(
        """
        import gc, os, sys
        from streams.gateway.producer import UsageProducer
        bootstrap, topic, used = sys.argv[1:]
        producer = UsageProducer(bootstrap, topic)
        if used == "True":
            assert producer.send("m", 1, 1, id="parent-before")
            assert producer.flush(30)
            assert producer.send("m", 1, 1, id="parent-buffered")
        children = []
        for child in range(3):
            pid = os.fork()
            if pid == 0:
                assert producer.stats.sent == producer.stats.buffered == 0
                for number in range(100):
                    assert producer.send("m", 1, 1, id=f"child-{child}-{number}")
                gc.collect()
                sys.exit(0)
            children.append(pid)
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0
        for number in range(100):
            assert producer.send("m", 1, 1, id=f"parent-{number}")
        assert producer.flush(5), producer.stats
        """,
        broker.bootstrap,
        topic,
        str(used),
    )
    expected = [f"child-{child}-{number}" for child in range(3) for number in range(100)]
    expected += [f"parent-{number}" for number in range(100)]
    expected += ["parent-before", "parent-buffered"] if used else []
    assert sorted(each.id for each in events(broker.bootstrap, topic)) == sorted(expected)


def test_a_fork_while_kafka_does_not_answer_is_not_held_up(topic):
    with EmbeddedBroker() as silent:
        run(
            """
            import os, signal, sys, time
            from streams.gateway.producer import UsageProducer
            from frozen import freeze
            bootstrap, topic, broker = sys.argv[1:]
            producer = UsageProducer(bootstrap, topic)
            assert producer.send("m", 1, 1)
            assert producer.flush(30)
            freeze(int(broker))
            assert producer.send("m", 1, 1)
            assert not producer.flush(0.5)
            before = time.monotonic()
            pid = os.fork()
            if pid == 0:
                assert producer.send("m", 1, 1)
                assert time.monotonic() < before + 0.5
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
            producer.close(0)
            """,
            silent.bootstrap,
            topic,
            str(silent.pid),
        )


def test_a_forked_worker_of_multiprocessing_sends_its_buffer_at_its_end(broker, topic):
    """It ends without atexit."""
    run(
        """
        import multiprocessing, sys
        from streams.gateway.producer import UsageProducer
        producer = UsageProducer(*sys.argv[1:])
        def work():
            for number in range(100):
                assert producer.send("m", 1, 1, id=number)
        worker = multiprocessing.get_context("fork").Process(target=work)
        worker.start()
        worker.join()
        assert worker.exitcode == 0
        """,
        broker.bootstrap,
        topic,
    )
    assert len(events(broker.bootstrap, topic)) == 100
