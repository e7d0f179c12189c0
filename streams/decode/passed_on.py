"""What only those spans say of a request that repeat it: a price, who served, parts of its counts.

A proxy's span has the price, and the one inside it, which counts, has not. A sum of several
requests has nothing to give. Only spans of one record pass anything on: what is counted stays as it
was counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from streams.decode.nesting import outer_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from streams.decode.event import SkipReason, UsageEvent
    from streams.decode.nesting import Node

#: What an event may say besides its counts.
_MORE: Final = ("cached_tokens", "reasoning_tokens", "cost", "provider")


def passed_on(
    events: Sequence[UsageEvent | None],
    nodes: Sequence[Node | None],
    skipped: Mapping[int, SkipReason],
) -> dict[int, UsageEvent]:
    """Return the events of a record that count and say more with what repeats them, by place.

    `nodes` are the events' places in their traces, and others behind them.
    """
    givers = _givers(events, nodes, skipped)
    if not givers:
        return {}
    parents = {each.key: each.parent for each in nodes if each is not None}
    takers: dict[int, set[int]] = {}
    for at, (event, node) in enumerate(zip(events, nodes, strict=False)):
        if event is None or node is None or at in skipped:
            continue
        for name in (node.key, node.answer, *outer_of(node.key, parents)):
            for giver in givers.get(name, ()):
                if _prompt(events[giver]) == event.prompt_tokens:
                    takers.setdefault(giver, set()).add(at)
    found: dict[int, UsageEvent] = {}
    for giver, places in takers.items():
        # Of several requests with the same counts nothing says which one it is.
        if len(places) == 1:
            at = places.pop()
            found[at] = _with_more(found.get(at) or events[at], events[giver])
    return found


def _givers(
    events: Sequence[UsageEvent | None],
    nodes: Sequence[Node | None],
    skipped: Mapping[int, SkipReason],
) -> dict[Hashable, list[int]]:
    """Return the repeated events that say more, by their key and their answer."""
    found: dict[Hashable, list[int]] = {}
    for at, why in skipped.items():
        node = nodes[at]
        if why == "duplicate" and node is not None and _says_more(events[at]):
            for name in {node.key, node.answer} - {None}:
                found.setdefault(name, []).append(at)
    return found


def _prompt(event: UsageEvent | None) -> int | None:
    return None if event is None else event.prompt_tokens


def _says_more(event: UsageEvent | None) -> bool:
    return any(getattr(event, name, None) is not None for name in _MORE)


def _with_more(event: UsageEvent | None, other: UsageEvent | None) -> UsageEvent:
    """Return an event with what only another one of the same request says."""
    more = {name: getattr(other, name) for name in _MORE if getattr(event, name, None) is None}
    return msgspec.structs.replace(event, **more)  # type: ignore[type-var,return-value]
