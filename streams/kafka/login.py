"""The login of kafka-python's clients, and the source of tokens that all clients share."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from kafka.net.sasl.oauth import AbstractTokenProvider

from streams.kafka import aws_token
from streams.kafka.token_endpoint import TokenEndpoint
from streams.kafka.token_source import TokenError, TokenSource
from streams.settings import SettingsError

if TYPE_CHECKING:
    from streams.kafka.token_source import Token
    from streams.settings import Settings


def source_of(settings: Settings) -> TokenSource | None:
    """Return the source of tokens, None for a login without; one for equal settings.

    Raises SettingsError where it cannot be used: an unreadable CA file, a missing package.
    """
    if not settings.security_protocol.startswith("SASL"):
        return None
    return _source(settings) if settings.sasl_mechanism == "OAUTHBEARER" else None


@functools.lru_cache(maxsize=4)
def _source(settings: Settings) -> TokenSource:
    if settings.sasl_oauth_provider == "aws-msk-iam":
        aws_token.signer()
        return TokenSource(lambda: aws_token.fetch(settings.sasl_oauth_aws_region))
    TokenEndpoint(settings)
    return TokenSource(lambda: _fetch(settings))


def _fetch(settings: Settings) -> Token:
    """Return a new token; the CA file is read each time, so that it may be replaced."""
    try:
        return TokenEndpoint(settings).fetch()
    except SettingsError as error:
        raise TokenError(str(error).removesuffix("."), "It is read again.") from None


def token(settings: Settings) -> Token | None:
    """Return a good token, None for a login without. Raises TokenError, SettingsError."""
    source = source_of(settings)
    return None if source is None else source.token()


def problem(settings: Settings) -> str:
    """Return why there is no token for the login, or "" where there is one or none is needed."""
    source = source_of(settings)
    return "" if source is None else source.problem


def arguments(settings: Settings) -> dict[str, Any]:
    """Return the security arguments of kafka-python's clients. Raises SettingsError."""
    found = settings.kafka_security()
    source = source_of(settings)
    if source is not None:
        found["sasl_oauth_token_provider"] = _Provider(source, settings.sasl_oauth_extensions)
    return found


class _Provider(AbstractTokenProvider):  # type: ignore[misc]
    """Gives kafka-python the token of a source."""

    def __init__(self, source: TokenSource, extensions: tuple[tuple[str, str], ...]) -> None:
        super().__init__()
        self._source = source
        self._extensions = dict(extensions)

    def token(self) -> str:
        """Return a good token; may wait. Raises TokenError."""
        return self._source.token().value

    def extensions(self) -> dict[str, str]:
        """Return what is sent beside it."""
        return self._extensions
