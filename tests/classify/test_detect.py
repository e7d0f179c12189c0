"""The language of a text: scripts first, then the detectors."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from detect_texts import CHINESE, OF_SHARED_SCRIPTS, PYTHON, RUSSIAN, THAI, UND

from streams.classify.language import opinion, script
from streams.classify.language.detect import (
    HAS_MODEL,
    Detection,
    detect,
    detect_messages,
)
from streams.classify.language.prose import prose

# In CI the extra is there, or these tests fail.
needs_detectors = pytest.mark.skipif(
    not HAS_MODEL and not os.environ.get("CI"), reason="the extra `language` is not installed"
)
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


@needs_detectors
@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("zh-Hans", "解释一下 attention mechanism 的 query key value"),
        ("ko", "이 SQL query performance tuning 어떻게 해"),
        ("hi", "FastAPI में JWT authentication कैसे implement करें"),
        ("zh-Hans", "播放 Let It Be by The Beatles"),
        ("ja", "How Deep Is Your Love を再生して"),
        ("en", "what does 再见 mean"),
        ("en", "Translate 再见"),
        ("en", "write a poem about 月"),
        ("en", "what is the meaning of the word 木漏れ日"),
    ],
)
def test_latin_terms_and_titles_do_not_decide_beside_another_script(tag, text):
    assert detect(text).language in (tag, "und")
    assert tag == "en" or detect(text).language == tag


@needs_detectors
@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("es", '¿quién canta "Shape of You"?'),
        ("es", "¿quién canta Shape of You?"),
        ("de", 'was heißt "to give up"?'),
        ("en", 'what does "je ne sais quoi" mean?'),
        ("en", "„Der Prozess“ by Kafka, what is it about?"),
        ("en", 'correct this: "I has a dog"'),
        ("de", "Wie heißt die Funktion, die „Hallo Welt“ ausgibt?"),
    ],
)
def test_what_is_quoted_does_not_decide_against_the_words_around_it(tag, text):
    assert detect_messages(text).language == tag
    assert detect_messages([{"role": "user", "content": text}]).language == tag


@pytest.mark.parametrize(
    "code",
    [
        "ValueError: could not convert string to float: 'abc'",
        "[2026-11-21T08:00:01Z] WARN  rate limit exceeded key=abc status=429",
        "select name, email from users where deleted = false order by created_at desc",
        "update users set active = false where id = 7",
        "date,region,amount\n2026-01-01,north,12",
        "kubectl describe pod api-7d9f -n staging",
        'Traceback (most recent call last):\n  File "app.py", line 3, in main\nKeyError: 1',
    ],
)
def test_errors_logs_queries_and_commands_alone_are_undetermined(code):
    assert detect(code).language == "und"
    assert detect(f"{code}\n{CHINESE}").language == "zh-Hans"


@pytest.mark.parametrize(
    "line",
    [
        "Error: my printer does not work at all",
        "select a good book from the list for my mother",
        "git is hard to learn, where do I begin",
        "Well, yes, I would like that",
        "你好,请帮我写一封信,谢谢",
        "KeyError: 怎么解决这个问题",
        "docker run -d 是什么意思",
    ],
)
def test_prose_that_resembles_commands_and_errors_is_kept(line):
    assert prose(line).strip()


WRAPPED = {
    "label": f"You are a travel agent. Keep it below 200 words.\n\nUser request: {CHINESE}",
    "label of two lines": f"Be brief and kind to the customer, always.\nCustomer: {CHINESE}",
    "paragraph": f"Context: the office is open from nine to five.\n\n{CHINESE}",
    "heading": f"### Instruction:\nReply to the guest.\n\n### Input:\n{CHINESE}",
    "chat marks": f"<|im_start|>system\nYou help.<|im_end|>\n<|im_start|>user\n{CHINESE}<|im_end|>",
    "past the prefix": "The shop is open on all days. " * 60 + f"\n\nQuestion: {CHINESE}",
    "tool block": f"<system-reminder>The user opened a file.</system-reminder>\n{CHINESE}",
    "parts": [{"role": "user", "content": [
        {"type": "text", "text": CHINESE},
        {"type": "text", "text": "<environment_details>The mode is code.</environment_details>"},
    ]}],
    "retrieved part": [{"role": "user", "content": [
        {"type": "text", "text": "The warranty covers two years and all parts of the machine."},
        {"type": "text", "text": CHINESE},
    ]}],
}  # fmt: skip


@needs_detectors
@pytest.mark.parametrize("prompt", WRAPPED.values(), ids=WRAPPED)
def test_what_the_person_wrote_decides_in_a_template(prompt):
    assert detect_messages(prompt).language == "zh-Hans"


def test_each_process_gives_the_same_answers():
    program = (
        "from streams.classify.language.script import written;"
        "print(written('abcdef где'), written('abcd中'), written('where где'), written('ab ๆก אב'))"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in range(6)
    }
    assert len(answers) == 1


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


def test_traditional_and_simplified_are_distinguished_and_a_tie_is_simplified():
    assert script.is_traditional("電腦與網路")
    assert not script.is_traditional("电脑与网络")
    assert not script.is_traditional("你好")


def test_without_detectors_scripts_still_tell_and_the_rest_is_undetermined(monkeypatch):
    monkeypatch.setattr(opinion, "_loaded", lambda: None)

    assert detect(CHINESE).language == "zh-Hans"
    assert detect(THAI).language == "th"
    assert detect(RUSSIAN) == UND
    assert detect(OF_SHARED_SCRIPTS["en"]) == UND
    assert detect_messages([{"role": "user", "content": RUSSIAN}]) == UND


def test_detectors_that_cannot_be_imported_are_no_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "eldc", None)

    assert opinion._load.__wrapped__() is None


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
    opinion._load.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(detect, texts))

    assert found == [detect(text) for text in texts]
