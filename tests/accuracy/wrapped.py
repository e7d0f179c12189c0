"""How often the language of prompts as applications send them is right, by kind.

    python tests/accuracy/wrapped.py [--json FILE]

The prompts (prompts.jsonl) are written for this project: templates of models and of applications,
retrieved context, agents, terms, titles, code alone and with a question, translations, romanised
text, short turns, conversations, request bodies. What surrounds the words is as LangChain,
LlamaIndex, Dify, FastGPT, RAGFlow, Open WebUI, Claude Code, Cline, Cursor, Codex, aider and the
tokenizers of models send it. Rules are built on the part `choose`; the part `measure` is only
measured. They are few: the figures show kinds of error, not their frequency.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import written

from streams.classify.language.detect import detect_messages

PROMPTS = Path(__file__).with_name("prompts.jsonl")
RESULTS = Path(__file__).parent / "results" / "wrapped.json"


def prompts() -> list[dict[str, Any]]:
    """Return the prompts with their part, kind and language."""
    return [json.loads(line) for line in PROMPTS.read_text(encoding="utf-8").splitlines()]


def figures() -> dict[str, dict[str, str]]:
    """Return `right of all` by part and kind."""
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for each in prompts():
        right = detect_messages(each["prompt"]).language == each["language"]
        found[each["part"]][each["kind"]].append(right)
    return {
        part: {kind: f"{sum(right)} of {len(right)}" for kind, right in kinds.items()}
        for part, kinds in found.items()
    }


if __name__ == "__main__":
    written.write(figures, __doc__, RESULTS)
