"""Turns of one to three words that say nothing but their language: thanks, yes, go on.

No detector is sure of so few letters. Left out is what several languages say (`ja`, `continua`).
"""

from __future__ import annotations

from typing import Final

_TURNS: Final = {
    "cs": "děkuji, díky, pokračuj",
    "da": "fortsæt, mange tak",
    "de": """danke, danke schön, vielen dank, danke dir, weiter, weiter bitte, mach weiter, bitte
        weiter, ja bitte, nein danke, nochmal, noch einmal, genau, warum, wieso, richtig, stimmt""",
    "es": """gracias, muchas gracias, ok gracias, sí, sigue, continúa, adelante, otra vez, de nuevo,
        hola, buenos días, ¿por qué, vale, vale gracias""",
    "fi": "kiitos, kiitos paljon, jatka, kyllä, uudestaan",
    "fr": """merci, merci beaucoup, ok merci, super merci, oui, oui merci, d'accord, bonjour,
        bien sûr, s'il te plaît, s'il vous plaît, continue s'il te plaît, c'est bon, pourquoi""",
    "hi": "धन्यवाद, शुक्रिया, हाँ, हां, नहीं, जारी रखें, ठीक है",
    "hu": "köszönöm, köszi, igen, folytasd, még egyszer",
    "id": "terima kasih, makasih, lanjutkan, lanjut, iya",
    "it": "grazie, grazie mille, sì, vai avanti, va bene, ancora, perché, buongiorno, ok grazie",
    "nb": "takk, tusen takk, fortsett",
    "nl": "dank je, dank je wel, dankjewel, bedankt, ga verder, ja graag, waarom, nog een keer",
    "pl": "dziękuję, dzięki, kontynuuj, dalej, dobrze, jeszcze raz, dlaczego",
    "pt": """obrigado, obrigada, muito obrigado, muito obrigada, ok obrigado, sim, não, valeu, pode
        continuar, olá, bom dia, de novo, por quê""",
    "ro": "mulțumesc, mulţumesc, multumesc, continuă",
    "sv": "tack, tack så mycket, fortsätt, varför, en gång till",
    "tr": "teşekkürler, teşekkür ederim, devam, devam et, evet, hayır, tamam, neden, merhaba",
    "vi": "cảm ơn, cảm ơn bạn, cám ơn, tiếp tục, tiếp, vâng, đúng rồi, xin chào, làm lại",
}
_LANGUAGES: Final = {
    " ".join(turn.split()): tag for tag, turns in _TURNS.items() for turn in turns.split(",")
}
#: Characters of the longest, with signs around it.
LONGEST: Final = 32
_AROUND: Final = " .,!?…¡\n"
_APOSTROPHES: Final = str.maketrans("’", "'")


def courtesy(text: str) -> str | None:
    """Return the language of a text that is one of those turns."""
    return _LANGUAGES.get(text.strip(_AROUND).lower().translate(_APOSTROPHES))
