"""The snapshot that /metrics, the API and the page read: built whole, swapped in one assignment.

A snapshot is immutable, so a reader never sees a partial update.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from streams.classify.keys import OTHER, split_cell
from streams.classify.language.tags import display_name
from streams.classify.origin.values import ORIGINS
from streams.shares.windows import WINDOWS
from streams.state.pane import Counts, add_all, add_counts, added_up, tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.classify.keys import Dimension
    from streams.classify.origin.catalog import Catalog
    from streams.shares.windows import Windows
    from streams.shifts.shift import Shifts
    from streams.state.codec import PositionRecord

# Names are external input, so the number shown is bounded; the rest is grouped as "other".
SHOWN_LANGUAGES = 30
SHOWN_DEVELOPERS = 40
SHOWN_MODELS = 50
SHOWN_UNKNOWN = 32

#: Reasons why a worker is not ready: the label on /metrics, and the response of /readyz.
STATES = {
    "rebalancing": "partitions are being assigned",
    "recovering": "the changelog is being read",
    "drawing": "the first picture is being made",
    "lag_unknown": "Kafka has not said where the source topic ends: the lag is not known",
    "not_writing": "the changelog or the dead-letter topic cannot be written",
}

#: A shown key stays until it falls this far below the bound, so that keys do not flicker there.
HYSTERESIS = 1.5


@dataclass(frozen=True, slots=True)
class Share:
    """One key's share of a window. Ratios are 0-1; None where the denominator is zero."""

    key: str
    requests: int
    tokens: int
    requests_ratio: float | None
    tokens_ratio: float | None
    name: str = ""
    origin: str = ""


@dataclass(frozen=True, slots=True)
class WindowShares:
    """A window with its shares by dimension, largest first, and by (origin, language)."""

    name: str
    seconds: int
    start: float
    end: float
    requests: int
    prompt_tokens: int
    completion_tokens: int
    dimensions: Mapping[Dimension, tuple[Share, ...]]
    joint: tuple[tuple[str, str, Share], ...]

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """Read position of a source partition. Offsets are the next ones; None where not known.

    `state_bytes` is the total size of its stored values.
    """

    partition: int
    position: int | None
    end_offset: int | None
    newest: float | None
    is_owned: bool
    state_bytes: int = 0

    @property
    def lag(self) -> int | None:
        """Return the number of records in Kafka that the shown counts do not include yet."""
        if self.end_offset is None:
            return None
        return max(0, self.end_offset - (self.position or 0))


class UnknownModel(NamedTuple):
    """A model whose origin its name does not identify, and its sums in a window."""

    model: str
    tokens: int
    requests: int
    why: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that is shown at one moment. `totals` covers all partitions, not just this process."""

    as_of: float
    made_at: float
    windows: Mapping[str, WindowShares] = field(default_factory=dict)
    totals: Mapping[str, Mapping[str, Counts]] = field(default_factory=dict)
    records: Mapping[str, int] = field(default_factory=dict)
    events: Mapping[str, int] = field(default_factory=dict)
    late: int = 0
    unknown: Mapping[str, tuple[UnknownModel, ...]] = field(default_factory=dict)
    partitions: tuple[PartitionStatus, ...] = ()
    reasons: tuple[str, ...] = ("starting",)
    shown: Mapping[Dimension, frozenset[str]] = field(default_factory=dict)
    shifts: tuple[Shifts, ...] = ()
    shifts_as_of: float = 0.0


def take(  # noqa: PLR0917 - everything that a snapshot shows, named at the one call
    windows: Windows,
    positions: Iterable[PositionRecord],
    catalog: Catalog,
    now: float,
    partitions: tuple[PartitionStatus, ...],
    reasons: tuple[str, ...],
    before: Snapshot | None,
) -> Snapshot:
    """Return the snapshot of windows and positions; `now` is the wall clock."""
    as_of = windows.as_of
    sums = windows.sums()
    grouped = {name: each.by_dimension() for name, each in sums.items()}
    longest = grouped[WINDOWS[-1].name]
    shown_before = before.shown if before is not None else {}
    shown: dict[Dimension, frozenset[str]] = {
        "language": choose(
            shown_before.get("language", frozenset()), longest["language"], SHOWN_LANGUAGES
        ),
        "developer": choose(
            shown_before.get("developer", frozenset()), longest["developer"], SHOWN_DEVELOPERS
        ),
    }
    totals, records, events, late = add_totals(positions)
    return Snapshot(
        as_of=as_of,
        made_at=now,
        windows={
            length.name: _window_shares(
                length.name, length.seconds, as_of, grouped[length.name], shown, catalog
            )
            for length in WINDOWS
        },
        totals=totals,
        records=records,
        events=events,
        late=late,
        unknown={name: unknown_models(each.unknown, catalog) for name, each in sums.items()},
        partitions=partitions,
        reasons=reasons,
        shown=shown,
    )


def unknown_models(unknown: Mapping[str, Counts], catalog: Catalog) -> tuple[UnknownModel, ...]:
    """Return the models of unknown origin, by tokens; at most `SHOWN_UNKNOWN`."""
    return tuple(
        UnknownModel(
            *(model, tokens_of(unknown[model]), unknown[model][0]),
            catalog.classify(model).matched_by,
        )
        for model in ranked(unknown, SHOWN_UNKNOWN)
    )


def choose(shown: frozenset[str], counts: Mapping[str, Counts], limit: int) -> frozenset[str]:
    """Return the keys to show by name: the largest `limit`, with hysteresis.

    A key is added when it ranks among the first `limit`, and removed when it ranks below
    `HYSTERESIS` times that; never more than that many are shown.
    """
    # One more, because `other` may be among them.
    largest = [key for key in ranked(counts, int(limit * HYSTERESIS) + 1) if key != OTHER]
    return frozenset({*largest[:limit], *shown.intersection(largest[: int(limit * HYSTERESIS)])})


def ranked(counts: Mapping[str, Counts], limit: int) -> list[str]:
    """Return the largest keys by tokens, then by name."""
    if len(counts) > limit:
        # Of thousands of names, only these few need an exact order.
        weights = list(map(tokens_of, counts.values()))
        least = sorted(weights)[-limit]
        keys = [key for key, weight in zip(counts, weights, strict=True) if weight >= least]
    else:
        keys = list(counts)
    return sorted(keys, key=lambda key: (-tokens_of(counts[key]), key))[:limit]


def top(counts: Mapping[str, Counts], keep: frozenset[str]) -> dict[str, Counts]:
    """Return the counts with all keys except those in `keep` summed under `other`."""
    kept = {key: counts[key] for key in keep if key in counts and key != OTHER}
    if len(kept) < len(counts):
        whole, named = added_up(counts.values()), added_up(kept.values())
        kept[OTHER] = [all_of - part for all_of, part in zip(whole, named, strict=True)]
    return kept


def add_totals(
    positions: Iterable[PositionRecord],
) -> tuple[dict[str, dict[str, Counts]], dict[str, int], dict[str, int], int]:
    """Sum the totals of all partitions: by dimension, by result, by format, and the late."""
    totals: dict[str, dict[str, Counts]] = {"origin": {}, "language": {}, "developer": {}}
    records: dict[str, int] = {}
    events: dict[str, int] = {}
    late = 0
    for position in positions:
        each = position.totals
        for dimension, counted in (
            ("origin", each.origins),
            ("language", each.languages),
            ("developer", each.developers),
        ):
            add_all(totals[dimension], counted)
        for result, count in each.records.items():
            records[result] = records.get(result, 0) + count
        for name, count in each.events.items():
            events[name] = events.get(name, 0) + count
        late += each.late
    return totals, records, events, late


def _window_shares(  # noqa: PLR0917 - the parts of a window, named at the one call
    name: str,
    seconds: int,
    as_of: float,
    grouped: Mapping[str, Mapping[str, Counts]],
    shown: Mapping[Dimension, frozenset[str]],
    catalog: Catalog,
) -> WindowShares:
    origins = grouped["origin"]
    whole = added_up(origins.values())

    def share(key: str, counts: Counts, label: str = "", origin: str = "") -> Share:
        tokens = tokens_of(counts)
        return Share(
            key=key,
            requests=counts[0],
            tokens=tokens,
            requests_ratio=counts[0] / whole[0] if whole[0] else None,
            tokens_ratio=tokens / tokens_of(whole) if tokens_of(whole) else None,
            name=label,
            origin=origin,
        )

    models = grouped["model"]
    largest = choose(frozenset(), models, SHOWN_MODELS)
    languages = top(grouped["language"], shown["language"])
    joint: dict[str, Counts] = {}
    for key, counts in grouped["joint"].items():
        origin, language = key.split("/", 1)
        add_counts(
            joint, f"{origin}/{language if language in shown['language'] else OTHER}", counts
        )

    def in_order(shares: Iterable[Share]) -> tuple[Share, ...]:
        return tuple(sorted(shares, key=lambda each: (each.key == OTHER, -each.tokens, each.key)))

    return WindowShares(
        name=name,
        seconds=seconds,
        start=as_of - seconds,
        end=as_of,
        requests=whole[0],
        prompt_tokens=whole[1],
        completion_tokens=whole[2],
        dimensions={
            "origin": tuple(share(key, origins.get(key, [0, 0, 0, 0])) for key in ORIGINS),
            "language": in_order(
                share(key, counts, label="Other" if key == OTHER else display_name(key))
                for key, counts in languages.items()
            ),
            "developer": in_order(
                share(key, counts)
                for key, counts in top(grouped["developer"], shown["developer"]).items()
            ),
            "model": in_order(
                share(key, counts, origin="" if key == OTHER else catalog.classify(key).origin)
                for key, counts in top(models, largest).items()
            ),
        },
        joint=tuple(
            (*split_cell(key)[:2], share(key, counts)) for key, counts in sorted(joint.items())
        ),
    )
