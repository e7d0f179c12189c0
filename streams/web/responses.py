"""The response bodies of the JSON API."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from streams.classify.keys import ALL_DIMENSIONS, JOINT, LAW, PAIRS, SERVED, UNKNOWN, name_of
from streams.classify.origin.overrides import suggestion
from streams.shares import measures
from streams.shares.filtered import Counted, part_of
from streams.shares.measures import MEASURES
from streams.shares.windows import WINDOWS
from streams.shifts import alert_rules
from streams.shifts.live import alerting
from streams.shifts.sentence import sentence
from streams.state.counts import REQUESTS, none, tokens_of
from streams.web.snapshot import ShiftName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from streams.classify.origin.catalog import Catalog
    from streams.shares.filtered import Filter
    from streams.shares.measures import Measure
    from streams.shares.window_shares import Share, WindowShares
    from streams.shifts.attribution import Attribution
    from streams.shifts.movers import Moved, Shift
    from streams.shifts.notes import Note
    from streams.shifts.shift import KeyShift, Shifts
    from streams.state.counts import Counts
    from streams.web.snapshot import PartitionStatus, Snapshot

_WINDOW_FIELDS = (
    *("seconds", "start", "end"),
    *("requests", "tokens", "prompt_tokens", "completion_tokens"),
)
_SHIFT_FIELDS = (
    *("share", "baseline", "shift", "standard_error", "usual_spread", "zscore"),
    *("detectable", "without_top_tenant", "evidence_requests", "since", "peak"),
    *("developer", "origin"),
)


def shares(
    snapshot: Snapshot,
    dimensions: frozenset[str] = frozenset(ALL_DIMENSIONS),
    *,
    simulated: bool = False,
) -> dict[str, Any]:
    """Return the body of /api/v1/shares with the shares of these dimensions."""
    return {
        "as_of": snapshot.as_of,
        "generated_at": snapshot.made_at,
        "ready": not snapshot.reasons,
        "reasons": list(snapshot.reasons),
        "since": snapshot.since,
        "simulated": simulated,
        "windows": {name: _window(window, dimensions) for name, window in snapshot.windows.items()},
        "unknown": _unknown_models(snapshot, WINDOWS[-1].name),
        "pipeline": {
            "lag": _total_lag(snapshot.partitions),
            "late": snapshot.late,
            "rejected": sum(
                count
                for result, count in snapshot.records.items()
                if result.startswith("rejected/")
            ),
            "unread": _unread(snapshot),
            "partitions": [_partition(status) for status in snapshot.partitions],
            "records": [
                {"result": result.split("/")[0], "reason": result.split("/")[1], "count": count}
                for result, count in sorted(snapshot.records.items())
            ],
        },
    }


def part(
    snapshot: Snapshot,
    dimensions: frozenset[str],
    chosen: Filter,
    catalog: Catalog,
    *,
    simulated: bool = False,
) -> dict[str, Any]:
    """Return the body of /api/v1/shares for a part of the traffic, as `filtered.part_of`."""
    counted = {
        name: Counted(window, snapshot.pairs.get(name, {}))
        for name, window in snapshot.windows.items()
    }
    found = part_of(counted, chosen, catalog)
    known = dimensions - found.unavailable
    body = shares(replace(snapshot, windows=found.windows), known, simulated=simulated)
    for name, window in body["windows"].items():
        whole = found.everything[name]
        window["everything"] = amounts_of(whole)
    return body | {"filter": dict(chosen), "unavailable": sorted(found.unavailable & dimensions)}


def shifts(snapshot: Snapshot) -> dict[str, Any]:
    """Return the body of /api/v1/shifts."""
    return {
        "as_of": snapshot.shifts_as_of,
        "baseline_days": snapshot.shifts[0].baseline_days if snapshot.shifts else 0.0,
        "needed_days": int(alert_rules.MIN_HISTORY_DAYS),
        "shifts": [
            {
                "dimension": table.dimension,
                "key": each.key,
                "name": name_of(table.dimension, each.key),
                "measure": table.measure,
                "window": table.window,
                **_fields(each, *_SHIFT_FIELDS),
                "is_shifted": each.key in shifted,
                **_in_words(snapshot, table, each, is_shifted=each.key in shifted),
            }
            for table, shifted in alerting(snapshot.shifts)
            for each in table.keys
        ],
    }


#: What the answer on cost says in place of tenants.
NO_TENANTS_OF_COST = "Tenants are counted by tokens and requests, not by cost."


def _in_words(
    snapshot: Snapshot, table: Shifts, each: KeyShift, *, is_shifted: bool
) -> dict[str, Any]:
    if not is_shifted:
        return {"sentence": None, "notes": []}
    name = ShiftName(table.dimension, each.key, table.measure, table.window)
    noted = snapshot.noted.get(name, ())
    said = sentence(
        table.dimension, table.window, each, snapshot.moved.get(name), noted, measure=table.measure
    )
    return {"sentence": said, "notes": _notes(noted)}


def notes(snapshot: Snapshot) -> dict[str, Any]:
    """Return the body of /api/v1/notes: the known events, oldest first."""
    known = snapshot.notes
    return {
        "notes": _notes(known.entries),
        "read_at": known.read_at,
        "is_current": known.is_current,
        "omitted": known.omitted,
    }


def _notes(notes: Iterable[Note]) -> list[dict[str, Any]]:
    return [_fields(each, "start", "end", "text", "dimension", "key") for each in notes]


def moved(
    asked: Shift,
    answer: Moved,
    noted: tuple[Note, ...] = (),
    tenant_name: Callable[[str], str] = str,
) -> dict[str, Any]:
    """Return the body of /api/v1/shifts/movers; `noted` are the events it may be due to.

    `tenant_name` returns what to show of a tenant, which is counted under its hash.
    """
    return {
        **_fields(asked, "as_of", "dimension", "key", "measure", "window"),
        # Recomputed, because the window has advanced since the snapshot.
        "shift": asked.statistics.shift if answer.shift is None else answer.shift,
        "sentence": sentence(
            asked.dimension, asked.window, asked.statistics, answer, noted, measure=asked.measure
        ),
        "notes": _notes(noted),
        "models": _attribution(answer.models),
        "joint": _attribution(answer.joint),
        "tenants": _attribution(answer.tenants, tenant_name),
        "tenants_note": NO_TENANTS_OF_COST if asked.measure == "cost" else None,
    }


def _attribution(of: Attribution | None, name: Callable[[str], str] = str) -> dict[str, Any] | None:
    if of is None:
        return None
    movers = [
        {
            "key": each.name,
            "name": name(each.name),
            **_fields(each, "contribution", "share", "before", "kind"),
        }
        for each in of.movers
    ]
    return {"movers": movers, **_fields(of, "rest", "rest_members", "mix", "arrival")}


def moment(snapshot: Snapshot) -> dict[str, Any]:
    """Return the data of an event of /api/v1/events."""
    return {
        "as_of": snapshot.as_of,
        "generated_at": snapshot.made_at,
        "ready": not snapshot.reasons,
    }


def unknown(snapshot: Snapshot, window: str) -> dict[str, Any]:
    """Return the body of /api/v1/unknown: the models that need an override, by tokens.

    `override` of each is the entry for the overrides file. `tokens` and `requests` cover everything
    of unknown origin, including models whose names are not kept, which are not listed.
    """
    whole = next(
        (
            _counts(each)
            for name, shown in snapshot.windows.items()
            for each in shown.dimensions["origin"]
            if name == window and each.key == UNKNOWN
        ),
        {
            "tokens": 0,
            "requests": 0,
            **more_of(none()),
            **{f"{measure}_ratio": None for measure in MEASURES},
        },
    )
    return {
        "as_of": snapshot.as_of,
        "window": window,
        **whole,
        "models": _unknown_models(snapshot, window),
    }


def _unknown_models(snapshot: Snapshot, window: str) -> list[dict[str, Any]]:
    return [
        {
            "model": each.model,
            "tokens": each.tokens,
            "requests": each.requests,
            "matched_by": each.why,
            "override": suggestion(each.model),
        }
        for each in snapshot.unknown.get(window, ())
    ]


def _window(window: WindowShares, dimensions: frozenset[str]) -> dict[str, Any]:
    body: dict[str, Any] = {
        **_fields(window, *_WINDOW_FIELDS),
        **more_of(window.whole),
        "priced_ratio": measures.priced_ratio(window.whole),
        "estimated_ratio": measures.estimated_ratio(window.whole),
        "measured_ratio": measures.measured_ratio(window.whole),
        **{
            dimension: [share_row(each) for each in shares_of]
            for dimension, shares_of in window.dimensions.items()
            if dimension in dimensions
        },
    }
    for name, pairs in ((JOINT, window.joint), (SERVED, window.served), (LAW, window.law)):
        if name in dimensions:
            body[name] = [
                dict(zip(PAIRS[name], names, strict=True)) | _counts(each) for *names, each in pairs
            ]
    return body


def share_row(share: Share) -> dict[str, Any]:
    """Return one key's share, as it is listed."""
    body: dict[str, Any] = {"key": share.key}
    if share.name:
        body["name"] = share.name
    if share.origin:
        body["origin"] = share.origin
    return body | _counts(share)


def _counts(share: Share) -> dict[str, Any]:
    ratios = {f"{measure}_ratio": share.ratio(measure) for measure in MEASURES}
    return {"tokens": share.tokens, "requests": share.requests, **more_of(share.counts), **ratios}


def amounts_of(counts: Counts) -> dict[str, float | None]:
    """Return what counts are by each measure."""
    return {"tokens": tokens_of(counts), "requests": counts[REQUESTS], **more_of(counts)}


def more_of(counts: Counts) -> dict[str, float | None]:
    """Return what counts are by the measures beside tokens and requests; cost in US dollars."""
    return {measure: _amount(measure, counts) for measure in MEASURES[2:]}


def _amount(measure: Measure, counts: Counts) -> float | None:
    if measure == "cost":
        return measures.dollars_of(counts)
    return measures.value_of(measure, counts)


def _fields(value: object, *names: str) -> dict[str, Any]:
    """Return attributes that have the same names in a response body."""
    return {name: getattr(value, name) for name in names}


def _partition(status: PartitionStatus) -> dict[str, Any]:
    return {
        "partition": status.partition,
        "position": status.position,
        # The end offset was fetched a moment ago; records read since then are known to exist.
        "end_offset": None
        if status.end_offset is None
        else max(status.end_offset, status.position or 0),
        "lag": status.lag,
        "newest": status.newest,
        "owned": status.is_owned,
        "lost": {} if status.lost is None else status.lost.requests,
    }


def _unread(snapshot: Snapshot) -> dict[str, Any]:
    """Return the skipped items whose usage no reader takes: how many, who wrote them, when last."""
    return {
        "count": sum(snapshot.unread.values()),
        "last": snapshot.unread_at or None,
        "sources": [
            {"format": key.partition("/")[0], "source": key.partition("/")[2], "count": count}
            for key, count in snapshot.unread.items()
        ],
    }


def _total_lag(partitions: tuple[PartitionStatus, ...]) -> int | None:
    lags = [status.lag for status in partitions]
    known = [lag for lag in lags if lag is not None]
    return sum(known) if lags and len(known) == len(lags) else None
