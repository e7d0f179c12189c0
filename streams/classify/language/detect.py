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
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from streams.classify.language import blocks, compiled, opinion, script
from streams.classify.language.asked import apart, asked, goes_on, instruction, question
from streams.classify.language.courtesies import LONGEST, courtesy
from streams.classify.language.malay import indonesian
from streams.classify.language.prompt import last_content, only_text, read
from streams.classify.language.prose import is_plain, is_yaml, prose
from streams.classify.language.relatives import in_devanagari, lean
from streams.classify.language.romanised import romanised
from streams.classify.language.south_slavic import south_slavic
from streams.classify.language.tags import UNDETERMINED
from streams.classify.language.terms import (
    QUOTES,
    requested,
    without_quotations,
    without_titles,
)
from streams.classify.language.turns import CLIENTS, is_weak

if TYPE_CHECKING:
    from collections.abc import Callable

    from streams.classify.language import letters

#: Whether the optional extra `language` is installed.
HAS_MODEL: bool = opinion.HAS_MODEL

#: Characters of a text that are read, and of the rest of it without code.
PREFIX_CHARACTERS = 512
PROSE_CHARACTERS = 256

# Fewer letters are an abbreviation, a name or a formula. A character of Chinese, Japanese or Korean
# is a word.
_FEWEST_LETTERS = 3
_DENSE: Final = frozenset({blocks.HAN, blocks.KANA, "ko"})

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
# Score from which eldc has an idea of a text; below it cld2 has to be sure by itself.
_IDEA = 0.4
# Close relatives that eldc scores nearly as high: Dutch, Spanish, Serbian, Hindi.
_CONTENT_WITH_RELATIVE: Final = {"af": 0.87, "gl": 0.87, "mk": 0.90, "ne": 1.0}
# Scores of eldc from which cld2 is not asked: its answer would change nothing. Of many letters less
# is enough. Higher for languages with a relative that only cld2 knows, unless words decide.
_CERTAIN = 0.75
_ENOUGH, _MANY_LETTERS = 0.70, 40
_CERTAIN_BESIDE_RELATIVE: Final = {
    "nl": 0.87,
    "es": 0.87,
    "pt": 0.87,
    "sr": 0.90,
    "bg": 0.90,
    "ms": 2.0,
}
# Words that a text has more of its language than of the relative.
_FEWEST_WORDS = 2
# What eldc reports for Croatian, Bosnian and Serbian in Latin letters.
_SEVERAL = "hr"
# Languages that eldc scores nearly alike.
_IN_DEVANAGARI: Final = frozenset({"hi", "mr"})
_TWO: Final = 2
# Of the shortcut's answer for a message that is sure.
_SURE_FIELDS: Final = 3

# System prompts whose language is remembered.
_SYSTEMS = 256

# People nudge a model, and clients talk to it, in English. Titles are in English in all languages,
# and so is much of what people have summarised and translated.
_OF_NUDGES = _OF_MATERIAL = "en"
_NOT_OTHER: Final = frozenset({_OF_MATERIAL, UNDETERMINED})
# Scores of eldc from which a text has no title that decides.
_NO_TITLE = 0.85
# Score from which the words around a quotation decide.
_SURE_AROUND = 0.80
_QUOTES: Final = frozenset(QUOTES)
#: Characters of the longest text in which a title or a quotation may decide.
_TITLE_CHARACTERS = 160

Method = Literal["script", "model", "second", "words", "none"]


class Detection(NamedTuple):
    """A canonical tag of `language.tags` or `und`, its confidence, and what decided.

    script: the letters are of one language's script; confidence is their share of all letters.

    model: eldc, checked against cld2; confidence is its score, which is not a probability.

    second: cld2, for a language that eldc lacks; confidence is its share of the text.

    words: a language of another script in Latin letters, by its frequent words; confidence is the
    share of its letters. Also a short turn, by one of its words.

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
    # Composed, some characters become several.
    read = _composed(text[:PROSE_CHARACTERS])[:PROSE_CHARACTERS]
    quick = _quick()
    if quick is None:
        return _by_script(read if is_plain(read) else _prose(text), read)
    kept = read
    found = quick(kept, False)
    if isinstance(found, int) and found:
        kept = _prose(text)
        found = quick(kept, True)
    if isinstance(found, int):
        return _by_script(kept, read)
    if len(found) == _TWO:
        return Detection(*found, "model")
    number, letters, words, ranked = found
    return _of_letters(
        script.Written(blocks.NAMES[number], letters, 1.0), kept, read, words, ranked
    )


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _prose(text: str) -> str:
    return prose(_composed(text[:PREFIX_CHARACTERS]), PROSE_CHARACTERS)


def _by_script(kept: str, read: str) -> Detection:
    """Return the language of what is kept of the beginning that is read of a text."""
    found = script.written(kept)
    return _NONE if found is None else _of_letters(found, kept, read)


def _of_letters(
    found: script.Written,
    kept: str,
    read: str,
    words: str | None = None,
    ranked: list[tuple[str, float]] | None = None,
) -> Detection:
    """Return the language of what is kept of a text, by its script, its words and their ranks."""
    if found.letters < _FEWEST_LETTERS and found.script not in _DENSE:
        return _NONE
    if found.script not in blocks.SHARED:
        return Detection(_of_script(found.script, kept), found.share, "script")
    if words is None:
        words = script.only(found.script, kept)
    return _by_detectors(words, found, read, ranked)


def language_of_last(content: str) -> str | None:
    """Return what `detect_messages` says where the last message is a user's with this content.

    None where its parts have to be told apart first, or the other messages have to be read.
    """
    found = _of_content(content)
    return None if found is None else found[0]


def _of_content(content: str) -> tuple[str, float, Method] | None:
    """Return the detection of a content that a person wrote throughout, if that decides."""
    quick = _quick()
    found = None if quick is None else quick.of_message(content)
    if found is None or len(found) == _SURE_FIELDS:
        return found
    tag = courtesy(content) if len(content) <= LONGEST else None
    if tag is not None:
        return Detection(tag, 1.0, "words")
    number, letters, share, words, ranked, read = found
    written = script.Written(blocks.NAMES[number], letters, share)
    unsure = _of_letters(written, read, read, words, ranked)
    return unsure if unsure.language not in _NOT_OTHER else None


def detect_messages(messages: object) -> Detection:
    """Return the language of a prompt as gateways log it: text, JSON, messages, a request's body.

    The last user message decides. Where it is `und` (code, an image, a single word), or says little
    (`continue`, the output of a tool) and is English, the earlier ones do, latest first, then the
    system prompt. Never raises, whatever the value; reads at most 16 texts.
    """
    # Nearly always the last one decides, and no other is read.
    content = last_content(messages)
    found = None if content is None else _of_content(content)
    if found is not None:
        return Detection(*found)
    last = None if content is None else only_text(content)
    users = read(messages, 1).users if last is None else [last]
    nudge = _NONE
    for text in users:
        found = _of_text(text)
        if _decides(found, text):
            return found
        nudge = found
    done = len(users)
    users, systems = read(messages)
    for text in users[done:]:
        found = _of_text(text)
        if _decides(found, text):
            return found
        nudge = found if nudge.language == UNDETERMINED else nudge
    if nudge.language != UNDETERMINED:
        return nudge
    answers = map(_of_system, systems)
    return next((each for each in answers if each.language != UNDETERMINED), _NONE)


def _decides(found: Detection, text: str) -> bool:
    """Return whether the language of a text is found, and no earlier text decides instead."""
    if found.language == UNDETERMINED:
        return False
    return found.language != _OF_NUDGES or not is_weak(text)


def _of_text(text: str) -> Detection:
    """Return the language of a text, or of a person's words in a template in another language."""
    found = _of_last(text)
    if found.language not in _NOT_OTHER:
        return _of_question(text) or found if goes_on(text) else found
    others = (other for other in map(detect, apart(text)) if other.language not in _NOT_OTHER)
    return next(filter(_is_sure, others), found)


def _of_question(text: str) -> Detection | None:
    """Return the language of what is asked in a template for the model to go on from, if sure."""
    part = question(text)
    found = None if part is None else detect(part)
    return found if found is not None and _is_sure(found) else None


def _of_last(text: str) -> Detection:
    """Return the language of a text, or of the words at its end that a person seems to write."""
    part = asked(text)
    if part is None or is_yaml(text[:PREFIX_CHARACTERS].split("\n")):
        return _of_words(text)
    words = _without_quotations(part, detect(part))
    if _is_sure(words):
        return words if words.language != _OF_MATERIAL else _of_instruction(text, part, words)
    whole = detect(text)
    return words if whole.language == UNDETERMINED else whole


def _of_words(text: str) -> Detection:
    """Return the language of a text, of a short one without titles and what it quotes."""
    tag = courtesy(text) if len(text) <= LONGEST else None
    if tag is not None:
        return Detection(tag, 1.0, "words")
    found = _without_quotations(text, detect(text))
    return found if found.confidence >= _NO_TITLE else _without_titles(text, found)


def _without_quotations(text: str, found: Detection) -> Detection:
    """Return the language of the words around what a short text quotes, where that is sure.

    A quotation is English in another language, or in another language in English.
    """
    is_short = len(text) <= _TITLE_CHARACTERS and not _QUOTES.isdisjoint(text)
    rest = without_quotations(text) if is_short else None
    # Quotes are also a sign by which code is removed.
    if rest is None or (found.language == UNDETERMINED and not is_plain(text)):
        return found
    other = detect(rest)
    is_other = found.language in _NOT_OTHER or other.language == _OF_MATERIAL
    return other if is_other and other.confidence >= _SURE_AROUND else found


def _is_sure(found: Detection) -> bool:
    return found.method == "script" or found.confidence >= _SURE


def _without_titles(text: str, found: Detection) -> Detection:
    """Return the language of a short text without the English titles in it."""
    is_short = len(text) <= _TITLE_CHARACTERS and found.language in _NOT_OTHER
    rest = without_titles(text) if is_short else None
    if rest is None:
        return found
    other = detect(rest)
    if other.language != UNDETERMINED:
        return other
    tag = requested(rest)
    return found if tag is None else Detection(tag, 1.0, "words")


def _of_instruction(text: str, part: str, found: Detection) -> Detection:
    """Return the language of what a person writes before English material, if that is another."""
    before = instruction(text, part)
    if before is None:
        return found
    other = detect(before)
    return other if other.language not in _NOT_OTHER and _is_sure(other) else found


# An application sends its system prompt with each request.
_of_system = lru_cache(_SYSTEMS)(_of_text)


def _of_script(name: str, text: str) -> str:
    if name == blocks.KANA:
        return "ja"
    if name == blocks.HAN:
        return "zh-Hant" if script.is_traditional(text) else "zh-Hans"
    return name


def _quick() -> letters.Quick | None:
    """Return the compiled shortcut; None where it or the detectors are missing."""
    detectors = opinion.detectors()
    return None if detectors is None or compiled.letters is None else _quick_of(detectors.first)


@lru_cache(1)
def _quick_of(first: Callable[[str], list[tuple[str, float]]]) -> letters.Quick:
    least = {
        tag: _CERTAIN_BESIDE_RELATIVE.get(tag, _CERTAIN)
        for tag in opinion.languages() - script.ALONE - _IN_DEVANAGARI - {_SEVERAL}
    }
    return compiled.letters.Quick(
        first,
        least,
        tuple((below, alone) for below, alone, _ in _LADDER),
        tie=_TIE,
        fewest=_FEWEST_LETTERS,
        shared=map(blocks.NUMBERS.__getitem__, blocks.SHARED),
        dense=map(blocks.NUMBERS.__getitem__, _DENSE),
        weights=script.WEIGHTS,
        han_per_kana=script.HAN_PER_KANA,
        english=_OF_NUDGES,
        no_title=_NO_TITLE,
        title_characters=_TITLE_CHARACTERS,
        quotes=QUOTES,
        clients=CLIENTS,
    )


def _by_detectors(
    text: str, found: script.Written, read: str, ranked: list[tuple[str, float]] | None
) -> Detection:
    """Return the language of the letters of a shared script in what is read of a text."""
    detectors = opinion.detectors()
    if detectors is None:
        return _NONE
    if ranked is None:
        ranked = detectors.first(text)
    best, score, is_clear = _best(ranked)
    alone, together = _least(found.letters)
    if score >= alone and score >= _CERTAIN and (is_clear or best in _IN_DEVANAGARI):
        # Most texts: cld2 would change nothing.
        language = _decided(best, score, text)
        if language is not None:
            return Detection(language, score, "model")
    tag = romanised(read) if found.script == blocks.LATIN else None
    if tag is not None:
        return Detection(tag, found.share, "words")
    if found.letters < _ONLY_SECOND_LETTERS:
        if score < together:
            return _NONE
        language = _decided(best, 1.0, text) if is_clear and score >= alone else None
    else:
        is_enough = found.letters >= _MANY_LETTERS and best not in _CERTAIN_BESIDE_RELATIVE
        language = _of(best, text) if is_enough and is_clear and score >= _ENOUGH else None
    if language is not None:
        return Detection(language, score, "model")
    return _by_both(text, found.letters, ranked, detectors.second)


def _by_both(
    text: str,
    letters: int,
    ranked: list[tuple[str, float]],
    ask: Callable[[str, bool], opinion.Second],
) -> Detection:
    alone, together = _least(letters)
    has_idea = letters < _ONLY_SECOND_LETTERS or (bool(ranked) and ranked[0][1] >= _IDEA)
    second = ask(text, has_idea)
    language, score = _first(ranked, second.language)
    if (
        second.language in _ONLY_SECOND
        and second.sure
        and letters >= _ONLY_SECOND_LETTERS
        and score < _CONTENT_WITH_RELATIVE.get(second.language, _CONTENT)
        and (not has_idea or second.language in _CONTENT_WITH_RELATIVE or ask(text, False).sure)
    ):
        return Detection(second.language, second.share, "second")
    agreed = _SAME.get(second.language, second.language) == language
    if score < (together if agreed else alone) or language in script.ALONE:
        return _NONE
    if language == "ms":
        # Without words of either it is Indonesian: eldc has no name for it.
        language = _by_words(language, text) or ("ms" if second.language == "ms" else "id")
    return Detection(_of(language, text), score, "model")


def _best(ranked: list[tuple[str, float]]) -> tuple[str, float, bool]:
    """Return the best tag of eldc, its score, and whether no other is nearly as good."""
    if len(ranked) < _TWO:
        return *(ranked[0] if ranked else (UNDETERMINED, 0.0)), False
    (language, score), (_, next_score) = ranked[:2]
    return language, score, score - next_score >= _TIE and language not in script.ALONE


def _least(letters: int) -> tuple[float, float]:
    """Return the least scores of eldc, alone and where cld2 agrees."""
    for below, alone, together in _LADDER:
        if letters < below:
            return alone, together
    return alone, together


def _first(ranked: list[tuple[str, float]], second: str) -> tuple[str, float]:
    """Return the best tag of eldc; of nearly equal scores, the one that cld2 reports."""
    if not ranked:
        return UNDETERMINED, 0.0
    best = ranked[0]
    ties = (each for each in ranked if best[1] - each[1] < _TIE and each[0] == second)
    return next(ties, best)


def _decided(language: str, score: float, text: str) -> str | None:
    """Return which language it is; None where neither score nor words exclude a relative."""
    if language in _IN_DEVANAGARI:
        return in_devanagari(text)
    least = _CERTAIN_BESIDE_RELATIVE.get(language)
    if least is None or score >= least:
        return _of(language, text)
    return _by_words(language, text)


def _by_words(language: str, text: str) -> str | None:
    """Return which of two relatives a text is by its words; None without enough of them."""
    if language == "ms":
        words = indonesian(text)
        return None if words == 0 else "id" if words > 0 else "ms"
    return language if lean(language, text) >= _FEWEST_WORDS else None


def _of(language: str, text: str) -> str:
    """Return the tag of a text in a language of eldc, which reports one for several."""
    if language == _SEVERAL:
        return south_slavic(text)
    if language in _IN_DEVANAGARI:
        return in_devanagari(text) or language
    return language
