"""Texts that the tests of detection share."""

from __future__ import annotations

import textwrap

from streams.classify.language.detect import (
    Detection,
)

UND = Detection("und", 0.0, "none")
RUSSIAN = "Напиши короткое письмо моей учительнице, пожалуйста."
CHINESE = "请帮我写一封感谢信。"
THAI = "ช่วยเขียนจดหมายขอบคุณให้หน่อย"
PYTHON = textwrap.dedent(
    """
    import os

    def total(values):
        # add them up
        result = 0
        for value in values:
            result += value
        return result
    """
).strip()
OF_SHARED_SCRIPTS = {
    "en": "Please write a short letter to thank my teacher.",
    "ru": RUSSIAN,
    "uk": "Напиши, будь ласка, короткого листа моїй вчительці.",
    "bg": "Напиши ми кратко писмо до учителката, моля те.",
    "es": "Escribe una carta corta para dar las gracias a mi maestra.",
    "pt": "Escreva uma carta curta para agradecer à minha professora.",
    "fr": "Écris une courte lettre pour remercier ma maîtresse d'école.",
    "de": "Schreib bitte einen kurzen Brief, um meiner Lehrerin zu danken.",
    "nl": "Schrijf een korte brief om mijn lerares te bedanken, alsjeblieft.",
    "nb": "Skriv et kort brev for å takke læreren min, er du snill.",
    "pl": "Napisz krótki list, żeby podziękować mojej nauczycielce.",
    "tr": "Öğretmenime teşekkür etmek için kısa bir mektup yazar mısın?",
    "vi": "Hãy viết một bức thư ngắn để cảm ơn cô giáo của tôi.",
    "id": "Tolong buatkan surat singkat karena saya mau berterima kasih kepada guru.",
    "ms": "Sila tulis surat ringkas kerana saya mahu berterima kasih kepada cikgu.",
    "fil": "Sumulat ka ng maikling liham upang pasalamatan ang aking guro.",
    "ar": "اكتب رسالة قصيرة لأشكر معلمتي من فضلك",
    "fa": "لطفاً یک نامه کوتاه برای تشکر از معلمم بنویس",
    "ur": "براہ کرم میری استانی کا شکریہ ادا کرنے کے لیے ایک خط لکھیں",
    "hi": "कृपया मेरी अध्यापिका को धन्यवाद देने के लिए एक पत्र लिखो",
    # These only the second detector knows.
    "sw": "Tafadhali niandikie barua fupi ya kumshukuru mwalimu wangu.",
    "mk": "Те молам напиши кратко писмо за да ѝ се заблагодарам на учителката.",
    "eo": "Bonvolu skribi mallongan leteron por danki mian instruistinon.",
}
