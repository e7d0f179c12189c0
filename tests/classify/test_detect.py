"""Which language a prompt is in: texts, pasted code, and the shapes that gateways log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompts import COUNTED, FOLDER, Prompts, Watch, check
from steps import steps

from streams.classify.language import opinion, prompt, script
from streams.classify.language.detect import (
    HAS_MODEL,
    MAX_TEXTS,
    PREFIX_CHARACTERS,
    Detection,
    detect,
    detect_messages,
)
from streams.classify.language.malay import indonesian_words
from streams.classify.language.prose import prose
from streams.classify.language.tags import canonical

# In CI the extra is there, or these tests fail.
needs_detectors = pytest.mark.skipif(
    not HAS_MODEL and not os.environ.get("CI"), reason="the extra `language` is not installed"
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

OF_ONE_SCRIPT = {
    "th": THAI,
    "ko": "감사 편지를 써 주세요",
    "ja": "お礼の手紙を書いてください",
    "el": "Γράψε μου ένα γράμμα",
    "he": "תכתוב לי מכתב תודה",
    "ta": "எனக்கு ஒரு கடிதம் எழுது",
    "bn": "আমাকে একটা চিঠি লিখে দাও",
    "ka": "დამიწერე წერილი",
    "hy": "Գրիր ինձ նամակ",
    "am": "ደብዳቤ ጻፍልኝ",
    "zh-Hans": CHINESE,
    "zh-Hant": "請幫我寫一封感謝信。",
}
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


@pytest.mark.parametrize(("tag", "text"), OF_ONE_SCRIPT.items(), ids=OF_ONE_SCRIPT)
def test_a_script_of_one_language_names_it(tag, text):
    assert detect(text) == Detection(tag, 1.0, "script")


@needs_detectors
@pytest.mark.parametrize(("tag", "text"), OF_SHARED_SCRIPTS.items(), ids=OF_SHARED_SCRIPTS)
def test_detectors_tell_languages_of_one_script_apart(tag, text):
    found = detect(text)

    assert found.language == tag
    assert found.method in {"model", "second"}
    assert 0 < found.confidence <= 1


@needs_detectors
def test_what_only_the_second_detector_knows_says_so():
    assert detect(OF_SHARED_SCRIPTS["sw"]).method == "second"


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n\n", "12345", "3.14 + 2 = ?", "😀 🎉", "…", "\ud800", "\x00", "ok", "π r", "x"],
)
def test_what_has_no_words_is_undetermined(text):
    assert detect(text) == UND


@needs_detectors
def test_letters_hit_at_random_are_undetermined():
    assert detect("qwpo lkjz xcmv bnqp wzrt hgfk") == UND
    assert detect("x" * 400) == UND


@needs_detectors
def test_short_words_need_the_detectors_to_agree():
    assert detect("thanks!").language == "en"
    assert detect("Album info").language in {"en", "und"}
    assert detect("hm") == UND


def test_a_prompt_full_of_names_in_latin_letters_is_in_its_own_script():
    assert detect("请帮我用 Python 写一个 quicksort 函数").language == "zh-Hans"
    assert detect("docker compose กับ kubernetes ต่างกันอย่างไร").language == "th"


@needs_detectors
def test_a_word_in_another_script_does_not_name_an_english_prompt():
    assert detect("What does 你好 mean, and when would I say it to a friend?").language == "en"
    assert detect("How do I pronounce the greek letter ξ in English?").language == "en"


def test_kana_beside_han_is_japanese_and_quoted_kana_is_not():
    assert detect("東京の天気を教えて").language == "ja"
    assert detect("请解释一下日语里的助词「の」在句子中有什么样的作用和意思").language == "zh-Hans"


@needs_detectors
def test_accents_apart_from_their_letters_are_read_as_one():
    text = "Où est-ce que je peux réserver une chambre à côté de la forêt ?"
    apart = text.replace("é", "e\u0301").replace("ù", "u\u0300").replace("ê", "e\u0302")

    assert detect(apart) == detect(text)


@pytest.mark.parametrize(
    "code",
    [
        PYTHON,
        f"```python\n{PYTHON}\n```",
        f"```\n{PYTHON}",
        "SELECT name, count(*)\nFROM users\nWHERE age > 30\nGROUP BY name;",
        'int main(void) {\n    printf("%d", 3);\n    return 0;\n}',
        "const total = items.reduce((sum, item) => sum + item.price, 0);",
        '{"name": "Anna", "tags": ["one", "two"], "size": 3}',
        "fn main() {\n    let name = read_line();\n    greet(&name);\n}",
        'for file in *.txt; do\n  mv "$file" old/\ndone',
        "https://example.org/a/long/path?with=query",
        "<div class='box'><br/></div>",
        "`git_rebase_interactive`",
    ],
)
def test_code_alone_is_undetermined(code):
    assert detect(code) == UND


@needs_detectors
@pytest.mark.parametrize(
    "layout", ["{ask}\n\n{code}", "{ask}\n```\n{code}\n```", "```\n{code}\n```\n{ask}"]
)
def test_pasted_code_does_not_hide_the_question(layout):
    for tag in ("en", "ru", "de", "tr"):
        asked = layout.format(ask=OF_SHARED_SCRIPTS[tag], code=PYTHON)

        assert detect(asked).language == tag


@pytest.mark.parametrize(
    "line",
    [
        "continue",
        "for the following text give a summary:",
        "translate this: hello my friend",
        "my problem is that the train was late",
        "> she said that she would come",
        "# Heading of a document",
        "* a first point",
        "public transport in the city is slow",
        "return the book to the library before noon",
        '"Good morning", he said.',
        "class struggle",
        "CREATE A STORY FROM THE LIFE OF A SAILOR",
        "WHERE IS THE STATION AND WHEN IS THE LAST TRAIN",
        "Θέλεις να φύγουμε τώρα;",
    ],
)
def test_words_that_also_begin_a_line_of_code_are_kept(line):
    assert prose(line).strip() == line


def test_names_of_things_in_code_go_and_the_sentence_stays():
    text = "Why does os.path.join return a wrong path_name for /usr/lib, see https://example.org?"

    assert prose(text).split() == ["Why", "does", "return", "a", "wrong", "for", ",", "see"]


def test_indonesian_and_malay_are_distinguished_by_their_own_words():
    assert indonesian_words("Silakan unduh berkas karena nomor itu berbeda") > 0
    assert indonesian_words("Sila muat turun fail kerana nombor itu berbeza") < 0
    assert indonesian_words("saya makan nasi") == 0


def test_traditional_and_simplified_are_distinguished_and_a_tie_is_simplified():
    assert script.is_traditional("電腦與網路")
    assert not script.is_traditional("电脑与网络")
    assert not script.is_traditional("你好")


# -- without the extra ----------------------------------------------------------------------------


def test_without_detectors_scripts_still_tell_and_the_rest_is_undetermined(monkeypatch):
    monkeypatch.setattr(opinion, "_loaded", lambda: None)

    assert detect(CHINESE).language == "zh-Hans"
    assert detect(THAI).language == "th"
    assert detect(RUSSIAN) == UND
    assert detect(OF_SHARED_SCRIPTS["en"]) == UND
    assert detect_messages([{"role": "user", "content": RUSSIAN}]) == UND


def test_detectors_that_cannot_be_imported_are_no_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "eldc", None)

    assert opinion._loaded.__wrapped__() is None


def test_importing_the_module_loads_no_detector():
    program = (
        "import sys, streams.classify.language.detect;"
        "print({'eldc', 'pycld2'} & sys.modules.keys())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"


def test_ci_has_the_detectors():
    assert HAS_MODEL or not os.environ.get("CI")


@needs_detectors
def test_threads_agree():
    texts = list(OF_SHARED_SCRIPTS.values()) * 20
    opinion._loaded.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(detect, texts))

    assert found == [detect(text) for text in texts]


# -- prompts as gateways log them -----------------------------------------------------------------

USER = {"role": "user", "content": CHINESE}
SHAPES = {
    "text": CHINESE,
    "openai chat": [{"role": "system", "content": "Be brief."}, USER],
    "openai parts": [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                {"type": "text", "text": CHINESE},
            ],
        }
    ],
    "openai responses text": {"model": "m", "input": CHINESE},
    "openai responses items": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": CHINESE}]},
        {"type": "function_call", "name": "find", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": THAI},
    ],
    "openai completions": {"prompt": [CHINESE]},
    "anthropic": {
        "system": [{"type": "text", "text": "Be brief."}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": CHINESE}]},
            {"role": "assistant", "content": [{"type": "tool_use", "name": "f", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "content": THAI}]},
        ],
    },
    "gemini": {"contents": [{"role": "user", "parts": [{"text": CHINESE}]}]},
    "gemini without role": {"contents": [{"parts": [{"text": CHINESE}]}]},
    "gemini tool": {
        "contents": [
            {"role": "user", "parts": [{"text": CHINESE}]},
            {"role": "user", "parts": [{"functionResponse": {"response": {"text": THAI}}}]},
        ]
    },
    "bedrock converse": [{"role": "user", "content": [{"text": CHINESE}]}],
    "opentelemetry": [{"role": "user", "parts": [{"type": "text", "content": CHINESE}]}],
    "opentelemetry tool": [
        {"role": "user", "parts": [{"type": "text", "content": CHINESE}]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "response": THAI}]},
    ],
    "one message": USER,
    "json": json.dumps([USER]),
    "json escaped": json.dumps({"messages": [USER]}, ensure_ascii=True),
    "json in a body": {"messages": json.dumps([USER])},
    "json of text": json.dumps(CHINESE),
}


@pytest.mark.parametrize("logged", SHAPES.values(), ids=SHAPES)
def test_each_shape_of_prompt_is_read(logged):
    assert detect_messages(logged).language == "zh-Hans"


def test_the_last_user_message_decides():
    messages = [
        {"role": "user", "content": THAI},
        {"role": "assistant", "content": "คำตอบ"},
        USER,
        {"role": "assistant", "content": "คำตอบ"},
    ]

    assert detect_messages(messages).language == "zh-Hans"


@pytest.mark.parametrize(
    "last", ["ok", PYTHON, "", [{"type": "image_url", "image_url": {"url": "x"}}], None]
)
def test_earlier_user_messages_decide_where_the_last_one_does_not(last):
    messages = [
        {"role": "user", "content": THAI},
        USER,
        {"role": "user", "content": last},
    ]

    assert detect_messages(messages).language == "zh-Hans"


@pytest.mark.parametrize(
    "logged",
    [
        [{"role": "system", "content": THAI}, {"role": "user", "content": "ok"}],
        [{"role": "developer", "content": THAI}],
        {"instructions": THAI, "input": "ok"},
        {"system": THAI, "messages": [{"role": "user", "content": "1"}]},
        {
            "systemInstruction": {"parts": [{"text": THAI}]},
            "contents": [{"parts": [{"text": "1"}]}],
        },
        [{"role": "system", "content": THAI}, *[{"role": "assistant", "content": "x"}] * 500],
    ],
)
def test_the_system_prompt_decides_without_a_user(logged):
    assert detect_messages(logged).language == "th"


@pytest.mark.parametrize(
    "logged",
    [
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}],
        [{"role": "assistant", "content": THAI}],
        [{"role": "tool", "content": THAI}],
        [[1, 2, 3]],
        {"prompt": [1, 2, 3]},
        {"model": "m"},
        [],
        {},
        None,
        7,
        3.5,
        True,
        b"bytes",
        [{"role": ["user"], "type": {}, "content": {"text": 3}}],
        "redacted-by-litellm",
        "[REDACTED]",
        '{"messages": "redacted"}',
        "[" * 100_000,
        '{"a":' * 2,
    ],
    ids=lambda logged: repr(logged)[:30],
)
def test_prompts_without_text_of_users_are_undetermined(logged):
    assert detect_messages(logged) == UND


def test_json_that_breaks_off_is_read_up_to_the_break():
    whole = json.dumps({"messages": [USER, {"role": "user", "content": "1 " * 50}]})
    start = whole.index("1 1")

    assert {detect_messages(whole[:end]).language for end in range(start, len(whole))} == {
        "zh-Hans"
    }


def test_long_json_is_read_at_its_beginning():
    messages = [USER, *[{"role": "assistant", "content": "x" * 500}] * 1000]

    assert detect_messages(json.dumps(messages)).language == "zh-Hans"


def test_a_prompt_that_only_begins_like_json_is_text():
    assert detect_messages(f"[{CHINESE}").language == "zh-Hans"
    assert detect_messages(f'"{CHINESE}" 是什么意思').language == "zh-Hans"


def test_only_the_latest_messages_are_read():
    endless = [{"role": "user", "content": "ok"}] * MAX_TEXTS
    assert detect_messages([USER, *endless]) == UND
    assert len(prompt.texts([USER] * 10_000)) <= prompt.MAX_MESSAGES + prompt.FIRST_MESSAGES


def test_structures_that_contain_themselves_end():
    messages: list[object] = []
    messages.append({"role": "user", "content": messages})
    body: dict[str, object] = {}
    body["messages"] = body

    assert detect_messages(messages) == UND
    assert detect_messages(body) == UND


# -- laws -----------------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=600)
WORDS = st.sampled_from(
    ["the", "привет", "你好", "```", "\n", " ", "def f(x):", "{", "}", ";", "a.b", "<b>", "\\", "ß"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | ANY_TEXT | st.sampled_from([CHINESE, THAI]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "type",
                    "text",
                    "parts",
                    "messages",
                    "input",
                    "prompt",
                    "system",
                ]
            ),
            inner | st.sampled_from(["user", "system", "text", "tool"]),
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(ANY_TEXT | st.lists(WORDS, max_size=200).map("".join))
def test_no_text_raises_and_each_answer_is_a_canonical_tag(text):
    found = detect(text)

    assert canonical(found.language) == found.language
    assert 0 <= found.confidence <= 1
    assert (found.language == "und") == (found.method == "none") == (found.confidence == 0)


@given(ANY_TEXT, ANY_TEXT)
def test_what_follows_the_prefix_changes_nothing(text, rest):
    start = (text + "-" * PREFIX_CHARACTERS)[:PREFIX_CHARACTERS]

    assert detect(start + rest) == detect(start)


@given(JSON)
def test_no_logged_value_raises(logged):
    found = detect_messages(logged)

    assert canonical(found.language) == found.language


@given(JSON.filter(lambda value: isinstance(value, list | dict)), st.integers(0, 400))
def test_no_piece_of_json_raises(logged, end):
    detect_messages(json.dumps(logged)[:end])


def test_a_long_text_takes_the_steps_of_its_beginning():
    text = OF_SHARED_SCRIPTS["en"] * 20
    detect(text)

    assert steps(FOLDER, detect, text * 1000) == steps(FOLDER, detect, text) > 0


def test_texts_of_all_planes_in_prompts_of_any_shape_keep_the_rules(monkeypatch):
    prompts, watch = Prompts(Random(20_261_129)), Watch(monkeypatch.setattr)
    for run in range(1_000):
        text = prompts.text()
        check(text, prompts.shaped(text), watch, is_counted=run % COUNTED == 0)

    assert 0 < watch.opinion <= watch.prose


def test_blanks_before_a_prompt_are_not_searched_to_their_end():
    blanks = " " * 1_000_000
    start = time.process_time()
    for _ in range(20):
        detect_messages(blanks)

    assert time.process_time() - start < 0.1


# -- what is promised -----------------------------------------------------------------------------


def test_the_committed_accuracy_keeps_its_promises():
    results = Path(__file__).parents[1] / "accuracy" / "results" / "languages.json"
    found = json.loads(results.read_text(encoding="utf-8"))

    assert found["conditions"]["part"] == "measure"
    assert found["sentences"]["macro_f1"] >= 0.985
    assert found["by_length"]["English"]["<16"]["wrong"] <= 0.02
    assert found["code"]["undetermined"] >= 0.80
    assert found["speed_texts_per_cpu_second"]["80 characters"] >= 20_000
    assert found["speed_texts_per_cpu_second"]["800 characters"] >= 8_000
    assert found["memory_mb"]["detector and catalogue"] <= 60
