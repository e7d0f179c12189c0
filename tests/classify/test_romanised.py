"""Languages of other scripts in Latin letters: named where it is sure, and never another one."""

from __future__ import annotations

import pytest
from test_detect import needs_detectors

from streams.classify.language.detect import detect
from streams.classify.language.romanised import TAGS, romanised
from streams.classify.language.tags import ROMANISED, canonical, display_name

SENTENCES = {
    "hi-Latn": [
        "email likhna hai boss ko chutti ke liye",
        "meri company ke liye logo design karna hai",
        "tell me kya karna chahiye jab server down ho",
    ],
    "ur-Latn": ["shukriya janab, mujhe ek darkhwast likh kar dein"],
    "ja-Latn": ["boku no namae wo kaite kudasai"],
    "ru-Latn": [
        "kak nastroit server na ubuntu",
        "ya ne ponimayu etu zadachu",
        "chto delat esli kot ne est",
        "pomogi pozhaluysta napisat pismo",
    ],
    "ar-Latn": ["kayfa yomkinoni ta3allom al loga", "ezay a3mel regime sa7i"],
    "bn-Latn": ["bangla te ekta kobita likhe dao"],
    "ta-Latn": ["python epdi kathukanum sollunga"],
    "zh-Latn": ["zhe ge daima zenme xie"],
    "fa-Latn": [
        "salam chetori mikham ye nameh benevisam",
        "lotfan in ro be zabane englisi tarjome konid",
        "man nemidoonam chera in kar nemishe",
    ],
    "el-Latn": [
        "ti kanete simera, thelete na pame gia kafe?",
        "exw ena provlima me ton ypologisti mou kai den xero giati",
        "poia einai h dieuthynsh tou nosokomeiou, shmeiwse thn edw",
    ],
}
PAIRS = [(tag, text) for tag, texts in SENTENCES.items() for text in texts]


@needs_detectors
@pytest.mark.parametrize(("tag", "text"), PAIRS)
def test_frequent_words_name_the_language(tag, text):
    assert detect(text)[::2] == (tag, "words")


@needs_detectors
@pytest.mark.parametrize(
    "text",
    [
        "kak proydet etap otbora",
        "u nas slomalsya lift v podezde",
        "fen el ma7atta law sama7t",
        "ashita tokyo ni ame ga furu",
        "naneun hangugeo gongbuhago sipeoyo",
    ],
)
def test_what_has_too_few_of_them_is_undetermined(text):
    assert detect(text).language == "und"


@needs_detectors
@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("it", "Come stai? hai tempo?"),
        ("id", "terima kasih banyak ya"),
        ("es", "ya puedes hacerlo"),
        ("it", "ti amo da quando ti ho vista"),
        ("id", "kardus ini untuk apa ya, tolong dijelaskan"),
        ("en", "the est. time is 3pm on the 7th"),
        ("en", "please add the b2b report and the mp3 files of the 3rd quarter"),
    ],
)
def test_languages_of_latin_letters_stay_themselves(tag, text):
    assert detect(text).language == tag


def test_words_that_others_have_as_well_are_no_evidence():
    assert romanised("gia tou kai na me") is None
    assert romanised("gia to provlima mou") is None
    assert romanised("gia to provlima mou giati") == "el-Latn"
    assert romanised("be man ro az soal") is None


def test_ends_of_greek_words_count_beside_a_word_of_greek():
    assert romanised("emfanizetai sfalmatos") is None
    assert romanised("emfanizetai to mhnuma sfalmatos") == "el-Latn"


def test_one_word_is_no_evidence():
    assert romanised("hai") is None
    assert romanised("nahi nahi nahi") is None
    assert romanised("commit 3fa9bc of 7de81f and 9c0d3e") is None


def test_each_tag_is_one_that_is_counted():
    for tag in {*TAGS.values()} | {"ur"}:
        latin = f"{tag}-Latn"
        assert tag in ROMANISED
        assert canonical(latin) == latin
        assert "Latin" in display_name(latin)
