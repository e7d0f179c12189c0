"""What a token endpoint may answer, and which setting is named for it."""

from __future__ import annotations

import pytest
from token_server import CLIENT, SECRET, TokenServer

from streams.kafka import token_endpoint
from streams.kafka.token_endpoint import TokenEndpoint
from streams.kafka.token_source import TokenError
from streams.settings import SettingsError, load


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tmp_path_factory.mktemp("tokens")


@pytest.fixture
def server(files):
    with TokenServer(files) as each:
        yield each


def endpoint(server, **settings):
    return TokenEndpoint(load(**server.login(**settings)))


def refused(server, **settings):
    with pytest.raises(TokenError) as caught:
        endpoint(server, **settings).fetch()
    for secret in (SECRET, "hush"):
        assert secret not in str(caught.value) + repr(caught.value)
    return caught.value


@pytest.mark.parametrize("way", ["basic", "post"])
def test_a_token_is_fetched_for_client_id_and_secret(server, way):
    found = endpoint(server, sasl_oauth_client_auth=way).fetch()

    assert found.value.count(".") == 2
    assert found.lifetime == 3600
    form = server.asked[0]
    assert form["grant_type"] == "client_credentials"
    assert form["scope"] == "kafka"
    assert (form.get("client_id"), form.get("client_secret")) == (
        (CLIENT, SECRET) if way == "post" else (None, None)
    )


@pytest.mark.parametrize(
    ("status", "body", "setting", "is_final"),
    [
        (400, b'{"error": "invalid_client", "error_description": "hush"}', "CLIENT_SECRET", True),
        (401, b"<html>hush</html>", "CLIENT_SECRET", True),
        (400, b'{"error": "invalid_scope"}', "OAUTH_SCOPE", True),
        (400, b'{"error": "unauthorized_client"}', "CLIENT_ID", True),
        (400, b'{"error": "unsupported_grant_type"}', "TOKEN_URL", True),
        (400, b'{"error": ["hush"]}', "TOKEN_URL", True),
        (404, b"hush", "TOKEN_URL", True),
        (405, b"[]", "TOKEN_URL", True),
        (429, b"", "", False),
        (500, b"hush", "", False),
        (503, b"x" * 200_000, "", False),
        (400, b'{"error": "temporarily_unavailable"}', "", False),
    ],
)
def test_a_refusal_names_the_setting_and_repeats_no_text(server, status, body, setting, is_final):
    server.answer = status, {}, body
    error = refused(server)

    assert setting in str(error)
    assert str(status) in str(error)
    assert error.is_final == is_final


def test_the_number_that_entra_gives_an_error_is_shown(server):
    server.answer = (
        401,
        {},
        b'{"error": "invalid_client", "error_description": "AADSTS7000215: hush"}',
    )
    assert "401, invalid_client, AADSTS7000215" in str(refused(server))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server, files, status):
    with TokenServer(files) as other:
        server.answer = status, {"Location": other.url}, b""
        error = refused(server)
        assert not other.asked
    assert "TOKENSHARE_SASL_OAUTH_TOKEN_URL" in str(error)
    assert error.is_final


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hush",
        b"[]",
        b'{"access_token": 7}',
        b'{"access_token": ""}',
        b'{"access_token": "hush\\u0001auth=Bearer x"}',
        b'{"access_token": "hush", "expires_in": 0}',
        b'{"access_token": "hush", "expires_in": -5}',
        b'{"access_token": "hush", "expires_in": "NaN"}',
        b'{"access_token": "hush", "expires_in": true}',
        b'{"access_token": "hush", "expires_in": {}}',
        b'{"access_token": "' + b"h" * 70_000 + b'"}',
    ],
)
def test_an_answer_without_a_usable_token_is_an_error(server, body):
    server.answer = 200, {}, body
    assert "TOKENSHARE_SASL_OAUTH_TOKEN_URL" in str(refused(server))


@pytest.mark.parametrize(
    ("expires_in", "lifetime"),
    [(b"60", 60), (b'"60"', 60), (b"null", 300), (b"59.5", 59.5), (b"1e9", 86_400)],
)
def test_lifetimes_are_read_as_endpoints_write_them(server, expires_in, lifetime):
    server.answer = 200, {}, b'{"access_token": "a.b-c_d~e+/=", "expires_in": ' + expires_in + b"}"
    assert endpoint(server).fetch().lifetime == lifetime


def test_an_endpoint_that_does_not_answer_is_asked_again(server, monkeypatch):
    monkeypatch.setattr(token_endpoint, "TIMEOUT_SECONDS", 0.2)
    server.delay = 1.0
    error = refused(server)
    assert not error.is_final
    assert "TOKENSHARE_SASL_OAUTH_TOKEN_URL" in str(error)


def test_a_query_is_not_shown(server):
    server.answer = 404, {}, b""
    assert "hush" not in str(refused(server, sasl_oauth_token_url=server.url + "?key=hush"))


def test_https_is_trusted_by_the_ca_file_only(tmp_path):
    with TokenServer(tmp_path, tls=True) as server:
        assert endpoint(server, sasl_oauth_ca_file=server.ca).fetch().lifetime == 3600
        error = refused(server)
        assert "TOKENSHARE_SASL_OAUTH_CA_FILE" in str(error)
        assert error.is_final


def test_https_to_a_plain_port_is_named(server):
    error = refused(server, sasl_oauth_token_url=server.url.replace("http:", "https:"))
    assert "TOKENSHARE_SASL_OAUTH_TOKEN_URL" in str(error)


def test_a_ca_file_that_cannot_be_read_is_a_setting(server, tmp_path):
    (tmp_path / "empty").write_text("")
    for each in ("none", "empty"):
        with pytest.raises(SettingsError, match="TOKENSHARE_SASL_OAUTH_CA_FILE"):
            endpoint(server, sasl_oauth_ca_file=tmp_path / each)


def test_a_proxy_does_not_see_a_request_to_this_machine(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert endpoint(server).fetch().lifetime == 3600
