"""Which keys of a document are names of fields and not data, and what their values are.

A document of any format, known or not, can be judged: what a reader's own code names is known, and
of everything else the form of a key decides.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from functools import cache, lru_cache
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Final

from streams.decode import formats

if TYPE_CHECKING:
    from collections.abc import Iterator

#: No name of a field is longer, but those that readers know.
_MAX_CHARACTERS: Final = 64
_MAX_LETTERS: Final = 20
_MAX_DIGITS: Final = 2
#: Letters of a word that has the shape of a random one: of a piece of base64 or of hexadecimal.
_MANY_LETTERS: Final = 8
_FEW_A_PIECE: Final = 2.5

_KEY: Final = re.compile(r"[@$_]{0,2}[A-Za-z0-9_.$-]+")
_SEGMENT: Final = re.compile(r"[A-Za-z0-9]+")
#: Letters alone, with digits behind them, or a place in a list.
_WORD: Final = re.compile(r"[A-Za-z]*[0-9]*")
_PIECE: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_RANDOM: Final = re.compile(r"[bcdfghjklmnpqrstvwxz]{6}|[a-f]{8}", re.IGNORECASE)
#: A text that is a name in a reader's code, and no sentence.
_NAME: Final = re.compile(r"[\w.$@/:-]{1,64}|[A-Z ]{1,32}")

_OF_TOKENS: Final = frozenset(
    ("prompt", "completion", "input", "output", "total", "count", "counts")
)
_TIMES: Final = frozenset(
    (
        *("time", "times", "timestamp", "ts", "date", "created", "started", "ended", "at"),
        *("start", "end", "msec", "nano", "generated", "completed", "processed"),
    )
)


@cache
def known_texts() -> frozenset[str]:
    """Return every name that the code of the readers holds: of fields, and of their values."""
    found: set[str] = set()
    for info in pkgutil.iter_modules(formats.__path__):
        module = importlib.import_module(f"{formats.__name__}.{info.name}")
        for value in held_by(module):
            found.update(texts_in(value))
    return frozenset(each for each in found if _NAME.fullmatch(each))


def held_by(module: ModuleType) -> list[Any]:
    """Return the values of a module's own names, without what Python adds.

    Nor with what it remembers of records, which is in variables and not in constants.
    """
    return [
        value
        for name, value in vars(module).items()
        if not name.startswith("__") and is_written(name, value)
    ]


def is_written(name: str, value: object) -> bool:
    """Return whether a value of a module is in its code, and not remembered of records."""
    return name.isupper() or not isinstance(value, dict | list | set)


def texts_in(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield every text in a value: in a function those of its code."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, FunctionType):
        yield from texts_in(value.__code__, depth)
    elif isinstance(value, CodeType):
        for each in value.co_consts:
            yield from texts_in(each, depth)
    elif isinstance(value, dict) and depth < 4:
        for key, each in [*value.items()]:
            yield from texts_in(key, depth + 1)
            yield from texts_in(each, depth + 1)
    elif isinstance(value, tuple | list | frozenset | set) and depth < 4:
        for each in [*value]:
            yield from texts_in(each, depth + 1)


def is_field_name(key: str) -> bool:
    """Return whether a key names a field; an id, a mail, a long or a random one is data."""
    if key in known_texts():
        return True
    if len(key) > _MAX_CHARACTERS or _KEY.fullmatch(key) is None:
        return False
    return all(map(_is_word, _SEGMENT.findall(key)))


def _is_word(segment: str) -> bool:
    pieces = _PIECE.findall(segment)
    return (
        _WORD.fullmatch(segment) is not None
        and not _RANDOM.search(segment)
        and all(len(each) <= (_MAX_DIGITS if each.isdigit() else _MAX_LETTERS) for each in pieces)
        and (len(segment) < _MANY_LETTERS or len(segment) >= _FEW_A_PIECE * len(pieces))
    )


@lru_cache(maxsize=4096)
def words(key: str) -> frozenset[str]:
    """Return the words of a key, however they are put together."""
    return frozenset(each.lower() for each in _PIECE.findall(key[-256:]))


def is_count(key: str) -> bool:
    """Return whether a field counts tokens, by its name."""
    found = words(key)
    if key.lower().endswith("model"):
        return False
    return (
        "tokens" in found
        or ("token" in found and not found.isdisjoint(_OF_TOKENS))
        or "units" in found
        or {"eval", "count"} <= found
    )


def holds_counts(key: str) -> bool:
    """Return whether numbers inside a field count tokens: it is a usage object, by its name."""
    found = words(key)
    return "usage" in found or "tokens" in found


def is_model(key: str) -> bool:
    """Return whether a field names a model, by its name."""
    return not words(key).isdisjoint(("model", "models", "deployment"))


def is_time(key: str) -> bool:
    """Return whether a field is a time, by its name."""
    return not words(key).isdisjoint(_TIMES)
