"""The spans of the last records of a log: a request that several of them report counts once.

A span ends after the ones inside it, so its exporter often sends it in a later record. Which of the
spans inside each other count is decided as within one record (`streams.decode.nesting`), except
that a span that has been counted stays counted: what arrives later and repeats it is skipped.

Only the log decides: the spans of at most so many records before, and of these the last
`MAX_SPANS`. An answer is compared with its first span in this block of so many offsets and the one
before. Which span was first must not depend on which one was first before it: servers use ids again
without end, and then no number of records would say what is first. A decision may depend on whether
a span repeats those inside it, whose reach lies before it. So a worker that reads `READ_AGAIN`
times that many records again at its start decides like its predecessor.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from streams.decode.nesting import MAX_DEPTH, Node, is_same, is_same_answer, repeats

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from streams.decode.event import SkipReason

#: Spans that are remembered, at a kilobyte each.
MAX_SPANS = 50_000
#: So many times the records of a memory decide what it says: two blocks, and what lies before them.
READ_AGAIN = 3
#: Spans inside one without usage of its own that are looked at for usage; a request has few.
MAX_LOOKED_AT = 256


class _Usage(NamedTuple):
    """A span with usage. `is_covered` if spans inside it that came before or with it repeat it."""

    node: Node
    number: int
    is_covered: bool


class _Answer(NamedTuple):
    """The first span of an answer in a block of offsets."""

    node: Node
    number: int


class TraceMemory:
    """Remembers the spans of the last `records` offsets of a log.

    Spans are numbered in the order of the log. `_links` are the spans' parents, `_inside` the spans
    inside each span, in the order in which they came, `_answers` the first span of each answer by
    block of offsets: of this one and the one before.
    """

    def __init__(self, records: int, spans: int = MAX_SPANS) -> None:
        self._records = records
        self._spans = spans
        self._links: dict[Hashable, tuple[Hashable, int]] = {}
        self._inside: dict[Hashable, list[Hashable]] = {}
        self._usages: dict[Hashable, _Usage] = {}
        self._answers: dict[int, dict[Hashable, _Answer]] = {}
        self._begins: deque[tuple[int, int]] = deque()
        self._next = 0
        self._next_tidy = spans
        #: The first span that counts for the last record.
        self._floor_now = 0

    def __len__(self) -> int:
        answers = sum(map(len, self._answers.values()))
        return len(self._links) + len(self._usages) + answers

    def repeated(
        self, offset: int, nodes: Sequence[Node], void: AbstractSet[Hashable] = frozenset()
    ) -> dict[Hashable, SkipReason]:
        """Remember a record's spans; return those that repeat an earlier one, and why.

        Offsets ascend over all calls. The spans in `void` are not counted, so nothing repeats them.
        """
        begin = self._next
        self._begins.append((offset, begin))
        counted = [each for each in nodes if each.has_usage and each.key not in void]
        for each in nodes:
            self._link(each)
        floor = self._floor_now = self._floor(offset)
        known = self._usages.keys() & {each.key for each in counted}
        found: dict[Hashable, SkipReason] = {
            key: "duplicate" for key in known if floor <= self._usages[key].number < begin
        }
        for each in counted:
            self._usages[each.key] = _Usage(each, self._links_number(each.key, begin), False)
        for each in counted:
            why = repeats(each, self._nearest_inside(each.key, floor))
            if why is not None:
                self._usages[each.key] = self._usages[each.key]._replace(is_covered=True)
            elif each.key not in found:
                why = self._repeats_outer(each, begin, floor)
            if why is not None:
                found.setdefault(each.key, why)
        block = offset // self._records
        for each in counted:
            # One around the span that counts reports that one's answer.
            if each.answer is not None and not self._usages[each.key].is_covered:
                first = self._first_of_answer(each, block)
                # A span may come in two scopes, as one and as its log event.
                if first.key != each.key and is_same_answer(first, each):
                    found.setdefault(each.key, "duplicate")
        self._prune(floor)
        return found

    def counts(self, key: Hashable) -> bool:
        """Return whether a span with usage lies inside or around one of the last record."""
        floor = self._floor_now
        if self._outer_usage(key, floor) is not None:
            return True
        inside = islice(self._inside_of(key, floor), MAX_LOOKED_AT)
        return any(each is not None for each in inside)

    def _first_of_answer(self, node: Node, block: int) -> Node:
        """Return the first span of a span's answer in this block or the one before.

        It is first in its block whether it counts or not: that a span repeats one that counts says
        nothing against comparing others with it.
        """
        if block not in self._answers:
            kept = self._answers.get(block - 1)
            self._answers = {} if kept is None else {block - 1: kept}
            self._answers[block] = {}
        least = self._next - self._spans
        here = self._answers[block].get(node.answer)
        if here is None or here.number < least:
            here = self._answers[block][node.answer] = _Answer(node, self._usages[node.key].number)
        before = self._answers.get(block - 1, {}).get(node.answer)
        return here.node if before is None or before.number < least else before.node

    def _link(self, node: Node) -> None:
        self._next += 1
        if node.parent is None or node.parent == node.key:
            return
        before = self._links.get(node.key)
        self._links[node.key] = node.parent, self._next - 1
        if before is None or before[0] != node.parent:
            self._inside.setdefault(node.parent, []).append(node.key)

    def _links_number(self, key: Hashable, begin: int) -> int:
        link = self._links.get(key)
        return begin if link is None else max(begin, link[1])

    def _floor(self, offset: int) -> int:
        """Return the number of the first span that counts for a record."""
        while self._begins and self._begins[0][0] < offset - self._records:
            self._begins.popleft()
        return max(self._begins[0][1] if self._begins else 0, self._next - self._spans)

    def _nearest_inside(self, key: Hashable, floor: int) -> Iterator[Node]:
        """Yield the nearest spans with usage inside a span."""
        return (each for each in self._inside_of(key, floor) if each is not None)

    def _inside_of(self, key: Hashable, floor: int) -> Iterator[Node | None]:
        """Yield the nearest spans with usage inside a span, and None for those on the way."""
        todo, seen = [key], {key}
        while todo:
            outer = todo.pop()
            for inner in self._inside.get(outer, ()):
                link = self._links.get(inner)
                if link is None or link[0] != outer or link[1] < floor or inner in seen:
                    continue
                seen.add(inner)
                usage = self._usages.get(inner)
                if usage is not None and usage.number >= floor:
                    yield usage.node
                else:
                    todo.append(inner)
                    yield None

    def _repeats_outer(self, node: Node, begin: int, floor: int) -> SkipReason | None:
        """Return why a span does not count inside one that was counted before."""
        usage = self._outer_usage(node.key, floor)
        if usage is None or usage.number >= begin or usage.is_covered:
            return None
        return "duplicate" if usage.node.is_sum or is_same(usage.node, node) else None

    def _outer_usage(self, key: Hashable, floor: int) -> _Usage | None:
        """Return the nearest span with usage around a span."""
        outer = key
        for _ in range(MAX_DEPTH):
            link = self._links.get(outer)
            if link is None or link[1] < floor or link[0] == key:
                return None
            outer = link[0]
            usage = self._usages.get(outer)
            if usage is not None and usage.number >= floor:
                return usage
        return None

    def _prune(self, floor: int) -> None:
        # It takes a look at every span, so not at each record.
        if self._next >= self._next_tidy:
            self._tidy(floor)

    def _tidy(self, first: int) -> None:
        """Keep the spans from a number on."""
        end = self._next
        self._next_tidy = end + self._spans // 4
        self._links = {key: link for key, link in self._links.items() if first <= link[1] < end}
        self._usages = {
            key: usage for key, usage in self._usages.items() if first <= usage.number < end
        }
        # Those of the block before count for more records than other spans do.
        least = min(first, end - self._spans)
        for block, answers in self._answers.items():
            self._answers[block] = {
                answer: each for answer, each in answers.items() if least <= each.number < end
            }
        self._inside = {}
        for key, (parent, _) in self._links.items():
            self._inside.setdefault(parent, []).append(key)

    def forget_from(self, offset: int) -> None:
        """Forget the spans of records from an offset on: the log no longer holds them."""
        while self._begins and self._begins[-1][0] >= offset:
            self._next = self._begins.pop()[1]
        self._tidy(0)

    def forget(self, keys: Iterable[Hashable]) -> None:
        """Forget what these spans count: they were not counted after all."""
        for key in keys:
            usage = self._usages.pop(key, None)
            if usage is None:
                continue
            name = usage.node.answer
            for answers in self._answers.values():
                if name in answers and answers[name].node.key == key:
                    del answers[name]
