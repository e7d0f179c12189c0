"""Declared language tags, as clients and gateways send them."""

from __future__ import annotations

import pytest
from every import every
from hypothesis import given
from hypothesis import strategies as st

from streams.classify.language import tags
from streams.classify.language.tags import canonical, display_name

TAGS = {
    "en": "en EN eng en-US en_US en_US.UTF-8 en-GB-oed English en-Latn-US-x-foo en,fr;q=0.9",
    "zh-Hans": "zh zh-CN zh_cn zho chi cmn zh-Hans zh-SG zh-cmn-Hans-CN Chinese Mandarin chs 中文",
    "zh-Hant": "zh-TW zh_HK zh-MO zh-Hant zh-Hant-CN cmn-Hant zh-cmn-Hant cht 繁體中文",
    "yue": "yue zh-yue Cantonese",
    "he": "he iw heb Hebrew",
    "id": "id in ind Indonesian id-ID",
    "ms": "ms zsm msa may",
    "fil": "tl tgl fil Tagalog Filipino",
    "nb": "no nb nor nob nb-NO no_NO Norwegian",
    "nn": "nn nno nn-NO",
    "hi-Latn": "hi-Latn hi_latn_IN HI-LATN",
    "sr": "sr sh sr-Cyrl-RS Serbian",
    "sr-Latn": "sr-Latn sr_Latn_RS",
    "ro": "ro mo rum ron Romanian",
    "fa": "fa prs fa-AF Persian Farsi",
    "ar": "ar arb ar-EG Arabic",
    "de": "de ger deu de_DE@euro de-CH German Deutsch",
    "pt": "pt pt-BR pt_PT Portuguese",
    "fr": "fr fr-FR,fr;q=0.9,en;q=0.8 fre fra French",
    "ru": "ru rus ru-RU Russian русский",
    "kr": "kr",
    "se": "se",
    "br": "br",
    "uk": "uk ukr uk-UA Ukrainian",
    "tlh": "i-klingon tlh",
    "und": "und xx jp cn null none auto C POSIX root ua e * mul zxx qaa x-private hello - _ 7",
}
CASES = [(tag, declared) for tag, line in TAGS.items() for declared in line.split(" ")]


@every(CASES)
def test_a_declared_tag_is_counted_under_its_language(tag, declared):
    assert canonical(declared) == tag


@pytest.mark.parametrize(
    ("declared", "tag"),
    [
        (" en ", "en"),
        ("en\n", "en"),
        ("Chinese (Simplified)", "zh-Hans"),
        ("chinese simplified", "zh-Hans"),
        ("Traditional Chinese", "zh-Hant"),
        ("English (US)", "en"),
        ("Brazilian Portuguese", "pt"),
        ("हिन्दी", "hi"),
        ("বাংলা", "bn"),
        ("தமிழ்", "ta"),
        ("ไทย", "th"),
        ("Bahasa Melayu", "ms"),
        ("hello world", "und"),
        ("", "und"),
        ("\uff45\uff4e", "und"),
        ("\x00", "und"),
        ("\ud800", "und"),
        ("en" + "-aaa" * 3000, "und"),
        ("e" * 257, "und"),
        (None, "und"),
        (7, "und"),
        (["en"], "und"),
    ],
)
def test_what_is_not_a_plain_tag_is_read_or_und(declared, tag):
    assert canonical(declared) == tag


@given(st.text(max_size=300))
def test_any_text_has_a_tag_that_is_its_own_tag(declared):
    tag = canonical(declared)
    assert canonical(tag) == tag
    assert display_name(tag)


@given(st.sampled_from(CASES))
def test_case_does_not_matter(case):
    tag, declared = case
    assert canonical(declared.upper()) == tag


def test_the_answers_kept_are_bounded():
    for number in range(3 * tags.CACHE_ENTRIES):
        canonical(f"en-x-{number}")
    assert len(tags._tags.young) + len(tags._tags.old) <= tags.CACHE_ENTRIES


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("en", "English"),
        ("zh-Hans", "Chinese (Simplified)"),
        ("zh-Hant", "Chinese (Traditional)"),
        ("und", "Undetermined"),
        ("nb", "Norwegian"),
        ("fil", "Filipino"),
        ("no such tag", "no such tag"),
    ],
)
def test_people_read_names(tag, name):
    assert display_name(tag) == name
