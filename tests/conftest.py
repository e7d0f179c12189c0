"""What all tests share."""

from __future__ import annotations

import os
from importlib.metadata import version

import pytest
from hypothesis import HealthCheck, settings

# The machines that run these are shared: a slow example is no finding.
settings.register_profile("tokenshare", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tokenshare")

#: Where a missing tool is a failure and no reason to skip.
IN_CI = bool(os.environ.get("CI"))


def pytest_report_header():
    names = ("faust-streaming", "aiokafka", "kafka-python", "msgspec", "prometheus-client")
    return ", ".join(f"{name} {version(name)}" for name in names)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith("TOKENSHARE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def pytest_addoption(parser):
    parser.addoption(
        "--broker",
        choices=("embedded", "apache"),
        default="embedded",
        help="which broker tests/kafka runs on: the embedded one, or Apache Kafka from its jars",
    )
