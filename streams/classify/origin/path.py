"""The path before a model's name: who serves it and who made it."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from streams.classify.origin import name as naming

if TYPE_CHECKING:
    from streams.classify.origin.facts import Developer, Facts

_VENDOR_DOT = re.compile(r"(?<!\d)\.|\.(?!\d)")
# Marks a segment of the path that names a vendor and cannot be a transport.
VENDOR = " ."


@dataclass(frozen=True, slots=True)
class Context:
    """The meaning of the path around a name."""

    # Developers that the id names in places where a transport cannot be.
    owners: frozenset[str]
    # The developer nearest to the name, transport or not.
    nearest: Developer | None
    # An unknown part of the path: the name may be a third party's release.
    foreign: bool
    # The developer whose part of the path stands for released weights only.
    open_owner: str | None = None


@dataclass(frozen=True, eq=False)
class Paths:
    """Reads the segments of ids by the developers and words of a catalogue."""

    facts: Facts

    def segments(self, raw: list[str]) -> list[str]:
        """Return segments, `us.anthropic.claude` and `openrouter:qwen` split where hosts join them.

        A vendor before a dot, or before `: ` as in `DeepSeek: R1`, is not a host: it is marked.
        """
        path: list[str] = []
        for segment in raw:
            rest = segment
            host, colon, name = rest.partition(":")
            if colon and self.serves(naming.words(host)):
                titled = name.startswith(" ")
                if titled or not all(map(self.says_nothing, naming.words(name))):
                    path.append(host + VENDOR if titled else host)
                    rest = name.strip()
            pieces = _VENDOR_DOT.split(rest)
            while len(pieces) > 1 and self.serves(naming.words(pieces[0])):
                path.append(pieces.pop(0) + VENDOR)
            rest = ".".join(pieces)
            if rest:
                path.append(rest)
        return path

    def serves(self, words: tuple[str, ...]) -> bool:
        """Return whether words name a host, a repacker, a developer or another part of a path."""
        return (
            words in self.facts.vocabulary["hosts"]
            or words in self.facts.vocabulary["path"]
            or words in self.facts.vocabulary["repackers"]
            or words in self.facts.slugs
        )

    def context(self, path: list[str], cut: list[tuple[str, ...]], index: int) -> Context:
        """Return what the path around the name in the segment at `index` means."""
        owners: set[str] = set()
        nearest: Developer | None = None
        foreign = False
        open_owner: str | None = None
        for segment, words in zip(path[:index], cut, strict=False):
            developer = self.facts.slugs.get(words)
            if developer is not None:
                nearest = developer
                only_open = words in self.facts.open_slugs or (
                    developer.openness == "open" and words not in self.facts.vocabulary["hosts"]
                )
                open_owner = developer.name if only_open else None
                if words not in self.facts.vocabulary["hosts"] or segment.endswith(VENDOR):
                    owners.add(developer.name)
            elif words in self.facts.vocabulary["repackers"]:
                nearest = None
            elif len(self.lead(words)) == len(words):
                # A host joined to a developer: `azureml-mistral`.
                nearest = self._named_in(words) or nearest
            elif not self.serves(words) and not all(self.says_nothing(word) for word in words):
                foreign = True
                nearest = None
        lead = self.lead(cut[index])
        for start, end in itertools.combinations(range(len(lead) + 1), 2):
            developer = self.facts.slugs.get(lead[start:end])
            if developer is not None:
                owners.add(developer.name)
        return Context(frozenset(owners), nearest, foreign, open_owner)

    def _named_in(self, words: tuple[str, ...]) -> Developer | None:
        slugs = self.facts.slugs
        return next((slugs[words[at:]] for at in range(len(words)) if words[at:] in slugs), None)

    def lead(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """Return the words at the start of a name that only name who serves it or who made it."""
        count = 0
        while count < len(words):
            for length in (3, 2, 1):
                phrase = words[count : count + length]
                if len(phrase) == length and (
                    phrase in self.facts.slugs or phrase in self.facts.vocabulary["hosts"]
                ):
                    count += length
                    break
            else:
                break
        return words[:count]

    def says_nothing(self, word: str) -> bool:
        """Return whether a word is uninformative: it does not identify whose model it is."""
        return (
            word in self._plain
            or naming.is_number(word)
            or word.rstrip(".0123456789") in self._neutral
        )

    @cached_property
    def _neutral(self) -> frozenset[str]:
        return frozenset(phrase[0] for phrase in self.facts.vocabulary["neutral"])

    @cached_property
    def _plain(self) -> frozenset[str]:
        """Return words of hosts, paths and variants: none of them identifies whose model it is."""
        kinds = ("hosts", "path")
        single = {p[0] for kind in kinds for p in self.facts.vocabulary[kind] if len(p) == 1}
        return self._neutral | single
