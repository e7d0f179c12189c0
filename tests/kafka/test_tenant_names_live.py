"""A file of tenants' names is read again as a worker runs; a fault keeps the names before."""

from __future__ import annotations

import pytest
from processes import wait_until
from test_notes_live import value

from streams.classify.tenant import hashed

pytestmark = pytest.mark.kafka

ACME = hashed("acme", b"")
GOOD = "tokenshare_tenant_names_last_reload_successful"
TIME = "tokenshare_tenant_names_last_reload_success_timestamp_seconds"


def test_a_fault_in_the_file_is_on_metrics_until_it_is_mended(make_worker, tmp_path):
    path = tmp_path / "tenants.toml"
    path.write_text(f'{ACME} = "Secretco"\n')
    worker = make_worker(tenant_names=str(path)).start().wait_ready()
    assert value(worker, GOOD) == 1
    first = value(worker, TIME)
    assert first > 0

    path.write_text(f'{ACME} = "Secretco"\nSecretco = "a"\n')
    wait_until(lambda: value(worker, GOOD) == 0, "the fault to be found")
    assert value(worker, TIME) == first
    assert worker.tail().count("line 2: the key is no hash of a tenant") == 1

    path.write_text(f'{ACME} = "Secretco too"\n')
    wait_until(lambda: value(worker, GOOD) == 1, "the mended file to count as good")
    assert value(worker, TIME) > first
    assert "Secretco" not in worker.tail()
    assert "Secretco" not in worker.get("/metrics")
    assert worker.stop() == 0
