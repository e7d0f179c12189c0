"""Languages of other scripts that are written in Latin letters, found by frequent words of theirs.

Detectors do not know them, and name whatever is near. Chosen are words that languages of Latin
letters do not have; two different ones are needed, and that they are a good part of the text, since
English terms are mixed in. What has fewer stays undecided. Urdu is Hindi without words of its own.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final

from streams.classify.language.words import Words

_FREQUENT: Final = {
    "hi": """
        aaj aap aapka aapke aapki aapko aapse aayega aayegi abhi accha acha achha achi apna apne
        apni aur bahut banado banani batado batana batao bhai bhejo bhi bolo btao chahie chahiye
        chahta chahti chalao chalta dena dijiye dikha dikhaiye dikhao dilana diya ek gaana gaya
        gayi ghante ghar haal hai hain hamara hamare hoga hogi hoon hota hote hoti hua hui hum hume
        humko iska iske iski isko jaise jaldi jayega jayegi kaafi kaam kab kahan kaisa kaise kaisi
        kal kar kare karein karke karna karne karni karo karta karte karti karu karun kaun kijiye
        kitna kitne kitni koi krdo krna kro kuch kya kyon kyu kyun kyunki lagao lekin likh likhkar
        likhna likhni likho liye maine matlab mein mera mere meri mujhe mujhko mujhse nahi nahin
        paisa pata pehle phir puchna raha rahe rahi rha rhi rupaye saal sabse sahi sakta sakte
        sakti samajh samjhana samjhao sath shaam sikhna subah sunao tarika tarike tera teri theek
        thi thik thoda tumhara tumhari tumhe unka uska uske uski usko waha wala wale wali wapas
        yaar yaha yahan yar yeh zaroorat zyada
    """,
    "ru": """
        angliyskiy bolit bolshe budem budet budu byla byli bylo chego chelovek chto chtoby davai
        davay delaesh delat dengi dlya dolzhen dolzhna dumat eshche esli est eto etogo etot gde
        golova govorit govoryu hochet hochu horosho ispravit kak kakaya kakie kakoe kakoy khochet
        khochu khoroshiy khorosho kogda kotoraya kotorye kotoryy kuda luchshe lyudey lyudi magazin
        malenkiy menya mesyats mne mnoy mogu mogut moya mozhesh mozhet mozhete mozhno nado napisat
        napishi nasha nashe nastroit nauchitsya nedelya nedelyu nichego nikogda novyy nuzhen nuzhna
        nuzhno nuzhny obyasni obyasnite ochen opyat oshibka oshibku otkryt otkryvaetsya otkuda
        perevedi perevod pismo plokho pochemu podskazhite poetomu pogodu pojaluista pokazhi pomogi
        pomogite ponimayu ponyat ponyatno potomu pozhaluista pozhalusta pozhaluysta privet
        programmu rabota rabotaet rabotat rabotayu rabotu rasskazhi rasskazhite russkiy russkom
        sayt sdelai sdelal sdelat sdelay segodnya seychas skazat skazhi skolko snova sozdat spasibo
        stranitsa takoe takoy takzhe tebe tebya teper tolko tozhe tvoy tvoya ustanovit utrom uzhe
        vasha vashe vchera vecherom vizhu vopros vremya vsegda vstrecha ya yazyk yesli zachem
        zadachu zakaz zakryt zavtra zdes zdravstvuyte znachit znaesh znaet znat znayu
    """,
    "ar": """
        3afak 3awez 3ayez 3ayz 3lach ahlan akhbarak aywa baddi badi bghit biddi bzaf chno daba enta
        enti ezay ezayak ghadi habibi habibti inchallah inshallah inta inti kaifa kayfa keda kif
        kifach kifak kifash labas lazem lazim leish lesh mar7aba marhaba mesh mish momken msh
        mumkin samaht shlon shlonak shokran shou shu shukran tayeb wach wallah wesh ya yalla
    """,
    "bn": """
        acha ache achen achho acho amader amake amar ami apnader apnake apnar apni banglay bhalo
        bhalobashi bhasha bolben bolo bolte bolun bujhi bujhte chai chaichi dao dekhan dekhte
        dhonnobad ekta ektu hobe hoy hoye hoyeche jabe jabo janate jante jonno kemon keno kibhabe
        kichu kintu kivabe kokhon korbe korbi korbo kore korechi koren koro korte korun kotha
        kothay lagbe likhbo likhe likhte likhun parbe parben parbo parchi pari paro sathe shathe
        shob tader thake theke tomader tomake tomar tumi valo
    """,
    "ta": """
        aagudhu aaguthu adhu anga enakku enga enna epdi eppadi idhu illa illai inga irukinga
        irukken irukkinga irukku iruku kodu kudu naan nalla nee neenga oru pannanum pannu pannunga
        panra puriyala romba seiyanum sollu sollunga theriyala unakku ungal ungaluku vaanga
        vanakkam vendum venum
    """,
    "te": """
        baaga chala cheppandi cheppu cheyali cheyandi cheyyali cheyyandi ekkada ela enduku enti
        eppudu idi kadha kavali ledu mari matladali meeku meeru naaku nenu nuvvu oka undi unnaru
        unnayi
    """,
    "zh": """
        bang bangwo duoshao gaosu gongsi hao hen jiao jintian keyi laoshi meiyou mingbai mingtian
        ni nihao qing qingwen shenme shi weishenme wenti wo women xiang xie xiexie xihuan xue xuexi
        yang yige yixia zaijian zenme zenmeyang zhe zhege zhongwen
    """,
    "ja": """
        anata arigato arigatou arimasu benkyou boku dare deshita desu desuka doko eki ikimasu
        imasen imasu itsu kaite kara konnichiwa kore kudasai masu nani naze nihongo onegai
        onegaishimasu oshiete shimasu shite sore sumimasen watashi
    """,
    "fa": """
        amad anha azizam barash baraye bashad basham bashe bashid bedeh bedid befarmaid begid begoo
        behtar behtarin bekon benevis benevisam benevisid bishtar bokon bokonam bokone boodam
        boodand budam chegone chegoone chegune chejoori chejuri chera chetor chetori chetoriye
        chikar chon daneshgah darad darbare darbareye darid darim dashtam dashtan dashte dastan
        digar dige dirooz diruz doost doostam doosti dorood dustam emrooz emruz englisi eshgh faghat
        fekr ghaza gheimat gheymat goftam gofte hafte hameye hamin hamishe hanooz hanuz hastam
        hastand hasti hastid hich hichi ingilisi inja injoori irani javab kardam kardand kardi
        kardid kardim ketab khahesh khane khaste kheili kheyli khodahafez khoob khoobam khoobe
        khoobi khoone khub khubi khune kodoom koja kojast komak komakam konam konid lotfan madaram
        mamnoon mamnoonam mamnun mersi midam midanam midid midoni midoonam midooni midunam midunid
        migam migan migoyand mikhaam mikhad mikhahad mikhaham mikhaid mikham mikhastam mikhay
        mikonam mikonan mikonand mikone mikoni mikonid mikonim miram mishan mishavad mishavam mishe
        mitavan mitavanam mitavanid mitonam mitoni mitoonam mitoone mitooni mitunam mitune mored
        moshkel nadarad nadaram nadare nemidanam nemidoonam nemidunam nemikham nemishe neveshtan
        neveshte nist nistam nistand omad pedaram raftam raftan rahnamayi rooz salam sepasgozaram
        shab shayad shodam shode shoma sobh tamrin tarjome tarjomeh tashakor tozih yeki zaban zabane
        zendegi ziad
    """,
    "el": """
        afou afrio afta afth afti afto aftoi aftos aftous agaph agapi agona agwna akoma akomh akomi
        akribws akrivos akrivws alhtheia alitheia allh allous anthropoi anthropos anthropous
        anthrwpoi anthrwpos anthrwpous apla apotelei apotelesma argotera arketa athhna athina aurio
        autes auth auti autoi autous avrio ayrio ayth ayto biblio blepw borei boreis boreite boroun
        borw brisketai brosta choris chreiazetai chrisi chronia dhladh diarkeia diladi douleia dromo
        dyo eafto eauto echei echeis echete echoume echoun edw efharisto efro efrw efxaristo egine
        egw eheis ehete ehoume ehoun eicha eichan eiha eihan eihe eimai eimaste einai eipe eisai
        eixan ekane ekei ekeinh ekeini eksigise ekso ektos ellada elladas ellhnes ellhnika ellhnikh
        ellines ellinika elliniki emeis enan enos enw epeidh epeidi epi epishs episis erchetai
        erhetai erxetai eseis esy eurw euxaristo ews exei exeis exete exigise exoume exoun exw
        eytyxws eyxaristo fainetai fores fusika fysika geia giati ginaika ginaikes ginei ginetai
        grapse gunaika gunaikes gurw gynaika gynaikes gyro gyrw hdh horis hpa hreiazetai hrisi
        hronia hrono htan idia idio iparxei iparxoun isos isws itan kalh kalhmera kalimera kalispera
        kalitera kalutera kalytera kamia kanei kaneis kanete kanoume kanoun kanw kapoia kapoios
        katastash katastasi kathe kathos kathws katw kentro kirios kivernisi ksereis ksero kubernhsh
        kuriws kyrios kyriws kyvernhsh kyvernisi lathos leei logw loipon malista matia mechri megalh
        megali megalo mehri meres mesw metafrase metaksi metaxu metaxy mexri mhn mhnes mias mporei
        mporeis mporeite mporo mporoun mporw mprosta oikogeneia oles olh oloi olous omada omos omws
        onoma opoia opoio opoios opos opou opws oti oute paei paidi paidia pame panw parakalo
        parakalw periochi periohi perioxh perioxi peripou perissotero phre pisw pleon poia poios
        polh politikh pragmata prepei problhma proedros proi proin prokeitai prota provlhma provlima
        prwhn prwi prwta prwth prwto pws schedon schesi schetika seira shedon shesi shetika shmainei
        shmera simainei simera simfona sinexeia sistima spiti sth sthn stigmh stigmi stin stis
        stoicheia stoiheia stoixeia ston stous sumfwna sunexeia susthma sxedon sxesh sxesi sxetika
        symfona symfwna synecheia syneheia synexeia systhma systima teleftaia teleutaia telika telos
        thelei thelete thelo thelw thes thesh thesi ths tipota tmhma tmima tora toso toulachiston
        toulahiston toulaxiston treis tropo twn twra uparxei uparxoun vash vivlio vlepo vlepw vradi
        vrady vrisketai wra wres wste xereis xero xerw xora xoris xreiazetai xreiazomai xrhsh xrisi
        xronia xrono xwra xwris yparchei yparchoun yparhei yparhoun yparxei yparxoun ypo ypologisti
        zoi zois zwh zwhs
    """,
}  # fmt: skip
#: Words that others have as well: no evidence, and part of a text for which there is some.
_COMMON: Final = {
    "el": """
        allo an apo auto den ean edo ena enas etsi gia h i kai kata mas me mesa meta mia mou na nai
        o ohi oi ola otan oxi pio poli polu poly pos pote pou prin pros san sas se sou sta sti sto
        ta tha thn ti tin tis to ton tou tous
    """,
    "fa": """
        agar alan ast az ba bad barat bayad be dar daram dari farsi hala ham hame hast in kar kara
        karam kard kardan ke man ra ro soal to va vali yani yek
    """,
}
# Ends of Greek words that words of languages in Latin letters hardly ever have.
_GREEK_ENDS: Final = frozenset(
    """
    aei agma airia alh amesa asias azei diko eies eis enh epei erh ewn fei ferei fora fores fos fwna
    gei geia geio gmi heia helei hesi hetai hike hke hma hmera hnes hri hse hsh iako idia igmi ikes
    ikh ikis ikoi ikou imeno inai iniki iou irio itera iwn iws kane keia ketai khs kous kwn leia
    leio leon lesma lhs llada lloi llous lwn masia maste mata matos meio menes menos mfona moi naika
    nei neia nena netai nhs nias niko nous ntiko nwn oges ohi oia oioi oion oios oipon olh omh onia
    oniki ontai orei oreia osmo osmos otera otero otita oun ousa ousia oxh oxi pedo peidi pisis poi
    poies pota pote pou pous prepe pse psh rizei rketa rnisi roi rouse rwn rwth sei seon sete shs
    smou sth stiko taia tash telei thei thike thina thmo thos thta tigmi tikon tise tous twn ume
    urgos wris wse wsh xan xei xeia xetai xete xhs xri ytera zetai
""".split()  # noqa: SIM905 - one list like those above
)
_END_SIZES: Final = sorted({len(end) for end in _GREEK_ENDS})
#: Letters of the shortest word with such an end.
_SHORTEST: Final = 5
_WORD = re.compile(r"[a-z0-9]+")
_URDU: Final = frozenset(
    """
    assalam darkhwast hafiz ijazat inshallah janab khuda mashallah meharbani meherbani shukriya
    tehreer walaikum zaroor
""".split()  # noqa: SIM905 - one list like those above
)
#: The language of each word.
TAGS: Final = {word: tag for tag, words in _FREQUENT.items() for word in words.split()}
_ALSO_URDU: Final = frozenset({"hi"})
_GREEK: Final = "el"
_SHARED: Final = {tag: frozenset(words.split()) for tag, words in _COMMON.items()}
_WORDS: Final = Words(
    TAGS | dict.fromkeys([*_URDU, *frozenset().union(*_SHARED.values())], ""), is_ascii=True
)
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
    if not words:
        return None
    found: defaultdict[str, list[str]] = defaultdict(list)
    for word in words:
        tag = TAGS.get(word)
        if tag is None and _WITH_DIGIT.fullmatch(word):
            tag = "ar"
        if tag is not None:
            found[tag].append(word)
    if _GREEK in found or not _SHARED[_GREEK].isdisjoint(words):
        found[_GREEK] += _with_greek_ends(text)
    if not found:
        return None
    best = max(found, key=lambda tag: (len(set(found[tag])), len(found[tag])))
    shared = _SHARED.get(best, frozenset())
    hits = len(found[best]) + sum(word in shared for word in words)
    if len(set(found[best])) < _FEWEST or hits < _LEAST_SHARE * number:
        return None
    if best in _ALSO_URDU and not _URDU.isdisjoint(words):
        best = "ur"
    return f"{best}-Latn"


def _with_greek_ends(text: str) -> list[str]:
    """Return the words of a text that have the end of a Greek word, and are not in the table."""
    words = _WORD.findall(text.lower())[:_MOST_WORDS]
    long = (word for word in words if len(word) >= _SHORTEST and word not in TAGS)
    return [word for word in long if any(word[-size:] in _GREEK_ENDS for size in _END_SIZES)]
