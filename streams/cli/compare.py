"""`tokenshare report --compare`: the counts of a worker against the events that were sent."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from streams.cli import client, common
from streams.report import compare

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from streams.report.compare import Difference

#: Timeout of a comparison, however long a worker takes to become ready.
COMPARE_SECONDS = 300.0


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest of `tokenshare simulate`; exits if the file is not a manifest."""
    try:
        manifest = orjson.loads(path.read_bytes())
        compare.expected_cells([manifest])
        float(manifest["start"]), float(manifest["end"])
    except (OSError, ValueError, KeyError, TypeError):
        common.fail(f"{path} is not a manifest of `tokenshare simulate`", 2)
    return dict(manifest)


def print_comparison(
    url: str, manifests: list[dict[str, Any]], wait: float, *, as_json: bool
) -> int:
    """Print whether a worker's counts match the manifests, and return the exit code.

    Waits while it is still counting. Raises WorkerUnreachableError.
    """
    expected = compare.expected_cells(manifests)
    start = min(float(manifest["start"]) for manifest in manifests)
    end = max(float(manifest["end"]) for manifest in manifests) + 1
    counted, requests, found = _wait_for_counts(url, expected, start, end, wait)
    if as_json:
        common.print_json(
            {
                "equal": not found,
                "cells": len(expected),
                "requests": {
                    "expected": sum(cell[1] for cell in expected.values()),
                    "counted": requests,
                },
                "tokens": {
                    "expected": sum(cell[0] for cell in expected.values()),
                    "counted": sum(cell[0] for cell in counted.values()),
                },
                "differences": [
                    {
                        "origin": each.origin,
                        "language": each.language,
                        "count": each.what,
                        "expected": each.expected,
                        "counted": each.counted,
                    }
                    for each in found
                ],
            }
        )
    elif found:
        Console().print(_differences_table(found))
        click.echo(
            "The counts differ: there was other traffic in these hours, or the worker has not read "
            "all of it (see /readyz and the lag)."
        )
    else:
        tokens = sum(cell[0] for cell in expected.values())
        click.echo(
            f"equal: {len(expected)} cells, {requests:,} requests, {tokens:,} tokens, "
            "every one to the token"
        )
    return 1 if found else 0


def _wait_for_counts(
    url: str, expected: dict[str, list[int]], start: float, end: float, wait: float
) -> tuple[dict[str, list[int]], int, list[compare.Difference]]:
    """Return a worker's cells, requests and differences, once they are equal or it is done.

    A worker that has just been started needs time to answer and to be assigned its partitions.
    """
    best, moved_at = -1, time.monotonic()
    give_up_at = moved_at + COMPARE_SECONDS
    while True:
        try:
            is_ready = bool(client.get(url, "/api/v1/shares")["ready"])
            history = client.get(
                url, "/api/v1/history", dimension="joint", step="1h", start=start, end=end
            )
        except client.WorkerUnreachableError:
            if time.monotonic() - moved_at > wait:
                raise
            time.sleep(0.5)
            continue
        counted = compare.counted_cells(history)
        found = compare.differences(expected, counted)
        requests = sum(cell[1] for cell in counted.values())
        now = time.monotonic()
        if requests != best or not is_ready:
            best, moved_at = requests, now
        if not found or now - moved_at > wait or now > give_up_at:
            return counted, requests, found
        time.sleep(0.5)


def _differences_table(differences: Sequence[Difference], rows: int = 20) -> Table:
    """Return a table of the cells in which a worker and the truth differ."""
    table = Table(title=f"{len(differences)} counts differ", title_justify="left")
    for column in ("origin", "language", "count"):
        table.add_column(column)
    for column in ("expected", "counted", "difference"):
        table.add_column(column, justify="right")
    for each in differences[:rows]:
        table.add_row(
            each.origin,
            each.language,
            each.what,
            f"{each.expected:,}",
            f"{each.counted:,}",
            f"{each.counted - each.expected:+,}",
        )
    return table
