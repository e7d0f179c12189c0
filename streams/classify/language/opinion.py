"""The results of the two detectors of the optional extra: eldc first, cld2 as the second opinion.

They err on different texts: where both name one language, far less evidence is enough. Both include
their data in their wheels; nothing is downloaded. They are loaded at the first call, in about 50
ms, and are thread-safe.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from streams.classify.language.tags import UNDETERMINED, canonical

if TYPE_CHECKING:
    from collections.abc import Callable

#: Whether both detectors are installed, as by `tokenshare[language]`.
HAS_MODEL: bool = all(find_spec(name) is not None for name in ("eldc", "pycld2"))
# Languages that eldc ranks; two of them often have nearly equal scores, a fourth never counts.
_RANKED = 3

_lock = Lock()


class Opinion(NamedTuple):
    """Tags of eldc with scores 0 to 1, best first; the tag of cld2, its share of the text 0 to 1.

    `second` is `und` where cld2 names none, `sure` whether it calls its own result reliable.
    """

    ranked: list[tuple[str, float]]
    second: str
    share: float
    sure: bool


def opinion(text: str) -> Opinion | None:
    """Return the results of the detectors for a text of letters and spaces; None without them.

    Where cld2 refuses a text, only eldc's result is returned. Cost grows with the text. Lone
    surrogates raise UnicodeError: they are not letters.
    """
    with _lock:
        ask = _loaded()
    return None if ask is None else ask(text)


@cache
def _loaded() -> Callable[[str], Opinion] | None:
    try:
        import eldc  # noqa: PLC0415 - 25 MB that only users of detection pay for
        import pycld2  # noqa: PLC0415
    except ImportError:
        return None
    eldc.init()
    # A separate instance: settings of eldc are global otherwise.
    first = eldc.instance()
    first.set_scores(_RANKED)
    tags = {code: canonical(code) for code in eldc.LANGUAGES}

    def ask(text: str) -> Opinion:
        scores = first.detect_details(text).scores
        ranked = [(tags[each], score) for each, score in scores.items()]
        try:
            sure, _, answers = pycld2.detect(text, isPlainText=True, bestEffort=True)
        except pycld2.error:
            # cld2 rejects noncharacters and control characters as invalid UTF-8.
            return Opinion(ranked, UNDETERMINED, 0.0, sure=False)
        _, code, percent, _ = answers[0]
        return Opinion(ranked, canonical(code), percent / 100, bool(sure))

    return ask
