"""One request, once: the spans of a trace that report the same tokens, in one record.

An agent's span holds the sum of its requests, a gateway's span lies inside its client's, and a
proxy writes a span around the request that it passes on. Of such spans the innermost counts:

* A span that does not name a request to a model is the sum of the ones inside it.
* A span that names one is the same request as the one inside it if both have the same counts and
  overlap in time, and their sum if its counts are theirs together.

Which spans are inside each other follows from the ids of their parents alone. Spans side by side
are different requests, whatever their counts: except that two instrumentations of one program may
each write a span of the same answer, of which the first counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence

    from streams.decode.event import SkipReason

#: Spans between a request and the one around it; real traces have a handful.
MAX_DEPTH = 64
#: The counts of a span without usage.
NO_USAGE = -1


class Node(NamedTuple):
    """A span's place in its trace, and what it counts: `NO_USAGE` where it counts nothing.

    `key` is the span's own and `parent` that of the span around it: texts in a record, numbers
    in the memory of a partition. Times are nanoseconds, 0 where they are unknown. `is_sum` is a
    span that does not name a request to a model. `answer` is the provider's id of the answer, None
    where it is unknown, and `scope` the instrumentation that reports it.
    """

    key: Hashable
    parent: Hashable = None
    start: int = 0
    end: int = 0
    is_sum: bool = False
    prompt: int = NO_USAGE
    completion: int = NO_USAGE
    answer: Hashable = None
    scope: Hashable = None

    def counting(self, prompt: int, completion: int) -> Node:
        """Return the span with what it counts; half the time of `_replace`."""
        key, parent, start, end, is_sum, _, _, answer, scope = self
        return Node(key, parent, start, end, is_sum, prompt, completion, answer, scope)

    def keyed(self, number: Callable[[Hashable], int]) -> Node:
        """Return the span with numbers for its keys, which take less memory than texts."""
        key, parent, start, end, is_sum, prompt, completion, answer, scope = self
        outer = None if parent is None else number(parent)
        if answer is not None:
            answer, scope = number(answer), number(scope)
        return Node(number(key), outer, start, end, is_sum, prompt, completion, answer, scope)

    @property
    def has_usage(self) -> bool:
        """Return whether it counts anything."""
        return self.prompt != NO_USAGE


def within(nodes: Sequence[Node | None]) -> dict[int, SkipReason]:
    """Return which of a record's spans do not count, by their place, and why."""
    skipped: dict[int, SkipReason] = {}
    counts: dict[Hashable, int] = {}
    links: dict[Hashable, Hashable] = {}
    for at, node in enumerate(nodes):
        if node is None:
            continue
        key = node.key
        links[key] = node.parent
        if node.prompt != NO_USAGE:
            if key in counts:
                skipped[at] = "duplicate"
            else:
                counts[key] = at
    inside: dict[int, list[Node]] = {}
    for key, at in counts.items():
        # Most spans have nothing around them in their record.
        around = _nearest(key, links, counts) if links[key] in links else None
        if around is not None:
            inside.setdefault(around, []).append(nodes[at])  # type: ignore[arg-type]
    for at, inner in inside.items():
        why = repeats(nodes[at], inner)  # type: ignore[arg-type]
        if why is not None:
            skipped[at] = why
    _skip_answers(nodes, counts.values(), skipped)
    return skipped


def beside_counted(nodes: Sequence[Node | None], places: Iterable[int]) -> set[int]:
    """Return which spans at some places lie around or inside one with usage: they repeat it."""
    known = [each for each in nodes if each is not None]
    links = {each.key: each.parent for each in known}
    counts = {each.key: at for at, each in enumerate(known) if each.has_usage}
    around: set[Hashable] = set()
    for key in counts:
        for outer in outer_of(key, links):
            if outer in around:
                break
            around.add(outer)
    found: set[int] = set()
    for at in places:
        node = nodes[at]
        if node is None:
            continue
        if node.key in around or _nearest(node.key, links, counts) is not None:
            found.add(at)
    return found


def _skip_answers(
    nodes: Sequence[Node | None], counted: Iterable[int], skipped: dict[int, SkipReason]
) -> None:
    """Skip the spans whose answer another instrumentation has reported before them."""
    seen: dict[Hashable, Node] = {}
    for at in counted:
        node = nodes[at]
        if at in skipped or node is None or node.answer is None:
            continue
        before = seen.setdefault(node.answer, node)
        if before is not node and is_same_answer(before, node):
            skipped[at] = "duplicate"


def outer_of(key: Hashable, links: Mapping[Hashable, Hashable]) -> Iterator[Hashable]:
    """Yield the spans around a span."""
    outer = key
    for _ in range(MAX_DEPTH):
        outer = links.get(outer)
        if outer is None or outer == key:
            return
        yield outer


def _nearest(
    key: Hashable, links: Mapping[Hashable, Hashable], counts: Mapping[Hashable, int]
) -> int | None:
    """Return the place of the nearest span with usage around a span."""
    return next((counts[outer] for outer in outer_of(key, links) if outer in counts), None)


def repeats(outer: Node, inner: Iterable[Node]) -> SkipReason | None:
    """Return why a span does not count beside the nearest ones inside it, None if it does."""
    inner = list(inner)
    if not inner:
        return None
    if outer.is_sum:
        return "not_a_request"
    if any(is_same(outer, each) for each in inner):
        return "duplicate"
    if len(inner) == 1:
        return None
    prompt = sum(each.prompt for each in inner)
    completion = sum(each.completion for each in inner)
    is_total = (prompt, completion) == (outer.prompt, outer.completion)
    return "not_a_request" if is_total else None


def is_same(one: Node, other: Node) -> bool:
    """Return whether two spans inside each other are one request."""
    if (one.prompt, one.completion) != (other.prompt, other.completion):
        return False
    return _is_at_once(one, other)


def is_same_answer(one: Node, other: Node) -> bool:
    """Return whether two instrumentations report one answer by these spans.

    The output may differ: some add up what a stream says more than once. Some servers use an id
    again, so it is not enough.
    """
    return (
        one.answer == other.answer
        and one.scope != other.scope
        and one.prompt == other.prompt
        and _is_at_once(one, other)
    )


def _is_at_once(one: Node, other: Node) -> bool:
    """Return whether two spans overlap in time, as far as it is known."""
    if not (one.start and one.end and other.start and other.end):
        return True
    return one.start <= other.end and other.start <= one.end
