"""Paths to values in a document, as a mapping of fields declares them.

A path is names joined by dots, with numbers for the items of an array: `choices.0.model` or
`choices[0].model`. A key that holds dots or brackets itself is found as it is, or may be quoted in
brackets: `attributes["gen_ai.usage.input_tokens"]`. Paths are added up by `+`, and `|` separates
alternatives, of which the first that leads to a value counts.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from streams.decode.formats.raw_usage import add

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The paths of each alternative.
Alternatives = tuple[tuple[str, ...], ...]

_QUOTED = r"""\["[^"]*"\]|\['[^']*'\]"""
_PARTS = {mark: re.compile(rf"(?:{_QUOTED}|[^{mark}])+") for mark in "|+"}
#: What is in brackets, and what follows.
_BRACKETS = re.compile(r"""\[(?:"([^"]*)"|'([^']*)'|([^\]]*))\]\.?(.*)""", re.DOTALL)
#: Digits of the largest place in an array.
_MAX_DIGITS = 9


@lru_cache(maxsize=256)
def alternatives(text: str) -> Alternatives:
    """Return the paths of a text, by alternative. Raises ValueError where it is none."""
    found = tuple(
        tuple(each.strip() for each in _PARTS["+"].findall(part))
        for part in _PARTS["|"].findall(text)
    )
    # A mark with nothing before or after it is a slip of the pen.
    marks = sum(map(len, found)) - 1
    bare = re.sub(_QUOTED, "", text)
    if marks != bare.count("|") + bare.count("+") or not all(
        path.strip(".") for paths in found for path in paths
    ):
        raise ValueError(text)
    return found


def value_of(document: Mapping[str, Any], paths: Alternatives, limit: int) -> object:
    """Return the first alternative that is there; None for none. A sum is of what is there of it.

    Where a part of a sum is no count, or above `limit`, it is returned as it is.
    """
    for parts in paths:
        found = [at_path(document, path) for path in parts]
        value = found[0] if len(found) == 1 else add(*found, limit=limit)
        if value is not None and value != "":
            return value
    return None


def at_path(value: object, path: str) -> object:
    """Return the value at a path, None where there is none."""
    if not path:
        return value
    if isinstance(value, list):
        return _in_list(value, path)
    if not isinstance(value, dict):
        return None
    if path in value:
        return value[path]
    for name, rest in _splits(path):
        if name in value:
            found = at_path(value[name], rest)
            if found is not None:
                return found
    return None


@lru_cache(maxsize=1024)
def _splits(path: str) -> tuple[tuple[str, str], ...]:
    """Return the ways to take the first key off a path, the shortest key first."""
    brackets = _BRACKETS.fullmatch(path)
    if brackets is not None:
        double, single, bare, rest = brackets.groups()
        return ((next(each for each in (double, single, bare) if each is not None), rest),)
    return tuple(
        (path[:at], path[at:] if mark == "[" else path[at + 1 :])
        for at, mark in enumerate(path)
        if at and mark in ".["
    )


def _in_list(value: list[Any], path: str) -> object:
    name, rest = (_splits(path) or ((path, ""),))[0]
    if not (name.isascii() and name.isdigit() and len(name) <= _MAX_DIGITS):
        return None
    return at_path(value[int(name)], rest) if int(name) < len(value) else None
