"""A bridge that cannot start ends with the setting that is wrong."""

from __future__ import annotations

import pytest

from streams import process
from streams.gateway.bridge import run
from streams.settings import load


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (
            {"security_protocol": "SASL_PLAINTEXT", "sasl_username": "user"},
            "TOKENSHARE_SASL_PASSWORD_FILE",
        ),
        ({"security_protocol": "SSL"}, "TOKENSHARE_SSL_CA_FILE"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(given, named, tmp_path, caplog):
    setting = named.removeprefix("TOKENSHARE_").lower()
    settings = load(
        bootstrap_servers="127.0.0.1:1",
        bridge_port=0,
        detect_language=False,
        broker_wait_seconds=0,
        **{setting: tmp_path / "none"},
        **given,
    )
    assert run.run(settings) == process.MISCONFIGURED
    assert named in caplog.text
