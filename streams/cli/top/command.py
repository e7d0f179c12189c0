"""The command `top`."""

from __future__ import annotations

import errno
import io
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from rich.console import Console

from streams.classify.keys import DIMENSIONS
from streams.cli import client, common
from streams.cli.top import table
from streams.cli.top.choice import DEFAULT_WINDOW, SHOWN_DIMENSIONS, SORTS, Choice, pressed
from streams.cli.top.feed import Feed, News
from streams.shares.measures import MEASURES
from streams.shares.windows import WINDOW_NAMES

if TYPE_CHECKING:
    from rich.text import Text

#: The screen is drawn again at least so often.
REDRAW_SECONDS = 1.0


@click.command()
@click.option(
    "--url", help="Address of a worker; http://127.0.0.1 and TOKENSHARE_WEB_PORT unless given."
)
@click.option(
    "--by",
    metavar="DIMENSION",
    type=click.Choice(SHOWN_DIMENSIONS),
    default=SHOWN_DIMENSIONS[0],
    show_default=True,
    help=f"{', '.join(DIMENSIONS)}; joint (origin and language together), served (provider and "
    "origin), law (origin and jurisdiction) or tenant (of 24h and 7d).",
)
@click.option(
    "--window",
    type=click.Choice(WINDOW_NAMES),
    default=DEFAULT_WINDOW,
    show_default=True,
    help="The window that rows are sorted by.",
)
@click.option(
    "--measure",
    metavar="MEASURE",
    type=click.Choice(MEASURES),
    default=MEASURES[0],
    show_default=True,
    help=f"What shares are of: {', '.join(MEASURES)}.",
)
@click.option(
    "--sort",
    type=click.Choice(SORTS),
    default=SORTS[0],
    show_default=True,
    help="The order of the rows; change is against 7d.",
)
@click.option("--once", is_flag=True, help="Print the table once, as without a terminal.")
def top(  # noqa: PLR0917 - one argument an option
    url: str | None, by: str, window: str, measure: str, sort: str, once: bool
) -> None:
    """Show the shares of a running worker in a table that follows it, and is changed by keys.

    Keys: d dimension, w window, m measure, s sort, r reverse, arrows scroll, h help, q quit.

    Where the output or the input is no terminal, the table is printed once.
    """
    address = url or f"http://127.0.0.1:{common.settings().web_port}"
    choice = Choice(by, window, measure, sort)
    try:
        news = News(by, client.table(address, by), time.time())
    except client.WorkerUnreachableError as error:
        common.fail(error)
    is_screen = sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if once or not is_screen:
        console = Console(highlight=False, soft_wrap=True)
        width = console.width
        for line in table.printed(news, choice, address, width, is_ascii=_is_ascii(console)):
            console.print(line)
        return
    with suppress(KeyboardInterrupt):
        try:
            _follow(news, choice, address)
        except OSError as error:
            # The terminal has been closed.
            if error.errno != errno.EIO:
                raise


def _follow(news: News, choice: Choice, url: str) -> None:
    from streams.cli.top.terminal import Terminal  # noqa: PLC0415 - of POSIX only

    console = Console(file=io.StringIO(), force_terminal=True, highlight=False)
    is_ascii = _is_ascii(Console())
    with Terminal() as terminal:
        feed = Feed(url, news, terminal.wake)
        feed.start()
        while True:
            feed.choose(choice.dimension)
            size = terminal.size()
            lines, page = table.screen(feed.news, choice, url, size, is_ascii=is_ascii)
            terminal.show([_styled(console, line) for line in lines])
            keys = terminal.keys(REDRAW_SECONDS)
            if keys is None:
                return
            for key in keys:
                following = pressed(choice, key, page)
                if following is None:
                    return
                choice = following


def _styled(console: Console, line: Text) -> str:
    """Return a line with the escape sequences of its style."""
    with console.capture() as captured:
        console.print(line, end="", soft_wrap=True)
    return captured.get()


def _is_ascii(console: Console) -> bool:
    return not console.encoding.startswith("utf")
