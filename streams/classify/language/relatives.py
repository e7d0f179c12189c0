"""Distinguishes languages from near relatives by words that only one of the two uses.

Relatives share most words and every letter, so that detectors report either for both. A few dozen
words, whose spelling or choice differs, distinguish them: frequent ones of half of the translations
that tests/accuracy names, and everyday ones of dictionaries. A text without them stays undecided.
"""

from __future__ import annotations

from typing import Final

from streams.classify.language.words import Words

_SPANISH: Final = """
    al archivo ayuda canal canción cuando cuál cuándo cuánto cómo del dice dime donde dónde el
    ella ellos entonces eres es escribe eso estoy explica explícame gracias guardar ha hacer
    haces hago hay haz hoja hola hoy imagen la las lo los luego me mensaje mensajes mis mucho
    muy más ni nombre nueva nuevo opciones puede puedes puedo quiere quiero qué sea según si
    siguiente sin su sus también tengo tiene tienen tienes una unas unos y ya yo
"""
_GALICIAN: Final = """
    algunha ao aos as até axuda axúdame cal cales cando canle cartafol co coa coas cos da das
    dende dixo do dos dun dunha dá dúas eles entón erro facer fago fai ficheiro foi gardar
    grazas hai hoxe imaxe isto lle mellor mensaxe meu miña miñas moi moita moito máis na nas non
    nos nosa noso nova novo nun nunha onde os ou pode podes podo pola polas polo polos posíbel
    produciuse quen quere quero sen seu só súa tamén ten tes teño unha unhas uns xa xanela xeito
    á é
"""
_PORTUGUESE: Final = """
    ainda além aqui assim atual com configuração criar dela dele depois em então explique fazer
    foram há imagem informação isso já mensagem minha muito nem nenhum nenhuma nessa nesse não
    nós obrigado olá opção pela pelas pelo pelos pessoas possível quais qual quando quem sem
    será sim sua suas são também tem tenho têm um uma umas você vocês à às
"""
_GALICIAN_BESIDE_PORTUGUESE: Final = """
    algunha axuda axúdame aínda cal cales cando canle cartafol co coa coas con cos dende despois
    dixo dun dunha dúas elementos en entón fai foron gardar grazas hai hoxe imaxe información
    lle mensaxe mensaxes miña miñas moi moita moito máis nin ningunha non nun nunha opción pola
    polas polo polos posible posíbel quen sen son súa súas tamén teño un unha unhas xa xanela
    xeito
"""
_DUTCH: Final = """
    alleen als bent bestand bij de deze door een eigen er gaat gebruiken gebruikt geef graag
    hallo heb hebben hebt heeft hun ik je jij jouw jullie kunnen kunt maken mijn moeten naar
    niet nieuw nieuwe openen schrijf standaard tekst toevoegen uw verwijderen voor wij willen
    wilt worden wordt zal ze zich zien zij zijn zo zoals zonder zou zullen
"""
_AFRIKAANS: Final = """
    'n as asseblief baie bediener beteken boodskap by daardie dankie deur dié ek gee geskryf
    hierdie hoekom hulle hy jou julle kontak kry lys lêer misluk moenie my nie nuut nuwe sal se
    skep skryf sodat stoor stuur sy tans tyd verwyder vir vra wag wees word wys ’n
"""
_BULGARIAN: Final = """
    аз бъде в вече всички във данни днес защо здравей или искам искате как каква какво каквото
    като когато които който която към мога моля момента нещо няма обясни от още пише през с
    ситуация след съм със също тази такава това този трябва тук че чрез ще я
"""
_MACEDONIAN: Final = """
    барам бидат биде веќе во вон врска ги годишен дека како каков кај кога која можам можеш
    мојата мојот нема нешто објасни ова оваа овој од одговори оддели повеќе покажи помеѓу поради
    порака постои сакам сакате сите слика со сум сѐ таа треба туку што ја ќе
"""
_SERBIAN: Final = """
    али био бити већ више где датотеку желим желите зашто иако из изаберите између када као
    колико које који лепо ли мене могу молим морам након налог нисам није о овим ово онда поруке
    пре преко са сада све су такође у увек хвала хоћу чему чија је још ће ћу
"""
_MACEDONIAN_BESIDE_SERBIAN: Final = """
    барам бидат биде веќе во вон врска ги го дали дека каков кај кога кои листата можам можеш
    мојата мојот низ оваа повеќе помеѓу поради порака сакам сакате сите со сум сѐ таа туку ја ќе
"""
_HINDI: Final = """
    अपना अपनी अपने अब अभी आप आपका आपकी आपके आपको आपने इस इसका इसके इसमें इसे उन उस उसके उसे और
    कब करती करना करने करूँ करूं करें करो कितना कितनी कितने किया किसी कुछ के केवल कैसा कैसे को
    कोई कौन क्या क्यों क्योंकि गई गए गया चाहता चाहते चाहिए जा जाए जैसे तक तरह था थी थे दिया
    दीजिए दें नहीं नीचे पहले फिर बताइए बताएं बताओ बहुत बारे भी मुझे में मेरा मेरी मेरे मैं मैंने
    यह रहा रही रहे लिए लिखें लिखो वह वाला वे सकता सकती सकते सभी समझाओ साथ से हम हमारे हमें हुआ
    हुई हुए हूँ हूं है हैं होगा होना
"""
_MARATHI: Final = """
    असते असे असेल आणि आपण आपले आपल्या आम्हाला आम्ही आहे आहेत उद्या करणे करण्यासाठी करत करा करू
    करून कशी कसा कसे काढून काय किंवा किती कुठे केला केली केले केव्हा कोणता कोणती कोणते खूप जर
    झाला झाली झाले तयार तुमचा तुमची तुमचे तुमच्या तुम्हाला तुम्ही ते त्या त्यांच्या त्याची
    त्याच्या त्याला दाखवा द्या नको नवीन नसते नाव नाही निवडा पण पाहिजे मग मजकूर मध्ये मला माझा
    माझी माझे माझ्या माहिती मी म्हणजे म्हणून यांच्या याची लिहा लिहून वापरा शकत शकता शकतो समजावून
    सर्व सांगा साठी हवा हवी हवे
"""
_NEPALI: Final = """
    अनि अहिले उनी उहाँ एउटा कति कसरी कसलाई किन किनभने कुन कुनै खोल्नुहोस् गरि गरिएको गरे गरेको
    गरेर गर्छ गर्छन् गर्छु गर्दछ गर्दा गर्दै गर्न गर्नु गर्नुपर्छ गर्नुहुन्छ गर्नुहोला गर्नुहोस्
    गर्ने चाहनुहुन्छ चाहन्छु चाहिन्छ छ छन् छु छैन छैनन् जस्तै तपाईँ तपाईँको तपाईँले तपाईं
    तपाईंको तपाईंलाई तिमी तिम्रो त्यो थिए थियो दिनुस् दिनुहोस् देखाउनुहोस् धेरै नयाँ नेपाल
    नेपालको नेपालमा पठाउनुहोस् पनि पर्छ पर्यो पार्नुहोस् फेला बताउनुहोस् बाट भए भएको भने भनेको
    भन्दा भन्नुहोस् भयो भोलि म मलाई मा मात्र मेरो मैले यस यसको यो र राम्रो राम्रोसँग रूपमा लाई
    लागि लेख्नुहोस् लेख्ने वटा सँग सकिन्छ सक्छ सक्छु सक्छौ सबै सबैभन्दा सम्झाउनुहोस् साथै हजुर
    हाम्रो हालको हिजो हुँ हुन हुने हुन्छ हुन्छन् होइन
"""

#: Language -> words that it has and its relative has not, and the reverse.
_PAIRS: Final = {
    "es": (_SPANISH, _GALICIAN),
    "pt": (_PORTUGUESE, _GALICIAN_BESIDE_PORTUGUESE),
    "nl": (_DUTCH, _AFRIKAANS),
    "bg": (_BULGARIAN, _MACEDONIAN),
    "sr": (_SERBIAN, _MACEDONIAN_BESIDE_SERBIAN),
}
_OWN, _OTHER = "own", "other"
#: Words that are read.
_MOST_WORDS: Final = 64


def _table(**kinds: str) -> dict[str, str]:
    return {word: kind for kind, words in kinds.items() for word in words.split()}


_TABLES: Final = {tag: _table(own=own, other=other) for tag, (own, other) in _PAIRS.items()}
_WORDS: Final = {tag: Words(table, is_ascii=False) for tag, table in _TABLES.items()}
_DEVANAGARI: Final = _table(hi=_HINDI, mr=_MARATHI, ne=_NEPALI)
_DEVANAGARI_WORDS: Final = Words(_DEVANAGARI, is_ascii=False)


def lean(language: str, text: str) -> int:
    """Return how many more words of a language than of its relative a text has.

    The text has letters and blanks only. Cost grows with it: callers cut it first.
    """
    found, _ = _WORDS[language].found(text, _MOST_WORDS)
    if not found:
        return 0
    table = _TABLES[language]
    kinds = [table[word] for word in set(found)]
    return kinds.count(_OWN) - kinds.count(_OTHER)


def in_devanagari(text: str) -> str | None:
    """Return which of Hindi, Marathi and Nepali a text is; None without more words of one."""
    found, _ = _DEVANAGARI_WORDS.found(text, _MOST_WORDS)
    kinds = [_DEVANAGARI[word] for word in set(found)]
    ranked = sorted(((kinds.count(kind), kind) for kind in set(kinds)), reverse=True)
    if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
        return None
    return ranked[0][1]
