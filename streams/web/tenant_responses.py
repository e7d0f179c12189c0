"""The response bodies of the JSON API that tenants are in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from streams.classify.keys import OTHER, TENANT, UNKNOWN, name_of
from streams.shares.filtered import unavailable
from streams.shares.policy import of_groups
from streams.shares.tenants import largest
from streams.shares.window_shares import Share, WindowShares
from streams.shares.windows import WINDOWS
from streams.state.pane import HOUR, pane_start
from streams.web import responses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streams.classify.keys import Dimension
    from streams.classify.origin.catalog import Catalog
    from streams.shares.filtered import Filter
    from streams.shares.policy import GroupTokens, Policy
    from streams.shares.tenants import Counted
    from streams.web.snapshot import Snapshot


def shares(
    snapshot: Snapshot,
    dimensions: frozenset[str],
    chosen: Filter,
    catalog: Catalog,
    counted: Mapping[str, Counted],
    *,
    simulated: bool = False,
    tenant_name: Callable[[str], str] = str,
) -> dict[str, Any]:
    """Return the body of /api/v1/shares by tenant, or for the part that is one tenant's.

    Of a tenant only the windows of whole hours are known, `counted`; the others are left out.
    `tenant_name` returns what to show of a tenant, which is counted under its hash.
    """
    if TENANT in chosen:
        missing = unavailable(chosen)
        windows = {
            name: _window(name, snapshot.as_of, of, dimensions - missing, chosen, tenant_name)
            for name, of in counted.items()
        }
        known = replace(snapshot, windows=windows)
        body = responses.shares(known, dimensions - missing, simulated=simulated)
        for name, window in body["windows"].items():
            window["everything"] = responses.amounts_of(counted[name].whole({}))
        return body | {"filter": dict(chosen), "unavailable": sorted(missing & dimensions)}
    others = dimensions - {TENANT}
    if chosen:
        body = responses.part(snapshot, dimensions, chosen, catalog, simulated=simulated)
        if TENANT in body["unavailable"]:
            return body
    else:
        body = responses.shares(snapshot, others, simulated=simulated)
    for name, of in counted.items():
        rows = _shares(TENANT, of.cells(TENANT, chosen), tenant_name)
        body["windows"][name][TENANT] = [responses.share_row(each) for each in rows]
    return body


def policy(known: Policy, as_of: float, counted: Mapping[str, Counted]) -> dict[str, Any]:
    """Return the body of /api/v1/policy: what groups sent to origins that are excluded for them.

    `counted` has the windows that tenants have. No tenant is in it.
    """
    return {
        "as_of": as_of,
        "read_at": known.read_at,
        "is_current": known.is_current,
        "windows": {
            name: [_group(each) for each in of_groups(known.groups, of.tenants)]
            for name, of in counted.items()
        },
    }


def _group(of: GroupTokens) -> dict[str, Any]:
    excluded = sum(of.excluded.values())
    return {
        "group": of.group.name,
        "tokens": of.tokens,
        "excluded_tokens": excluded,
        "excluded_ratio": excluded / of.tokens if of.tokens else None,
        "origins": [
            {"key": key, "name": name_of("origin", key), "tokens": tokens}
            for key, tokens in of.excluded.items()
        ],
    }


def _window(  # noqa: PLR0917 - the parts of a window, named at the one call
    name: str,
    as_of: float,
    of: Counted,
    dimensions: frozenset[str],
    chosen: Filter,
    tenant_name: Callable[[str], str],
) -> WindowShares:
    (seconds,) = (each.seconds for each in WINDOWS if each.name == name)
    rows = {
        dimension: _shares(dimension, of.cells(dimension, chosen), tenant_name)
        for dimension in sorted(dimensions)
    }
    return WindowShares(
        name=name,
        seconds=seconds,
        start=pane_start(HOUR, as_of) - seconds + HOUR.seconds,
        end=as_of,
        whole=of.whole(chosen),
        dimensions=cast("Mapping[Dimension, tuple[Share, ...]]", rows),
        joint=(),
        served=(),
        law=(),
    )


def _shares(
    dimension: str, cells: Mapping[str, list[int]], tenant_name: Callable[[str], str]
) -> tuple[Share, ...]:
    whole = [sum(column) for column in zip(*cells.values(), strict=True)]
    return tuple(
        Share(key, counts, whole, _name(dimension, key, tenant_name))
        for key, counts in largest(cells).items()
    )


def _name(dimension: str, key: str, tenant_name: Callable[[str], str]) -> str:
    if dimension == TENANT and key not in {OTHER, UNKNOWN}:
        shown = tenant_name(key)
        return "" if shown == key else shown
    return name_of(dimension, key)
