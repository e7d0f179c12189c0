"""A state of the version before is read, carried on and equal in every old figure."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

import pytest

from streams.classify.classifier import Classifier
from streams.classify.origin.catalog import Catalog
from streams.counting.partition import Partition
from streams.decode.event import UsageEvent
from streams.decode.rows import Reading, rows_of
from streams.shares.measures import measured_ratio, priced_ratio, value_of
from streams.shares.sums import SumsCache
from streams.shares.windows import Windows
from streams.state.codec import (
    STATE_VERSION,
    decode_pane,
    decode_position,
    encode_pane,
    order,
    parse_key,
    write_again,
)
from streams.state.counts import CORE, UNMEASURED, at, tokens_of
from streams.state.packing import pack
from streams.state.seal import NO_PART
from streams.state.view import View

HERE = Path(__file__).parent
NOW = 1_800_000_000.0
#: The last commit whose workers counted no costs, and stored state version 2.
BEFORE = "08247cb"
CATALOG = Catalog.load()


def records(lines):
    for line in lines:
        record = json.loads(line)
        yield record["key"], base64.b64decode(record["value"]), record["counted"]


@pytest.fixture(scope="module")
def stored():
    return [*records((HERE / "state_before_costs.jsonl").read_text().splitlines())]


def core(counted):
    return {key: counts[:CORE] for key, counts in counted.items()}


def check_equal(found):
    panes = 0
    for key, value, counted in found:
        if parse_key(key)[1] is None:
            totals = decode_position(value).totals
            assert [totals.origins, totals.languages, totals.developers] == counted
            continue
        panes += 1
        pane = decode_pane(value)
        assert [*map(core, (pane.cells, pane.models, pane.tenants)), pane.stamp] == counted
        for counts in (*pane.cells.values(), *pane.models.values()):
            # What the version before did not count is not known, and not zero.
            assert at(counts, UNMEASURED) == tokens_of(counts)
            assert value_of("cost", counts) is None
            if tokens_of(counts):
                assert value_of("uncached_tokens", counts) is None
    return panes


def test_every_figure_of_the_version_before_is_read_as_it_was(stored):
    assert check_equal(stored) == 10


def test_panes_are_carried_on_and_say_what_part_is_measured(stored):
    view = View()
    for key, value, _ in stored:
        view.apply(key, value)
    partition = Partition.restore(0, 4, view.of_partition(0))
    classifier = Classifier(CATALOG)
    start = partition.position
    event = UsageEvent(
        *("gpt-4o", 10**9, 0, NOW - 1, "en", None, None),
        *(10**8, None, "0.25", "openai"),
    )
    partition.apply(
        Reading(start, start + 1, rows_of([start], [None], [event], classifier)), classifier, NOW
    )
    flush = partition.begin_flush()
    for key, value in (*flush.panes.items(), flush.position):
        view.apply(key, value)

    windows = Windows(view, SumsCache(view, CATALOG))
    windows.advance(NOW)
    for name, sums in windows.sums().items():
        before = sum(
            tokens_of(counts)
            for key, _, counted in stored
            if (pane := parse_key(key)[1]) is not None and not pane.level.of_tenants
            for counts in counted[0].values()
            if pane.level.name == {"24h": "5m", "7d": "1h"}.get(name, "10s")
        )
        (whole,) = (
            [sum(each) for each in zip(*rows, strict=True)] for rows in [padded(sums.joint)]
        )
        assert tokens_of(whole) == before + 10**9
        assert measured_ratio(whole) == pytest.approx(10**9 / (before + 10**9), rel=1e-12)
        assert priced_ratio(whole) == measured_ratio(whole)
        assert value_of("uncached_tokens", whole) == 9 * 10**8
        assert value_of("cost", whole) == 250_000_000
    for value in flush.panes.values():
        assert order(value) == (4, start)
    totals = decode_position(flush.position[1]).totals
    assert totals.origins["row-proprietary"][:3] == [1, 10**9, 0]


def padded(joint):
    return [counts + [0] * (UNMEASURED + 1 - len(counts)) for counts in joint.values()]


def test_a_pane_that_is_written_again_stays_what_it_is(stored):
    # Only its marks change: its counts are still those of the version before.
    key, value, counted = stored[0]
    assert parse_key(key)[1] is not None
    again = write_again(value, 9, 5, NO_PART)
    assert order(again)[0] == 9
    check_equal([(key, again, counted)])


def test_a_pane_that_was_read_is_stored_in_as_few_bytes(stored):
    for key, value, _ in stored:
        if parse_key(key)[1] is None:
            continue
        pane = decode_pane(value)
        plain = [core(each) for each in (pane.cells, pane.models, pane.tenants)]
        assert len(pack(pane.cells, pane.models, pane.tenants)) < len(pack(*plain)) + 40
        assert decode_pane(encode_pane(pane, 1)) == pane


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Return a folder with the code of the version before, from git."""
    archive = subprocess.run(
        ["git", "archive", BEFORE, "streams"], cwd=HERE.parents[1], capture_output=True, check=False
    )
    if archive.returncode:
        pytest.skip("this clone has no history that reaches back to the version before")
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def run_before(before, *arguments, **rest):
    # Without the paths of this version: an editable install puts them behind PYTHONPATH.
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        env=os.environ | {"PYTHONPATH": str(before)},
        cwd=before,
        capture_output=True,
        text=True,
        check=False,
        **rest,
    )


@pytest.mark.slow
def test_two_years_written_by_the_version_before_are_read(before):
    found = run_before(before, str(HERE / "write_old_state.py"), "1000", "2")
    assert not found.returncode, found.stderr

    lines = found.stdout.splitlines()
    days = [line for line in lines if '"0/1d/' in line]
    assert len(days) >= 731
    assert check_equal(records(lines)) == len(lines) - 2


@pytest.mark.slow
def test_the_version_before_refuses_what_this_one_writes(before, stored):
    pane = decode_pane(stored[0][1])
    value = base64.b64encode(encode_pane(pane, 1)).decode()
    asked = "import base64, sys; from streams.state.codec import order; "
    found = run_before(before, "-c", f"{asked}order(base64.b64decode(sys.argv[1]))", value)

    assert f"StateError: state version {STATE_VERSION}, this tokenshare reads 2" in found.stderr
