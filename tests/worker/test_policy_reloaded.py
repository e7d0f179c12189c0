"""A worker applies the file of a policy, and reads it again; no name of a tenant leaves it."""

from __future__ import annotations

import asyncio
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from test_lag import Follower, made
from test_metrics import labels, scrape
from test_tenant_names_reloaded import at_once, until
from test_view import NOW, position

from streams.classify.tenant import hashed
from streams.settings import Settings
from streams.shares.policy_file import PolicyError
from streams.state.codec import PaneKey, encode_pane, pane_key
from streams.state.pane import TENANTS, Pane, pane_start
from streams.worker import doctor, reloading

__all__ = ["at_once"]

ACME = hashed("Secretco", b"pepper")
METRIC = "llm_policy_excluded_tokens"
GROUP = '[groups.eu]\ntenants = ["Secretco"]\nexcluded_origins = ["cn-open"]\n'


def settings_of(path):
    return Settings(policy=path, tenant_salt="pepper")


def counted(**tokens):
    keys = {
        f"{ACME}/o/{origin.replace('_', '-')}": [1, each, 0, 0] for origin, each in tokens.items()
    }
    key = pane_key(0, PaneKey(TENANTS, pane_start(TENANTS, NOW)))
    return key, encode_pane(Pane({}, {}, keys, 1), 1)


def with_tenants():
    """Return a publisher whose view has a tenant's hour, and its snapshot."""
    publisher = made(Follower())
    publisher._view.apply(*counted(cn_open=700, row_open=20))
    publisher._view.apply(*position())
    return publisher


async def shown(publisher):
    while not publisher.move_windows(NOW):
        pass
    publisher.take_snapshot(NOW)
    await publisher.update_policy()
    publisher.take_snapshot(NOW)
    return scrape(publisher.snapshot)


def test_a_snapshot_has_the_tokens_of_groups_by_excluded_origin(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(GROUP + '[groups.labs]\ntenants = ["x"]\nexcluded_origins = ["unknown"]\n')
    publisher = with_tenants()
    policy = reloading.read(settings_of(path)).policy
    publisher.use_policy(policy)

    samples = asyncio.run(shown(publisher))

    assert samples[METRIC] == {
        labels(group="eu", origin="cn-open"): 700,
        labels(group="labs", origin="unknown"): 0,
    }
    assert samples["tokenshare_policy_last_reload_successful"] == {(): 1}
    at = samples["tokenshare_policy_last_reload_success_timestamp_seconds"]
    assert at == {(): policy.read_at}


def test_without_a_file_there_is_no_series_of_it():
    samples = asyncio.run(shown(with_tenants()))

    assert not [name for name in samples if "policy" in name]


def test_before_the_first_snapshot_nothing_is_said(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(GROUP)
    publisher = made(Follower())
    publisher.use_policy(reloading.read(settings_of(path)).policy)

    asyncio.run(publisher.update_policy())
    publisher.take_snapshot(NOW)

    assert METRIC not in scrape(publisher.snapshot)


def test_the_file_is_read_again_and_a_fault_in_it_keeps_the_old_one(tmp_path, at_once, caplog):
    caplog.set_level(logging.INFO)
    path = tmp_path / "policy.toml"
    path.write_text(GROUP)
    publisher = with_tenants()
    publisher.use_policy(reloading.read(settings_of(path)).policy)

    class Worker:
        settings: Any = SimpleNamespace(
            catalog_overrides=None,
            notes=None,
            tenant_names=None,
            policy=path,
            tenant_salt=settings_of(path).tenant_salt,
        )

        @property
        def snapshot(self):
            return publisher.snapshot

    worker: Any = Worker()
    worker.publisher = publisher

    def groups():
        return [each.name for each in publisher.snapshot.policy.groups]

    async def live():
        (watch,) = map(asyncio.create_task, reloading.watching(worker))
        path.write_text(GROUP.replace("eu", "us"))
        await until(lambda: groups() == ["us"])
        path.write_text(GROUP + 'Secretco = "a"\n')
        await until(lambda: publisher.snapshot.policy.is_current is False)
        samples = await shown(publisher)
        assert samples["tokenshare_policy_last_reload_successful"] == {(): 0}
        assert samples[METRIC] == {labels(group="us", origin="cn-open"): 700}
        path.write_text(GROUP)
        await until(lambda: groups() == ["eu"])
        assert publisher.snapshot.policy.is_current is True
        path.write_text("")
        await until(lambda: groups() == [])
        assert METRIC not in await shown(publisher)
        watch.cancel()

    asyncio.run(live())

    assert "is in force: 1 groups of tenants" in caplog.text
    assert 'line 4: groups."eu": has a key that is not understood' in caplog.text
    assert "the groups of tenants read before stay in force" in caplog.text
    assert "Secretco" not in caplog.text


def test_a_worker_does_not_start_with_a_fault_in_the_file(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(GROUP.replace("cn-open", "cn"))

    with pytest.raises(PolicyError, match="line 3"):
        reloading.read(settings_of(path))
    (found,) = doctor._files(settings_of(path))
    assert "line 3" in found.problem
    assert found.remedy.startswith("Use cn-open, ")


def test_the_doctor_counts_the_groups(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text(GROUP)

    (found,) = doctor._files(settings_of(path))

    assert found.fact == f"1 groups from {path}"
