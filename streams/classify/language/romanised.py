"""Languages of other scripts that are written in Latin letters, found by frequent words of theirs.

Detectors do not know them, and name whatever is near. Chosen are words that languages of Latin
letters do not have; two different ones are needed, and that they are a good part of the text, since
English terms are mixed in. What has fewer stays undecided. Urdu is Hindi without words of its own.
"""

from __future__ import annotations

import re
from typing import Final

from streams.classify.language.words import Words

_FREQUENT: Final = {
    "hi": """
        aaj aapka aapke aapki aapko abhi accha acha achha achi apna apne apni aur bahut batana batao
        bhai bhi chahie chahiye chahta chahti dena dijiye dikhao diya gaya gayi ghante ghar hai hain
        hamara hamare hoga hogi hoon hua hui hum humko isko iska iske iski jaldi kaam kab kahan
        kaise kaisa kaisi kal kar karein karke karna karne karo karta karte karti karu kaun kijiye
        kitna
        kitne kitni koi kuch kya kyon kyu kyun kyunki liye likh likho likhna matlab mein mera mere
        meri mujhe mujhko nahi nahin paisa phir raha rahe rahi rha rhi sakta sakte sakti samajh
        samjhao sath thoda tera teri thi tumhara tumhe unka usko uska uske uski wala wale wali yaar
        yar yeh theek thik wapas zyada lagao dilana subah shaam haal sunao bolo hota hoti hote ek
    """,
    "ru": """
        bolshe budet byla bylo chego chto dlya eshche est esli eto etot etogo gde kak kakaya kakie
        kakoy khochu hochu kogda kotoryy luchshe menya mne mogu mozhesh mozhet mozhno nado napishi
        nuzhno ochen pochemu pojaluista pomogi potomu pozhaluista pozhaluysta pozhalusta privet
        rabotaet rabotat russkiy segodnya seychas sdelai sdelat sdelay skazhi skolko spasibo takoe
        takoy tebya tolko uzhe vchera yesli zachem zavtra zdravstvuyte znachit ya
    """,
    "ar": """
        3afak 3ayez 3ayz 3awez 3lach ahlan akhbarak aywa badi baddi biddi bzaf chno enta enti ezay
        ezayak habibi habibti inchallah inshallah inta inti kaifa kayfa keda kif kifach kifak labas
        leish lesh mar7aba marhaba mesh mish msh shlon shlonak shokran shou shu shukran tayeb wach
        wallah wesh yalla ya
    """,
    "bn": """
        acha ache achen achho acho amader amake amar ami apnake apnar apni bhalo bhalobashi
        bolben bolo bolte bolun bujhte bujhi chai dao dekhan dekhte ekta ektu hobe hoy hoye hoyeche
        jabe jabo janate jante jonno kemon keno kichu kivabe kibhabe kintu kokhon korbe
        korbo korbi kore koren koro korte korun kotha kothay lagbe likhe likhun parben parbo
        parchi pari paro parbe sathe shathe shob thake theke tomake tomar tumi valo
    """,
    "ta": """
        anga enakku enga enna epdi eppadi illa illai inga irukinga irukken irukku iruku kodu kudu
        naan nalla nee neenga pannanum pannu pannunga romba sollu sollunga unakku ungal vaanga
        vendum venum
    """,
    "te": """
        baaga chala cheppandi cheppu cheyali cheyandi ekkada ela enduku enti eppudu kavali ledu
        meeku meeru naaku nenu nuvvu undi unnaru unnayi
    """,
    "zh": """
        bang duoshao hao hen jintian keyi meiyou mingtian nihao ni qing shenme shi weishenme women
        wo xiang xiexie xihuan yang yige zaijian zenme zhongwen zhe
    """,
    "ja": """
        anata arigato arigatou dare desu desuka doko kara konnichiwa kore kudasai masu nani nihongo
        onegai oshiete shite sore watashi
    """,
    "fa": """
        azizam baraye befarmaid chera chetor chetori hastam khoobi khubi koja lotfan mersi mikhaham
        mikham mishe nemishe salam
    """,
    "el": """
        eimai einai eisai efxaristo giati kalimera kaneis parakalo thelo tora xreiazomai mporeis
    """,
}  # fmt: skip
_URDU: Final = frozenset(
    """
    assalam darkhwast hafiz ijazat inshallah janab khuda mashallah meharbani meherbani shukriya
    tehreer walaikum zaroor
""".split()  # noqa: SIM905 - one list like those above
)
#: The language of each word.
TAGS: Final = {word: tag for tag, words in _FREQUENT.items() for word in words.split()}
_ALSO_URDU: Final = frozenset({"hi"})
_WORDS: Final = Words(TAGS | dict.fromkeys(_URDU, "ur"), is_ascii=True)
# Arabic letters without a Latin one are written as digits: `mar7aba`, `3amel`.
_WITH_DIGIT = re.compile(r"(?!\d(?:rd|th|am|pm)\Z)[a-z]*[3579][a-z]{2,}")
_FEWEST: Final = 2
_LEAST_SHARE: Final = 0.3
#: Words that are read.
_MOST_WORDS: Final = 32


def romanised(text: str) -> str | None:
    """Return the tag of a language that a text has in Latin letters; None where that is not sure.

    Cost grows with the text: callers cut it first.
    """
    words, number = _WORDS.found(text, _MOST_WORDS)
    if len(words) < _FEWEST:
        return None
    found: dict[str, set[str]] = {}
    hits = dict.fromkeys(_FREQUENT, 0)
    for word in words:
        tag = TAGS.get(word)
        if tag is None and _WITH_DIGIT.fullmatch(word):
            tag = "ar"
        if tag is not None:
            hits[tag] += 1
            found.setdefault(tag, set()).add(word)
    if not found:
        return None
    best = max(found, key=lambda tag: (len(found[tag]), hits[tag]))
    if len(found[best]) < _FEWEST or hits[best] < _LEAST_SHARE * number:
        return None
    if best in _ALSO_URDU and not _URDU.isdisjoint(words):
        best = "ur"
    return f"{best}-Latn"
