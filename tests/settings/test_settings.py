"""A wrong setting names itself and the remedy; a secret stays one."""

from __future__ import annotations

import re
import subprocess
from itertools import product
from typing import Literal, get_args, get_origin

import pytest
from every import every

from streams import settings
from streams.settings import SettingsError, load, unknown_variables


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WEB_PORT", "http"),
        ("WEB_PORT", "70000"),
        ("BOOTSTRAP_SERVERS", "kafka"),
        ("BOOTSTRAP_SERVERS", "kafka:port"),
        ("BOOTSTRAP_SERVERS", ""),
        ("TOPIC", "my topic"),
        ("TOPIC", ""),
        ("GROUP", "a/b"),
        ("FLUSH_SECONDS", "0"),
        ("SECURITY_PROTOCOL", "TLS"),
        ("PARTITIONS", "0"),
        ("WEB_HOSTS", "https://shares.example"),
        ("WEB_HOSTS", "worker:6066"),
        ("BRIDGE_HOSTS", "bridge,*"),
        ("WEB_CORS_ORIGINS", "shares.example"),
        ("WEB_FRAME_ANCESTORS", "*"),
        ("WEB_FRAME_ANCESTORS", "wiki.example.org"),
        ("WEB_FRAME_ANCESTORS", "https://wiki.example.org; script-src *"),
        ("WEB_FRAME_ANCESTORS", "https://wiki.example.org/page"),
        ("WEB_FRAME_ANCESTORS", "https://a.example https://b.example"),
        ("WEB_FRAME_ANCESTORS", "data:"),
        ("WEB_FRAME_ANCESTORS", "none"),
    ],
)
def test_a_wrong_setting_names_itself(monkeypatch, name, value):
    monkeypatch.setenv(f"TOKENSHARE_{name}", value)

    with pytest.raises(SettingsError, match=f"TOKENSHARE_{name}"):
        load()


@pytest.mark.parametrize(
    ("name", "field"),
    [
        (name, field)
        for name, field in settings.Settings.model_fields.items()
        if get_origin(field.annotation) is Literal
    ],
)
def test_a_setting_of_few_values_names_them_all(name, field):
    assert all(
        re.search(rf"\b{value}\b", field.description) for value in get_args(field.annotation)
    )


def test_several_brokers_are_separated_by_commas(monkeypatch):
    monkeypatch.setenv("TOKENSHARE_BOOTSTRAP_SERVERS", "a:9092, b:9093,[::1]:9094")

    assert load().bootstrap_servers == ("a:9092", "b:9093", "[::1]:9094")


def test_pages_that_may_embed_are_named_as_people_write_them(monkeypatch):
    allowed = "'self', https://*.example.org:8443,http://[::1]:*"
    monkeypatch.setenv("TOKENSHARE_WEB_FRAME_ANCESTORS", allowed)

    assert load().web_frame_ancestors == (
        *("self", "https://*.example.org:8443", "http://[::1]:*"),
    )


def test_a_dotenv_file_in_the_working_directory_counts_and_the_environment_wins(
    monkeypatch, tmp_path
):
    (tmp_path / ".env").write_text("TOKENSHARE_TOPIC=from-file\nTOKENSHARE_GROUP=from-file\n")
    monkeypatch.setenv("TOKENSHARE_GROUP", "from-environment")

    assert (load().topic, load().group) == ("from-file", "from-environment")


def test_sasl_without_a_user_says_which_setting_is_missing(monkeypatch):
    monkeypatch.setenv("TOKENSHARE_SECURITY_PROTOCOL", "SASL_SSL")

    with pytest.raises(SettingsError, match="TOKENSHARE_SASL_USERNAME"):
        load()


OAUTH = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "OAUTHBEARER",
    "sasl_oauth_token_url": "https://login.example.org/token",
    "sasl_oauth_client_id": "c",
    "sasl_oauth_client_secret": "hush",
}


@pytest.mark.parametrize(
    "missing", ["sasl_oauth_token_url", "sasl_oauth_client_id", "sasl_oauth_client_secret"]
)
def test_oauth_without_one_of_its_settings_says_which_is_missing(missing):
    with pytest.raises(SettingsError, match=f"TOKENSHARE_{missing.upper()} is empty"):
        load(**OAUTH | {missing: ""})


def test_msk_needs_a_region_and_no_client():
    msk = {name: OAUTH[name] for name in ("security_protocol", "sasl_mechanism")}
    msk["sasl_oauth_provider"] = "aws-msk-iam"
    with pytest.raises(SettingsError, match="TOKENSHARE_SASL_OAUTH_AWS_REGION is empty"):
        load(**msk)
    assert load(**msk, sasl_oauth_aws_region="us-gov-west-1").sasl_oauth_aws_region
    with pytest.raises(SettingsError, match="TOKENSHARE_SASL_OAUTH_AWS_REGION"):
        load(**msk, sasl_oauth_aws_region="evil.example.org/")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sasl_oauth_token_url", "login.example.org/token"),
        ("sasl_oauth_token_url", "http://login.example.org/token"),
        ("sasl_oauth_token_url", "http://127.0.0.1.example.org/token"),
        ("sasl_oauth_token_url", "https://user:hush@login.example.org/token"),
        ("sasl_oauth_token_url", "https://login.example.org:port/token"),
        ("sasl_oauth_token_url", "https://login.example.org/a b"),
        ("sasl_oauth_token_url", "https:///token?hush"),
        ("sasl_oauth_token_url", "file:///etc/passwd"),
        ("sasl_oauth_token_url", "https://[::1/token"),
        ("sasl_oauth_scope", "a\nb"),
        ("sasl_oauth_client_id", "c\n"),
        ("sasl_oauth_client_secret", "hush\n"),
        ("sasl_oauth_extensions", "name"),
        ("sasl_oauth_extensions", "auth=Bearer"),
        ("sasl_oauth_extensions", "a-b=1"),
        ("sasl_oauth_extensions", "a=1\x01auth"),
        ("sasl_oauth_client_auth", "jwt"),
        ("sasl_oauth_provider", "google"),
    ],
)
def test_a_setting_of_oauth_that_is_wrong_is_named(name, value):
    with pytest.raises(SettingsError, match=f"TOKENSHARE_{name.upper()}") as caught:
        load(**OAUTH | {name: value})
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost", "[::1]:80"])
def test_http_is_allowed_on_this_machine(host):
    assert load(**OAUTH | {"sasl_oauth_token_url": f"http://{host}/token"})


def test_a_missing_certificate_names_its_setting(tmp_path):
    with pytest.raises(SettingsError, match="TOKENSHARE_SSL_CA_FILE"):
        load(security_protocol="SSL", ssl_ca_file=tmp_path / "none.pem").ssl_context()


@pytest.mark.parametrize(
    "name",
    [
        *("catalog_overrides", "sasl_oauth_ca_file", "sasl_password_file"),
        *("ssl_ca_file", "ssl_cert_file", "ssl_key_file"),
    ],
)
def test_a_file_that_is_set_to_nothing_is_not_set(name, monkeypatch):
    monkeypatch.setenv(f"TOKENSHARE_{name.upper()}", "")

    assert getattr(load(), name) is None


def test_secrets_are_masked_wherever_settings_are_shown():
    chosen = load(sasl_username="u", sasl_password="hush", tenant_salt="pepper")

    shown = repr(settings.current(chosen)) + repr(chosen) + str(chosen)
    assert "hush" not in shown
    assert "pepper" not in shown
    assert ("TOKENSHARE_SASL_PASSWORD", "********") in settings.current(chosen)


def test_a_misspelt_variable_is_found_and_kubernetes_own_are_not():
    environment = {
        "TOKENSHARE_TOPICS": "x",
        "TOKENSHARE_TOPIC": "x",
        "TOKENSHARE_QWERTZ": "x",
        "TOKENSHARE_PORT": "tcp://10.0.0.1:6066",
        "TOKENSHARE_PORT_6066_TCP_ADDR": "10.0.0.1",
        "TOKENSHARE_SERVICE_HOST": "10.0.0.1",
        "HOME": "x",
    }

    assert unknown_variables(environment) == [
        ("TOKENSHARE_QWERTZ", ""),
        ("TOKENSHARE_TOPICS", "TOKENSHARE_TOPIC"),
    ]


def test_source_changelog_and_dead_letters_are_three_topics():
    for wrong in ({"dead_letter_topic": "llm-usage"}, {"topic": "tokenshare-panes-changelog"}):
        with pytest.raises(SettingsError, match="they must be three"):
            load(**wrong)


def test_a_dotenv_file_that_is_not_text_is_named(tmp_path):
    (tmp_path / ".env").write_bytes(b"TOKENSHARE_TOPIC=\xff\xfe\n")

    with pytest.raises(SettingsError, match=r"\.env"):
        load()


def test_a_misspelt_variable_in_the_dotenv_file_is_found_too(tmp_path):
    (tmp_path / ".env").write_text("TOKENSHARE_TOPCI=usage\n")

    assert ("TOKENSHARE_TOPCI", "TOKENSHARE_TOPIC") in unknown_variables(settings.environment())


def test_names_of_topics_follow_from_the_group_and_the_source():
    chosen = load(topic="usage", group="team")

    assert chosen.changelog_topic == "team-panes-changelog"
    assert chosen.dead_letters == "usage-dead-letter"
    assert load(dead_letter_topic="bad").dead_letters == "bad"


@pytest.mark.parametrize(
    ("text", "password"),
    [("hush", "hush"), ("hush\n", "hush"), ("hush\r\n", "hush"), (" hush \n\n", " hush \n")],
)
def test_a_password_comes_from_its_file_without_the_line_end(tmp_path, text, password):
    path = tmp_path / "password"
    path.write_bytes(text.encode())
    chosen = load(security_protocol="SASL_PLAINTEXT", sasl_username="u", sasl_password_file=path)

    assert chosen.kafka_security()["sasl_plain_password"] == password


@pytest.mark.parametrize("content", [None, b"", b"\n", b"hush\xff"])
def test_a_password_file_that_is_no_use_is_named_without_its_text(tmp_path, content):
    path = tmp_path / "password"
    if content is not None:
        path.write_bytes(content)
    chosen = load(security_protocol="SASL_PLAINTEXT", sasl_username="u", sasl_password_file=path)

    with pytest.raises(SettingsError, match="TOKENSHARE_SASL_PASSWORD_FILE") as caught:
        chosen.kafka_security()
    assert "hush" not in str(caught.value)


def test_a_password_and_a_file_of_it_are_too_much(tmp_path):
    with pytest.raises(SettingsError, match="not both"):
        load(
            security_protocol="SASL_PLAINTEXT",
            sasl_username="u",
            sasl_password="hush",
            sasl_password_file=tmp_path / "password",
        )


NUMBERS = [
    name for name, each in settings.Settings.model_fields.items() if each.annotation in {int, float}
]


@every([*product(NUMBERS, ["1e300", "9" * 40, "-" + "9" * 40, "inf", "-inf", "nan"])])
def test_no_number_is_too_large_to_be_refused(name, value):
    with pytest.raises(SettingsError, match=f"TOKENSHARE_{name.upper()}"):
        load(**{name: value})


@pytest.mark.parametrize("name", ["web_host", "bridge_host"])
@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("0.0.0.0", "0.0.0.0"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        (" localhost ", "localhost"),
        ("shares.example.org.", "shares.example.org."),
    ],
)
def test_a_host_to_listen_on_is_read(name, given, used):
    assert getattr(load(**{name: given}), name) == used


@pytest.mark.parametrize("name", ["web_host", "bridge_host"])
@pytest.mark.parametrize(
    "value", ["", " ", "a" * 300, "a..b", "http://a", "a:80", "[::1]:80", "[", "a b", "\0"]
)
def test_a_host_to_listen_on_is_never_every_interface_by_mistake(name, value):
    with pytest.raises(SettingsError, match=f"TOKENSHARE_{name.upper()}"):
        load(**{name: value})


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"topic": "."}, "TOKENSHARE_TOPIC"),
        ({"topic": ".."}, "TOKENSHARE_TOPIC"),
        ({"dead_letter_topic": ".."}, "TOKENSHARE_DEAD_LETTER_TOPIC"),
        ({"topic": "a" * 240}, "TOKENSHARE_DEAD_LETTER_TOPIC"),
        ({"group": "a" * 240}, "TOKENSHARE_GROUP"),
    ],
)
def test_a_topic_that_kafka_refuses_is_named_before_anything_is_created(given, named):
    with pytest.raises(SettingsError, match=named):
        load(**given)


NO_FILES = {"missing": None, "empty": b"", "noise": bytes(range(256)), "folder": "folder"}


@pytest.fixture
def a_file(tmp_path):
    """Return a function that makes one of NO_FILES."""

    def make(kind):
        path = tmp_path / kind
        content = NO_FILES[kind]
        if content == "folder":
            path.mkdir(exist_ok=True)
        elif content is not None:
            path.write_bytes(content)
        return path

    return make


@pytest.mark.parametrize("kind", NO_FILES)
@pytest.mark.parametrize("name", ["ssl_ca_file", "ssl_cert_file"])
def test_a_tls_file_that_is_of_no_use_is_named(a_file, kind, name):
    chosen = load(**{"security_protocol": "SSL", name: a_file(kind)})
    with pytest.raises(SettingsError, match=f"TOKENSHARE_{name.upper()}"):
        chosen.ssl_context()


def test_a_key_without_its_certificate_is_an_error(a_file):
    chosen = load(security_protocol="SSL", ssl_key_file=a_file("noise"))
    with pytest.raises(SettingsError, match="TOKENSHARE_SSL_CERT_FILE"):
        chosen.ssl_context()


def test_nobody_is_asked_for_the_passphrase_of_a_key(tmp_path):
    made = ("req", "-x509", "-newkey", "rsa:2048", "-passout", "pass:hush", "-subj", "/CN=a")
    key, cert = tmp_path / "key", tmp_path / "cert"
    subprocess.run(
        ["openssl", *made, "-keyout", key, "-out", cert], check=True, capture_output=True
    )
    chosen = load(security_protocol="SSL", ssl_cert_file=cert, ssl_key_file=key)
    with pytest.raises(SettingsError, match="TOKENSHARE_SSL_KEY_FILE is encrypted"):
        chosen.ssl_context()


def test_a_password_file_without_end_is_named():
    chosen = load(
        security_protocol="SASL_PLAINTEXT", sasl_username="u", sasl_password_file="/dev/zero"
    )
    with pytest.raises(SettingsError, match="TOKENSHARE_SASL_PASSWORD_FILE"):
        chosen.kafka_security()
