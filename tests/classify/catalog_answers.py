"""The catalogue's answers, as the tests compare them."""

from __future__ import annotations

from streams.classify.origin.catalog import Catalog

CATALOG = Catalog.load()
