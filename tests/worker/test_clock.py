"""The clock of a worker against the times on the records that it reads."""

from __future__ import annotations

import logging

import pytest

from streams.kafka.record_batch import HEADER
from streams.web.snapshot import STATES
from streams.worker.clock import RECENT_BATCHES, Clock

TRUE = 1_800_000_000.0


class Machine:
    """A machine whose clock is `off` seconds ahead, and the clock of the worker on it."""

    def __init__(self, off=0.0):
        self.off = off
        self.seconds = 0.0
        self.clock = Clock(lambda: self.true + self.off, lambda: 500.0 + self.seconds)

    @property
    def true(self):
        return TRUE + self.seconds

    @property
    def error(self):
        return self.clock.now() - self.true

    def changelog(self, ahead=0.0, partition=0, *, of_broker=True, is_live=True):
        stamp = round((self.true + ahead) * 1000)
        self.clock.note_changelog(partition, stamp, of_broker=of_broker, is_live=is_live)

    def source(self, *ahead):
        self.clock.note_source(batch(self.true + each) for each in ahead)

    def live(self, seconds, ahead=0.0, **of):
        for _ in range(seconds):
            self.seconds += 1.0
            self.changelog(ahead, **of)


def batch(newest):
    ms = round(newest * 1000)
    return HEADER.pack(0, HEADER.size - 12, 0, 2, 0, 0, 0, ms, ms, -1, -1, -1, 0)


def test_a_clock_is_as_it_is_while_nothing_speaks_against_it():
    machine = Machine(off=600)
    assert machine.clock.offset is None
    assert machine.error == 600
    assert machine.clock.reasons() == ()


@pytest.mark.parametrize("off", [-50, -1, 0, 1, 50])
def test_less_than_a_minute_is_measured_and_changes_nothing(off):
    machine = Machine(off)
    machine.live(15)
    assert machine.clock.offset == off
    assert machine.error == off
    assert machine.clock.reasons() == ()


@pytest.mark.parametrize("off", [-70, -600, -86_400 * 365, -TRUE + 100])
def test_one_record_of_a_broker_shows_that_a_clock_is_behind(off):
    machine = Machine(off)
    machine.changelog(is_live=False)
    assert machine.clock.offset == off
    assert machine.error == 0


@pytest.mark.parametrize("off", [70, 600, 86_400])
def test_a_clock_is_ahead_only_if_all_records_are_old_for_a_while(off):
    machine = Machine(off)
    machine.live(10)
    assert machine.error == off
    machine.live(1)
    assert machine.error == 0
    assert machine.clock.reasons() == (
        STATES["clock_wrong"],
        f"this worker's clock is {off} s ahead of the times in Kafka",
    )


def test_records_that_waited_do_not_speak_against_a_clock():
    machine = Machine()
    machine.live(20)
    machine.seconds += 105
    for waited in (105, 90, 70):
        machine.changelog(-waited)
    assert machine.clock.offset == 0


def test_a_changelog_that_is_read_from_its_beginning_shows_nothing():
    machine = Machine()
    machine.live(40, ahead=-86_400, is_live=False)
    assert machine.clock.offset is None


def test_one_broker_of_three_may_be_wrong():
    machine = Machine()
    for _ in range(20):
        machine.seconds += 1
        for partition, ahead in enumerate((0, 600, 0)):
            machine.changelog(ahead, partition)
    assert machine.clock.offset == 0


def test_a_broker_decides_whatever_the_writers_say():
    machine = Machine()
    machine.live(20)
    machine.source(*[600] * RECENT_BATCHES)
    assert machine.error == 0


def test_without_brokers_the_first_batch_of_the_source_shows_that_a_clock_is_behind():
    machine = Machine(-600)
    machine.source(-0.5)
    assert machine.error == pytest.approx(-0.5)


def test_without_brokers_most_writers_decide():
    machine = Machine()
    machine.source(*[0, -1, 600] * 10)
    assert machine.error == 0


def test_a_backlog_shows_nothing():
    machine = Machine()
    machine.source(*range(-3600, -600, 10))
    machine.live(20, of_broker=False)
    assert machine.error == 0
    assert machine.clock.offset == 0


def test_writers_a_day_ahead_are_not_believed():
    machine = Machine()
    machine.source(86_500, 86_500 * 365)
    assert machine.error == 0


def test_writers_and_other_workers_together_show_that_a_clock_is_ahead():
    machine = Machine(600)
    machine.source(-1)
    assert machine.error == 600
    machine.live(11, of_broker=False)
    assert machine.error == pytest.approx(0, abs=15)


@pytest.mark.parametrize("ahead", [-600, 600])
def test_another_worker_may_be_the_wrong_one(ahead):
    machine = Machine()
    machine.live(20, ahead, of_broker=False)
    assert machine.error == 0
    machine.source(*[-1] * RECENT_BATCHES)
    assert machine.error == 0


def test_what_a_worker_writes_itself_is_no_witness():
    machine = Machine(-600)
    for _ in range(20):
        machine.seconds += 1
        stamp = int(machine.clock.stamp() * 1000)
        machine.clock.note_changelog(0, stamp, of_broker=False, is_live=True)
    machine.source(0)
    assert machine.error == 0


def test_a_clock_that_is_set_is_compared_anew():
    machine = Machine()
    machine.live(20)
    machine.off = -600
    assert machine.error == -600
    machine.changelog()
    assert machine.error == 0
    machine.off = 0
    assert machine.error == 0
    assert machine.clock.offset is None


def test_a_machine_that_was_paused_is_not_taken_for_one_with_a_wrong_clock():
    machine = Machine()
    machine.live(20)
    machine.off, machine.clock._wall = 0, lambda: machine.true + 900  # the steady clock stood still
    assert machine.clock.now() == machine.true + 900


def test_a_wrong_clock_is_logged_once_and_so_is_its_end(caplog):
    caplog.set_level(logging.INFO)
    machine = Machine(-600)
    for _ in range(3):
        machine.changelog()
        machine.clock.report()
    machine.off = 0
    for _ in range(3):
        machine.changelog()
        machine.clock.report()
    assert [each.levelname for each in caplog.records] == ["ERROR", "INFO"]
    assert "600 s behind the times in Kafka" in caplog.text
