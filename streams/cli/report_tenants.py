"""What `report --tenants` reads of a worker, and of the file of names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streams.classify import tenant_names
from streams.classify.keys import TENANT
from streams.classify.tenant_names import TenantNamesError
from streams.cli import client, common
from streams.report.summary import STEP_OF
from streams.report.tenants import TENANT_MEASURES, Tenants, tenants

if TYPE_CHECKING:
    from collections.abc import Mapping

    from streams.report.summary import By, Period
    from streams.settings import Settings
    from streams.shares.measures import Measure


def refuse_what_is_not_counted(measure: Measure, *, is_against: bool) -> None:
    """Exit where tenants are not counted as they are asked for."""
    if measure not in TENANT_MEASURES:
        common.fail("--tenants: they are counted by requests and tokens, not by price or cache", 2)
    if is_against:
        common.fail("--tenants has no --against: a worker keeps tenants for nine days", 2)


def of_worker(url: str, by: By, measure: Measure, period: Period) -> Tenants:
    """Return the tenants of a worker's history. Raises WorkerUnreachableError."""
    query: dict[str, object] = {"dimension": TENANT, "step": STEP_OF[by]}
    query |= {"start": period.since, "end": period.until}
    points = client.get(url, "/api/v1/history", **query)["points"]
    windows = client.table(url, TENANT)["windows"].values()
    rows = [row for window in windows for row in window.get(TENANT, ())]
    return tenants(points, measure, {row["key"]: row["name"] for row in rows if "name" in row})


def names(chosen: Settings) -> Mapping[str, str]:
    """Return the names of tenants by their hash. Exits on a fault in their file."""
    try:
        return tenant_names.read(chosen.tenant_names).by_hash
    except TenantNamesError as error:
        common.fail(error)
