"""`tokenshare top` in a real pseudo-terminal, at a real server."""

from __future__ import annotations

import signal
import urllib.parse

import pytest
from made_up import made_up_sources, served
from terminal_user import TerminalUser


@pytest.fixture
def user():
    with served(made_up_sources()) as url, TerminalUser("top", "--url", url) as found:
        found.until("Chinese open")
        yield found


def test_its_keys_change_the_table_and_q_ends_it(user):
    assert len(user.screen) == 24
    user.press("d")
    user.until("tokens by language")
    user.until("English")
    user.press("mww")
    user.until("requests by language, last 5 minutes")
    user.press("D")
    user.until("requests by origin")
    user.press("?")
    user.until("this help; any key closes it")
    user.press("q")
    user.until("requests by origin")
    user.press("q")

    assert user.ended() == 0
    assert user.is_put_back


def test_it_follows_the_size_of_the_terminal(user):
    user.resize(60, 12)
    user.until(lambda lines: len(lines) == 12 and all(len(line) <= 60 for line in lines))
    user.resize(100, 30)
    user.until(lambda lines: len(lines) == 30 and "requests" in "\n".join(lines))


def test_it_follows_the_worker(user):
    before = user.screen[0]
    user.until(lambda lines: "live, " in lines[0] and lines[0] != before)


@pytest.mark.parametrize("how", ["key", signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_puts_the_terminal_back(user, how):
    if how == "key":
        user.press("\x03")
    else:
        user.process.send_signal(how)

    expected = 128 + how if how in {signal.SIGTERM, signal.SIGHUP} else 0
    assert user.ended() == expected
    assert user.is_put_back
    assert "Traceback" not in user.sent


def test_while_it_is_suspended_the_terminal_is_the_shells():
    shell = '"$@"; echo "the shell"; fg >/dev/null'
    with served(made_up_sources()) as url, TerminalUser("top", "--url", url, shell=shell) as user:
        user.until("Chinese open")
        user.press("\x1a")
        while "the shell" not in user.sent:
            user.read()
        assert "\x1b[?1049l" in user.sent.partition("the shell")[0]
        user.until(lambda lines: "\x1b[?1049h" in user.sent.partition("the shell")[2])
        user.until("Chinese open")
        user.press("q")
        assert user.ended() == 0
        assert user.is_put_back


def test_it_says_that_the_worker_is_gone_and_finds_the_next_one():
    with served(made_up_sources()) as url:
        user = TerminalUser("top", "--url", url, columns=60)
        port = urllib.parse.urlsplit(url).port
        user.until("live, ")
    with user:
        lines = user.until("lost, as of")
        assert any("Trying again" in line for line in lines)
        assert any("Chinese open" in line for line in lines)
        with served(made_up_sources(), port=port):
            user.until("live, ")
            assert not any("No worker answers" in line for line in user.screen)
        user.press("q")
        assert user.ended() == 0


def test_a_terminal_that_is_too_simple_gets_one_table():
    with served(made_up_sources()) as url, TerminalUser("top", "--url", url, TERM="dumb") as user:
        assert user.ended() == 0
        assert "Chinese open" in user.sent
        assert "\x1b[?1049h" not in user.sent
