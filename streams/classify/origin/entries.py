"""Faults of single entries in a catalogue's TOML that reading it does not reveal."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TOP = {"as_of": str, "words": dict, "developer": list, "family": list}
_WORDS = dict.fromkeys(
    (
        *("hosts", "repackers", "path", "neutral", "tuned", "aliases"),
        *("tiers", "coined", "trained", "maker_tuned"),
    ),
    list,
)
_DEVELOPER = {
    **dict.fromkeys(("name", "country", "side", "openness"), str),
    **dict.fromkeys(("slugs", "open_slugs"), list),
}
_FAMILY = {
    **dict.fromkeys(
        ("title", "developer", "openness", "needs", "sized", "base", "source", "released"), str
    ),
    **dict.fromkeys(("names", "words", "on", "rules"), list),
    **dict.fromkeys(
        ("common", "owner_only", "retrained", "derived", "unsized", "sized_only"), bool
    ),
}
_RULE = {
    **dict.fromkeys(("openness", "match", "base"), str),
    **dict.fromkeys(("words", "version"), list),
    "size": bool,
}


def faults(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield keys that nothing reads, values of another type, and keys that contradict each other.

    A key that nothing reads is worse than useless: a rule whose condition is misspelt always holds.
    """
    yield from _keys("catalogue", data, _TOP)
    yield from _keys("words", data["words"], _WORDS)
    yield from _spellings("words", data["words"])
    for entry in data["developer"]:
        where = f"developer {entry['name']!r}"
        yield from _keys(where, entry, _DEVELOPER)
        yield from _spellings(where, entry)
        yield from (
            f"{where}: open_slugs has {slug!r}, which is not in slugs"
            for slug in entry.get("open_slugs", ())
            if slug not in entry["slugs"]
        )
    titles = {entry["title"] for entry in data["family"]}
    for entry in data["family"]:
        yield from _family(entry, titles)
    names = {name for entry in data["family"] for name in entry["names"]}
    for word in data["words"].get("coined", ()):
        if word not in names:
            close = _close(word, names)
            yield f"words.coined: {word!r} is not the name of a family{close}"


def _family(entry: Mapping[str, Any], titles: set[str]) -> Iterator[str]:
    where = f"family {entry['title']!r}"
    yield from _keys(where, entry, _FAMILY)
    yield from _spellings(where, entry)
    if entry.get("unsized") and entry.get("openness") == "open":
        yield f"{where}: unsized is for proprietary families, but its openness is 'open'"
    if "sized" in entry and not entry.get("unsized"):
        yield f"{where}: sized has no effect without unsized"
    if entry.get("unsized") and entry.get("sized_only"):
        yield f"{where}: unsized and sized_only exclude each other"
    bases = [("on", parent) for parent in entry.get("on", ())]
    for number, rule in enumerate(entry.get("rules", ()), 1):
        yield from _keys(f"{where}, rule {number}", rule, _RULE)
        yield from _spellings(f"{where}, rule {number}", rule)
        bases.append((f"base of rule {number}", rule.get("base")))
    for key, parent in (*bases, ("base", entry.get("base"))):
        if parent is not None and parent not in titles:
            yield f"{where}: {key} {parent!r} is not the title of a family{_close(parent, titles)}"


def _keys(where: str, entry: Mapping[str, Any], known: Mapping[str, type]) -> Iterator[str]:
    for key, value in entry.items():
        if key not in known:
            yield f"{where}: nothing reads the key {key!r}{_close(key, known)}"
        elif not isinstance(value, known[key]):
            yield f"{where}: {key} is not of type {known[key].__name__}"


def _spellings(where: str, entry: Mapping[str, Any]) -> Iterator[str]:
    """Yield words that no id contains: ids are compared in small letters."""
    for key, values in entry.items():
        if isinstance(values, list) and key not in {"on", "version", "rules"}:
            yield from (
                f"{where}: {key} has {value!r}; words stand in small letters"
                for value in values
                if isinstance(value, str) and value != value.lower()
            )


def _close(word: str, known: Mapping[str, type] | set[str]) -> str:
    close = get_close_matches(word, sorted(known), n=1)
    return f". Remedy: did you mean {close[0]!r}?" if close else ""
