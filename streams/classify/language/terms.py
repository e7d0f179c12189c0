"""Whether the Latin words of a text in two scripts are terms or a title, not a sentence.

A sentence has function words of its language. Terms (`SQL query performance tuning`) have none, and
in a title (`The Shape Of Water`) they are capitalised or link two capitalised words. A request for
one foreign word (`translate 再见`) is a sentence as well.
"""

from __future__ import annotations

import re
from typing import Final

from streams.classify.language.words import Words

_ENGLISH: Final = """
    about am an any are at be because been can could did do does had has have he her his how i if is
    it its just like me my not or our please she should so some than that their them there these
    they this those up was we were what when where which who why will with would you your
"""
_OTHERS: Final = """
    auf aus das dem den der die ein eine für ich ist mir mit nicht oder und von was wie wir zu
    avec ce comment dans des est et je la le les mon ne nous pas pour que qui sur un une vous
    como con cómo del el en es esta hay las los mi más no para por qué se sin su una y
    che chi come di il mi non per sono um uma não com os na isso het een niet op van wat hoe
    cuál cuándo dónde quien quién onde quando quem où quand quel quelle wann warum wer wo gdzie
    kiedy kto waar wanneer jak jest nie w z bir bu için nasıl ve apa dari yang dan untuk là gì
    của không
    bedeutet betekent betyder betyr heißt oznacza significa signifie znaczy znamená
"""
# What people say in front of a title: play, put on.
_PLAYS: Final = {
    "cs": "pusť zahraj",
    "da": "spil afspil",
    "de": "spiel spiele abspielen",
    "es": "pon ponme reprodúceme",
    "fi": "soita",
    "fr": "mets joue lance écouter",
    "hu": "játszd",
    "id": "putar putarkan mainkan",
    "it": "metti riproduci suona",
    "nb": "spill",
    "nl": "speel",
    "pl": "włącz zagraj puść",
    "pt": "toque reproduza",
    "sv": "spela",
    "tr": "çal oynat",
    "vi": "mở bật phát",
}
_PLAYED: Final = {word: tag for tag, words in _PLAYS.items() for word in words.split()}
# Function words that titles also have between capitalised words.
_LINKING: Final = frozenset({"a", "and", "by", "for", "from", "in", "of", "on", "the", "to"})
_ENGLISHS: Final = frozenset(_ENGLISH.split()) | _LINKING
_FUNCTIONS: Final = _ENGLISHS | frozenset(_OTHERS.split()) | frozenset(_PLAYED)
# English words that others have as well, with another meaning.
_SHARED: Final = frozenset({"a", "am", "an", "in", "me", "on", "was"})
_OWN: Final = _FUNCTIONS - _SHARED
_ONLY_OTHERS: Final = (frozenset(_OTHERS.split()) | frozenset(_PLAYED)) - _ENGLISHS
_OTHER_WORDS: Final = Words(dict.fromkeys(_ONLY_OTHERS, ""), is_ascii=False)
#: Words that are read.
_MOST_WORDS: Final = 32
_ASKS: Final = """
    correct define explain mean meaning pronounce read say spell summarize translate write
"""
_REQUESTS: Final = frozenset(_ASKS.split())
_WORD = re.compile(r"[^\W\d_]+")
# Capitalised words in a row, with linking words between them.
_MARKS: Final = str.maketrans(dict.fromkeys('¿¡?!.,;:()"“”„«»', " "))
_TITLE = re.compile(
    r"""\b[A-Z][\w'’]*+(?:\s+(?:(?:a|an|and|at|by|for|from|in|n'|o'|of|on|or|the|to|with)\s+){0,2}
        [A-Z0-9][\w'’]*+)+""",
    re.VERBOSE,
)

#: What a quotation begins with.
QUOTES: Final = '"“„«'
_QUOTED = re.compile(r"""[“„][^“”\n]{1,80}[“”] | "[^"\n]{1,80}" | «[^»\n]{1,80}»""", re.VERBOSE)


def are_terms(latin: str) -> bool:
    """Return whether Latin words (the text without its other scripts) are terms or a title.

    Cost grows with the text: callers cut it first.
    """
    words = _WORD.findall(latin)
    small = {word for word in words if word.islower()}
    if (words and words[0].lower() in _REQUESTS) or small & _REQUESTS:
        return False
    functions = small & _FUNCTIONS
    return not functions or (small <= _LINKING and len(words) > len(functions))


def without_titles(text: str) -> str | None:
    """Return a text without titles and names, where the rest is surely of another language.

    It then has function words of others and none of English. Cost grows with the text: callers cut
    it first.
    """
    if not _OTHER_WORDS.found(text.translate(_MARKS), _MOST_WORDS)[0]:
        return None
    rest = _TITLE.sub(" ", text)
    if rest == text:
        return None
    words = {word.lower() for word in _WORD.findall(rest)}
    return None if words & _ENGLISHS - _SHARED or not words & _ONLY_OTHERS else rest


def requested(rest: str) -> str | None:
    """Return the language of a request to play something, by its first word, without the titles."""
    words = rest.split(maxsplit=1)
    return _PLAYED.get(words[0].lower()) if words else None


def without_quotations(text: str) -> str | None:
    """Return a text without what it quotes, where the rest has a function word of one language.

    None where it has none. Cost grows with the text: callers cut it first.
    """
    rest = _QUOTED.sub(" ", text)
    if rest == text or _OWN.isdisjoint(map(str.lower, _WORD.findall(rest))):
        return None
    return rest
