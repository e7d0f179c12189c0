"""The file of known events, named by TOKENSHARE_NOTES.

[[notes]]
at = 2026-07-06T09:00:00Z       # ISO 8601; UTC where it says no zone
text = "hy3 is free"

[[notes]]
from = 2026-07-20               # a period instead of a moment
until = 2026-08-01
text = "customers move to the new router"
dimension = "model"             # on this dimension only, or on one key of it
key = "tencent/hy3:free"
"""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streams.classify import toml_file
from streams.classify.keys import OTHER, SHIFT_DIMENSIONS
from streams.classify.language.tags import canonical
from streams.classify.origin.values import ORIGINS
from streams.classify.toml_file import FaultsError
from streams.shifts.notes import Note, Notes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: The newest notes of a file are kept: each is a series on /metrics.
MAX_NOTES = 200
#: Characters of a text, and of a key: both are labels.
MAX_TEXT, MAX_KEY = 120, 200
_KEYS: Final = ("at", "from", "until", "text", "dimension", "key")
_HEADER = re.compile(r"""\s*\[\[\s*["']?notes["']?\s*\]\]""")
_TIMES = "Remedy: write at, or from and until, in ISO 8601, such as 2026-07-06T09:00:00Z."


class NotesError(FaultsError):
    """A file of notes cannot be used."""


class _Place(NamedTuple):
    """An entry in a file, for error messages; `lines` are those of its keys."""

    file: str
    number: int
    lines: Mapping[str, int]

    def fault(self, text: str, key: str = "") -> NotesError:
        line = self.lines.get(key, self.lines.get(""))
        at = "" if line is None else f"line {line}: "
        return NotesError(f"{self.file}: {at}note {self.number}: {text}")


def read(path: Path | None, known: Notes | None = None) -> Notes:
    """Return the notes of a file, reusing `known` where the bytes are unchanged; none of None.

    Raises NotesError, which names every fault in it by its entry.
    """
    if path is None:
        return Notes()
    return toml_file.read_again(path, NotesError, known, parse)


def parse(data: bytes, file: str) -> Notes:
    """Return the notes in the bytes of a file, called `file` in errors; as `read`."""
    text, entries = _entries(data, file)
    places = list(_places(text, file, len(entries)))
    found: dict[tuple[object, ...], Note] = {}
    faults: list[str] = []
    for entry, place in zip(entries, places, strict=True):
        try:
            note = _note(entry, place)
            # What the labels of a series are made of.
            name = note.start, note.text, note.dimension, note.key
            if name in found:
                raise place.fault("stands here twice. Remedy: remove one.")
        except NotesError as error:
            faults += error.faults
        else:
            found[name] = note
    if faults:
        raise NotesError(*faults)
    ordered = sorted(found.values(), key=lambda each: each.start)
    kept = tuple(ordered[-MAX_NOTES:])
    digest = toml_file.digest(data)
    return Notes(kept, digest, True, time.time(), len(ordered) - len(kept))


def _entries(data: bytes, file: str) -> tuple[str, list[Any]]:
    """Return the text of a file's bytes, and the notes in it."""
    text, whole = toml_file.tables(data, file, NotesError)
    entries: Any = whole.get("notes", [])
    wrong = sorted(set(whole) - {"notes"}) or ([] if isinstance(entries, list) else ["notes"])
    if wrong:
        raise NotesError(
            f"{file}: {wrong[0]!r} is not understood here. Remedy: write entries that begin with "
            "[[notes]]."
        )
    return text, list(entries)


def _places(text: str, file: str, number: int) -> Iterator[_Place]:
    """Yield the place of each entry; without lines where they are not written as [[notes]]."""
    lines = text.split("\n")
    starts = [line for line, each in enumerate(lines, 1) if _HEADER.match(each)]
    if len(starts) != number:
        yield from (_Place(file, each, {}) for each in range(1, number + 1))
        return
    for each, start in enumerate(starts, 1):
        end = starts[each] if each < len(starts) else len(lines) + 1
        of_keys = {"": start}
        for line in range(start + 1, end):
            key = re.match(r"""\s*["']?(\w+)["']?\s*=""", lines[line - 1])
            if key is not None:
                of_keys.setdefault(key[1], line)
        yield _Place(file, each, of_keys)


def _note(entry: object, place: _Place) -> Note:
    if not isinstance(entry, dict):
        raise place.fault(f"is not a table. Remedy: use {', '.join(_KEYS)}.")
    _, (start, end), text, about = toml_file.all_of(
        NotesError,
        lambda: _check_keys(entry, place),
        lambda: _times(entry, place),
        lambda: _said(entry, place),
        lambda: _about(entry, place),
    )
    return Note(start, text, end, *about)


def _check_keys(entry: Mapping[str, object], place: _Place) -> None:
    unknown = [key for key in entry if key not in _KEYS]
    if unknown:
        remedy = f"is not understood. Remedy: use {', '.join(_KEYS)}; nothing else."
        faults = [place.fault(f"{key!r} {remedy}", key).faults for key in unknown]
        raise NotesError(*(fault for each in faults for fault in each))


def _said(entry: Mapping[str, object], place: _Place) -> str:
    text = _text(entry, "text", MAX_TEXT, place)
    if not text:
        raise place.fault("says nothing. Remedy: add text.", "text")
    return text


def _times(entry: Mapping[str, object], place: _Place) -> tuple[int, int | None]:
    given = [key for key in ("at", "from", "until") if key in entry]
    if given == ["at"]:
        return _seconds(entry, "at", place), None
    if given != ["from", "until"]:
        what = f"has {' and '.join(given)}" if given else "has no time"
        raise place.fault(f"{what}. {_TIMES}", given[0] if given else "")
    start, end = (_seconds(entry, key, place) for key in given)
    if end <= start:
        raise place.fault("until is not after from. Remedy: swap them.", "until")
    return start, end


def _seconds(entry: Mapping[str, object], key: str, place: _Place) -> int:
    """Return the unix seconds of a time of TOML, or of one in quotes."""
    value = entry[key]
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value.strip())
        elif isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day, tzinfo=UTC)
        if isinstance(value, datetime):
            # A fraction of a second is less than any window tells.
            at = value if value.tzinfo is not None else value.replace(tzinfo=UTC)
            return int(at.astimezone(UTC).timestamp() // 1)
    except (ValueError, OverflowError):
        pass
    raise place.fault(f"{key} {entry[key]!r:.60} is not a time. {_TIMES}", key)


def _text(entry: Mapping[str, object], key: str, limit: int, place: _Place) -> str:
    value = entry.get(key, "")
    if not isinstance(value, str):
        raise place.fault(f"{key} must be text. Remedy: put it in quotes.", key)
    value = value.strip()
    problem = toml_file.problem_of(value, limit)
    if problem:
        raise place.fault(f"{key} {problem}", key)
    return value


def _about(entry: Mapping[str, object], place: _Place) -> tuple[str, str]:
    """Return the dimension and the key that a note is on; empty where it says none."""
    dimension, key = (_text(entry, name, MAX_KEY, place) for name in ("dimension", "key"))
    if key and not dimension:
        raise place.fault("has a key and no dimension. Remedy: add dimension.", "key")
    if dimension and dimension not in SHIFT_DIMENSIONS:
        raise place.fault(
            f"dimension {dimension!r}. Remedy: one of {', '.join(SHIFT_DIMENSIONS)}.", "dimension"
        )
    if dimension == "origin" and key and key not in ORIGINS:
        raise place.fault(f"origin {key!r}. Remedy: one of {', '.join(ORIGINS)}.", "key")
    if dimension == "language" and key and key != OTHER:
        tag = canonical(key)
        if tag != key:
            raise place.fault(f"language {key!r}. Remedy: write {tag!r}, as it is counted.", "key")
    return dimension, key
