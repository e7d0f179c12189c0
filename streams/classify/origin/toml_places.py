"""The places of entries and keys in a TOML file, for messages about its faults."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an entry of a table in a file, for error messages."""

    file: str
    table: str
    name: str
    lines: Mapping[tuple[str, ...], int]
    inside: str = ""

    def key(self, key: str) -> Place:
        """Return the place of one of the entry's keys."""
        return Place(self.file, self.table, self.name, self.lines, key)

    def __str__(self) -> str:
        entry = (self.table, self.name)
        line = self.lines.get((*entry, self.inside), self.lines.get(entry))
        at = f"{self.file}: " if line is None else f"{self.file}: line {line}: "
        return f'{at}{self.table}."{self.name}"'


def lines_of(text: str) -> dict[tuple[str, ...], int]:
    """Return the first line of each table and key, by its path.

    The standard library's parser keeps no line numbers. Each line is parsed alone to get its path,
    or as the first one of a list. That is right except inside multi-line texts, and no file of ours
    needs these.
    """
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    # Editors do not end lines at the rarer separators of `splitlines`.
    for number, line in enumerate(text.split("\n"), 1):
        path = _path_in(line) or _path_in(f"{line}\n]")
        if not path:
            continue
        if line.lstrip().startswith("["):
            table = path
        else:
            path = (*table, *path)
        for length in range(1, len(path) + 1):
            lines.setdefault(path[:length], number)
    return lines


def _path_in(text: str) -> tuple[str, ...]:
    try:
        return tuple(_path(tomllib.loads(text)))
    except (ValueError, RecursionError):
        return ()


def _path(data: object) -> Iterator[str]:
    while isinstance(data, dict) and data:
        key, data = next(iter(data.items()))
        yield key
