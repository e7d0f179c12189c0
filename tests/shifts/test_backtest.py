"""`tokenshare backtest` says of a history what worker, Prometheus and Alertmanager would say."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from click.testing import CliRunner

from streams.cli import cli
from streams.shifts import alert_rules
from streams.shifts.alert_rules import (
    DAY_DOWN,
    DAY_UP,
    HOUR_DOWN,
    HOUR_UP,
    RULES,
    UNCLASSIFIED,
    Gauges,
    is_inhibited,
    met,
)
from streams.shifts.backtest import history_file
from streams.shifts.backtest.alerts import Alert, spans
from streams.shifts.backtest.conditions import watch
from streams.shifts.backtest.history_file import HistoryError
from streams.shifts.backtest.notifications import notifications, notified
from streams.shifts.backtest.replay import replay
from streams.shifts.backtest.timeline import SHOWN_TENANTS, timelines
from streams.shifts.baseline import baseline_of
from streams.shifts.series import MEASURES, Series, Tenants
from streams.shifts.shift import Traffic, shifts

sys.path.insert(0, str(Path(__file__).parents[1] / "shifts"))

import rates
import traffic_model as model
from traffic_model import DAY_PANES, START, Change, Gateway

DAY, HOUR, PANE = 86400, 3600, 300


# --- Reading -------------------------------------------------------------------------------------


def line(**given) -> bytes:
    cell = {
        "start": START,
        "seconds": 300,
        "origin": "cn-open",
        "language": "en",
        "tenant": "t1",
        "requests": 2,
        "tokens": 30,
        "tokens_squared": 500,
    }
    return orjson.dumps(cell | given)


def read(*lines: bytes):
    return history_file.read([("history.ndjson", io.BytesIO(b"\n".join(lines) + b"\n"))])


def test_cells_add_up_by_origin_and_language_and_pane():
    found = read(
        line(),
        line(start=START + 10, seconds=10, language="ru", tenant=None),
        line(start=START + 300, origin="unknown"),
    )
    origin, language = timelines(found)

    assert origin.panes.keys == ("cn-open", "unknown")
    assert origin.panes.tokens[:3].tolist() == [[60, 0], [0, 30], [0, 0]]
    assert origin.panes.squares[:2].tolist() == [[1000, 0], [0, 500]]
    assert language.panes.keys == ("en", "ru")
    assert language.panes.requests[:2].tolist() == [[2, 2], [2, 0]]
    assert origin.hours.requests.tolist() == [[4, 2]]
    assert origin.by_tenant.sums("tokens", [(0, 12)], 2).tolist() == [[30, 30], [0, 0]]


def test_a_long_cell_is_spread_over_its_panes():
    (origin, _) = timelines(read(line(seconds=3600, requests=24, tokens=120)))

    assert origin.panes.requests.ravel().tolist() == [2.0] * 12
    assert origin.panes.tokens.sum() == 120


def test_panes_begin_at_a_whole_hour():
    (origin, _) = timelines(read(line(start=START + 1500)))

    assert origin.panes.start == START
    assert len(origin.panes.tokens) == 12


def test_a_cell_may_leave_out_the_tenant_and_blank_lines_are_none():
    without = orjson.loads(line())
    del without["tenant"]
    found = read(b"", orjson.dumps(without), b"  ", line(tenant=""))

    assert found.tenant.tolist() == [-1, -1]
    assert timelines(found)[0].by_tenant is None


def test_more_languages_than_are_shown_are_other():
    found = read(*(line(language=f"x{place}", tokens=100 - place) for place in range(40)))
    language = timelines(found)[1]

    assert len(language.panes.keys) == 31
    assert language.panes.keys[-1] == "other"
    assert language.panes.tokens.sum() == sum(100 - place for place in range(40))


def test_more_tenants_than_can_be_distinguished_are_no_tenant_together():
    found = read(*(line(tenant=f"t{place}", tokens=1000 - place) for place in range(200)))
    by_tenant = timelines(found)[0].by_tenant

    assert len(by_tenant.tenants) == SHOWN_TENANTS + 1
    assert by_tenant.sums("requests", [(0, 1)], 1)[-1] == 2 * (200 - SHOWN_TENANTS)


FAULTS = {
    "no-json": (b"{", "history.ndjson, line 3: "),
    "a-field-is-missing": (b'{"start": 1}', "line 3: .*missing required field"),
    "a-text-for-a-number": (line(requests="2"), "line 3: .*requests"),
    "before-the-line-above": (line(start=START - 300), "line 3: it starts before the line above"),
    "a-negative-count": (line(tokens=-1), "line 3: a count is negative"),
    "seven-seconds": (line(seconds=7), "line 3: `seconds` must divide 300"),
    "no-seconds": (line(seconds=0), "line 3: `seconds` must divide 300"),
    "off-the-grid": (line(start=START + 1), "line 3: `start` must be a multiple"),
    "milliseconds": (line(start=START * 1000), "line 3: `start` is not a time in unix seconds"),
    "no-utf-8": (b'{"start": "\xff"}', "line 3"),
    "two-cells-in-a-line": (line() + line(tokens=-1), "line 3: JSON is malformed"),
    "a-cell-over-two-lines": (line().replace(b",", b",\n", 1), "line 3: "),
    "more-than-a-float-holds": (
        line(tokens=0).replace(b'"tokens":0', b'"tokens":1' + b"0" * 400),
        "line 3: a count is too large",
    ),
    "more-than-can-be-squared": (
        line(tokens=0).replace(b'"tokens":0', b'"tokens":1' + b"0" * 200),
        "line 3: a count is too large",
    ),
    "seconds-of-a-thousand-years": (line(seconds=3 * 10**10), "line 3: `seconds` is more than"),
    "a-time-that-panes-cannot-number": (
        line(start=3 * 10**11 * 2),
        "line 3: `start` is not a time in unix seconds",
    ),
}


@pytest.mark.parametrize(("bad", "said"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_reported_by_file_and_line(bad, said):
    with pytest.raises(HistoryError, match=said):
        read(line(), b"", bad, line())


def test_lines_are_numbered_beyond_what_is_read_at_once(monkeypatch):
    monkeypatch.setattr(history_file, "_READ_BYTES", 100)

    with pytest.raises(HistoryError, match="line 51: a count is negative"):
        read(*[line()] * 50, line(tokens=-1))
    assert len(read(*[line()] * 50).pane) == 50


def test_an_empty_history_and_one_of_a_wild_time_are_reported():
    with pytest.raises(HistoryError, match="no lines"):
        read()
    with pytest.raises(HistoryError, match="spans more than"):
        read(line(start=0), line())


def test_a_history_without_a_request_is_reported():
    with pytest.raises(HistoryError, match="no requests"):
        read(line(requests=0, tokens=0, tokens_squared=0))


def test_a_workers_history_has_no_tenants_and_perhaps_no_squares():
    point: dict[str, Any] = {"start": START, "cells": {"cn-open/en": [1200, 12, 600, 600]}}
    found = history_file.of_worker({"seconds": 3600, "points": [point]})

    assert not found.has_squares
    assert found.tenant.tolist() == [-1] * 12
    # n_eff = T^2 / Q is 20 % of the requests.
    assert found.tokens.sum() ** 2 / found.squares.sum() == pytest.approx(12 * 0.2)
    point["cells"]["cn-open/en"].append(999)
    assert history_file.of_worker(
        {"seconds": 3600, "points": [point]}
    ).squares.sum() == pytest.approx(999)


# --- The statistics are those of a worker ---------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        None,
        {"seconds": 3600, "points": [{"start": "x", "cells": {}}]},
        {"seconds": 3600, "points": [{"start": START, "cells": {"cn-open": [1, 1, 1, 1]}}]},
        {"seconds": 3600, "points": [{"start": START, "cells": {"cn-open/en": [1, 1]}}]},
        {"seconds": 3600, "points": [{"start": 2**60, "cells": {"cn-open/en": [1, 1, 1, 1]}}]},
        {"points": [{"start": START, "cells": {"cn-open/en": [1, 1, 1, 1]}}]},
    ],
)
def test_what_is_not_a_workers_history_is_reported(body):
    with pytest.raises(HistoryError, match="give the address of a tokenshare worker"):
        history_file.of_worker(body)


def history(*, rate=3.0, days=25, change: Change | None = None, dimension="origin", seed=5):
    gateway = Gateway(seed, rate, days)
    drawn = gateway.plan().draw(dimension, np.random.default_rng(seed), 0, days * DAY_PANES, change)
    return model.timeline(dimension, drawn)


def as_a_worker_has_it(timeline, moment: int) -> Traffic:
    """Return what a worker knows a second before `moment`: panes, hours and tenants until then."""
    panes = timeline.panes
    end = (moment - panes.start) // PANE
    first = max(0, end - 300)
    hours = -(-end // 12)

    def until(values, rows):
        padded = np.zeros((hours * 12, values.shape[1]))
        padded[:end] = values[:end]
        return padded.reshape(hours, 12, -1).sum(axis=1) if rows == "hours" else values[first:end]

    def counted(start, seconds, rows):
        columns = (until(each, rows) for each in (panes.requests, panes.tokens, panes.squares))
        return Series(panes.keys, start, seconds, *columns)

    by_tenant, keys = timeline.by_tenant, len(panes.keys)
    begin = max(0, hours - 216)
    spans_ = [(hour * 12, min((hour + 1) * 12, end)) for hour in range(begin, hours)]
    requests, tokens = (
        np.stack([by_tenant.sums(each, [span], keys) for span in spans_])
        for each in ("requests", "tokens")
    )
    tenants = Tenants(by_tenant.tenants, panes.start + begin * HOUR, requests, tokens)
    return Traffic(
        timeline.dimension,
        counted(panes.start + first * PANE, PANE, "panes"),
        counted(panes.start, HOUR, "hours"),
        tenants,
        replace(timeline, hours=counted(panes.start, HOUR, "hours")).days,
    )


def gauges_of(said) -> Gauges:
    columns = (
        [np.nan if value is None else value for value in column]
        for column in zip(
            *(
                (
                    key.zscore,
                    key.shift,
                    key.share,
                    key.baseline,
                    key.without_top_tenant,
                    key.evidence_requests,
                )
                for key in said.keys
            ),
            strict=True,
        )
    )
    whole = (said.effective_requests, said.baseline_days)
    return Gauges(*map(np.array, (*columns, *whole)))


def test_at_every_moment_the_statistics_are_those_of_a_worker():
    change = Change(23 * DAY_PANES + 12 * 12, dimension="origin", key="cn-open", points=0.2)
    timeline = history(change=change)
    watched = {(each.rule, each.measure): each for each in watch(timeline, START + 23 * DAY)}
    moments = START + 23 * DAY + np.arange(1, 2 * DAY, 5 * PANE + PANE * 2) // PANE * PANE
    fires = 0
    for moment in moments[1:].tolist():
        traffic = as_a_worker_has_it(timeline, moment)
        hour = (moment - 1) // HOUR * HOUR
        baselines = {
            each: baseline_of(traffic.hours, each, hour, days=traffic.days) for each in MEASURES
        }
        for said in shifts(traffic, baselines, moment - 1):
            for rule in (each for each in RULES if each.window == said.window and each.direction):
                mine = watched[rule, said.measure]
                row = (moment - mine.first) // PANE
                assert [key.zscore for key in said.keys] == pytest.approx(mine.zscore[row].tolist())
                assert [key.shift for key in said.keys] == pytest.approx(mine.shift[row].tolist())
                holds = met(rule, "origin", gauges_of(said)).tolist()
                assert holds == mine.met[row].tolist()
                fires += sum(holds)
    # A test of nothing but silence would prove little.
    assert fires > 20


def test_nothing_is_watched_before_21_days():
    timeline = history(rate=1.0, days=22)
    watched = watch(timeline)

    assert {each.first for each in watched} == {START + 21 * DAY}
    assert watch(history(rate=1.0, days=20)) == []


def test_the_guard_silences_one_tenant_and_no_shift_of_all():
    # The largest tenant sends 30 times as much of its own mix, or all send more to one key.
    since = 24 * DAY_PANES + 144
    for change, is_one in (
        (Change(since, until=since + 36, tenant=0, times=30.0), True),
        (Change(since, dimension="origin", key="cn-open", points=0.45), False),
    ):
        timeline = history(rate=30.0, change=change)
        first = START + since * PANE
        (hour,) = (
            each
            for each in watch(timeline, first)
            if each.rule is HOUR_UP and each.measure == "tokens"
        )
        assert (hour.zscore[:36] >= 4.0).any()
        assert hour.met[:36].any() is not np.bool_(is_one)
        # Where nobody says who sends, nobody can tell the two apart.
        (without,) = (
            each
            for each in watch(replace(timeline, by_tenant=None), first)
            if each.rule is HOUR_UP and each.measure == "tokens"
        )
        assert not without.met.any()


# --- Conditions, at their thresholds --------------------------------------------------------------


def gauges(**given) -> Gauges:
    """A rise that is an alert in every tier."""
    values = {
        "zscore": 6.0,
        "shift": 0.05,
        "share": 0.25,
        "baseline": 0.20,
        "without_top_tenant": 0.05,
        "evidence": 1000.0,
        "effective": 1000.0,
        "days": 28.0,
    } | given
    return Gauges(**{name: np.array(value) for name, value in values.items()})


def falling(**given) -> Gauges:
    return gauges(**({"zscore": -6.0, "shift": -0.05, "share": 0.20, "baseline": 0.25} | given))


CASES = {
    "day-z-of-origins": (DAY_UP, "origin", gauges(zscore=3.0), gauges(zscore=2.99)),
    "day-z-of-languages": (DAY_UP, "language", gauges(zscore=3.5), gauges(zscore=3.49)),
    "day-one-point": (DAY_UP, "origin", gauges(shift=0.01), gauges(shift=0.0099)),
    "day-of-a-small-key": (
        *(DAY_UP, "origin"),
        gauges(shift=0.005, share=0.015, baseline=0.01),
        gauges(shift=0.005, share=0.0149, baseline=0.01),
    ),
    "day-of-a-tiny-key": (
        *(DAY_UP, "origin"),
        gauges(shift=0.005, share=0.006, baseline=0.001),
        gauges(shift=0.0049, share=0.0059, baseline=0.001),
    ),
    "day-evidence": (DAY_UP, "origin", gauges(evidence=20.0), gauges(evidence=19.9)),
    "day-effective": (DAY_UP, "origin", gauges(effective=100.0), gauges(effective=99.9)),
    "day-history": (DAY_UP, "origin", gauges(days=21.0), gauges(days=20.99)),
    "day-needs-no-tenant": (DAY_UP, "origin", gauges(without_top_tenant=0.0), falling()),
    "day-falls": (DAY_DOWN, "origin", falling(), gauges()),
    "day-falls-z": (DAY_DOWN, "origin", falling(zscore=-3.0), falling(zscore=-2.99)),
    "day-of-a-small-key-that-falls": (
        *(DAY_DOWN, "origin"),
        falling(shift=-0.005, share=0.01, baseline=0.015),
        falling(shift=-0.005, share=0.0101, baseline=0.015),
    ),
    "hour-z": (HOUR_UP, "language", gauges(zscore=4.0), gauges(zscore=3.99)),
    "hour-three-points": (
        *(HOUR_UP, "origin"),
        gauges(shift=0.03),
        gauges(shift=0.0299, without_top_tenant=0.03),
    ),
    "hour-effective": (HOUR_UP, "origin", gauges(effective=30.0), gauges(effective=29.9)),
    "hour-half-without-the-top-tenant": (
        *(HOUR_UP, "origin"),
        gauges(without_top_tenant=0.025),
        gauges(without_top_tenant=0.0249),
    ),
    "hour-without-tenants": (
        *(HOUR_UP, "origin"),
        gauges(zscore=9.0),
        gauges(zscore=9.0, without_top_tenant=np.nan),
    ),
    "hour-that-rises-does-not-fall": (HOUR_UP, "origin", gauges(), falling()),
    "hour-falls": (HOUR_DOWN, "origin", falling(without_top_tenant=-0.05), gauges()),
    "hour-falls-z": (
        *(HOUR_DOWN, "origin"),
        falling(zscore=-4.0, without_top_tenant=-0.05),
        falling(zscore=-3.99, without_top_tenant=-0.05),
    ),
    "hour-falls-by-one-tenant": (
        *(HOUR_DOWN, "origin"),
        falling(shift=-0.05, without_top_tenant=-0.025),
        falling(shift=-0.05, without_top_tenant=-0.0249),
    ),
    "unclassified-share": (UNCLASSIFIED, "origin", gauges(share=0.05), gauges(share=0.049)),
    "unclassified-z": (UNCLASSIFIED, "origin", gauges(zscore=4.0), gauges(zscore=3.99)),
    "absent-z": (DAY_UP, "origin", gauges(), gauges(zscore=np.nan)),
    "absent-baseline": (DAY_UP, "origin", gauges(), gauges(baseline=np.nan, shift=np.nan)),
    "another-dimension": (DAY_UP, "origin", gauges(), gauges(effective=np.nan)),
}


@pytest.mark.parametrize(("rule", "dimension", "holds", "fails"), CASES.values(), ids=CASES)
def test_a_condition_holds_at_its_threshold_and_not_below(rule, dimension, holds, fails):
    assert met(rule, dimension, holds)
    assert not met(rule, dimension, fails)


def test_only_dimensions_with_a_threshold_have_alerts():
    assert not met(DAY_UP, "developer", gauges(zscore=100.0))
    assert alert_rules.zscore_threshold("24h", "developer", has_tenants=True) is None
    assert alert_rules.zscore_threshold("1h", "developer", has_tenants=True) is None


# --- From conditions to alerts --------------------------------------------------------------------

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


# --- From alerts to notifications -----------------------------------------------------------------


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


# --- The command ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def with_a_shift(tmp_path_factory) -> Path:
    """A history of 24 days whose last has 25 points more of Chinese open models."""
    timeline = history(
        days=24,
        change=Change(23 * DAY_PANES, dimension="origin", key="cn-open", points=0.25),
        seed=7,
    )
    by_tenant, panes = timeline.by_tenant, timeline.panes
    path = tmp_path_factory.mktemp("history") / "history.ndjson"
    with path.open("wb") as stream:
        for row in range(len(by_tenant.pane)):
            tokens = int(by_tenant.tokens[row])
            stream.write(
                line(
                    start=panes.start + int(by_tenant.pane[row]) * PANE,
                    origin=panes.keys[by_tenant.key[row]],
                    language="en",
                    tenant=by_tenant.tenants[by_tenant.tenant[row]],
                    requests=int(by_tenant.requests[row]),
                    tokens=tokens,
                    tokens_squared=tokens * tokens,
                )
                + b"\n"
            )
    return path


def run(*arguments):
    return CliRunner().invoke(cli, ["backtest", *map(str, arguments)])


@pytest.mark.slow
def test_a_shift_is_printed_as_lines_of_json(with_a_shift):
    result = run(with_a_shift, "--json")
    lines = [orjson.loads(each) for each in result.stdout.splitlines()]

    assert result.exit_code == 0
    assert all(
        [*each]
        == [
            *("alert", "dimension", "key", "measure", "direction", "pending", "firing"),
            *("resolved", "z", "shift", "notified"),
        ]
        for each in lines
    )
    first = next(each for each in lines if each["notified"])
    assert (first["dimension"], first["key"], first["direction"]) == ("origin", "cn-open", "up")
    assert START + 23 * DAY < first["pending"] < first["firing"] < START + 24 * DAY
    assert first["notified"] == first["firing"] + 120
    assert first["shift"] > 0.01
    assert [each["firing"] or each["pending"] for each in lines] == sorted(
        each["firing"] or each["pending"] for each in lines
    )


@pytest.mark.slow
def test_a_shift_is_printed_as_a_table_with_alerts_a_week(with_a_shift, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    result = run(with_a_shift)

    assert result.exit_code == 0
    assert "Chinese open" in result.stdout
    assert "a week" in result.stdout
    assert "notifications" in result.stdout


@pytest.mark.slow
def test_the_table_of_alerts_is_whole_in_a_terminal_of_80_columns(with_a_shift, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    said = run(with_a_shift).stdout
    table = said[: said.index("alerts fired")]

    assert "…" not in table
    assert max(map(len, table.splitlines())) <= 80
    for whole in ("LLMShareShiftDay", "Chinese", "requests", "notified", "points"):
        assert whole in table


@pytest.mark.slow
def test_several_files_in_any_order_are_one_history(with_a_shift, tmp_path):
    lines = with_a_shift.read_bytes().splitlines(keepends=True)
    early, late = tmp_path / "early.ndjson", tmp_path / "late.ndjson"
    early.write_bytes(b"".join(lines[: len(lines) // 2]))
    late.write_bytes(b"".join(lines[len(lines) // 2 :]))

    assert run(late, early, "--json").stdout == run(with_a_shift, "--json").stdout


@pytest.mark.slow
def test_a_picture_is_drawn(with_a_shift, tmp_path):
    path = tmp_path / "shares.png"
    result = run(with_a_shift, "--plot", path)

    assert result.exit_code == 0
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_without_the_library_that_draws_it_says_how_to_get_it(with_a_shift, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("streams.shifts.backtest.plot.is_there", lambda: False)
    result = run(with_a_shift, "--plot", "shares.png")

    assert result.exit_code == 2
    assert "pip install 'tokenshare[plot]'" in result.stderr


def test_a_short_history_and_one_without_tenants_say_so(tmp_path):
    path = tmp_path / "short.ndjson"
    path.write_bytes(line(tenant=None) + b"\n")
    result = run(path)

    assert result.exit_code == 0
    assert "alerts begin after 21 days" in result.stdout
    assert "names its tenant" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give files, or --from-worker"),
        (("a.ndjson", "--from-worker", "http://127.0.0.1:1"), "give files, or --from-worker"),
        (("missing.ndjson",), "missing.ndjson cannot be read: No such file"),
        ((".",), "is a directory"),
        (("--from-worker", "http://127.0.0.1:1"), "No worker answers"),
        (("--from-worker", "127.0.0.1:6066"), "is not an address: write it as http://host:port"),
    ],
)
def test_a_users_mistake_is_reported_in_a_line(arguments, said):
    result = run(*arguments)

    assert result.exit_code in {1, 2}
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_a_workers_own_history_is_replayed_hour_by_hour(monkeypatch):
    points = [
        {
            "start": START + hour * HOUR,
            "cells": {
                "cn-open/en": [60_000 if hour < 24 * 30 else 300_000, 3000, 0, 0],
                "row-open/en": [180_000, 9000, 0, 0],
            },
        }
        for hour in range(24 * 31)
    ]
    asked = []

    def get(url, path, **query):
        asked.append((url, path, query))
        return {"seconds": HOUR, "points": points}

    monkeypatch.setattr("streams.cli.client.get", get)
    result = run("--from-worker", "http://127.0.0.1:6066", "--json")
    found = [orjson.loads(each) for each in result.stdout.splitlines()]

    assert asked == [
        ("http://127.0.0.1:6066", "/api/v1/history", {"dimension": "joint", "step": "1h"})
    ]
    # Without tenants there is no alert of the hour; a shift of 37 points is seen by the day.
    rises = [each for each in found if each["notified"] and each["direction"] == "up"]
    assert {(each["key"], each["measure"]) for each in rises} == {("cn-open", "tokens")}
    assert {each["alert"] for each in rises} == {"LLMShareShiftDay"}
    assert START + 30 * DAY < rises[0]["firing"] < START + 30 * DAY + 8 * HOUR
    said = run("--from-worker", "http://127.0.0.1:6066").stdout
    assert "no alerts of the hour" in " ".join(said.split())
    assert "no sums of squared tokens" in " ".join(said.split())


def test_a_bad_line_ends_it_with_its_number(tmp_path):
    path = tmp_path / "bad.ndjson"
    path.write_bytes(line() + b"\n" + line(tokens=-1) + b"\n")
    result = run(path)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"tokenshare: {path}, line 2: a count is negative")


@pytest.mark.slow
def test_a_replay_holds_together(with_a_shift):
    with with_a_shift.open("rb") as stream:
        found = replay(history_file.read([("h", stream)]))

    assert found.series == 2 * sum(len(each.panes.keys) for each in found.timelines)
    assert found.weeks == pytest.approx(3 / 7, abs=0.01)
    assert found.fired >= found.notifications >= 1
    assert {each for notice in found.notices for each in notice.alerts} <= set(found.alerts)
    assert all(
        each.pending + each.rule.for_seconds <= each.firing
        for each in found.alerts
        if each.firing is not None
    )


# --- Rates: a short form of `make alerts` ---------------------------------------------------------


def test_alerts_are_quiet_where_nothing_happens_and_find_what_does():
    quiet = rates.quiet_rates([11], [10.0], 7)
    (found,) = rates.shift_rates([11], "+10 points", [10.0], 24, 4)

    for row in quiet:
        assert sum(row["starts_a_series_week"].values()) <= 0.5
        assert row["firing_part"] <= 0.05
    # A fixed threshold on the hour is what nobody keeps switched on.
    assert quiet[0]["fixed_starts_a_series_week"]["fixed 1 h"] > 1
    assert found["found"] >= 0.75


def test_a_shift_before_21_days_is_reported_at_21():
    assert rates.first_weeks(11, 10.0)["first_condition_after_days"] == 21.0
