"""How far the share of a language is off, for four kinds of traffic.

    python tests/accuracy/shares.py [--json FILE]

Sentences are those of the measured half of languages.py, in the true mix below. A part
of the prompts of each traffic stands in English that an application adds: a template, a retrieved
context, a tool's block, code. The figure is the counted share over the true one, less one, in per
cent. What is added is written for this project; traffic in which more is added is further off.
"""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import corpus
import written

from streams.classify.language.detect import detect_messages

RESULTS = Path(__file__).parent / "results" / "shares.json"
PROMPTS = 20_000
#: Per cent of prompts; the rest is divided among the other languages.
TRUE = {"en": 83.0, "zh-Hans": 5.0, "ru": 2.5, "es": 1.4, "th": 1.0}
OTHERS = ("ar", "de", "fr", "hi", "id", "it", "ja", "ko", "pl", "pt", "tr", "uk", "vi")
#: What an application adds to a prompt.
TEMPLATES = (
    "You are a careful assistant of a hotel. Answer in two sentences.\n\nGuest: {}",
    "Summarise the message below for a colleague.\n\nMessage: {}",
    "### Instruction:\nReply politely and briefly.\n\n### Input:\n{}",
    "<|im_start|>system\nYou help with gardens.<|im_end|>\n<|im_start|>user\n{}<|im_end|>",
)
CONTEXTS = (
    "Context: The office is open from nine to five and closed on holidays.\n\nQuestion: {}",
    "Use only the document.\n\nDocument: Refunds are paid within two weeks.\n\nQuery: {}",
)
TOOLS = (
    "<system-reminder>The user opened a file in the editor.</system-reminder>\n{}",
    "<environment_details>\nThe current mode is code.\n</environment_details>\n{}",
    "{}\n```python\ndef total(values):\n    return sum(values)\n```",
    "ValueError: could not convert string to float: 'abc'\n{}",
)
#: Traffic: the part of its prompts to which something is added, and what.
MIXES = {
    "chat": (0.0, TEMPLATES),
    "templates, 10 %": (0.1, TEMPLATES),
    "coding tools, 50 %": (0.5, TOOLS),
    "agents and retrieval, 30 %": (0.3, TEMPLATES + CONTEXTS + TOOLS),
}


def sentences() -> dict[str, list[str]]:
    """Return the sentences of each language that are measured."""
    root, _ = corpus.fetched()
    return {
        tag: list(
            filter(corpus.is_sentence, corpus.texts(root, corpus.LANGUAGES[tag])[corpus.MEASURE])
        )
        for tag in (*TRUE, *OTHERS)
    }


def counted(texts: dict[str, list[str]], part: float, added: tuple[str, ...]) -> dict[str, float]:
    """Return the relative error of each share, in per cent."""
    draw = random.Random(f"{part}")
    rest = (100 - sum(TRUE.values())) / len(OTHERS)
    true, found = Counter[str](), Counter[str]()
    mix = TRUE | dict.fromkeys(OTHERS, rest)
    for tag in draw.choices(list(mix), list(mix.values()), k=PROMPTS):
        text = draw.choice(texts[tag])
        if draw.random() < part:
            text = draw.choice(added).format(text)
        true[tag] += 1
        found[detect_messages([{"role": "user", "content": text}]).language] += 1
    return {tag: round(100 * (found[tag] / true[tag] - 1), 1) for tag in TRUE}


def figures() -> dict[str, Any]:
    """Return the errors by traffic and language."""
    texts = sentences()
    return {name: counted(texts, part, added) for name, (part, added) in MIXES.items()}


if __name__ == "__main__":
    written.write(figures, __doc__, RESULTS)
