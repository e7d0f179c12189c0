"""From conditions to alerts and from alerts to notifications, as Alertmanager sends them."""

from __future__ import annotations

import numpy as np
import pytest
from backtest_histories import DAY

from streams.shifts.alert_rules import DAY_DOWN, DAY_UP, HOUR_UP, UNCLASSIFIED
from streams.shifts.backtest.alerts import Alert, spans
from streams.shifts.backtest.notifications import notifications, notified
from streams.shifts.inhibitions import is_inhibited

#: `for` of two evaluations, `keep_firing_for` of three; an evaluation a minute.
SHORT = DAY_UP._replace(for_seconds=120, keep_firing_for_seconds=180)

TIMELINES = {
    #                           pending, firing, resolved as numbers of evaluations
    "a-minute-before-for": ("..XX......", []),
    "at-for": ("..XXX.....", [(2, 4, 8)]),
    "broken-off": ("..XX.XX...", []),
    "it-comes-back-while-kept": ("XXX..X....", [(0, 2, 9)]),
    "it-comes-back-as-it-would-resolve": ("XXX...X....", [(0, 2, 10)]),
    "it-comes-back-after-it-resolved": ("XXX....X..XXX..", [(0, 2, 6), (10, 12, None)]),
    "it-fires-at-the-end": ("...XXXX", [(3, 5, None)]),
    "it-waits-at-the-end": (".....XX", [(5, None, None)]),
    "it-is-kept-at-the-end": ("XXXX..", [(0, 2, None)]),
    "never": (".......", []),
}


@pytest.mark.parametrize(("drawn", "expected"), TIMELINES.values(), ids=TIMELINES)
def test_an_alert_waits_fires_and_is_kept(drawn, expected):
    held = np.array([each == "X" for each in drawn])

    assert [(s.pending, s.firing, s.resolved) for s in spans(held, SHORT, "tokens", 60)] == expected


def alert(rule=DAY_UP, firing=0, resolved=None, **given) -> Alert:
    values = {
        "dimension": "origin",
        "key": "cn-open",
        "measure": "tokens",
        "pending": firing - 60,
        "zscore": 4.0,
        "shift": -0.1 if rule is DAY_DOWN else 0.1,
    } | given
    return Alert(rule, firing=firing, resolved=resolved, **values)


def sent(*given: Alert, end: int = DAY):
    return [
        (notice.at, notice.reason, [each.key for each in notice.alerts])
        for notice in notifications(given, end)
    ]


def test_a_group_waits_two_minutes_and_reports_what_rose_first():
    up, down = alert(firing=60, key="b"), alert(DAY_DOWN, firing=0, key="a", zscore=-9.0)
    later = alert(firing=100, key="c", zscore=9.0)

    # The fall is explained by the rises.
    assert sent(up, down, later) == [(120, "firing", ["c", "b"])]
    assert notified(down, notifications((up, down, later), DAY)) is None
    assert notified(up, notifications((up, down, later), DAY)) == 120


def test_a_fall_that_nothing_explains_is_reported_and_reported_after_what_rises_later():
    down, up = alert(DAY_DOWN, key="a"), alert(firing=600, key="b")

    assert sent(down, up) == [(120, "firing", ["a"]), (1920, "firing", ["b"])]


def test_a_group_notifies_news_each_half_hour_and_the_same_again_after_four_days():
    first, second = alert(firing=0, key="a"), alert(firing=130, key="b")

    assert sent(first, second, end=2 * DAY)[:2] == [
        (120, "firing", ["a"]),
        (1920, "firing", ["a", "b"]),
    ]
    assert [each[1] for each in sent(first, end=5 * DAY)] == ["firing", "repeat"]
    assert sent(first, end=5 * DAY)[1][0] == 120 + 4 * DAY + 1800


def test_that_all_is_over_is_reported_once():
    assert sent(alert(resolved=4000)) == [(120, "firing", ["cn-open"]), (5520, "resolved", [])]


def test_an_alert_that_is_over_before_the_group_has_waited_is_never_reported():
    assert sent(alert(resolved=60)) == []


def test_dimensions_are_distinguished():
    found = sent(alert(), alert(dimension="language", key="ru"))

    assert [each[2] for each in found] == [["ru"], ["cn-open"]]


def test_the_day_is_silent_while_the_hour_reports_the_same():
    hour, day = alert(HOUR_UP, resolved=7200), alert(firing=3600)

    assert sent(hour, day)[:2] == [(120, "firing", ["cn-open"]), (7320, "firing", ["cn-open"])]
    assert notified(day, notifications((hour, day), DAY)) == 7320


INHIBITED = {
    "requests-by-tokens": (alert(measure="requests"), alert(), True),
    "tokens-by-requests": (alert(), alert(measure="requests"), False),
    "another-key": (alert(measure="requests"), alert(key="b"), False),
    "a-fall-by-a-rise": (alert(DAY_DOWN, key="b"), alert(), True),
    "a-fall-of-another-dimension": (alert(DAY_DOWN, dimension="language"), alert(), False),
    "a-rise-by-a-fall": (alert(), alert(DAY_DOWN), False),
    "the-day-by-the-hour": (alert(), alert(HOUR_UP), True),
    "the-hour-by-the-day": (alert(HOUR_UP), alert(), False),
    "a-shift-by-what-is-unclassified": (
        *(alert(HOUR_UP), alert(UNCLASSIFIED, key="unknown", measure="requests")),
        True,
    ),
    "a-shift-of-another-dimension-by-what-is-unclassified": (
        *(alert(dimension="language"), alert(UNCLASSIFIED, key="unknown", measure="requests")),
        False,
    ),
}


@pytest.mark.parametrize(("target", "source", "expected"), INHIBITED.values(), ids=INHIBITED)
def test_who_explains_whom(target, source, expected):
    assert is_inhibited(target.labels, [target.labels, source.labels]) is expected


def test_stale_input_silences_all_of_its_gateway():
    stale = {"alertname": "LLMShareStale", "gateway": "g1"}

    assert is_inhibited(alert().labels | {"gateway": "g1"}, [stale])
    assert not is_inhibited(alert().labels | {"gateway": "g2"}, [stale])
