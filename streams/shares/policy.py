"""What groups of tenants sent to origins that a policy excludes for them.

Tenants are counted in hours of their own, by their hash. Those beyond the bound of such an hour are
in `other`, which belongs to no group.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from streams.classify.keys import OTHER
from streams.state.codec import decode_pane
from streams.state.counts import tokens_of
from streams.state.pane import DAY, TENANTS, pane_start

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.state.counts import Counts
    from streams.state.view import View

#: Tokens by group and origin.
Excluded = dict[tuple[str, str], int]
#: The records of each hour, by its start.
Hours = dict[int, tuple[bytes, ...]]


@dataclass(frozen=True, slots=True)
class Group:
    """A group of tenants, by their hashes, and the origins that are excluded for it."""

    name: str
    tenants: frozenset[str]
    excluded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """The groups of a file, and the digest of its bytes: the names in them are not kept.

    `is_current` is False where a fault in the file keeps the policy read before; `read_at` is when
    it was read (unix seconds). Both are None without a file.
    """

    groups: tuple[Group, ...] = ()
    digest: bytes = field(default=b"", repr=False)
    is_current: bool | None = None
    read_at: float | None = None


class GroupTokens(NamedTuple):
    """What a group sent in all, and to each origin that is excluded for it; 0 where nothing."""

    group: Group
    tokens: int
    excluded: Mapping[str, int]


def of_groups(groups: tuple[Group, ...], tenants: Mapping[str, Counts]) -> list[GroupTokens]:
    """Return the tokens of each group; `tenants` are counts by `tenant/o/origin`, among others."""
    found = {each.name: dict.fromkeys(each.excluded, 0) for each in groups}
    sent = dict.fromkeys(found, 0)
    groups_of = _groups_by_tenant(groups)
    for key, counts in tenants.items():
        tenant, axis, origin = key.split("/", 2)
        if axis != "o":
            continue
        for each in groups_of.get(tenant, ()):
            sent[each.name] += tokens_of(counts)
            if origin in each.excluded:
                found[each.name][origin] += tokens_of(counts)
    return [GroupTokens(each, sent[each.name], found[each.name]) for each in groups]


class ExcludedTokens:
    """Adds up what groups sent to excluded origins; an hour is read again when it has changed.

    `hours` is called in the thread that changes the view, `tokens` in one thread at a time.
    """

    def __init__(self, view: View) -> None:
        self._view = view
        self._groups: tuple[Group, ...] = ()
        self._sums: dict[int, tuple[tuple[bytes, ...], Excluded]] = {}

    def hours(self, as_of: float) -> Hours:
        """Return the hours of a day: the running one at a moment and the 23 before it.

        They are those of the shares by tenant of 24 hours.
        """
        last = pane_start(TENANTS, as_of)
        starts = range(last - DAY.seconds + TENANTS.seconds, last + 1, TENANTS.seconds)
        return {start: self._view.values_at(TENANTS, start) for start in starts}

    def tokens(self, groups: tuple[Group, ...], hours: Hours) -> Excluded:
        """Return the tokens by group and origin, 0 where there are none."""
        if groups != self._groups:
            self._groups, self._sums = groups, {}
        found: Excluded = {(each.name, origin): 0 for each in groups for origin in each.excluded}
        sums = {start: (values, self._hour(start, values)) for start, values in hours.items()}
        for _, of_hour in sums.values():
            for key, tokens in of_hour.items():
                found[key] += tokens
        self._sums = sums
        return found

    def _hour(self, start: int, values: tuple[bytes, ...]) -> Excluded:
        held = self._sums.get(start)
        if held is not None and held[0] is values:
            return held[1]
        wanted = _names_by_key(self._groups)
        found: Excluded = {}
        for value in values:
            for key, counts in decode_pane(value).tenants.items():
                tenant, axis, origin = key.split("/", 2)
                if axis == "o":
                    for name in wanted.get((tenant, origin), ()):
                        found[name, origin] = found.get((name, origin), 0) + tokens_of(counts)
        return found


def _names_by_key(groups: tuple[Group, ...]) -> Mapping[tuple[str, str], list[str]]:
    """Return the groups for which an origin is excluded, by tenant and origin."""
    found: dict[tuple[str, str], list[str]] = {}
    for tenant, those in _groups_by_tenant(groups).items():
        for each in those:
            for origin in each.excluded:
                found.setdefault((tenant, origin), []).append(each.name)
    return found


def _groups_by_tenant(groups: tuple[Group, ...]) -> Mapping[str, list[Group]]:
    found: dict[str, list[Group]] = {}
    for each in groups:
        for tenant in each.tenants - {OTHER}:
            found.setdefault(tenant, []).append(each)
    return found
