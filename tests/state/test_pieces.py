"""Repeated work rests as long as it has to."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from streams.state import pieces
from streams.state.pieces import Effort, at_once, go_on


@pytest.fixture
def clock(monkeypatch):
    clock = SimpleNamespace(now=100.0)
    fake = SimpleNamespace(thread_time=lambda: clock.now, perf_counter=time.perf_counter)
    monkeypatch.setattr(pieces, "time", fake)
    return clock


def worked(effort, clock, *seconds):
    for each in seconds:
        with effort:
            clock.now += each
        clock.now += 1.0
    return effort


@pytest.mark.parametrize(
    ("seconds", "rest"),
    [
        pytest.param((), 0.5, id="no work"),
        pytest.param((0.1,), 0.5, id="little work"),
        pytest.param((0.2, 0.1), 1.2, id="a fifth of the time"),
        pytest.param((4.0,), 5.0, id="very much work"),
    ],
)
def test_work_takes_at_most_its_part_of_the_time(clock, seconds, rest):
    assert worked(Effort(0.2, 5.0), clock, *seconds).rest(0.5) == pytest.approx(rest)


def test_the_least_rest_may_be_longer_than_the_longest(clock):
    assert worked(Effort(0.2, 5.0), clock, 9.0).rest(60.0) == 60.0


def test_a_rest_is_for_what_has_been_done_since_the_last_one(clock):
    effort = worked(Effort(0.2, 5.0), clock, 1.0)

    assert (effort.rest(0.5), effort.rest(0.5)) == (pytest.approx(4.0), 0.5)


def test_work_that_fails_counts_too(clock):
    def fail():
        with effort:
            clock.now += 1.0
            raise ZeroDivisionError

    effort = Effort(0.5, 5.0)
    with pytest.raises(ZeroDivisionError):
        fail()

    assert effort.rest(0.0) == pytest.approx(1.0)


def test_work_goes_on_where_it_paused():
    def work():
        for _ in range(3):
            yield
        return "done"

    running = work()
    assert not go_on(running, 0.0)
    assert at_once(running) == "done"
