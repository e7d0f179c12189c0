"""Distinguishes Croatian, Bosnian and Serbian in Latin letters, which detectors report as Croatian.

The old vowel yat is `e` in Serbia (`vreme`) and `ije` or `je` in Croatia and Bosnia (`vrijeme`);
other words are of Croatia alone (`tko`, `tjedan`) or not (`šta`, `sedmica`). A text with
neither is counted as Croatian. Montenegrin, with the words of Serbia and the vowel of Bosnia, is
counted as Bosnian.
"""

from __future__ import annotations

import re
from typing import Final

from streams.classify.language.words import Words

# Beginnings of words with the yat of each side.
_WITH_E = re.compile(
    r"""\b(?:
        bele[žš] | belešk | bezbed[no] | ce[ln][aeiou]\b | ceo\b | de[ct][aeui]\b |
        delov[aei] | deo\b | deteta | devojk | dečak | dve\b | gde\b | hte[ol] | izbeg |
        izme[nš] | izvešt | koren\b | lep[aeio]\b | lev[aeiou]\b | menja | mesec |
        mest[aou]\b | mestim | mleko | napred\b | nedelj | negde | nigde | obavešt | obe\b
        | obezbed | odel(?:jak|jenj) | oduvek | osećaj | ovde\b | pesm | pobed | podel[aeiou]
        | podrazumev | pome[nr] | ponedelj | poset | posle\b | poslednj | poverenj | pre\b |
        predlog | prevod\b | prime[nr] | promen | prover | razmer | razume[lmštv] | reka\b |
        reke\b | reku\b | reč(?:i|ima|ju)?\b | reše[nš] | reši | savet | seća | sled[ei] |
        smer | sneg\b | srazmer | sused | svet(?:u|om)?\b | svetl | svetsk | svugde | ubed |
        ubeđ | umesto | unapred\b | uspe[hlnošv] | uvek | uverenj | verovat | vešt | videl |
        videt | vredno? | vreme\b | zahtev | zamen | zvezd | čovek | žele[lo] | žive[lo]
    )""",
    re.VERBOSE,
)
_WITH_JE = re.compile(
    r"""\b(?:
        bijel | bilje[šž] | cijel | cijen | dijel | dijet | djec | djel | djevoj | dječ |
        dvije | gdje | izbjeg | izmije | izmje | izvje | korijen | lijep | lijev | ljep |
        mijenj | mjenj | mjer | mjesec | mjest | mlijek | naprijed | nedjelj | obavij |
        obavješt | obje\b | osjeć | ovdje | pjesm | pobjed | podijel | podrazumij | pomje |
        ponedjelj | posjed | posjet | poslije | povjer | prije(?:d|l|n|v)?\b | prijedlo |
        prijelaz | prijenos | prijevod | primije | primje | promije | promje | provjer |
        razmjer | razumij | razumje | rijek | riječ | rječ | rješ | savjet | sjed | sjeć |
        slijed | sljed | smjer | snijeg | snjež | susjed | svijet | svjet | tijek | tijel |
        ubijed | umjesto | unaprijed | uspije | uspje | uvijek | uvjer | vidje | vijest | vjer
        | vjest | vrijed | vrijem | zahtjev | zamije | zamje | zvijezd | čovjek | željel |
        živje
    )""",
    re.VERBOSE,
)
# Words of Serbia and Bosnia, and of Croatia.
_EASTERN: Final = """
    april aprila august avgust avgusta decembar decembra februar februara fudbal hiljada hiljade
    hiljadu historija historije historiju istorija istorije istoriju januar januara jula
    juli juna juni kahva kahvu kašika ko lahko mart marta mrkva neko niko novembar novembra
    oktobar oktobra opšte opšti opština opštine porodica porodice porodicu preduzeća preduzeće
    saobraćaj saopštenje sedmica sedmice sedmici sedmično septembar septembra spisak supa
    sveska takođe tačka tačke tačno uslov uslove uslovi učestvovati vazduh voz vozom šta
"""
_CROATIAN: Final = """
    glazba glazbe glazbu glede izvješće juha kazalište kolovoz kolovoza kruh lipanj lipnja
    listopad listopada netko nitko nogomet obitelj obitelji odaberi odabir općenito općina
    općine ožujak ožujka poduzeće popis povijesti preglednik priopćenje promet prosinac prosinca
    računala računalo rujan rujna siječanj siječnja spremi spremiti srpanj srpnja studeni
    studenog sučelje svatko sveučilišta sveučilište svibanj svibnja tijekom tipkovnica tisuća
    tisuće tisuću tjedan tjedna tjedno tjednu tko točka točke točno travanj travnja tvrtka
    tvrtke unatoč uporaba uporabu uvjet uvjete uvjeti veljača veljače vlak vlakom zaslon zrak
    zraka zrakoplov žlica
"""
# A conjunction with the present where Croatian has the infinitive, and a future in one word.
_PHRASE = re.compile(r"\b(?:bi(?:će|ću|ćeš|ćemo)|(?:mog|mož|hoć|mora|treba|pokuša)\w* da)\b")

_EAST, _WEST = "east", "west"
_TABLE: Final = dict.fromkeys(_EASTERN.split(), _EAST) | dict.fromkeys(_CROATIAN.split(), _WEST)
_WORDS: Final = Words(_TABLE, is_ascii=False)
#: Words that are read.
_MOST_WORDS: Final = 64


def south_slavic(text: str) -> str:
    """Return which of `hr`, `bs` and `sr-Latn` a text is; without evidence `hr`.

    The text has letters and blanks only. Cost grows with it: callers cut it first.
    """
    found, _ = _WORDS.found(text, _MOST_WORDS)
    kinds = [_TABLE[word] for word in set(found)]
    eastern = kinds.count(_EAST) - kinds.count(_WEST)
    text = text.lower()
    eastern += _PHRASE.search(text) is not None
    with_e = len(_WITH_E.findall(text)) - len(_WITH_JE.findall(text))
    if with_e > 0 or (with_e == 0 and eastern > 0):
        return "sr-Latn"
    return "bs" if with_e < 0 < eastern else "hr"
