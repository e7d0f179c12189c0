"""A declared language tag -> the tag it is counted under.

Gateways and clients declare languages as BCP 47 tags, ISO 639 codes, POSIX locales, header lists
and English names. All become one short BCP 47 tag: the language, for Chinese with its script, and
for languages of another script in Latin letters with that (`hi-Latn`); other scripts and all
regions are dropped. A value that does not name a language becomes `und`. Facts about tags are those
of CLDR and IANA, through langcodes.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

import langcodes

UNDETERMINED: Final = "und"
# Longer values are not tags.
MAX_CHARACTERS = 256
# Cache size: declared values with their tags.
CACHE_ENTRIES = 4096

_COUNTRY = re.compile(r"[A-Za-z]{2}")
_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,6}")
# `en-US,en;q=0.9`, `de_DE@euro` and `en_US.UTF-8` begin with the tag.
_REST = re.compile(r"[,;.@]")
_SEPARATORS = re.compile(r"[\s()\-_,;./]+")
_EXTENDED = re.compile(r"[a-z]{3}")
_PRIVATE_USE = re.compile(r"q[a-t][a-z]")
# Regions (and an old Windows name) where Chinese is written in traditional characters.
_TRADITIONAL = frozenset({"tw", "hk", "mo", "cht"})
#: Languages that are nearly always written in another script, found in Latin letters.
ROMANISED: Final = frozenset({"ar", "bn", "el", "fa", "hi", "ja", "ru", "ta", "te", "ur", "zh"})
#: Languages that keep the Latin script in their tag: `hi-Latn`, `sr-Latn`.
_KEEP_LATIN: Final = ROMANISED | {"sr"}
# Names and codes that the data lacks, or would map to another language.
_OWN: Final = {
    "i-klingon": "tlh",
    "zh-min-nan": "nan",
    "zh-min": "nan",
    "zh-hakka": "hak",
    "zh-xiang": "hsn",
    "no-nyn": "nn",
    "art-lojban": "jbo",
    "no": "nb",
    "bokmal": "nb",
    "bokmål": "nb",
    "norwegian": "nb",
    "norwegian bokmal": "nb",
    "norwegian bokmål": "nb",
    "nynorsk": "nn",
    "norwegian nynorsk": "nn",
    "chinese": "zh-Hans",
    "mandarin": "zh-Hans",
    "mandarin chinese": "zh-Hans",
    "chinese simplified": "zh-Hans",
    "simplified chinese": "zh-Hans",
    "chinese traditional": "zh-Hant",
    "traditional chinese": "zh-Hant",
    "chinese taiwan": "zh-Hant",
    "chinese hong kong": "zh-Hant",
    "chinese china": "zh-Hans",
    "chs": "zh-Hans",
    "cht": "zh-Hant",
    "中文": "zh-Hans",
    "汉语": "zh-Hans",
    "简体中文": "zh-Hans",
    "繁體中文": "zh-Hant",
    "繁体中文": "zh-Hant",
    "cantonese": "yue",
    "farsi": "fa",
    "persian": "fa",
    "flemish": "nl",
    "filipino": "fil",
    "tagalog": "fil",
    "bahasa melayu": "ms",
    "bahasa malaysia": "ms",
    "ไทย": "th",
    "ภาษาไทย": "th",
    "brazilian portuguese": "pt",
    "portuguese brazil": "pt",
    "castilian": "es",
    "serbo croatian": "sr",
    "burmese": "my",
    "punjabi": "pa",
    "deutsch": "de",
    "français": "fr",
    "español": "es",
    "português": "pt",
    "русский": "ru",
    "日本語": "ja",
    "한국어": "ko",
    "unknown": UNDETERMINED,
    "undetermined": UNDETERMINED,
    "none": UNDETERMINED,
    "null": UNDETERMINED,
    "auto": UNDETERMINED,
    "default": UNDETERMINED,
    "other": UNDETERMINED,
    "multi": UNDETERMINED,
    "multilingual": UNDETERMINED,
    "mul": UNDETERMINED,
    "mis": UNDETERMINED,
    "zxx": UNDETERMINED,
    "und": UNDETERMINED,
    "n a": UNDETERMINED,
    "posix": UNDETERMINED,
}
# Names shorter than this would be matched by `find` as codes of unintended languages.
_SHORTEST_NAME = 4
_MAX_WORDS = 4
_OWN_NAMES: Final = {
    UNDETERMINED: "Undetermined",
    "zh-Hans": "Chinese (Simplified)",
    "zh-Hant": "Chinese (Traditional)",
    "nb": "Norwegian",
    "other": "Other",
}


class _Kept:
    """A cache of two generations of half the size each: bounded, and entries in use are kept."""

    __slots__ = ("old", "young")

    def __init__(self) -> None:
        self.young: dict[str, str] = {}
        self.old: dict[str, str] = {}

    def keep(self, asked: str, answer: str) -> str:
        if len(self.young) >= CACHE_ENTRIES // 2:
            self.old, self.young = self.young, {}
        self.young[asked] = answer
        return answer


_tags = _Kept()
_names = _Kept()


def canonical(tag: object) -> str:
    """Return the tag that a declared value is counted under; `und` if it names no language.

    Never raises. Memory is bounded: values longer than 256 characters are not parsed.
    """
    if type(tag) is not str:
        return UNDETERMINED
    found = _tags.young.get(tag)
    if found is not None:
        return found
    if len(tag) > MAX_CHARACTERS:
        return UNDETERMINED
    return _tags.keep(tag, _tags.old.get(tag) or _decided(tag))


def display_name(tag: str) -> str:
    """Return the English display name of a canonical tag: `Chinese (Simplified)`."""
    found = _names.young.get(tag)
    if found is not None:
        return found
    if len(tag) > MAX_CHARACTERS:
        return tag[:MAX_CHARACTERS]
    return _names.keep(tag, _names.old.get(tag) or _named(tag))


@lru_cache(maxsize=512)
def country_name(code: str) -> str:
    """Return the English name of a country, given by its code of ISO 3166; else the code."""
    if not _COUNTRY.fullmatch(code):
        return code.upper()
    try:
        name = str(langcodes.Language.make(territory=code.upper()).territory_name("en"))
    except Exception:  # noqa: BLE001 - as below
        return code.upper()
    # Of a code that is none, the data has no name.
    return code.upper() if name.startswith("Unknown") else name


def _decided(declared: str) -> str:
    text = declared.strip()
    try:
        return (
            _OWN.get(text.lower())
            or _from_tag(_REST.split(text, maxsplit=1)[0].strip())
            or _from_name(text)
            or UNDETERMINED
        )
    except Exception:  # noqa: BLE001 - the data behind names raises many kinds of errors
        return UNDETERMINED


def _from_tag(text: str) -> str | None:
    """Return the tag in short form; None for anything but a tag of an existing language."""
    lower = text.lower().replace("_", "-")
    own = _OWN.get(lower)
    if own is not None or not _TAG.fullmatch(text):
        return own
    base, *rest = lower.split("-")
    if base == "zh" and rest and _EXTENDED.fullmatch(rest[0]):
        # `zh-yue` names Cantonese, `zh-cmn-Hant` Mandarin.
        base, *rest = rest
    return _OWN.get(base) or _language(base, rest)


def _language(base: str, rest: list[str]) -> str | None:
    # langcodes' caches never evict. They only get bases: at most 18,278 of them.
    if _PRIVATE_USE.fullmatch(base) or not langcodes.tag_is_valid(base):
        return None
    found = langcodes.Language.get(langcodes.standardize_tag(base, macro=True)).language
    if found is None:
        return None
    if found in _KEEP_LATIN and rest[:1] == ["latn"]:
        return f"{found}-Latn"
    if found == "zh":
        traditional = "hant" in rest or ("hans" not in rest and not _TRADITIONAL.isdisjoint(rest))
        return "zh-Hant" if traditional else "zh-Hans"
    return _OWN.get(found, found)


def _from_name(text: str) -> str | None:
    """Return the tag of a language from its name, in English or in the language itself."""
    name = " ".join(_SEPARATORS.split(text.lower())).strip()
    own = _OWN.get(name)
    if own is not None:
        return own
    if not _may_be_name(name):
        # `English (US)`: the name precedes the bracket.
        name = _SEPARATORS.split(text.lower())[0]
        if not _may_be_name(name):
            return None
    try:
        found = langcodes.find(name)
    except LookupError:
        first = name.split(" ", maxsplit=1)[0]
        if first == name or len(first) < _SHORTEST_NAME:
            return None
        found = langcodes.find(first)
    return _from_tag(found.to_tag())


def _may_be_name(text: str) -> bool:
    """Return whether a text is a few words of letters; vowels of Hindi and Bengali are marks."""
    words = text.split(" ")
    letters = (unicodedata.category(each)[0] in "LM" for each in "".join(words))
    return len(text) >= _SHORTEST_NAME and len(words) <= _MAX_WORDS and all(letters)


def _named(tag: str) -> str:
    own = _OWN_NAMES.get(tag)
    if own is not None:
        return own
    try:
        if not langcodes.tag_is_valid(tag):
            return tag
        return str(langcodes.Language.get(tag).display_name("en"))
    except Exception:  # noqa: BLE001 - as above
        return tag
