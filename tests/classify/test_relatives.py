"""Near relatives are distinguished by words of their own, in everyday prompts."""

from __future__ import annotations

import pytest
from test_detect import needs_detectors

from streams.classify.language import malay, relatives
from streams.classify.language import south_slavic as croatian
from streams.classify.language.detect import detect
from streams.classify.language.malay import indonesian
from streams.classify.language.relatives import in_devanagari
from streams.classify.language.south_slavic import south_slavic

PROMPTS = [
    ("ne", "मेरो कम्प्युटर किन ढिलो चल्छ?"),
    ("ne", "भोलि काठमाडौंमा मौसम कस्तो हुन्छ?"),
    ("ne", "राम्रो बायोडाटा कसरी लेख्ने?"),
    ("ne", "मलाई अङ्ग्रेजी सिक्न सहयोग गर्नुहोस्"),
    ("hi", "मेरा कंप्यूटर धीमा क्यों चल रहा है?"),
    ("hi", "कल दिल्ली में मौसम कैसा रहेगा?"),
    ("mr", "माझा संगणक हळू का चालतो आहे ते मला सांगा"),
    ("ms", "Kenapa internet rumah saya perlahan sangat"),
    ("ms", "Apakah perbezaan antara pinjaman dan pembiayaan?"),
    ("ms", "awak boleh tolong terangkan macam mana nak buat ni?"),
    ("id", "Berapa harga tiket kereta dari Jakarta ke Surabaya?"),
    ("id", "gimana cara bikin surat lamaran kerja dong"),
    ("ms", "Bolehkah awak tuliskan surat permohonan cuti untuk majikan saya?"),
    ("ms", "Cadangkan resipi ayam yang mudah untuk makan malam keluarga"),
    ("ms", "Macam mana nak buat akaun bank untuk anak bawah umur?"),
    ("id", "Tolong tuliskan surat permohonan cuti untuk atasan saya"),
    ("id", "Apa saja yang harus dibawa saat mendaki gunung di musim hujan?"),
    ("id", "Bagaimana cara membuka rekening bank untuk anak di bawah umur?"),
    ("sr-Latn", "Šta je danas novo u svetu i gde mogu da pročitam vesti?"),
    ("sr-Latn", "Objasni mi razliku između ova dva rešenja, uvek ih pomešam"),
    ("hr", "Što je danas novo u svijetu i gdje mogu pročitati vijesti?"),
    ("hr", "Tko mi može objasniti razliku između ova dva rješenja?"),
    ("bs", "Šta je danas novo u svijetu i gdje mogu pročitati vijesti?"),
    ("es", "¿Cuál es la capital de la región donde vives?"),
    ("gl", "Cal é a capital da rexión onde vives e canta xente hai nela?"),
    ("mk", "Како можам да го научам јазикот ако немам многу време и пари?"),
    ("bg", "Как мога да науча езика, ако нямам много време и пари?"),
]


@needs_detectors
@pytest.mark.parametrize(("tag", "text"), PROMPTS)
def test_words_distinguish_relatives(tag, text):
    assert detect(text).language == tag


def test_indonesian_and_malay_are_distinguished_by_their_own_words():
    assert indonesian("Silakan unduh berkas karena nomor itu berbeda") > 0
    assert indonesian("Sila muat turun fail kerana nombor itu berbeza") < 0
    assert indonesian("saya makan nasi") == 0


def test_a_word_of_one_side_alone_counts_for_more_than_one_that_is_rare_on_the_other():
    assert indonesian("karena") > indonesian("aman") > 0 > indonesian("kerana")
    assert indonesian("karena keputusan jalan") > 0


def test_without_words_of_one_side_nothing_is_decided():
    assert in_devanagari("नमस्ते दिल्ली") is None
    assert south_slavic("danas je lijep i topao dan") == "hr"
    assert south_slavic("dobar dan") == "hr"


def test_no_word_is_of_two_relatives():
    for table in (relatives._DEVANAGARI, *relatives._TABLES.values()):
        assert table
    sides = [
        *relatives._PAIRS.values(),
        (relatives._HINDI, relatives._MARATHI, relatives._NEPALI),
        (croatian._EASTERN, croatian._CROATIAN),
        (malay._INDONESIAN, malay._RATHER_INDONESIAN, malay._MALAY, malay._RATHER_MALAY),
    ]
    for each in sides:
        words = [word for side in each for word in side.split()]
        assert len(words) == len(set(words)), {word for word in words if words.count(word) > 1}
