"""The results of the two detectors of the optional extra: eldc first, cld2 as the second opinion.

They err on different texts: where both name one language, far less evidence is enough. Both include
their data in their wheels; nothing is downloaded. They are loaded at the first call, in about 50
ms, and are thread-safe.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.classify.language import compiled
from streams.classify.language.tags import UNDETERMINED, canonical

if TYPE_CHECKING:
    from collections.abc import Callable

#: Whether both detectors are installed, as by `tokenshare[language]`.
HAS_MODEL: bool = all(find_spec(name) is not None for name in ("eldc", "pycld2"))
# Languages that eldc ranks; two of them often have nearly equal scores, a fourth never counts.
_RANKED = 3
# Characters that cld2 is given without effort: what is of no language takes it long.
_SECOND_CHARACTERS = 96

_lock = Lock()


class Second(NamedTuple):
    """The tag of cld2, its share of the text 0 to 1, and whether it calls its result reliable."""

    language: str
    share: float
    sure: bool


#: What cld2 says of a text that it refuses: noncharacters and control characters are invalid to it.
_REFUSED = Second(UNDETERMINED, 0.0, sure=False)


class Detectors(NamedTuple):
    """Both detectors, for texts of letters and spaces. Cost grows with the text.

    first: tags of eldc with scores 0 to 1, best first. Lone surrogates raise UnicodeError: they
    are not letters.

    second: the result of cld2, three times as slow; with effort it names a language whatever the
    text is.
    """

    first: Callable[[str], list[tuple[str, float]]]
    second: Callable[[str, bool], Second]


def detectors() -> Detectors | None:
    """Return the detectors; None where the extra is not installed."""
    return _loaded()


@cache
def _loaded() -> Detectors | None:
    # Threads that ask at once wait for the first one: loading again would free what it uses.
    with _lock:
        return _load()


@cache
def _load() -> Detectors | None:
    try:
        import eldc  # noqa: PLC0415 - 25 MB that only users of detection pay for
        import pycld2  # noqa: PLC0415
    except ImportError:
        return None
    eldc.init()
    # A separate instance: settings of eldc are global otherwise.
    instance = eldc.instance()
    instance.set_scores(_RANKED)
    tags = {code: canonical(code) for code in eldc.LANGUAGES}

    def second(text: str, effort: bool) -> Second:
        try:
            # Keywords cost a tenth of a call, and letters and blanks are plain text in any case.
            sure, _, answers = (
                pycld2.detect(text, isPlainText=True, bestEffort=True)
                if effort
                else pycld2.detect(text[:_SECOND_CHARACTERS])
            )
        except pycld2.error:
            return _REFUSED
        _, code, percent, _ = answers[0]
        return Second(canonical(code), percent / 100, bool(sure))

    make = ranker if compiled.letters is None else compiled.letters.Ranker
    return Detectors(make(instance.detect_details, tags), second)


def languages() -> frozenset[str]:
    """Return the tags of all languages that eldc ranks."""
    import eldc  # noqa: PLC0415 - as above

    return frozenset(map(canonical, eldc.LANGUAGES))


def ranker(
    details: Callable[[str], Any], tags: dict[str, str]
) -> Callable[[str], list[tuple[str, float]]]:
    """Return a function from a text to the tags of eldc's languages with scores, best first."""

    def ranked(text: str) -> list[tuple[str, float]]:
        return [(tags[code], score) for code, score in details(text).scores.items()]

    return ranked
