"""`tokenshare tenant` and `settings`."""

from __future__ import annotations

from test_cli import answers, called

from streams.classify.tenant import hashed
from streams.classify.tenant_names import parse


def test_settings_name_a_misspelt_variable():
    done = called("settings", TOKENSHARE_TOPC="x", TOKENSHARE_XYZZY="y")

    assert done.returncode == 1
    assert "TOKENSHARE_TOPIC=llm-usage" in done.stdout
    assert "TOKENSHARE_TOPC is not a setting. Did you mean TOKENSHARE_TOPIC?" in done.stderr
    assert "TOKENSHARE_XYZZY is not a setting. Remove it." in done.stderr
    assert called("settings").returncode == 0


def test_tenant_prints_the_hash_that_a_worker_counts_under():
    done = called("tenant", "-", "acme", stdin="a b\n\n", TOKENSHARE_TENANT_SALT="s" * 32)

    assert [each["name"] for each in answers(done)] == ["a b", "acme"]
    assert [each["hash"] for each in answers(done)] == [
        hashed(name, b"s" * 32) for name in ("a b", "acme")
    ]
    assert done.stderr == ""
    assert "SALT is empty" in called("tenant", "acme", TOKENSHARE_TENANT_SALT="").stderr


def test_tenant_prints_lines_ready_for_the_file_of_names():
    done = called("tenant", "--toml", 'a "b"', "acme", TOKENSHARE_TENANT_SALT="s" * 32)

    assert parse(done.stdout.encode(), "tenants.toml").by_hash == {
        hashed(name, b"s" * 32): name for name in ('a "b"', "acme")
    }
