"""Questions to a running worker, over its HTTP API."""

from __future__ import annotations

import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import orjson

from streams.settings import ENV_PREFIX, environment

TIMEOUT_SECONDS = 10.0


class WorkerUnreachableError(Exception):
    """No worker answers there; the message says what to do."""


def get(url: str, path: str, **query: object) -> Any:
    """Return the JSON body of a worker's answer. Raises WorkerUnreachableError.

    The token is that of TOKENSHARE_WEB_TOKEN, where it is set.
    """
    given = {name: value for name, value in query.items() if value is not None}
    whole = f"{url.rstrip('/')}{path}"
    if given:
        whole += "?" + urllib.parse.urlencode(given)
    if not whole.startswith(("http://", "https://")):
        raise WorkerUnreachableError(f"{url} is no address: write it as http://host:port")
    try:
        with urllib.request.urlopen(_request(whole), timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return orjson.loads(answer.read())
    except urllib.error.HTTPError as error:
        raise WorkerUnreachableError(f"{whole} answers {error.code}: {_said(error)}") from None
    except (OSError, ValueError) as error:
        raise WorkerUnreachableError(
            f"No worker answers at {url} ({_reason(error)}). Start `tokenshare worker`, or give "
            "the address of one that runs."
        ) from None


def _request(whole: str) -> urllib.request.Request:
    token = environment().get(f"{ENV_PREFIX}WEB_TOKEN", "").strip()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return urllib.request.Request(whole, headers=headers)  # noqa: S310 - the caller has looked


def _reason(error: Exception) -> object:
    """Return what the system says of it, without the names of exceptions."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return (cause.strerror if isinstance(cause, OSError) else None) or cause


def _said(error: urllib.error.HTTPError) -> str:
    try:
        body = orjson.loads(error.read())
        return f"{body['detail']} {body.get('remedy', '')}".strip()
    except (ValueError, KeyError, TypeError):
        return str(error.reason)
