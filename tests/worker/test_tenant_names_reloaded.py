"""A worker reads the file of tenants' names again; the names reach answers and no log."""

from __future__ import annotations

import asyncio
import csv
import logging
from types import SimpleNamespace
from typing import Any

import pytest

from streams.classify.tenant import hashed
from streams.classify.tenant_names import TenantNames, TenantNamesError
from streams.settings import Settings
from streams.shifts.attribution import Part, attribute
from streams.shifts.movers import Moved, Shift
from streams.shifts.shift import KeyShift
from streams.web import csv_export, responses
from streams.worker import doctor, reloading

ACME = hashed("acme", b"s" * 32)


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(reloading, "CHECK_SECONDS", 0.001)


async def until(holds):
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - of a file that another task reads
            await asyncio.sleep(0.001)


def test_the_file_is_read_again_and_a_fault_in_it_keeps_the_old_one(tmp_path, at_once, caplog):
    caplog.set_level(logging.INFO)
    path = tmp_path / "tenants.toml"
    path.write_text("")
    names = reloading.read(Settings(tenant_names=path)).tenant_names
    worker: Any = SimpleNamespace(
        tenant_names=names,
        settings=SimpleNamespace(
            catalog_overrides=None, notes=None, tenant_names=path, policy=None
        ),
    )

    async def live():
        (watch,) = map(asyncio.create_task, reloading.watching(worker))
        path.write_text(f'{ACME} = "Secretco"\n')
        await until(lambda: worker.tenant_names.of(ACME) == "Secretco")
        path.write_text(f'{ACME} = "Secretco"\nSecretco = "a"\n')
        await until(lambda: worker.tenant_names.is_current is False)
        assert worker.tenant_names.of(ACME) == "Secretco"
        path.write_text(f'{ACME} = "Secretco too"\n')
        await until(lambda: worker.tenant_names.of(ACME) == "Secretco too")
        assert worker.tenant_names.is_current is True
        watch.cancel()

    asyncio.run(live())

    assert "is in force: 1 names of tenants" in caplog.text
    assert "line 2: the key is no hash of a tenant" in caplog.text
    assert "the names of tenants read before stay in force" in caplog.text
    assert "Secretco" not in caplog.text


def test_a_worker_does_not_start_with_a_fault_in_the_file(tmp_path):
    path = tmp_path / "tenants.toml"
    path.write_text('acme = "Acme"\n')
    settings = Settings(tenant_names=path)

    with pytest.raises(TenantNamesError, match="line 1"):
        reloading.read(settings)
    (found,) = doctor._files(settings)
    assert "line 1" in found.problem
    assert found.remedy.startswith("Write lines like")


def moved(names):
    statistics = KeyShift("cn-open", 0.3, 0.01, 0.2, 0.1, 0.01, 4.0, 0.03, None, 100.0)
    shift = Shift("origin", "cn-open", "tokens", "24h", 0.0, statistics, frozenset({"cn-open"}))
    tenants = attribute(
        Part({ACME: 20.0, "0" * 16: 10.0}, 30.0, 100.0),
        Part({ACME: 5.0, "0" * 16: 15.0}, 20.0, 100.0),
        8,
    )
    joint = attribute(Part({"de": 30.0}, 30.0, 100.0), Part({"de": 20.0}, 20.0, 100.0), 8)
    return responses.moved(shift, Moved(None, joint, tenants), (), names.of)


def test_answers_have_the_name_beside_the_hash():
    body = moved(TenantNames({ACME: "Acme, search"}))

    assert [(each["key"], each["name"]) for each in body["tenants"]["movers"]] == [
        (ACME, "Acme, search"),
        ("0" * 16, "0" * 16),
    ]
    assert [(each["key"], each["name"]) for each in body["joint"]["movers"]] == [("de", "de")]


def test_a_csv_of_movers_has_the_names_too():
    names = TenantNames({ACME: "Acme, search"})
    rows = [*csv.DictReader(csv_export.movers(moved(names)).decode().splitlines())]

    assert [(each["by"], each["key"], each["name"]) for each in rows] == [
        ("language", "de", "German"),
        ("tenant", ACME, "Acme, search"),
        ("tenant", "0" * 16, "0" * 16),
    ]
    assert float(rows[1]["now"]) - float(rows[1]["before"]) == pytest.approx(
        float(rows[1]["contribution"]), abs=1e-9
    )
