"""Known events: the file that holds them, and which of them a shift names."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.shifts import notes_file
from streams.shifts.alert_rules import DAY_UP, SHIFT_WINDOWS, rules_of
from streams.shifts.backtest.alerts import Alert
from streams.shifts.backtest.noted import noted
from streams.shifts.notes import MAX_NAMED, REACH_SECONDS, Note, Subject, notes_on, reach, words
from streams.shifts.notes_file import MAX_NOTES, MAX_TEXT, NotesError, parse, read
from streams.shifts.sentence import sentence
from streams.shifts.shift import KeyShift

NOON = int(datetime(2026, 7, 6, 12, tzinfo=UTC).timestamp())
HOUR, DAY = 3600, 86400


def parsed(text):
    return parse(text.encode(), "notes.toml").entries


def entry(**given):
    lines = {"at": "2026-07-06T12:00:00Z", "text": '"hy3 is free"'} | given
    return "[[notes]]\n" + "".join(f"{key} = {value}\n" for key, value in lines.items() if value)


@pytest.mark.parametrize(
    "at",
    [
        "2026-07-06T12:00:00Z",
        "2026-07-06 12:00:00",
        "2026-07-06T14:00:00+02:00",
        "2026-07-06T12:00:00.999Z",
        '"2026-07-06T12:00:00Z"',
        '"2026-07-06T12:00"',
        '" 2026-07-06 07:00-05:00 "',
        '"20260706T120000Z"',
    ],
)
def test_a_time_is_in_any_form_of_iso_8601(at):
    assert parsed(entry(at=at)) == (Note(NOON, "hy3 is free"),)
    assert parsed(entry(at=at))[0].at == "2026-07-06T12:00:00Z"


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_day_is_its_midnight_in_utc(quote):
    day = f"{quote}2026-07-06{quote}"

    assert parsed(entry(at=day)) == (Note(NOON - 12 * HOUR, "hy3 is free"),)


def test_a_period_a_dimension_and_a_key_are_read_oldest_first():
    late = entry(dimension='"model"', key='"tencent/hy3:free"')
    early = entry(at="", **{"from": "2026-07-01", "until": "2026-07-03"}, dimension='"language"')

    assert parsed(late + early) == (
        Note(NOON - 132 * HOUR, "hy3 is free", NOON - 84 * HOUR, "language"),
        Note(NOON, "hy3 is free", None, "model", "tencent/hy3:free"),
    )


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "\ufeff# nothing yet\n", "notes = []\n"])
def test_a_file_may_hold_no_notes(text):
    assert parsed(text) == ()


def test_notes_may_be_written_inline_and_after_a_byte_order_mark():
    inline = '\ufeffnotes = [{at = 2026-07-06T12:00:00Z, text = "hy3 is free"}]'

    assert parsed(inline) == (Note(NOON, "hy3 is free"),)


@pytest.mark.parametrize(
    ("text", "line", "said", "remedy"),
    [
        (entry(at='"yesterday"'), 2, "at 'yesterday' is not a time", "in ISO 8601, such as 2026"),
        (entry(at="12"), 2, "at 12 is not a time", "in ISO 8601"),
        (entry(at="09:00:00"), 2, "is not a time", "in ISO 8601"),
        (entry(at='"9999-12-31T23:59:59-23:00"'), 2, "is not a time", "in ISO 8601"),
        (entry(at=""), 1, "has no time", "write at, or from and until"),
        (entry(until="2026-07-08"), 2, "has at and until", "write at, or from and until"),
        (entry(at="", **{"from": "2026-07-08"}), 3, "has from", "write at, or from and until"),
        (
            entry(at="", **{"from": "2026-07-08", "until": "2026-07-08"}),
            4,
            "until is not after from",
            "swap them",
        ),
        (entry(text=""), 1, "says nothing", "add text"),
        (entry(text='"  "'), 3, "says nothing", "add text"),
        (entry(text="5"), 3, "text must be text", "put it in quotes"),
        (entry(text=f'"{"x" * (MAX_TEXT + 1)}"'), 3, "121 characters", "shorten it to 120"),
        (entry(text=r'"two\nlines"'), 3, "line break", "write one line"),
        (entry(text=r'"a\u202eb"'), 3, "control character", "write one line"),
        (entry(colour='"red"'), 4, "'colour' is not understood", "use at, from, until, text"),
        (entry(key='"hy3"'), 4, "has a key and no dimension", "add dimension"),
        (entry(dimension='"planet"'), 4, "dimension 'planet'", "one of origin, language"),
        (entry(dimension='"origin"', key='"mars"'), 5, "origin 'mars'", "one of cn-open"),
        (entry(dimension='"language"', key='"EN"'), 5, "language 'EN'", "write 'en'"),
        (entry() * 2, 4, "stands here twice", "remove one"),
        ("notes = [5]", None, "is not a table", "use at, from"),
    ],
)
def test_a_fault_names_file_line_entry_and_remedy(text, line, said, remedy):
    with pytest.raises(NotesError) as error:
        parsed(text)

    (fault,) = error.value.faults
    number = 2 if "twice" in said else 1
    at = "" if line is None else f"line {line}: "
    assert fault.startswith(f"notes.toml: {at}note {number}: ")
    assert said in fault
    assert remedy in fault.partition("Remedy: ")[2]


def test_all_faults_of_a_file_are_named_at_once():
    with pytest.raises(NotesError) as error:
        parsed(entry(text="") + entry() + "# a comment\n" + entry(at='"now"'))

    assert [fault.split(": ")[1:3] for fault in error.value.faults] == [
        ["line 1", "note 1"],
        ["line 8", "note 3"],
    ]


def test_all_faults_of_one_note_are_reported():
    with pytest.raises(NotesError) as error:
        parsed('[[notes]]\nat = "soon"\ntext = ""\nkey = "x"\nwho = "me"\nwhy = "so"\n')

    assert sorted(fault.split(": ")[1] for fault in error.value.faults) == [
        *("line 2", "line 3", "line 4", "line 5", "line 6")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[notes]\n", "not TOML"),
        ("at = 2026-02-30\n", "not TOML"),
        (f"at = {'9' * 5000}\n", "not TOML"),
        ("a = " + "[" * 5000, "not TOML"),
        ('[models."a"]\nsame_as = "b"\n', "'models' is not understood here"),
        ("notes = 5", "'notes' is not understood here"),
    ],
)
def test_a_file_of_something_else_says_what_to_write(text, said):
    with pytest.raises(NotesError) as error:
        parsed(text)

    assert said in str(error.value)
    assert "Remedy: " in str(error.value)


@given(st.binary(max_size=200))
def test_no_file_fails_otherwise(data):
    with contextlib.suppress(NotesError, UnicodeDecodeError):
        parse(b"[[notes]]\n" + data, "notes.toml")


def test_the_newest_notes_of_a_long_file_are_kept():
    days = [f"2026-{1 + day // 28:02}-{1 + day % 28:02}" for day in range(MAX_NOTES + 3)]
    found = parse("".join(entry(at=day) for day in days).encode(), "notes.toml")

    assert (len(found.entries), found.omitted) == (MAX_NOTES, 3)
    assert found.entries[0].at == f"{days[3]}T00:00:00Z"


def test_a_file_is_read_again_only_where_it_has_changed(tmp_path):
    path = tmp_path / "notes.toml"
    path.write_text(entry())
    known = read(path)

    assert read(path, known) is known
    path.write_text(entry(text='"other"'))
    assert [each.text for each in read(path, known).entries] == ["other"]
    path.unlink()
    with pytest.raises(NotesError, match=r"cannot be read .* Remedy: point to a readable"):
        read(path, known)
    assert read(None).entries == ()
    assert read(None).is_current is None


# -- which a shift names

OPEN = KeyShift("cn-open", 0.49, 0.01, 0.4, 0.091, 0.02, 4.2, 0.06, None, 300.0)


def named(*notes, window="24h", key="cn-open", dimension="origin", since=None, movers=()):
    first = reach(window, NOON, since)
    found = notes_on(Subject(dimension, key, first, NOON, movers), notes)
    return [each.text for each in found]


@pytest.mark.parametrize("window", SHIFT_WINDOWS)
def test_an_event_in_the_time_that_moved_is_named(window):
    reached = REACH_SECONDS[window]
    notes = [
        Note(NOON - reached - 1, "before"),
        Note(NOON - reached, "first"),
        Note(NOON, "last"),
        Note(NOON + 1, "ahead"),
    ]

    assert named(*notes, window=window) == ["last", "first"]


def test_an_event_is_still_in_reach_when_the_slowest_alert_on_it_fires():
    for dimension in ("origin", "developer", "model"):
        for rule in rules_of(dimension):
            waits = max(rule.wait("tokens"), rule.wait("requests"))
            assert REACH_SECONDS[rule.window] > waits + HOUR


def test_a_period_that_overlaps_is_named():
    reached = REACH_SECONDS["24h"]
    notes = [
        Note(NOON - 30 * DAY, "over", NOON - reached - 1),
        Note(NOON - 30 * DAY, "just over", NOON - reached),
        Note(NOON - 30 * DAY, "running", NOON + 30 * DAY),
        Note(NOON + 1, "planned", NOON + 30 * DAY),
    ]

    assert sorted(named(*notes)) == ["just over", "running"]


def test_a_drift_is_noted_from_a_day_before_it_began():
    note = Note(NOON - 20 * DAY, "a price fell")

    assert named(note, window="7d", since=NOON - 19 * DAY) == ["a price fell"]
    assert named(note, window="7d", since=NOON - 18 * DAY) == []
    assert named(Note(NOON - 13 * DAY, "late"), window="7d", since=NOON - 2 * DAY) == ["late"]


@pytest.mark.parametrize(
    ("dimension", "key", "movers", "is_named"),
    [
        ("", "", (), True),
        ("origin", "", (), True),
        ("origin", "cn-open", (), True),
        ("origin", "row-open", (), False),
        ("language", "", (), False),
        ("language", "cn-open", (), False),
        ("model", "hy3", (), False),
        ("model", "hy3", ("hy3", "glm"), True),
        ("model", "hy3", ("hy3:free",), False),
        ("model", "", ("hy3",), False),
    ],
)
def test_a_note_on_a_key_is_named_for_it_alone(dimension, key, movers, is_named):
    note = Note(NOON, "a launch", None, dimension, key)

    assert bool(named(note, movers=movers)) is is_named


def test_those_on_the_key_come_first_then_the_newest_each_once():
    notes = [
        Note(NOON - 1, "old"),
        Note(NOON, "new"),
        Note(NOON - 3, "of the origins", None, "origin"),
        Note(NOON - 4, "of the key", None, "origin", "cn-open"),
        Note(NOON - 4, "of the key"),
    ]

    assert named(*notes) == ["of the key", "of the origins", "new"]
    assert len(named(*notes)) == MAX_NAMED


@pytest.mark.parametrize(
    ("note", "said"),
    [
        (Note(NOON, "hy3 is free"), "note of Mon 6 Jul 12:00 UTC: hy3 is free"),
        (Note(NOON - 12 * HOUR, "hy3 is free"), "note of Mon 6 Jul: hy3 is free"),
        (Note(NOON, "a move", NOON + 9 * DAY), "note of Mon 6 Jul to Wed 15 Jul: a move"),
    ],
)
def test_a_note_in_words(note, said):
    assert words(note) == said
    assert (
        sentence("origin", "24h", OPEN, None, [note])
        == f"Chinese open +9.1 points in 24 hours; {said}"
    )


def test_no_shift_has_no_notes():
    young = KeyShift("cn-open", 0.49, 0.01, None, None, None, None, None, None, 3.0)

    assert sentence("origin", "24h", young, None, [Note(NOON, "hy3 is free")]) == ""


def test_an_alert_of_the_past_names_what_it_would_have_named():
    alert = Alert(DAY_UP, "origin", "cn-open", "tokens", NOON, NOON + HOUR, None, 4.0, 0.1)
    reached = REACH_SECONDS["24h"]
    notes = [
        Note(NOON - reached - 1, "before"),
        Note(NOON - reached, "first"),
        Note(NOON + HOUR, "as it fired"),
        Note(NOON + HOUR + 1, "after"),
        Note(NOON, "of another", None, "origin", "row-open"),
    ]

    assert [each.text for each in noted(alert, notes)] == ["as it fired", "first"]


def test_the_limits_are_those_of_the_documents():
    assert (MAX_NOTES, MAX_TEXT) == (200, 120)
    assert notes_file.__doc__ is not None
    assert "TOKENSHARE_NOTES" in notes_file.__doc__
