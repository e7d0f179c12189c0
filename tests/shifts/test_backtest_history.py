"""A history in a file or of a worker is read into timelines; a fault is reported with its line."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from backtest_histories import line, read
from traffic_model import START

from streams.shifts.backtest import history_file, worker_history
from streams.shifts.backtest.history_file import HistoryError
from streams.shifts.backtest.timeline import SHOWN_TENANTS, timelines


def test_cells_add_up_by_origin_and_language_and_pane():
    found = read(
        line(),
        line(start=START + 10, seconds=10, language="ru", tenant=None),
        line(start=START + 300, origin="unknown"),
    )
    origin, language = timelines(found)

    assert origin.panes.keys == ("cn-open", "unknown")
    assert origin.panes.tokens[:3].tolist() == [[60, 0], [0, 30], [0, 0]]
    assert origin.panes.squares[:2].tolist() == [[1000, 0], [0, 500]]
    assert language.panes.keys == ("en", "ru")
    assert language.panes.requests[:2].tolist() == [[2, 2], [2, 0]]
    assert origin.hours.requests.tolist() == [[4, 2]]
    assert origin.by_tenant.sums("tokens", [(0, 12)], 2).tolist() == [[30, 30], [0, 0]]


def test_a_long_cell_is_spread_over_its_panes():
    (origin, _) = timelines(read(line(seconds=3600, requests=24, tokens=120)))

    assert origin.panes.requests.ravel().tolist() == [2.0] * 12
    assert origin.panes.tokens.sum() == 120


def test_panes_begin_at_a_whole_hour():
    (origin, _) = timelines(read(line(start=START + 1500)))

    assert origin.panes.start == START
    assert len(origin.panes.tokens) == 12


def test_a_cell_may_leave_out_the_tenant_and_blank_lines_are_none():
    without = orjson.loads(line())
    del without["tenant"]
    found = read(b"", orjson.dumps(without), b"  ", line(tenant=""))

    assert found.tenant.tolist() == [-1, -1]
    assert timelines(found)[0].by_tenant is None


def test_more_languages_than_are_shown_are_other():
    found = read(*(line(language=f"x{place}", tokens=100 - place) for place in range(40)))
    language = timelines(found)[1]

    assert len(language.panes.keys) == 31
    assert language.panes.keys[-1] == "other"
    assert language.panes.tokens.sum() == sum(100 - place for place in range(40))


def test_more_tenants_than_can_be_distinguished_are_no_tenant_together():
    found = read(*(line(tenant=f"t{place}", tokens=1000 - place) for place in range(200)))
    by_tenant = timelines(found)[0].by_tenant

    assert len(by_tenant.tenants) == SHOWN_TENANTS + 1
    assert by_tenant.sums("requests", [(0, 1)], 1)[-1] == 2 * (200 - SHOWN_TENANTS)


FAULTS = {
    "no-json": (b"{", "history.ndjson, line 3: "),
    "a-field-is-missing": (b'{"start": 1}', "line 3: .*missing required field"),
    "a-text-for-a-number": (line(requests="2"), "line 3: .*requests"),
    "before-the-line-above": (line(start=START - 300), "line 3: it starts before the line above"),
    "a-negative-count": (line(tokens=-1), "line 3: a count is negative"),
    "a-negative-price": (line(cost_usd=-1.0), "line 3: a count is negative"),
    "a-price-in-words": (line(cost_usd="1.0"), "line 3: .*cost_usd"),
    "a-price-beyond-floats": (line(cost_usd=1e300), "line 3: a count is too large"),
    "seven-seconds": (line(seconds=7), "line 3: `seconds` must divide 300"),
    "no-seconds": (line(seconds=0), "line 3: `seconds` must divide 300"),
    "off-the-grid": (line(start=START + 1), "line 3: `start` must be a multiple"),
    "milliseconds": (line(start=START * 1000), "line 3: `start` is not a time in unix seconds"),
    "no-utf-8": (b'{"start": "\xff"}', "line 3"),
    "two-cells-in-a-line": (line() + line(tokens=-1), "line 3: JSON is malformed"),
    "a-cell-over-two-lines": (line().replace(b",", b",\n", 1), "line 3: "),
    "more-than-a-float-holds": (
        line(tokens=0).replace(b'"tokens":0', b'"tokens":1' + b"0" * 400),
        "line 3: a count is too large",
    ),
    "more-than-can-be-squared": (
        line(tokens=0).replace(b'"tokens":0', b'"tokens":1' + b"0" * 200),
        "line 3: a count is too large",
    ),
    "seconds-of-a-thousand-years": (line(seconds=3 * 10**10), "line 3: `seconds` is more than"),
    "a-time-that-panes-cannot-number": (
        line(start=3 * 10**11 * 2),
        "line 3: `start` is not a time in unix seconds",
    ),
}


@pytest.mark.parametrize(("bad", "said"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_reported_by_file_and_line(bad, said):
    with pytest.raises(HistoryError, match=said):
        read(line(), b"", bad, line())


def test_lines_are_numbered_beyond_what_is_read_at_once(monkeypatch):
    monkeypatch.setattr(history_file, "_READ_BYTES", 100)

    with pytest.raises(HistoryError, match="line 51: a count is negative"):
        read(*[line()] * 50, line(tokens=-1))
    assert len(read(*[line()] * 50).pane) == 50


def test_an_empty_history_and_one_of_a_wild_time_are_reported():
    with pytest.raises(HistoryError, match="no lines"):
        read()
    with pytest.raises(HistoryError, match="spans more than"):
        read(line(start=0), line())


def test_a_history_without_a_request_is_reported():
    with pytest.raises(HistoryError, match="no requests"):
        read(line(requests=0, tokens=0, tokens_squared=0))


def test_a_workers_history_has_no_tenants_and_no_squares():
    point: dict[str, Any] = {"start": START, "cells": {"cn-open/en": [1200, 12, 600, 600]}}
    found = worker_history.of_worker({"seconds": 3600, "points": [point]})

    assert not found.has_squares
    assert found.tenant.tolist() == [-1] * 12
    # n_eff = T^2 / Q is 20 % of the requests.
    assert found.tokens.sum() ** 2 / found.squares.sum() == pytest.approx(12 * 0.2)
    assert found.cost is None


def test_a_workers_history_has_the_cost_of_each_cell_that_has_prices():
    cells = {
        "cn-open/en": [1200, 12, 600, 600, None, 0.03],
        "closed/en": [600, 6, 300, 300, 500, None],
    }
    found = worker_history.of_worker(
        {"seconds": 3600, "points": [{"start": START, "cells": cells}]}
    )
    (origin, _) = timelines(found)
    prices = origin.panes.prices

    # What follows the counts of tokens is not their squares.
    assert not found.has_squares
    assert origin.panes.squares.sum() == pytest.approx((1200**2 / 12 + 600**2 / 6) * 5)
    assert prices.cost.sum(axis=0) == pytest.approx([30_000, 0])
    assert prices.requests.sum(axis=0).tolist() == pytest.approx([12, 0])
    assert prices.tokens.sum(axis=0) == pytest.approx([1200, 0])


def test_a_cell_may_have_a_price():
    priced = orjson.loads(line(tokens=30, tokens_squared=500, requests=2))
    lines = [
        orjson.dumps(priced | {"cost_usd": 0.5}),
        orjson.dumps(priced | {"cost_usd": None}),
        orjson.dumps(priced | {"cost_usd": 0}),
    ]
    (origin, language) = timelines(read(*lines))
    prices = origin.panes.prices

    assert prices.cost[0].tolist() == [500_000]
    # As the tokens: of two requests, one has 20 of the 30 tokens and the other one 10.
    assert prices.squares[0] == pytest.approx([500_000**2 * 500 / 900])
    assert prices.requests[0].tolist() == [4]
    assert prices.tokens[0].tolist() == [60]
    assert origin.hours.prices.cost.tolist() == [[500_000]]
    assert origin.days.prices.cost.tolist() == [[500_000]]
    assert language.panes.prices is None


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        None,
        {"seconds": 3600, "points": [{"start": "x", "cells": {}}]},
        {"seconds": 3600, "points": [{"start": START, "cells": {"cn-open": [1, 1, 1, 1]}}]},
        {"seconds": 3600, "points": [{"start": START, "cells": {"cn-open/en": [1, 1]}}]},
        {"seconds": 3600, "points": [{"start": START, "cells": {"cn-open/en": [1, None, 1, 1]}}]},
        {"seconds": 3600, "points": [{"start": 2**60, "cells": {"cn-open/en": [1, 1, 1, 1]}}]},
        {"points": [{"start": START, "cells": {"cn-open/en": [1, 1, 1, 1]}}]},
    ],
)
def test_what_is_not_a_workers_history_is_reported(body):
    with pytest.raises(HistoryError, match="give the address of a tokenshare worker"):
        worker_history.of_worker(body)
