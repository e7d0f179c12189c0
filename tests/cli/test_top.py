"""`tokenshare top`: what it shows at any size, and how its keys change that."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from made_up import made_up_shares, made_up_sources, served
from made_up_shares import TENANT_SHARES
from rich.cells import cell_len

from streams.cli import cli, client
from streams.cli.top import table
from streams.cli.top.choice import FIELDS, SHOWN_DIMENSIONS, SORTS, Choice, pressed
from streams.cli.top.feed import News
from streams.cli.top.terminal import keys_of
from streams.shares.measures import MEASURE_NAMES, MEASURES
from streams.shares.windows import WINDOW_NAMES

URL = "http://127.0.0.1:6066"
NOW = 1_795_960_000.0
BODY = made_up_shares(NOW)


def news(dimension="origin", **changes):
    return News(dimension, BODY | changes.pop("body", {}), NOW, **changes)


def shown(choice=None, size=(80, 24), *, is_ascii=False, **changes):
    choice = choice or Choice()
    lines, _ = table.screen(
        changes.pop("news", news(choice.dimension)), choice, URL, size, is_ascii=is_ascii
    )
    return [line.plain for line in lines]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("height", [5, 12, 24, 60])
@pytest.mark.parametrize("is_help", [False, True])
def test_a_screen_is_as_large_as_the_terminal(width, height, is_help):
    for dimension in SHOWN_DIMENSIONS:
        found = shown(Choice(dimension, is_help=is_help), (width, height))

        assert len(found) == height
        assert all(cell_len(line) <= width for line in found)


@pytest.mark.parametrize("width", [60, 80])
def test_all_windows_the_counts_the_address_and_the_keys_fit(width):
    text = "\n".join(shown(size=(width, 24)))

    assert all(window in text for window in WINDOW_NAMES)
    assert all(part in text for part in ("tokens\n", "127.0.0.1:6066", "simulated traffic", " UTC"))
    assert "d dimension  w window  m measure  s sort  h help  q quit" in text
    assert all(name in text for name in ("Chinese open", "Open, rest of world", "Unknown"))


def test_what_has_room_only_in_a_wide_terminal():
    assert "vs 7d" not in shown(size=(60, 24))[3]
    assert "vs 7d" in shown(size=(80, 24))[3]
    assert "requests" in shown(size=(120, 24))[3]
    assert "█" in shown(size=(120, 24))[4]
    assert not any(set("█↓") & {*line} for line in shown(size=(120, 24), is_ascii=True))


def test_every_measure_can_be_shown():
    for measure in MEASURES:
        found = shown(Choice(measure=measure))

        assert found[1].startswith(f"{MEASURE_NAMES[measure]} by origin, last 24 hours: ")
        (head,) = (line for line in found if line.startswith("origin "))
        assert MEASURE_NAMES[measure].removesuffix(" tokens") in head


def test_a_worker_without_a_measure_or_a_dimension_shows_dashes_or_nothing():
    windows = {
        name: content | {"origin": [{"key": "cn-open", "tokens_ratio": 0.5}]}
        for name, content in BODY["windows"].items()
    }
    body = {"windows": windows}

    assert shown(Choice(measure="requests"), news=news(body=body))[4].split()[2:5] == ["–"] * 3
    empty = {name: {} for name in WINDOW_NAMES}
    assert "No traffic in last 24 hours." in shown(news=news(body={"windows": empty}))


def test_tenants_have_their_names_or_hashes_in_the_windows_that_they_are_counted_in():
    def lines(**choice):
        return shown(Choice("tenant", **choice))

    found = lines()
    names = [name or key for key, (name, _) in TENANT_SHARES.items()]
    assert found[1].startswith("tokens by tenant, last 24 hours: ")
    assert found[3].startswith("tenant ")
    assert {line.split("  ")[0] for line in found[4 : 4 + len(names)]} == {*names}
    assert lines(measure="requests")[4].split("  ")[0] in names
    assert lines(window="1h")[3] == "Tenants are counted by the hour: 24h and 7d have them."
    assert lines(measure="cost")[3] == (
        "Tenants are counted by requests and tokens, not by price or cache reads."
    )


def rows(**choice):
    return [row.name for row in table.rows_of(BODY, Choice(**choice))]


def test_rows_are_sorted_and_the_rest_is_last():
    languages = BODY["windows"]["24h"]["language"]
    largest = max(languages, key=lambda each: each["tokens_ratio"])

    assert rows(dimension="language")[0] == largest["name"]
    assert rows(dimension="language")[-1] == "Other"
    assert rows(dimension="language", sort="name")[:-1] == sorted(
        rows(dimension="language")[:-1], key=str.casefold
    )
    assert rows(dimension="language", sort="name", is_reversed=True)[-1] == "Other"
    changes = [
        abs(row.change)
        for row in table.rows_of(BODY, Choice(dimension="developer", sort="change"))
        if not row.is_rest
    ]
    assert changes == sorted(changes, reverse=True)
    assert rows(sort="change", window="7d") == rows(window="7d")


def test_a_long_table_scrolls_and_says_where_it_is():
    body = {
        "windows": {
            name: content
            | {
                "model": [
                    {
                        "key": f"m{i:02}",
                        "tokens_ratio": (100 - i) / 5000,
                        "tokens": 9,
                        "requests": 1,
                    }
                    for i in range(50)
                ]
            }
            for name, content in BODY["windows"].items()
        }
    }
    choice = Choice("model")
    for key, first in (("down", 1), ("page-down", 20), ("end", 31), ("home", 0), ("up", 0)):
        _, page = table.screen(news("model", body=body), choice, URL, (80, 24), is_ascii=False)
        choice = pressed(choice, key, page)
        found = shown(choice, news=news("model", body=body))
        assert found[-1].startswith(f"{first + 1}–{first + 19} of 50")
        assert found[4].startswith(f"m{first:02} ")


def test_each_letter_goes_through_its_values_and_back():
    for letter, (field, values) in FIELDS.items():
        choice, seen = Choice(first_row=3), []
        for _ in values:
            seen.append(getattr(choice, field))
            choice = pressed(choice, letter, 10)
        assert sorted(seen) == sorted(values)
        assert getattr(choice, field) == seen[0]
        assert getattr(pressed(choice, letter.upper(), 10), field) == seen[-1]
        assert choice.first_row == 0


def test_help_is_closed_by_any_key_and_q_quits():
    opened = pressed(Choice(), "?", 10)

    assert opened.is_help
    assert any("quit" in line for line in shown(opened))
    assert pressed(opened, "d", 10) == Choice()
    assert pressed(Choice(), "q", 10) is None
    assert pressed(opened, "ctrl-c", 10) is None


@given(st.lists(st.sampled_from(["d", "W", "m", "s", "r", "down", "end", "h", "x", "left", "tab"])))
def test_no_keys_lead_to_a_screen_that_is_not_there(keys):
    choice = Choice()
    for key in keys:
        choice = pressed(choice, key, 5)
        assert choice.dimension in SHOWN_DIMENSIONS
        assert choice.sort in SORTS
    assert len(shown(choice, (60, 10))) == 10


@given(st.text(), st.sampled_from(["origin", "language", "developer", "model"]))
def test_no_name_makes_a_line_too_long(name, dimension):
    row = {"key": client._clean(name), "tokens_ratio": 1.0, "tokens": 5, "requests": 1}
    body = {"windows": {each: {dimension: [row]} for each in WINDOW_NAMES}}

    for width in (30, 60, 80):
        found = shown(Choice(dimension), (width, 12), news=news(dimension, body=body))
        assert all(cell_len(line) <= width for line in found)


@pytest.mark.parametrize("dimension", ["joint", "served", "law", "model"])
@pytest.mark.parametrize("width", [60, 80])
def test_rows_are_told_apart_in_a_narrow_terminal(dimension, width):
    found = shown(Choice(dimension), (width, 200), news=news(dimension))
    names = [line.split("  ")[0] for line in found[4:] if " %" in line]

    assert len(names) > 5
    assert len({*names}) == len(names)
    assert all(cell_len(line) <= width for line in found)


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        ("d", ["d"]),
        ("\x1b[A\x1bOB", ["up", "down"]),
        ("\x1b[5~\x1b[6~q", ["page-up", "page-down", "q"]),
        ("\x1b[Z\t", ["backtab", "tab"]),
        ("\x1b", ["escape"]),
        ("\x1b[200~d\x1b[1;5C", ["d"]),
        ("\x1b[", []),
        ("", []),
    ],
)
def test_what_a_terminal_sends_is_taken_apart(sent, keys):
    assert keys_of(sent) == keys


def test_what_is_wrong_is_said_and_the_last_numbers_stay():
    lost = shown(size=(60, 24), news=news(lost="No worker answers at x (Connection refused)."))
    unready = shown(news=news(body={"reasons": ["the backlog is being read"]}))
    slowed = shown(news=news(slowed="the limit of listeners is reached"))
    other = shown(Choice("model"), news=news("origin"))

    assert "lost, as of 29 Nov 2026" in "\n".join(lost)
    assert "Trying again every 2 s." in " ".join(lost)
    assert any("Chinese open" in line for line in lost)
    assert "Not ready: the backlog is being read" in unready
    assert "Asking every 2 s" in "\n".join(slowed)
    assert "Fetching …" in other


def test_without_a_terminal_it_prints_one_table():
    with served(made_up_sources()) as url:
        done = CliRunner().invoke(
            cli, ["top", "--url", url, "--by", "joint"], env={"COLUMNS": "60"}
        )

    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("tokenshare  127.0.0.1:")
    assert "as of" in lines[0]
    assert "origin · language" in done.stdout
    assert all(len(line) <= 60 for line in lines)
    assert "\x1b" not in done.stdout


def test_where_no_worker_is_it_ends_with_the_reason():
    done = CliRunner().invoke(cli, ["top", "--url", "http://127.0.0.1:1"])

    assert done.exit_code == 1
    assert "No worker answers" in done.stderr
