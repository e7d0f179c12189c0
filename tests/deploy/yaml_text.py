"""Reads YAML by libyaml where it is there: rules and manifests are thousands of lines."""

from __future__ import annotations

from typing import Any

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def loaded(text: str) -> Any:
    """Return the one document of a text."""
    return yaml.load(text, _LOADER)


def all_loaded(text: str) -> list[Any]:
    """Return all documents of a text that are not empty."""
    return [each for each in yaml.load_all(text, _LOADER) if each]
