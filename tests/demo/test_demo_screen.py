"""The demo's screen fits the terminal, and the page's address is on it whatever its size."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from terminal_user import TerminalUser

from streams.classify.keys import DIMENSIONS
from streams.classify.origin.values import ORIGINS
from streams.demo.screen import screen
from streams.shares.window_shares import Share, WindowShares
from streams.shares.windows import WINDOWS
from streams.web.snapshot import Snapshot

ADDRESS = "http://127.0.0.1:6066/"
NOW = 1_795_960_000.0


def snapshot():
    keys = {
        "origin": ORIGINS,
        "language": [*("en", "zh-Hans", "ru"), *(f"l{i}" for i in range(28))],
    }
    windows = {
        each.name: WindowShares(
            name=each.name,
            seconds=each.seconds,
            start=NOW - each.seconds,
            end=NOW,
            whole=[100, 10, 10, 0],
            dimensions={
                dimension: tuple(
                    Share(key, [1, 1, 0, 0], [100, 10, 10, 0]) for key in keys.get(dimension, ())
                )
                for dimension in DIMENSIONS
            },
            joint=(),
            served=(),
            law=(),
        )
        for each in WINDOWS
    }
    return Snapshot(as_of=NOW, made_at=NOW, windows=windows)


def drawn(width, height, address=ADDRESS):
    out = io.StringIO()
    Console(file=out, width=width, height=height).print(screen(snapshot(), address, width, height))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
@pytest.mark.parametrize("height", [5, 10, 24, 40, 60])
def test_it_fits_the_terminal_and_begins_with_the_address(width, height):
    lines = drawn(width, height)

    assert lines[0] == f"The page: {ADDRESS}   Ctrl-C ends the demo."
    assert len(lines) < height
    assert all(len(line) <= width for line in lines)


@pytest.mark.parametrize(("width", "height"), [(60, 24), (80, 24), (120, 18)])
def test_both_tables_have_room_in_a_usual_terminal(width, height):
    text = "\n".join(drawn(width, height))

    assert "Proprietary, rest of world" in text
    assert all(name in text for name in ("tokens by language", "Chinese (Simplified)", "7d"))


def test_what_is_printed_once_has_no_address():
    assert drawn(80, 24, address="")[0].startswith("Simulated traffic, as of ")


@pytest.mark.kafka
@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (60, 20)])
def test_in_a_terminal_nothing_is_cut_off(columns, rows):
    arguments = ("demo", "--days", "1", "--port", "0")
    with TerminalUser(*arguments, columns=columns, rows=rows) as user:
        while "tokens by language" not in user.sent:
            assert user.process.poll() is None, user.sent
            user.read()
        assert "The page: http://127.0.0.1:" in user.sent
        assert "Ctrl-C ends the demo." in user.sent
        user.press("\x03")
        assert user.ended() == 0
        assert "..." not in user.sent
