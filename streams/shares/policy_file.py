"""The file of a policy for groups of tenants, named by TOKENSHARE_POLICY.

[groups."eu-public-sector"]
tenants = ["team-a", "team-b"]      # names as events have them, or hashes of `tokenshare tenant`
excluded_origins = ["cn-open", "cn-proprietary"]

Names are hashed as they are read. No message has one: the log is read by more people than the file.
"""

from __future__ import annotations

import re
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from streams.classify import toml_file
from streams.classify.origin.toml_places import Place, lines_of
from streams.classify.origin.values import ORIGINS
from streams.classify.tenant import hashed
from streams.classify.toml_file import FaultsError
from streams.shares.policy import Group, Policy

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Each group is a label on /metrics, beside each origin that it excludes.
MAX_GROUPS = 32
_KEYS: Final = ("tenants", "excluded_origins")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]{0,63}")
_HASH = re.compile(r"[0-9a-f]{16}")
_USE = f"Remedy: use {' and '.join(_KEYS)}; nothing else."


class PolicyError(FaultsError):
    """A file of a policy cannot be used."""


def read(path: Path | None, salt: str, known: Policy | None = None) -> Policy:
    """Return the policy of a file, reusing `known` where the bytes are unchanged; none of None.

    `salt` keys the hash of tenants. Raises PolicyError, which names every fault in it by its line.
    """
    if path is None:
        return Policy()
    return toml_file.read_again(path, PolicyError, known, partial(parse, salt=salt))


def parse(data: bytes, file: str, salt: str) -> Policy:
    """Return the policy in the bytes of a file, called `file` in errors; as `read`."""
    text, tables = toml_file.tables(data, file, PolicyError)
    lines = lines_of(text)
    entries = tables.get("groups", {})
    wrong = [name for name in tables if name != "groups" or not isinstance(entries, dict)]
    if wrong:
        raise PolicyError(
            f"{file}: {_line(lines, wrong[0])}this is not understood here. Remedy: write tables "
            'like [groups."team"].'
        )
    groups: list[Group] = []
    faults: list[str] = []
    for number, (name, entry) in enumerate(entries.items(), 1):
        place = Place(file, "groups", name, lines)
        try:
            if number == MAX_GROUPS + 1:
                raise _fault(place, f"is one too many. Remedy: keep {MAX_GROUPS} groups.")
            groups.append(_group(name, number, entry, place, salt.encode()))
        except PolicyError as error:
            faults += error.faults
    if faults:
        raise PolicyError(*faults)
    return Policy(tuple(groups), toml_file.digest(data), True, time.time())


def _line(lines: Mapping[tuple[str, ...], int], *path: str) -> str:
    line = lines.get(path)
    return "" if line is None else f"line {line}: "


def _group(name: str, number: int, entry: object, place: Place, salt: bytes) -> Group:
    if not _NAME.fullmatch(name):
        raise PolicyError(
            f"{place.file}: {_line(place.lines, 'groups', name)}the name of group {number} cannot "
            "be a label. Remedy: at most 64 letters, digits, spaces, `_`, `.` and `-`, of which "
            "the first is a letter or digit."
        )
    if not isinstance(entry, dict) or not entry:
        raise _fault(place, f"says nothing. {_USE}")
    if not entry.keys() <= {*_KEYS}:
        wrong = next(key for key in entry if key not in _KEYS)
        raise _fault(place.key(wrong), f"has a key that is not understood. {_USE}")
    tenants = _texts(entry, "tenants", place)
    origins = _texts(entry, "excluded_origins", place)
    for at, origin in enumerate(origins, 1):
        if origin not in ORIGINS:
            raise _fault(
                place.key("excluded_origins"),
                f"excluded_origins: number {at} is no origin. Remedy: use {', '.join(ORIGINS)}.",
            )
    return Group(name, _hashes(tenants, salt), tuple(dict.fromkeys(origins)))


def _hashes(tenants: tuple[str, ...], salt: bytes) -> frozenset[str]:
    # What looks like a hash may be a name as well, of a key for example: it stands for both.
    bare = {each for each in tenants if _HASH.fullmatch(each)}
    return frozenset(bare | {hashed(each, salt) for each in tenants})


def _texts(entry: Mapping[str, object], key: str, place: Place) -> tuple[str, ...]:
    values = entry.get(key)
    if not isinstance(values, list) or not values:
        raise _fault(place.key(key), f'has no list of {key}. Remedy: write {key} = ["…"].')
    for number, each in enumerate(values, 1):
        if not isinstance(each, str) or not each.strip():
            raise _fault(
                place.key(key), f"{key}: number {number} is not text. Remedy: put it in quotes."
            )
    return tuple(values)


def _fault(place: Place, text: str) -> PolicyError:
    return PolicyError(f"{place}: {text}")
