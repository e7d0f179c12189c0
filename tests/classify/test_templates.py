"""A person's words in the templates of models and of applications."""

from __future__ import annotations

import pytest
from test_detect import needs_detectors

from streams.classify.language.detect import detect_messages
from streams.classify.language.turns import last_turn

SYSTEM = "You are a helpful assistant. Always answer as helpfully as possible, while being safe."
#: Templates as the tokenizers of the models have them.
MARKS = {
    "ChatML": "<|im_start|>system\n{s}<|im_end|>\n<|im_start|>user\n{q}<|im_end|>\n<|im_start|>a\n",
    "Llama 2": "<s>[INST] <<SYS>>\n{s}\n<</SYS>>\n\n{q} [/INST]",
    "Llama 3": "<|start_header_id|>system<|end_header_id|>\n\n{s}<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\n{q}<|eot_id|>",
    "Llama 4": "<|header_start|>system<|header_end|>\n\n{s}<|eot|>"
    "<|header_start|>user<|header_end|>\n\n{q}<|eot|><|header_start|>assistant<|header_end|>\n\n",
    "Mistral": "<s>[INST] {s} [/INST] Gladly.</s>[INST] {q} [/INST]",
    "Gemma": "<start_of_turn>user\n{s}\n\n{q}<end_of_turn>\n<start_of_turn>model\n",
    "Phi": "<|system|>\n{s}<|end|>\n<|user|>\n{q}<|end|>\n<|assistant|>\n",
    "Zephyr": "<|system|>\n{s}</s>\n<|user|>\n{q}</s>\n<|assistant|>\n",
    "GLM": "[gMASK]<sop><|system|>\n{s}<|user|>\n{q}<|assistant|>\n",
    "DeepSeek": "<｜begin▁of▁sentence｜>{s}<｜User｜>{q}<｜Assistant｜>",
    "Command": "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>{s}<|END_OF_TURN_TOKEN|>"
    "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>{q}<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|>",
    "Granite": "<|start_of_role|>system<|end_of_role|>{s}<|end_of_text|>\n"
    "<|start_of_role|>user<|end_of_role|>{q}<|end_of_text|>\n",
    "gpt-oss": "<|start|>system<|message|>{s}<|end|><|start|>user<|message|>{q}<|end|>",
    "Kimi": "<|im_system|>system<|im_middle|>{s}<|im_end|>"
    "<|im_user|>user<|im_middle|>{q}<|im_end|>",
    "Vicuna": "{s} USER: {q} ASSISTANT:",
    "roles": "{s}\n\nHuman: {q}\n\nAssistant:",
}
QUESTIONS = {
    "zh-Hans": "冬天怎样给房间加湿比较好",
    "it": "come posso pulire le finestre senza lasciare aloni?",
}


@needs_detectors
@pytest.mark.parametrize("template", MARKS.values(), ids=MARKS)
@pytest.mark.parametrize(("tag", "text"), QUESTIONS.items())
def test_the_turn_of_a_user_decides_in_the_template_of_a_model(template, tag, text):
    assert detect_messages(template.format(s=SYSTEM, q=text)).language == tag


@needs_detectors
def test_english_in_a_template_with_instructions_in_another_language_is_english():
    prompt = MARKS["DeepSeek"].format(
        s="你是一个乐于助人的助手。", q="how do I clean a window without streaks?"
    )

    assert detect_messages(prompt).language == "en"


def test_a_last_turn_that_says_nothing_leaves_the_one_before_it():
    text = "<|user|>\nexplícame esto<|end|>\n<|assistant|>\nSí.<|end|>\n<|user|>\nok<|end|>\n"

    assert last_turn(text) == "explícame esto"


def test_a_text_without_marks_has_no_turns():
    assert last_turn("if a <| b then USER: is written") is None


RULES = (
    "\n\nINSTRUCTIONS:\n- Answer the question using ONLY the information provided above.\n"
    "- Do not use any external knowledge, and do not make anything up at all.\n"
    "- If the answer cannot be found, respond with exactly: not found in the documents.\n"
    "- Be concise and accurate.\n\nANSWER:"
)
CONTEXT = "The shop opens at nine and closes at six on weekdays. " * 9
ASKED = {
    "a question before rules": (
        "ru",
        f"CONTEXT:\n{CONTEXT}\n\nQUESTION: когда вы открываетесь?{RULES}",
    ),
    "headings in signs": (
        "fr",
        f"%CONTEXT%\n{CONTEXT}\n\n%Question%\nà quelle heure ouvrez-vous ?\n\nBe brief.\nAnswer:\n",
    ),
    "English in brackets of another language": (
        "en",
        (
            "请根据检索到的内容回答问题。\n【用户问题】\nwhen do you open on weekdays?\n\n"
            "【相关内容】\n本店营业时间为上午九点至晚上六点。\n\n请回答："
        ),
    ),
    "a label with vowels that are marks": (
        "en",
        (
            "आप एक सहायक हैं। संदर्भ के आधार पर उत्तर दें।\nसंदर्भ: दुकान नौ बजे खुलती है।\n"
            "प्रश्न: is the shop open now?"
        ),
    ),
    "a label of several words": (
        "en",
        (
            "Используй контекст для ответа.\n\nВопросы: Когда вы открываетесь?\n===\n"
            "Контекст: В девять.\n\n===\n"
            "Изначальный вопрос от пользователя: do you open before nine?\n\nОтвет:"
        ),
    ),
    "a quotation at the end": (
        "ja",
        (
            "I want you to act as an English translator, spelling corrector and improver. I will "
            "speak to you in any language and you will answer in the corrected version of my text. "
            'My first sentence is "先週末は家族と海に行きました"'
        ),
    ),
    "a quotation in the same letters at the end": (
        "es",
        (
            "I want you to act as a spelling corrector and improver. I will write to you in any "
            "language and you will answer in the corrected and improved version of my text. "
            'My first sentence is "ayer fuimos a la playa con los niños y comimos paella"'
        ),
    ),
    "a question below an error": (
        "ko",
        "Uncaught TypeError: Cannot read properties of null (reading 'id')\n이건 왜 나는 거예요",
    ),
}


@needs_detectors
@pytest.mark.parametrize(("tag", "text"), ASKED.values(), ids=ASKED)
def test_what_is_asked_decides(tag, text):
    assert detect_messages(text).language == tag
    assert detect_messages([{"role": "user", "content": text}]).language == tag


@needs_detectors
@pytest.mark.parametrize(
    "text",
    [
        (
            "My aunt has sent me an email that I do not understand at all, because it ends with "
            "words in a language that I have never learned and would like to know. "
            'It says "bis bald und alles Gute"'
        ),
        "你好\nHow are you today? I would like to practise my English with you.",
        "Résumé review\nCould you look at my CV and tell me what to improve?",
    ],
)
def test_a_person_who_writes_english_quotes_and_greets_in_other_languages(text):
    assert detect_messages([{"role": "user", "content": text}]).language == "en"
