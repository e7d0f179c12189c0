"""Fixtures of a running bridge, and of the packages that write to it."""

from __future__ import annotations

import os

import pytest
from bridge_posts import make_bridge, topic
from emitter_packages import MissingPackagesError, jars, modules, python
from mocked_models import MockedModels

from streams.demo.broker import EmbeddedBroker

__all__ = ["make_bridge", "topic"]


@pytest.fixture(scope="session")
def bootstrap():
    with EmbeddedBroker() as broker:
        yield broker.bootstrap


@pytest.fixture
def models():
    with MockedModels() as made:
        yield made


@pytest.fixture(scope="session")
def packages():
    """Return where the packages of a language are; without them a skip, and a failure in CI."""
    where = {"python": python, "node": modules, "java": jars}

    def find(language):
        try:
            return where[language]()
        except MissingPackagesError as error:
            if os.environ.get("CI"):
                pytest.fail(str(error))
            pytest.skip(str(error))

    return find
