"""Known events on /metrics and in the API, and the shifts that name them."""

from __future__ import annotations

from dataclasses import replace

import schemathesis
from made_up import served
from test_metrics import LAUNCHED, MOVED, NOW, labels, scrape, snapshot
from test_openapi import worker

from streams.shifts.notes import Note, Notes
from streams.shifts.shift import Shifts
from streams.web import openapi, responses
from streams.web.snapshot import ShiftName, find_noted, find_shift, notes_of
from streams.worker.web_sources import sources

OPEN = ShiftName(*MOVED)
LAUNCH = ShiftName("model", "hy3", "tokens", "24h")
FREE = Note(int(NOW) - 3600, 'hy3 is "free"', None, "model", "hy3")
MOVE = Note(int(NOW) - 9 * 86400, "a move", int(NOW) + 86400)
OLD = Note(int(NOW) - 900 * 86400, "an old price")
AT = "2027-01-15T07:00:00Z"


def with_notes(*entries, **given):
    """Return the snapshot whose two shifts alert, with notes."""
    picture = snapshot()
    hour, models = picture.shifts
    # Without its guard, the hour's shift alerts.
    (large, young) = hour.keys
    large = replace(large, without_top_tenant=0.1, since=None)
    tables = replace(hour, keys=(large, young)), replace(models, effective_requests=410.0)
    known = Notes(entries, b"", True, NOW)
    picture = replace(picture, shifts=tables, notes=known, **given)
    return replace(picture, noted=find_noted(picture))


def test_every_shift_that_alerts_names_the_notes_of_its_time():
    picture = with_notes(OLD, MOVE, FREE)

    assert picture.noted == {OPEN: (FREE, MOVE), LAUNCH: (FREE, MOVE)}


def test_without_movers_a_note_on_a_model_is_named_for_the_model_only():
    assert with_notes(FREE, moved={}).noted == {LAUNCH: (FREE,)}


def test_what_does_not_alert_names_nothing():
    calm = replace(LAUNCHED, share=0.001, shift=0.001)
    picture = replace(
        with_notes(FREE), shifts=(Shifts("model", "tokens", "24h", 41.5, 30.25, (calm,)),)
    )

    assert find_noted(picture) == {}
    (row,) = responses.shifts(picture)["shifts"]
    assert (row["is_shifted"], row["sentence"], row["notes"]) == (False, None, [])


def test_notes_are_series_with_their_time_as_value():
    samples = scrape(with_notes(OLD, MOVE, FREE))
    of_free = {"note": FREE.text, "at": AT}
    of_move = labels(note="a move", at=MOVE.at, dimension="", key="")

    assert samples["tokenshare_note_timestamp_seconds"] == {
        labels(note="an old price", at=OLD.at, dimension="", key=""): OLD.start,
        of_move: MOVE.start,
        labels(**of_free, dimension="model", key="hy3"): FREE.start,
    }
    assert samples["tokenshare_note_end_timestamp_seconds"] == {of_move: MOVE.end}
    named = samples["llm_share_note_timestamp_seconds"]
    assert named[labels(**OPEN._asdict(), **of_free)] == FREE.start
    assert len(named) == 4
    assert samples["tokenshare_notes_last_reload_successful"] == {(): 1}
    assert samples["tokenshare_notes_last_reload_success_timestamp_seconds"] == {(): NOW}


def test_without_a_file_there_is_no_series_of_it():
    without = replace(snapshot(), notes=Notes(), noted={})

    assert not [name for name in scrape(without) if "note" in name]


def test_the_sentence_names_the_note_and_so_do_the_fields_beside_it():
    rows = responses.shifts(with_notes(OLD, MOVE, FREE))["shifts"]
    row = next(each for each in rows if each["key"] == "cn-open")

    assert row["sentence"] == (
        "Chinese open +7.6 points in the last hour: hy3 +8.0, qwen3 +0.5; note of Fri 15 Jan "
        '07:00 UTC: hy3 is "free"; note of Wed 6 Jan to Sat 16 Jan: a move'
    )
    assert row["notes"][0] == {
        "start": FREE.start,
        "end": None,
        "text": FREE.text,
        "dimension": "model",
        "key": "hy3",
    }
    assert [each["text"] for each in row["notes"]] == [FREE.text, "a move"]


def test_what_moved_a_shift_names_its_notes_too():
    picture = with_notes(MOVE, FREE)
    shift = find_shift(picture, *OPEN)
    assert shift is not None
    moved = picture.moved[OPEN]
    body = responses.moved(shift, moved, notes_of(picture, OPEN, None, moved))

    assert body["sentence"].endswith("; note of Wed 6 Jan to Sat 16 Jan: a move")
    assert [each["text"] for each in body["notes"]] == [FREE.text, "a move"]


def test_all_notes_can_be_read_as_the_api_describes_them():
    described = schemathesis.openapi.from_dict(openapi.DOCUMENT)["/api/v1/notes"]["GET"]
    seen = worker()
    bodies = []
    for known in (Notes(), Notes((OLD, MOVE, FREE), b"", False, NOW, 7)):
        seen.snapshot = replace(seen.snapshot, notes=known)
        with served(sources(seen)) as url:
            answer = described.Case().call(base_url=url)
        described.validate_response(answer)
        bodies.append(answer.json())
    nothing, full = bodies

    assert nothing == {"notes": [], "read_at": None, "is_current": None, "omitted": 0}
    assert [each["text"] for each in full["notes"]] == ["an old price", "a move", FREE.text]
    assert (full["read_at"], full["is_current"], full["omitted"]) == (NOW, False, 7)
