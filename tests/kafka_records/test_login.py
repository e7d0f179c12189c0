"""The login of Kafka's clients: which source of tokens they get, and AWS's signature."""

from __future__ import annotations

import base64
import re
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import faust
import pytest

import streams
from streams.kafka import aio_login, login
from streams.kafka.token_source import TokenError
from streams.settings import SettingsError, load
from streams.worker import faust_app

CLIENT = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "OAUTHBEARER",
    "sasl_oauth_token_url": "https://login.example.org/token",
    "sasl_oauth_client_id": "tokenshare",
    "sasl_oauth_client_secret": "hush",
    "sasl_oauth_extensions": "logicalCluster=lkc-1,identityPoolId=pool-1",
}
AWS = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "OAUTHBEARER",
    "sasl_oauth_provider": "aws-msk-iam",
    "sasl_oauth_aws_region": "eu-west-1",
}


def test_equal_settings_share_a_source():
    source = login.source_of(load(**CLIENT))

    assert source is login.source_of(load(**CLIENT))
    assert source is not login.source_of(load(**CLIENT | {"sasl_oauth_client_secret": "other"}))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"sasl_mechanism": "OAUTHBEARER"},
        {"security_protocol": "SASL_SSL", "sasl_username": "u"},
    ],
)
def test_other_logins_have_no_token(settings):
    chosen = load(**settings)

    assert login.source_of(chosen) is None
    assert login.token(chosen) is None
    assert login.problem(chosen) == ""
    assert "sasl_oauth_token_provider" not in login.arguments(chosen) | aio_login.arguments(chosen)


def test_each_client_gets_a_provider_with_the_extensions():
    chosen = load(**CLIENT)
    extensions = {"logicalCluster": "lkc-1", "identityPoolId": "pool-1"}
    for arguments in (login.arguments(chosen), aio_login.arguments(chosen)):
        assert arguments["sasl_mechanism"] == "OAUTHBEARER"
        assert arguments["sasl_oauth_token_provider"].extensions() == extensions
        assert "sasl_plain_password" not in arguments
        assert "hush" not in repr(arguments)
    given = faust_app.credentials(chosen)
    assert isinstance(given, faust.OAuthCredentials)
    assert given.protocol.value == "SASL_SSL"


def test_only_the_login_takes_arguments_without_a_provider():
    root = Path(streams.__file__).parent
    users = {
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if re.search(r"\.kafka_security\(", path.read_text())
    }

    assert users == {"kafka/login.py", "kafka/reconnect.py"}


@pytest.fixture
def no_credentials(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    login._source.cache_clear()


def test_a_token_for_msk_is_signed_offline_with_aws_credentials(no_credentials, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hush")
    token = login.token(load(**AWS))

    signed = base64.urlsafe_b64decode(token.value + "=" * (-len(token.value) % 4)).decode()
    query = parse_qs(urlsplit(signed).query)
    assert urlsplit(signed).netloc == "kafka.eu-west-1.amazonaws.com"
    assert query["Action"] == ["kafka-cluster:Connect"]
    assert query["X-Amz-Credential"][0].startswith("AKIDEXAMPLE/")
    assert query["X-Amz-Credential"][0].endswith("/eu-west-1/kafka-cluster/aws4_request")
    assert query["X-Amz-Expires"] == ["900"]
    assert re.fullmatch(r"[0-9a-f]{64}", query["X-Amz-Signature"][0])
    assert 890 < token.lifetime <= 900
    assert "hush" not in signed


def test_missing_aws_credentials_are_named(no_credentials):
    with pytest.raises(TokenError, match="AWS_ACCESS_KEY_ID"):
        login.token(load(**AWS))


def test_a_missing_package_is_named(monkeypatch, no_credentials):
    monkeypatch.setitem(sys.modules, "aws_msk_iam_sasl_signer", None)
    monkeypatch.delitem(sys.modules, "aws_msk_iam_sasl_signer.MSKAuthTokenProvider", raising=False)
    with pytest.raises(SettingsError, match=r"not installed: pip install .*\[msk\]'"):
        login.arguments(load(**AWS))
