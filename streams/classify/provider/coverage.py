"""How much of a list of providers a catalogue answers, and what the others lack."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from streams.classify.lacking import grouped
from streams.classify.provider.values import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streams.classify.provider.providers import Providers
    from streams.classify.provider.values import Provider

Lack = Literal["entry", "jurisdiction", "router", "name"]
LACKS: Final[tuple[Lack, ...]] = get_args(Lack)

#: What to do about the texts of each group.
REMEDIES: Final[dict[Lack, str]] = {
    "entry": "no entry has this name or host: add one, or an override",
    "jurisdiction": "there is an entry, its operator is not known: see its source",
    "router": "it forwards, and the record names nobody behind it: leave it unknown",
    "name": "nothing says who served",
}


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A text without a jurisdiction: what it lacks, and what is known."""

    text: str
    lack: Lack
    known: Provider


@dataclass(frozen=True, slots=True)
class Coverage:
    """The counts of a list of texts, each text once."""

    texts: int
    jurisdictions: Counter[str]
    unanswered: tuple[Unanswered, ...]

    @property
    def answered(self) -> float:
        """Return the part of the texts that have a jurisdiction; 1 where there are none."""
        return 1 - len(self.unanswered) / self.texts if self.texts else 1.0

    def groups(self) -> list[tuple[Lack, str, list[str]]]:
        """Return what is lacking, the key and the texts, by kind and the largest group first."""
        return grouped(((each.lack, each.known.key, each.text) for each in self.unanswered), LACKS)


def coverage(texts: Iterable[str], providers: Providers) -> Coverage:
    """Return how much of the texts has a jurisdiction; a text that occurs twice counts once."""
    each_once = dict.fromkeys(texts)
    jurisdictions: Counter[str] = Counter()
    unanswered = []
    for text in each_once:
        known = providers.classify(text)
        jurisdictions[known.jurisdiction] += 1
        if known.jurisdiction == UNKNOWN:
            unanswered.append(Unanswered(text, _lack(known, providers), known))
    return Coverage(len(each_once), jurisdictions, tuple(unanswered))


def _lack(known: Provider, providers: Providers) -> Lack:
    if known.key == UNKNOWN:
        return "name"
    if known.key not in providers.facts.entries:
        return "entry"
    return "router" if known.matched_by == "router" else "jurisdiction"
