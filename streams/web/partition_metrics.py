"""The metrics of source partitions: one series a partition, or one a range of many partitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from streams.web.exposition import gauge
from streams.web.metric_definitions import (
    LAG,
    PARTITION_OWNED,
    PARTITIONS,
    PARTITIONS_OWNED,
    POSITION,
    STATE_BYTES,
    STATE_LOST_REQUESTS,
    STATE_LOST_TIME,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prometheus_client.core import Metric

    from streams.web.snapshot import PartitionStatus


@dataclass(frozen=True, slots=True)
class _Group:
    """Neighbouring partitions that share a series, and its label."""

    label: str
    statuses: tuple[PartitionStatus, ...]

    def lag(self) -> int | None:
        """Return the sum of the known lags, or None if none is known."""
        return _sum(each.lag for each in self.statuses)

    def position(self) -> int | None:
        """Return the sum of the known positions, or None if none is known."""
        return _sum(each.position for each in self.statuses)

    def state_bytes(self) -> int:
        """Return the size of the largest state: its limit is one of a partition."""
        return max(each.state_bytes for each in self.statuses)

    def lost_requests(self) -> dict[str, int]:
        """Return the sums of the lost requests by level."""
        sums: dict[str, int] = {}
        for status in self.statuses:
            for level, requests in (status.lost.requests if status.lost else {}).items():
                sums[level] = sums.get(level, 0) + requests
        return sums

    def lost_at(self) -> float | None:
        """Return when the last loss was noticed, or None if nothing is lost."""
        return max((each.lost.noticed for each in self.statuses if each.lost), default=None)


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _groups(statuses: Sequence[PartitionStatus], limit: int) -> list[_Group]:
    """Return at most `limit` groups: single partitions, or ranges of equal length if they are more.

    The last range ends with the last partition.
    """
    count = max((each.partition for each in statuses), default=-1) + 1
    length = max(1, -(-count // limit))
    members: dict[int, list[PartitionStatus]] = {}
    for status in statuses:
        members.setdefault(status.partition // length, []).append(status)
    return [
        _Group(_label(number * length, min(count, (number + 1) * length) - 1, length), tuple(each))
        for number, each in members.items()
    ]


def _label(first: int, last: int, length: int) -> str:
    return str(first) if length == 1 else f"{first}-{last}"


def partition_families(statuses: Sequence[PartitionStatus], limit: int | None) -> Iterable[Metric]:
    """Return the metrics of source partitions, with at most `limit` values of their label.

    None sets no limit. What is not known is left out, never a zero.
    """
    groups = _groups(statuses, limit or max(1, len(statuses)))
    lag, position, state = gauge(LAG), gauge(POSITION), gauge(STATE_BYTES)
    lost, lost_at = gauge(STATE_LOST_REQUESTS), gauge(STATE_LOST_TIME)
    for group in groups:
        labels = (group.label,)
        for family, value in (
            (lag, group.lag()),
            (position, group.position()),
            (state, group.state_bytes()),
            (lost_at, group.lost_at()),
        ):
            if value is not None:
                family.add_metric(labels, value)
        for level, requests in group.lost_requests().items():
            lost.add_metric((*labels, level), requests)
    yield from (lag, position, *_owners(statuses, limit), state, lost, lost_at)


def _owners(statuses: Sequence[PartitionStatus], limit: int | None) -> Iterable[Metric]:
    """Return who counts the partitions: by number always, each of them within the limit."""
    owned, partitions = gauge(PARTITION_OWNED), gauge(PARTITIONS)
    if limit is None or len(statuses) <= limit:
        for status in statuses:
            owned.add_metric((str(status.partition),), int(status.is_owned))
    if statuses:
        # Before the first snapshot the number is unknown.
        partitions.add_metric((), len(statuses))
    number = gauge(PARTITIONS_OWNED)
    number.add_metric((), sum(status.is_owned for status in statuses))
    yield from (owned, partitions, number)
