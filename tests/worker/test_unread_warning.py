"""What the doctor says of usage that no reader takes."""

from __future__ import annotations

from streams.cli.operate import _findings_lines
from streams.state.codec import STATE_VERSION, PositionRecord, Totals
from streams.worker.preflight import unread_usage

NOW = 1_800_000_000.0
DAY = 86_400.0


def position(newest, unread_at, unread):
    totals = Totals(unread=unread, unread_at=unread_at)
    return PositionRecord(STATE_VERSION, 1, 17, newest, newest, totals)


def test_the_usage_of_the_last_day_is_a_warning_with_its_writers():
    found = list(
        unread_usage(
            [
                position(NOW, NOW - DAY / 2, {"otlp/shop": 4, "kong/a": 1}),
                position(NOW - 60, NOW - 60, {"otlp/shop": 8}),
                position(NOW, NOW - 2 * DAY, {"otlp/old": 7}),
            ]
        )
    )

    assert [each.problem for each in found] == [
        "13 skipped items hold token counts that no reader takes, from otlp/shop (12), kong/a (1)"
    ]
    assert found[0].is_warning
    assert found[0].can_pass
    lines = _findings_lines(found)
    assert lines[0].startswith("! usage: 13 skipped items")
    assert "TokenshareUnreadUsage" in lines[1]


def test_there_is_no_warning_without():
    assert not list(unread_usage([]))
    assert not list(unread_usage([position(NOW, 0.0, {})]))
