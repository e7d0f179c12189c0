"""How records are decoded: which formats, which mapping, detect languages or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from streams.decode.formats import custom
from streams.decode.formats.registry import NAMES
from streams.settings import ENV_PREFIX, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

    from streams.settings import Settings

#: Accepts any format: the first that matches.
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Options:
    """How records are decoded.

    `format` pins one format, `paths` is the mapping of a custom format, and `detect` detects the
    language of the prompt where none is declared. `detect_last` does the same, quicker, from the
    text of a user's last message; None where that alone does not say it. Spans and logs of
    `ignored_sources` do not count.
    """

    max_record_bytes: int = 16 * 1024 * 1024
    format: str = AUTO
    paths: Mapping[str, str] = field(default_factory=dict)
    detect: Callable[[object], str] | None = None
    ignored_sources: tuple[str, ...] = ()
    detect_last: Callable[[str], str | None] | None = None

    @classmethod
    def of(cls, settings: Settings) -> Options:
        """Return the options from the settings. Raises SettingsError."""
        if settings.format not in {AUTO, custom.NAME, *NAMES}:
            known = ", ".join((AUTO, *NAMES, custom.NAME))
            raise SettingsError(f"{ENV_PREFIX}FORMAT: {settings.format!r} is not one of {known}")
        paths = dict(settings.fields)
        fault = custom.problem(paths) if paths else None
        if fault is None and settings.format == custom.NAME and not paths:
            fault = f"{ENV_PREFIX}FORMAT is custom, so it must map the fields to paths"
        if fault is not None:
            raise SettingsError(f"{ENV_PREFIX}FIELDS: {fault}")
        return cls(
            settings.max_record_bytes,
            settings.format,
            paths,
            language_of if settings.detect_language else None,
            settings.otlp_ignore,
            language_of_last if settings.detect_language else None,
        )


def language_of(prompt: object) -> str:
    """Return the language of a prompt, in any structure that a gateway logs."""
    language: str = _detection().detect_messages(prompt).language
    return language


def language_of_last(text: str) -> str | None:
    """Return the language of a prompt from a user's last message; None where it does not say it."""
    language: str | None = _detection().language_of_last(text)
    return language


@cache
def _detection() -> ModuleType:
    # Its tables and models are loaded only if detection is used.
    from streams.classify.language import detect  # noqa: PLC0415

    return detect
