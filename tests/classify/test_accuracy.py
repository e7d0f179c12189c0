"""The catalogue keeps what it has reached on labelled ids; tests/accuracy says whose they are."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "accuracy"))

import origins

from streams.classify.origin.catalog import Catalog

CATALOG = Catalog.load()


@pytest.mark.parametrize("part", ["dev", "held"])
def test_origins_are_right_or_unknown(part):
    figures = origins.measure(part, CATALOG)

    assert figures["right"] >= 0.99
    assert figures["answered"] >= 0.93
    assert figures["routers and aliases answered"] == 0


@pytest.mark.parametrize(("part", "rest"), [("dev", 0), ("held", 1)])
def test_an_id_is_in_the_half_that_its_hash_says(part, rest):
    rows = origins.labelled(part)

    assert len(rows) > 800
    assert all(hashlib.sha256(row.model.encode()).digest()[0] % 2 == rest for row in rows)
    assert {row.origin for row in rows} == origins.ANSWERABLE | {"unknown", "unanswerable"}


@pytest.mark.slow
def test_no_measured_id_is_one_that_the_catalogue_was_built_on():
    built_on = {model.lower() for model in origins.price_list()}
    added = {"unknown", "unanswerable"}

    both = [
        row.model
        for part in ("dev", "held")
        for row in origins.labelled(part)
        if row.model.lower() in built_on and row.origin not in added
    ]
    assert len(both) <= 14, both
