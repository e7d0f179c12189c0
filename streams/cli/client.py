"""Client of a running worker's HTTP API.

The responding server is not trusted. A redirect to another origin is not followed, as the token
would be sent with it. A response is read up to a limit and has to match the schema of the API. Its
control characters, which a terminal would interpret, are removed.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import orjson

from streams.classify.origin.name import visible
from streams.settings import ENV_PREFIX, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse

TIMEOUT_SECONDS = 10.0
#: A stream that is silent for longer is broken off: a worker writes every 15 seconds.
SILENCE_SECONDS = 40.0
#: Timeout for the whole response, however slowly it arrives.
MAX_SECONDS = 120.0
MAX_BYTES = 64 * 1024 * 1024
#: Limits on the text of an error response.
_MAX_ERROR_BYTES, _MAX_CHARACTERS = 64 * 1024, 500
_CHUNK_BYTES = 256 * 1024
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: Limit on a line of a stream of events; a worker's have a hundred bytes.
_MAX_LINE_BYTES = 64 * 1024
#: The one text with several lines: an entry for the overrides file.
_OF_LINES = "override"


class WorkerUnreachableError(Exception):
    """No worker answers at the address; the message says what to do."""


class UnknownToWorkerError(WorkerUnreachableError):
    """The worker does not know what it is asked for: an earlier version may not."""


_Time = Annotated[float, msgspec.Meta(ge=0, lt=2.5e11)]
_Count = Annotated[float, msgspec.Meta(ge=0, lt=1e30)]


class _Key(msgspec.Struct):
    key: str


class _Window(msgspec.Struct):
    model: list[_Key]


class _Named(msgspec.Struct):
    model: str


class _Shares(msgspec.Struct):
    ready: bool
    windows: dict[str, _Window]
    unknown: list[_Named]


class _Table(msgspec.Struct):
    """Shares of any dimensions: window -> its counts, and the rows of each dimension."""

    as_of: _Time
    ready: bool
    reasons: list[str]
    simulated: bool
    windows: dict[str, dict[str, _Count | list[dict[str, str | _Count | None]]]]


class _Cell(msgspec.Struct, array_like=True):
    """The counts of a key; a worker of before prices has the first four."""

    tokens: _Count
    requests: _Count
    prompt_tokens: _Count
    completion_tokens: _Count
    uncached_tokens: _Count | None = None
    cost: _Count | None = None


class _Point(msgspec.Struct):
    start: _Time
    tokens: _Count
    requests: _Count
    prompt_tokens: _Count
    completion_tokens: _Count
    cells: dict[str, _Cell]
    uncached_tokens: _Count | None = None
    cost: _Count | None = None
    priced_tokens: _Count | None = None
    estimated_tokens: _Count | None = None
    measured_tokens: _Count | None = None


class _History(msgspec.Struct):
    points: list[_Point]


class _UnknownModel(msgspec.Struct):
    model: str
    tokens: _Count
    requests: _Count
    matched_by: str
    override: str


class _Unknown(msgspec.Struct):
    window: str
    tokens_ratio: float | None
    tokens: _Count
    models: list[_UnknownModel]


class _Shift(msgspec.Struct):
    dimension: str
    name: str
    measure: str
    window: str
    shift: float | None
    zscore: float | None
    is_shifted: bool
    sentence: str | None


class _Shifts(msgspec.Struct):
    baseline_days: float
    needed_days: int
    shifts: list[_Shift]


class _Mover(msgspec.Struct):
    key: str
    name: str
    contribution: float
    share: float
    before: float


class _Movers(msgspec.Struct):
    movers: list[_Mover]
    rest: float
    rest_members: int


class _Moved(msgspec.Struct):
    shift: float
    sentence: str
    models: _Movers | None
    joint: _Movers | None
    tenants: _Movers | None
    tenants_note: str | None


#: Path -> the parts of its response that are used; it may contain more.
_SHAPES: dict[str, Any] = {
    "/api/v1/shares": _Shares,
    "/api/v1/history": _History,
    "/api/v1/unknown": _Unknown,
    "/api/v1/shifts": _Shifts,
    "/api/v1/shifts/movers": _Moved,
}


def get(url: str, path: str, **query: object) -> Any:
    """Return the JSON body of a worker's response. Raises WorkerUnreachableError.

    The token is that of TOKENSHARE_WEB_TOKEN, where it is set.
    """
    given = {name: value for name, value in query.items() if value is not None}
    return _checked(_fetched(url, path, given), url, path, _SHAPES.get(path, Any))


def table(url: str, dimension: str) -> Any:
    """Return the shares of one dimension in all windows. Raises WorkerUnreachableError."""
    path = "/api/v1/shares"
    return _checked(_fetched(url, path, {"dimensions": dimension}), url, path, _Table)


def announcements(url: str) -> Iterator[None]:
    """Yield whenever the worker announces new numbers, until its stream ends.

    Raises WorkerUnreachableError.
    """
    path = "/api/v1/events"
    whole = _address(url, path, {})
    try:
        with _opened(url, whole, SILENCE_SECONDS) as stream:
            if stream.headers.get_content_type() != "text/event-stream":
                raise _mismatch(url, path, "it is no stream of events")
            while line := stream.readline(_MAX_LINE_BYTES):
                if len(line) == _MAX_LINE_BYTES:
                    raise _mismatch(url, path, "a line is too long")
                if line.startswith(b"data:"):
                    yield
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _unreachable(url, error) from None


def _fetched(url: str, path: str, query: dict[str, object]) -> bytes:
    """Return the whole body of a worker's response. Raises WorkerUnreachableError."""
    whole = _address(url, path, query)
    try:
        with _opened(url, whole, TIMEOUT_SECONDS) as answer:
            return _body(answer, url)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _unreachable(url, error) from None


def _address(url: str, path: str, query: dict[str, object]) -> str:
    whole = f"{url.rstrip('/')}{path}"
    if query:
        whole += "?" + urllib.parse.urlencode(query)
    if not whole.startswith(("http://", "https://")):
        raise WorkerUnreachableError(f"{url} is not an address: write it as http://host:port")
    return whole


def _opened(url: str, whole: str, timeout: float) -> HTTPResponse:
    """Return the response, to be read. Raises WorkerUnreachableError."""
    try:
        answer: HTTPResponse = _OPENER.open(_request(whole), timeout=timeout)
    except urllib.error.HTTPError as error:
        with error:
            message = f"{whole} responds with {error.code}: {_message(error)}"
        if error.code == HTTPStatus.BAD_REQUEST:
            raise UnknownToWorkerError(message) from None
        raise WorkerUnreachableError(message) from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise _unreachable(url, error) from None
    return answer


def _unreachable(url: str, error: Exception) -> WorkerUnreachableError:
    return WorkerUnreachableError(
        f"No worker answers at {url} ({_reason(error)}). Start `tokenshare worker`, or give "
        "the address of a running one."
    )


def _body(answer: HTTPResponse, url: str) -> bytes:
    """Return the whole body. Raises WorkerUnreachableError for one that is too large or slow."""
    body = bytearray()
    deadline = time.monotonic() + MAX_SECONDS
    while chunk := answer.read1(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_BYTES:
            raise WorkerUnreachableError(
                f"The response of {url} has more than {MAX_BYTES // 2**20} MiB, which no worker "
                "sends: give the address of a tokenshare worker."
            )
        if time.monotonic() > deadline:
            raise WorkerUnreachableError(
                f"The response of {url} did not end within {MAX_SECONDS:.0f} s."
            )
    return bytes(body)


def _checked(body: bytes, url: str, path: str, shape: Any) -> Any:
    """Return a response that is safe to show. Raises WorkerUnreachableError for an invalid one."""
    try:
        document = orjson.loads(body)
        msgspec.convert(document, shape)
        return _clean(document)
    except msgspec.ValidationError as error:
        why = visible(str(error))[:_MAX_CHARACTERS]
    except (ValueError, RecursionError):
        why = "it is not JSON"
    raise _mismatch(url, path, why)


def _mismatch(url: str, path: str, why: str) -> WorkerUnreachableError:
    return WorkerUnreachableError(
        f"The response of {url} does not match {path} ({why}): give the address of a "
        "tokenshare worker of this version."
    )


def _clean(value: object, name: str = "") -> object:
    """Return a document whose texts are safe to print to a terminal."""
    match value:
        case str() if name == _OF_LINES:
            return "\n".join(map(visible, value.split("\n")))
        case str():
            return visible(value)
        case list():
            return [_clean(each, name) for each in value]
        case dict():
            return {visible(key): _clean(each, key) for key, each in value.items()}
    return value


def _request(whole: str) -> urllib.request.Request:
    token = environment().get(f"{ENV_PREFIX}WEB_TOKEN", "").strip()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return urllib.request.Request(whole, headers=headers)  # noqa: S310 - the caller has looked


class _SameOrigin(urllib.request.HTTPRedirectHandler):
    """Follows redirects within an origin only: urllib sends the token to any redirect target.

    Another port is another origin, and so is http where https was requested.
    """

    def http_error_302(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any
    ) -> Any:
        """Follow a redirect, or raise WorkerUnreachableError."""
        target = headers.get("location") or headers.get("uri")
        if target is not None and _origin(_joined(req.full_url, target)) != _origin(req.full_url):
            fp.close()
            raise WorkerUnreachableError(
                f"{_shown_host(req.full_url)} redirects to "
                f"{_shown_host(_joined(req.full_url, target))}, which is another origin: not "
                "followed, because the token would be sent there. Give the worker's own address."
            )
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


_OPENER = urllib.request.build_opener(_SameOrigin)


def _joined(base: str, target: str) -> str:
    try:
        return urllib.parse.urljoin(base, target)
    except ValueError:
        return ""


def _origin(url: str) -> tuple[str, str, int | None] | None:
    """Return scheme, host and port; None for an invalid address."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = _DEFAULT_PORTS.get(parts.scheme) if parts.port is None else parts.port
    except ValueError:
        return None
    return parts.scheme, (parts.hostname or "").rstrip("."), port


def _shown_host(url: str) -> str:
    """Return only the host and the port of an address."""
    host = urllib.parse.urlsplit(url).netloc.rpartition("@")[2] if _origin(url) else ""
    return visible(host)[:_MAX_CHARACTERS] or "an invalid address"


def _reason(error: Exception) -> object:
    """Return the system's error message, without the names of exceptions."""
    if isinstance(error, http.client.HTTPException):
        # Its message quotes the response.
        return "the response is not HTTP, or is truncated"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return (cause.strerror if isinstance(cause, OSError) else None) or cause


def _message(error: urllib.error.HTTPError) -> str:
    try:
        body = orjson.loads(error.read(_MAX_ERROR_BYTES))
        message = f"{body['detail']} {body.get('remedy', '')}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, http.client.HTTPException):
        message = str(error.reason)
    return visible(message)[:_MAX_CHARACTERS].strip()
