"""What all tests share."""

from __future__ import annotations

import os
from importlib.metadata import version
from itertools import groupby
from operator import itemgetter

import pytest
from hypothesis import HealthCheck, settings

# The machines that run these are shared: a slow example is not a fault.
# All examples of each law, for `.ci/run`: --hypothesis-profile thorough.
settings.register_profile("thorough", deadline=None, suppress_health_check=[HealthCheck.too_slow])
# A fifth of them, for `make check`, and half of them where nothing is said.
settings.register_profile("short", settings.get_profile("thorough"), max_examples=20)
settings.register_profile("half", settings.get_profile("thorough"), max_examples=50)
settings.load_profile("half")


def pytest_report_header():
    names = ("faust-streaming", "aiokafka", "kafka-python", "msgspec", "prometheus-client")
    return ", ".join(f"{name} {version(name)}" for name in names)


@pytest.fixture(scope="session")
def nothing_here(tmp_path_factory):
    """Return an empty folder, for the thousands of tests that need none of their own."""
    return tmp_path_factory.mktemp("nothing_here")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(request, monkeypatch, nothing_here):
    for name in [name for name in os.environ if name.startswith("TOKENSHARE_")]:
        monkeypatch.delenv(name)
    if "tmp_path" in request.fixturenames:
        monkeypatch.chdir(request.getfixturevalue("tmp_path"))
        yield
        return
    monkeypatch.chdir(nothing_here)
    yield
    left = [each.name for each in nothing_here.iterdir()]
    for name in left:
        (nothing_here / name).unlink()
    assert not left, "a test that writes files asks for tmp_path"


def pytest_xdist_auto_num_workers(config):
    """Return how many tests run at a time: one a processor, but four if they wait for Kafka."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    if "not kafka" in config.option.markexpr:
        return processors
    # Each has a broker of its own.
    return max(processors, min(4, 2 * processors))


def pytest_collection_modifyitems(items):
    """Spread the modules that wait for Kafka evenly among those that keep a processor busy.

    Each process gets a run of neighbours: with all of Kafka's together, the processors would be
    idle at the end. Modules stay whole, so that each sets up its broker once.
    """
    modules = [list(group) for _, group in groupby(items, key=lambda item: item.path)]
    waiting = [each for each in modules if each[0].get_closest_marker("kafka")]
    busy = [each for each in modules if not each[0].get_closest_marker("kafka")]
    placed = []
    for kind in (waiting, busy):
        done = 0
        for module in kind:
            placed.append(((done + len(module) / 2) / sum(map(len, kind)), module))
            done += len(module)
    items[:] = [item for _, module in sorted(placed, key=itemgetter(0)) for item in module]


def pytest_addoption(parser):
    parser.addoption(
        "--broker",
        choices=("embedded", "apache"),
        default="embedded",
        help="which broker tests/kafka runs on: the embedded one, or Apache Kafka from its jars",
    )
