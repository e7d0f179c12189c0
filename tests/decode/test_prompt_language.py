"""The language of a prompt is the same whether its last message is read alone or with all."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from detect_texts import CHINESE, OF_SHARED_SCRIPTS, PYTHON, THAI
from hypothesis import example, given, settings
from hypothesis import strategies as st
from laws import examples
from scanned_payloads import PAYLOAD
from scanned_values import CATALOG, LIMIT, both
from test_batch_fetch import batch_of

from streams.classify.classifier import Classifier
from streams.classify.language.prompt import last_content
from streams.decode import compiled as compiled_reader
from streams.decode.formats.litellm import REDACTED, prompt_of
from streams.decode.options import Options, language_of, language_of_last
from streams.decode.reader import Reader

pytestmark = pytest.mark.skipif(
    not compiled_reader.IS_COMPILED, reason="there is no compiled reader here"
)


def written(text: str) -> st.SearchStrategy[str]:
    """Return the ways of writing a text as JSON."""
    units = text.encode("utf-16-be", "surrogatepass").hex()
    spelt = "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
    return st.sampled_from(
        [
            json.dumps(text),
            json.dumps(text, ensure_ascii=False),
            f'"{spelt}"',
            f'"{spelt.upper()}"',
        ][: 3 if "\\U" in spelt.upper() else 4]
    )


TEXTS = st.sampled_from(
    [
        *OF_SHARED_SCRIPTS.values(),
        *(CHINESE, THAI, PYTHON, REDACTED, "", "continue", 'a\n\tb\r\b\f/\\"é\U0001f600', "{}"),
        *(" ".join([text] * 12) for text in OF_SHARED_SCRIPTS.values()),
        '{"text": "Wie spät ist es heute in Berlin?"}',
        "<context>The office is open.</context>\n\nQuestion: во сколько вы закрываетесь?",
    ]
)
STRINGS = (TEXTS | st.text(max_size=40)).flatmap(written)
VALUES = STRINGS | st.sampled_from(
    ["null", "1", "[]", "{}", '"user"', '"system"', '[{"type":"text","text":"a"}]']
)
NAMES = st.sampled_from(['"role"', '"content"', '"content"', '"type"', '"name"', '"c\\u006fntent"'])
ROLES = st.sampled_from(['"user"', '"user"', '"user"', '"assistant"', '"system"', '"us\\u0065r"'])
BLANKS = st.sampled_from(["", "", " ", "\n"])


@st.composite
def messages(draw: st.DrawFn) -> str:
    """Return messages as JSON, with odd ones among them."""
    some = []
    for _ in range(draw(st.integers(0, 3))):
        members = [f'"role":{draw(ROLES)}', f'"content":{draw(STRINGS)}']
        members += [
            f"{draw(NAMES)}:{draw(BLANKS)}{draw(VALUES)}"
            for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2])))
        ]
        some.append("{" + f"{draw(BLANKS)},".join(draw(st.permutations(members))) + "}")
    some += draw(st.sampled_from([[], [], [], ["1"], ['"text"'], ["{}"], ["[]"]]))
    return f"[{draw(BLANKS)}" + f"{draw(BLANKS)},{draw(BLANKS)}".join(some) + draw(BLANKS) + "]"


def payload(prompt: str) -> bytes:
    """Return a payload of LiteLLM without a declared language, with these messages."""
    asked: dict[str, Any] = {**PAYLOAD, "metadata": {}, "messages": 7}
    return json.dumps(asked).replace('"messages": 7', f'"messages": {prompt}').encode()


LAST = '[{"role":"user","content":"%s"}]'


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(messages(), min_size=1, max_size=4))
@example([LAST % REDACTED, LAST % REDACTED.replace("r", "\\u0072"), LAST % "\\ud800 the"])
@example([f'[{{"content":"{REDACTED}"}},{{"role":"user","content":"{CHINESE}"}}]'])
def test_the_last_message_alone_gives_the_language_of_all(prompts):
    values = [payload(each) for each in prompts]
    compiled, python = both([batch_of(values)], detect=language_of, detect_last=language_of_last)
    assert compiled == python


@settings(max_examples=examples(400), deadline=None)
@given(messages())
@example(LAST % "")
def test_only_a_text_that_a_user_sent_last_is_read_alone(prompt):
    alone: list[str] = []
    options = Options(LIMIT, detect=lambda _: "und", detect_last=alone.append)  # type: ignore[arg-type]
    Reader(Classifier(CATALOG), options).read(0, 1, [batch_of([payload(prompt)])])
    try:
        logged = orjson.loads(prompt)
    except orjson.JSONDecodeError:
        logged = None

    assert alone in ([], [last_content(logged)])
    assert not alone or prompt_of(logged) is not None


@pytest.mark.parametrize("text", [*OF_SHARED_SCRIPTS.values(), CHINESE, "é \U0001f600\n" + CHINESE])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_plain_prompt_needs_none_of_the_other_messages(text, ascii_only):
    alone: list[str] = []

    def detect_last(content: str) -> str:
        alone.append(content)
        return "tlh"

    def detect(_: object) -> str:
        raise AssertionError("all messages are read")

    prompt = json.dumps(
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}],
        ensure_ascii=ascii_only,
    )
    classifier = Classifier(CATALOG)
    options = Options(LIMIT, detect=detect, detect_last=detect_last)
    rows = Reader(classifier, options).read(0, 1, [batch_of([payload(prompt)])]).rows

    assert alone == [text]
    assert classifier.keys.languages.names[classifier.keys.pairs().language[rows.pair[0]]] == "tlh"


def test_where_reading_it_alone_fails_all_messages_are_read():
    def failing(_: str) -> str:
        raise ValueError

    prompt = json.dumps([{"role": "user", "content": CHINESE}])
    classifier = Classifier(CATALOG)
    options = Options(LIMIT, detect=lambda _: "zh", detect_last=failing)
    rows = Reader(classifier, options).read(0, 1, [batch_of([payload(prompt)])]).rows

    assert (
        classifier.keys.languages.names[classifier.keys.pairs().language[rows.pair[0]]] == "zh-Hans"
    )
