"""What a person surely wrote decides a conversation, not a nudge, a tool's output, or data."""

from __future__ import annotations

import pytest
from detect_texts import CHINESE
from test_detect import needs_detectors

from streams.classify.language.detect import detect, detect_messages
from streams.classify.language.turns import is_weak

SPANISH = "cambia el color del botón a verde, por favor"
HINDI = "mujhe kal subah jaldi uthna hai"
ENGLISH = "Now explain the second function in detail to me"
FIRST = [("zh-Hans", CHINESE), ("es", SPANISH), ("hi-Latn", HINDI)]


def turns(*texts):
    return [{"role": "user", "content": text} for text in texts]


@needs_detectors
@pytest.mark.parametrize(("tag", "first"), FIRST)
@pytest.mark.parametrize(
    "last",
    [
        "continue",
        "go on",
        "Yes please",
        "[ERROR] You did not use a tool in your previous response! Please retry with a tool use.",
        "[read_file for 'src/a.py'] Result:\nThis module reads the settings and checks them all",
        "Observation: the page was not found on the server, try another one",
        "This session is being continued from a previous conversation that ran out of context.",
        "Your response was cut off because it was too long. Continue from where you left off.",
        "The user doesn't want to proceed with this tool use. The tool use was rejected.",
        "Please continue the conversation from where we left it off.",
        "TOOL RESPONSE:\nthe page was found and has three headings",
    ],
)
def test_a_nudge_does_not_hide_what_earlier_turns_say(tag, first, last):
    assert is_weak(last)
    assert detect_messages(turns(first, last)).language == tag
    assert detect_messages(turns(first, ENGLISH, last, "ok")).language == "en"


@needs_detectors
def test_a_nudge_decides_where_nothing_else_is_known():
    system = {"role": "system", "content": CHINESE}

    assert detect_messages(turns("continue")).language == "en"
    assert detect_messages([system, *turns("go on")]).language == "en"
    assert detect_messages(turns(CHINESE, ENGLISH)).language == "en"


DATA = {
    "manifest": "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  app: shop front",
    "workflow": "name: build\non: push\njobs:\n  test:\n    steps:\n      - checkout\n      - run",
    "diff": (
        "diff --git a/x b/x\nindex 12ab..34cd 100644\n--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n"
        " The quick brown fox\n-was not so lazy today\n+is lazy and sleeps all day"
    ),
    "table": "| name | price |\n|---|---|\n| red apple | two euros |\n| green pear | three |",
    "columns": "NAME        READY   STATUS    AGE\nweb-front   1/1     Running   5d",
    "rows": "name,unit price,in stock\nred apple,two euros,yes\ngreen pear,three euros,no",
    "tabs": "id\tname\tcity\nfirst\tanna\toslo",
}


@needs_detectors
@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_data_alone_is_undetermined_and_a_question_beside_it_decides(data):
    assert detect_messages(data).language == "und"
    assert detect(f"{data}\n\n{CHINESE}").language == "zh-Hans"


@needs_detectors
@pytest.mark.parametrize(
    ("tag", "text"),
    [
        ("en", "hi,can you help me with my homework,please"),
        ("en", "to: my boss\nwrite a mail that I am ill today"),
        ("en", "return the book to the library."),
        ("en", "what is the difference between == and === in javascript"),
        ("en", "when a == b in python why does it return true for lists"),
        ("zh-Hans", "在 shell 里 && 和 || 有什么区别"),
        ("de", "Thema: Urlaub\nSchreibe eine kurze Mail an meine Kollegen"),
    ],
)
def test_prose_with_signs_of_code_is_prose(tag, text):
    assert detect_messages(text).language == tag
