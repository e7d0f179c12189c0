"""Items of a record that are alike: what one was read from, the next ones were read from as well.

A batch holds thousands of items of one writer, and to try each value of each takes long. Two items
are alike if nothing differs but what no reader decides by: their keys are the same, and so are the
texts that readers compare with names; and of their counts, the same ones are zero, above each other
and the sum of each other. Whether the same keys add up to the counts of both is checked all the
same.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from streams.decode.contents import Packed, inside
from streams.decode.event import event_time
from streams.decode.field_names import holds_counts, is_count, known_texts
from streams.decode.formats.provider_usage import is_claude
from streams.decode.formats.raw_usage import whole
from streams.decode.trial import COUNTS, may_be_count

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from streams.decode.contents import Place
    from streams.decode.trial import Outcome

#: The facts of an outcome, in their order.
FACTS: Final = ("model", "time", "tenant", "language")
#: Of more counts it would take long to find which are sums of others.
_MAX_NUMBERS: Final = 6
_MAX_CHARACTERS: Final = 64


class Sources(NamedTuple):
    """Where an item's counts come from, with their signs, and its facts: places in a document."""

    terms: Mapping[str, tuple[tuple[Place, int], ...]]
    facts: Mapping[str, Place]

    def below(self, place: Place) -> Sources:
        """Return the places as they are seen from a document at a place."""
        length = len(place)
        return self._moved(lambda each: each[length:])

    def at(self, place: Place) -> Sources:
        """Return the places of a document that lies at a place."""
        return self._moved(lambda each: place + each)

    def _moved(self, to: Callable[[Place], Place]) -> Sources:
        return Sources(
            {
                name: tuple((to(each), sign) for each, sign in terms)
                for name, terms in self.terms.items()
            },
            {name: to(each) for name, each in self.facts.items()},
        )


def likeness(document: Any) -> Hashable:
    """Return what is equal for documents that are alike; None for one that is like no other."""
    numbers: list[int] = []
    shape = _shape(document, "", numbers)
    if len(numbers) > _MAX_NUMBERS:
        return None
    ranks = sorted({0, *numbers})
    return shape, tuple(map(ranks.index, numbers)), _sums(numbers)


def _shape(node: Any, name: str, numbers: list[int]) -> Hashable:
    """Return the keys of a node and what kind of value each has; collect its counts.

    `name` is that of the field around it which may be a count.
    """
    if isinstance(node, dict):
        own = node.get("key")
        named = own if type(own) is str else None
        return tuple(
            (key, _shape(each, named or _name(key, name), numbers)) for key, each in node.items()
        )
    if isinstance(node, list):
        return (list, *(_shape(each, name, numbers) for each in node))
    if isinstance(node, Packed):
        return (node.how, *(_shape(each, name, numbers) for each in node.documents))
    number = may_be_count(node)
    if number is not None and (is_count(name) or holds_counts(name)):
        numbers.append(number)
    if isinstance(node, str):
        return _kind_of(node)
    return "number" if type(node) in {int, float} else str(node)


def _name(key: str, around: str) -> str:
    """Return the name that says most of a field's value: of a usage object all are counts."""
    return around if holds_counts(around) and not is_count(key) else key


def _kind_of(text: str) -> Hashable:
    if len(text) <= _MAX_CHARACTERS and text in known_texts():
        return text
    return str, type(whole(text)), bool(text.strip()), is_claude(text)


def _sums(numbers: list[int]) -> Hashable:
    """Return which numbers are the sum of which others."""
    places = range(len(numbers))
    return tuple(
        (at, some)
        for size in range(2, len(numbers))
        for some in combinations(places, size)
        for at in places
        if at not in some and numbers[at] == sum(numbers[each] for each in some)
    )


def fits(sources: Sources, document: Any, outcome: Outcome) -> bool:
    """Return whether an item can have been read from the same places of its own document."""
    for name, count in zip(COUNTS, outcome.counts, strict=True):
        terms = sources.terms.get(name)
        if terms is None:
            # Only the number of requests is left out, where it is one.
            if count != 1:
                return False
            continue
        values = [(may_be_count(inside(document, place)), sign) for place, sign in terms]
        if count != sum((value or 0) * sign for value, sign in values):
            return False
    return all(
        fact is None
        if name not in sources.facts
        else _is(inside(document, sources.facts[name]), fact)
        for name, fact in zip(FACTS, outcome.facts, strict=True)
    )


def _is(leaf: Any, fact: Any) -> bool:
    """Return whether a fact is a value of the document, written in any way."""
    if leaf == fact or whole(leaf) == fact or str(leaf) == fact:
        return True
    return type(fact) is float and seconds_of(leaf) == event_time(fact, None)


def seconds_of(leaf: Any) -> float | None:
    """Return the time that a value may be: readers change its unit, and read its spelling."""
    if type(leaf) not in {int, float, str} or (type(leaf) is str and not leaf[:1].isdigit()):
        return None
    return event_time(leaf, None)
