"""A token for Amazon MSK with IAM: a request signed with AWS credentials, not sent.

The credentials are those that AWS's own tools find: environment, profile, or role of the machine.
"""

from __future__ import annotations

import importlib
import time
from typing import Any

from streams.kafka.token_source import Token, TokenError
from streams.settings import ENV_PREFIX, SettingsError, extras

_MODULE = "aws_msk_iam_sasl_signer"


def signer() -> Any:
    """Return AWS's token provider. Raises SettingsError where it is not installed."""
    try:
        return importlib.import_module(f"{_MODULE}.MSKAuthTokenProvider")
    except ImportError:
        raise SettingsError(
            f"{ENV_PREFIX}SASL_OAUTH_PROVIDER=aws-msk-iam needs a package that is not installed: "
            f"{extras.advice('msk')}."
        ) from None


def fetch(region: str) -> Token:
    """Return a new token for MSK clusters of a region. Raises TokenError, SettingsError."""
    began = time.monotonic()
    try:
        value, expires_ms = signer().generate_auth_token(region)
    except SettingsError:
        raise
    except Exception as error:  # noqa: BLE001 - of many kinds, in AWS's packages
        # Without credentials the signer fails on None.
        raise TokenError(
            f"AWS credentials cannot be had ({type(error).__name__})",
            "Give this process a role, AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY.",
            is_final=isinstance(error, AttributeError | ValueError),
        ) from None
    return Token(value, began, expires_ms / 1000 - time.time())
