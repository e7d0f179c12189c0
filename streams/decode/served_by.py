"""Say in one text who served a request: a provider's name, and the place of its endpoint.

`NAME`, `NAME@PLACE` or `@PLACE`: the name as the gateway writes it, and the host of the endpoint or
the region of a cloud. `streams.classify.provider` gives the text its meaning.
"""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

#: Names of providers, hosts and regions are shorter; a longer text is something else.
MAX_PART = 128
#: Longer texts are not remembered.
_MAX_CACHED = 256


def served_by(name: object = None, place: object = None) -> str | None:
    """Return who served a request as one text, None where neither part is known.

    `place` is a host, a URL or a region: of a URL only the host is kept, since its path, query and
    user may hold secrets.
    """
    name = name if type(name) is str else ""
    place = place if type(place) is str else ""
    # A gateway has a few dozen of them, and to take a URL apart takes long.
    if len(name) <= _MAX_CACHED and len(place) <= _MAX_CACHED:
        return _cached(name, place)
    return _composed(name, place)


def _composed(name: str, place: str) -> str | None:
    provider = _clean(name)
    where = _host(_clean(place))
    if not where:
        return provider or None
    return f"{provider}@{where}"


_cached = lru_cache(maxsize=4096)(_composed)


def without_secrets(provider: object) -> str | None:
    """Return who served as `served_by` composes it, whatever a text holds besides."""
    if type(provider) is not str:
        return None
    if "://" in provider:
        return served_by(provider)
    name, _, place = provider.partition("@")
    return served_by(name, place)


def _clean(part: str) -> str:
    text = part.strip()
    if "://" in text:
        text = _host(text)
    return text if len(text) <= MAX_PART and text.isprintable() else ""


def _host(place: str) -> str:
    """Return the host of a URL or of `host:port/path`; a region is returned as it is."""
    if not place:
        return ""
    try:
        found = urlsplit(place if "://" in place else f"//{place}").hostname or ""
    except ValueError:
        return ""
    return found if len(found) <= MAX_PART and found.isprintable() else ""
