"""What is known of a provider, and the words for what is not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: The key and the jurisdiction where nothing is known.
UNKNOWN: Final = "unknown"
#: The key and the jurisdiction of one's own servers.
SELF_HOSTED: Final = "self-hosted"
#: Longest key of a provider.
MAX_KEY: Final = 64
_COUNTRIES = (
    "ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo "
    "bq br bs bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj "
    "dk dm do dz ec ee eg eh er es et fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp "
    "gq gr gs gt gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg "
    "kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml "
    "mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe "
    "pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl "
    "sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug um "
    "us uy uz va vc ve vg vi vn vu wf ws ye yt za zm zw xk"
)
#: The codes of ISO 3166-1 alpha-2, and Kosovo's, which all use though it is not among them. Others
#: are mistakes, such as `uk` for `gb`: a policy that lists the right code would not find them.
COUNTRIES: Final = frozenset(_COUNTRIES.split())


@dataclass(frozen=True, slots=True)
class Provider:
    """Who served: a short key, its display name, the operator's jurisdiction, and the rule.

    `jurisdiction` is an ISO 3166-1 alpha-2 code in lower case, `self-hosted` or `unknown`.
    """

    key: str
    name: str
    jurisdiction: str
    matched_by: str
