"""The text of a prompt -> the language it is written in; `und` where it is uncertain.

Code and mark-up are removed first, then the script decides, and where many languages share a script
two detectors do. The required score is higher for shorter texts, and far lower where both agree: a
wrong language is worse than none, and most prompts are in one language already. Without the
optional extra `language` there are no detectors, and shared scripts are `und`.

Thresholds were chosen by tests/accuracy on one half of its texts; its results are measured on the
other half.
"""

from __future__ import annotations

import unicodedata
from typing import Final, Literal, NamedTuple

from streams.classify.language import opinion as detectors
from streams.classify.language import script
from streams.classify.language.asked import asked
from streams.classify.language.malay import indonesian_words
from streams.classify.language.prompt import texts
from streams.classify.language.prose import prose
from streams.classify.language.tags import UNDETERMINED

#: Whether the optional extra `language` is installed.
HAS_MODEL: bool = detectors.HAS_MODEL

#: Characters of a text that are read, and of the rest of it without code.
PREFIX_CHARACTERS = 512
PROSE_CHARACTERS = 256
#: Texts of one prompt that are tried before detection stops.
MAX_TEXTS = 8

# Fewer letters are an abbreviation, a name or a formula. A character of Chinese, Japanese or Korean
# is a word.
_FEWEST_LETTERS = 3
_DENSE: Final = frozenset({script.HAN, script.KANA, "ko"})

# Letters below which -> minimum score of eldc where cld2 names another language, and where it
# agrees.
_LADDER: Final = ((16, 0.90, 0.40), (40, 0.75, 0.40), (PREFIX_CHARACTERS + 1, 0.50, 0.30))
# Score from which a person's words decide without the template around them.
_SURE = 0.60
# Scores that are closer than this are ties, and cld2 decides: Danish and Norwegian, Bulgarian and
# Serbian.
_TIE = 0.02
# Canonical tags where the detectors' names differ. Both treat Bosnian, Croatian and Serbian in
# Latin letters as one language, and Indonesian and Malay as well, which words distinguish.
_SAME: Final = {"bs": "hr", "id": "ms"}

# Languages that only cld2 knows; accepted where it is sure, has this many letters and eldc is not
# confident of another language. Those it reports only by chance (Corsican, Bislama) are left out.
_LACKED: Final = """
    af ceb cy eo ga gd gl ha ht ig jv kk ky lb mg mk mn mt ne ps rw sd sn so st su sw tg tk tt ug uz
    xh zu
"""
_ONLY_SECOND: Final = frozenset(_LACKED.split())
_ONLY_SECOND_LETTERS = 24
_CONTENT = 0.65
# Close relatives that eldc scores nearly as high: Dutch, Spanish, Serbian, Hindi.
_CONTENT_WITH_RELATIVE: Final = {"af": 0.87, "gl": 0.87, "mk": 0.90, "ne": 1.0}

Method = Literal["script", "model", "second", "none"]


class Detection(NamedTuple):
    """A canonical tag of `language.tags` or `und`, its confidence, and what decided.

    script: the letters are of one language's script; confidence is their share of all letters.

    model: eldc, checked against cld2; confidence is its score, which is not a probability.

    second: cld2, for a language that eldc lacks; confidence is its share of the text.

    none: nothing to read or not sure enough, `und`; confidence is 0.
    """

    language: str
    confidence: float
    method: Method


_NONE: Final = Detection(UNDETERMINED, 0.0, "none")


def detect(text: str) -> Detection:
    """Return the language of a text from its first 512 characters.

    Never raises, whatever the string; the cost is bounded by that of 512 characters.
    """
    text = text[:PREFIX_CHARACTERS]
    if text.isspace():
        return _NONE
    read = prose(unicodedata.normalize("NFC", text))[:PROSE_CHARACTERS]
    found = script.written(read)
    if found is None or (found.letters < _FEWEST_LETTERS and found.script not in _DENSE):
        return _NONE
    if found.script in script.SHARED:
        return _by_detectors(script.only(found.script, read), found.letters)
    return Detection(_of_script(found.script, read), found.share, "script")


def detect_messages(messages: object) -> Detection:
    """Return the language of a prompt as gateways log it: text, JSON, messages, a request's body.

    The last user message decides; where it is `und` (code, an image, a single word), the earlier
    ones do, latest first, then the system prompt. Never raises, whatever the value; reads at most 8
    texts.
    """
    found = map(_of_text, texts(messages)[:MAX_TEXTS])
    return next((each for each in found if each.language != UNDETERMINED), _NONE)


def _of_text(text: str) -> Detection:
    """Return the language of a text, or of a person's words in a template in another language."""
    part = asked(text)
    if part is None:
        return detect(text)
    words = detect(part)
    if words.method == "script" or words.confidence >= _SURE:
        return words
    whole = detect(text)
    return words if whole.language == UNDETERMINED else whole


def _of_script(name: str, text: str) -> str:
    if name == script.KANA:
        return "ja"
    if name == script.HAN:
        return "zh-Hant" if script.is_traditional(text) else "zh-Hans"
    return name


def _by_detectors(text: str, letters: int) -> Detection:
    opinion = detectors.opinion(text)
    if opinion is None:
        return _NONE
    language, score = _first(opinion)
    second = opinion.second
    if (
        second in _ONLY_SECOND
        and opinion.sure
        and letters >= _ONLY_SECOND_LETTERS
        and score < _CONTENT_WITH_RELATIVE.get(second, _CONTENT)
    ):
        return Detection(second, opinion.share, "second")
    agreed = _SAME.get(second, second) == language
    _, alone, together = next(step for step in _LADDER if letters < step[0])
    if score < (together if agreed else alone) or language in script.ALONE:
        return _NONE
    if language == "ms":
        language = _malay_or_indonesian(text, second)
    return Detection(language, score, "model")


def _first(opinion: detectors.Opinion) -> tuple[str, float]:
    """Return the best tag of eldc; of nearly equal scores, the one that cld2 reports."""
    if not opinion.ranked:
        return UNDETERMINED, 0.0
    best = opinion.ranked[0]
    ties = (
        each for each in opinion.ranked if best[1] - each[1] < _TIE and each[0] == opinion.second
    )
    return next(ties, best)


def _malay_or_indonesian(text: str, second: str) -> str:
    """Return which it is: eldc has no Indonesian. Without evidence it is Indonesian."""
    words = indonesian_words(text)
    if words == 0:
        return "ms" if second == "ms" else "id"
    return "id" if words > 0 else "ms"
