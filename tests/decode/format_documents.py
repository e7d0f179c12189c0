"""The samples of all formats, and how the tests read them."""

from __future__ import annotations

import json
import sys
from operator import attrgetter
from pathlib import Path

from formats import samples
from hypothesis import strategies as st

from streams.decode.decoder import Decoder

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))


sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))


SAMPLES = samples.load()
by_name = attrgetter("name")
#: Those whose value alone says how it is read, as values and as documents.
PLAIN = [sample for sample in SAMPLES if sample.is_plain]


def _document(sample):
    try:
        return json.loads(sample.value)
    except ValueError:
        return None


DOCUMENTS = {sample.name: document for sample in PLAIN if (document := _document(sample))}
OBJECTS = [document for document in DOCUMENTS.values() if isinstance(document, dict)]


def decode(value, headers=(), options=None):
    if not isinstance(value, bytes | None):
        value = json.dumps(value).encode()
    return Decoder(options).decode(value, headers)


#: What may stand where a number, a name or an object is expected.
odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.integers(0, 10),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", " ", "-", "12", "True", "False", "None", "gpt-4o", "UNSPECIFIED", "{}"]),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.sampled_from(["model", "usage", "language"]), st.integers(0, 3), max_size=2),
)
counts = st.integers(0, 10**9) | odd
usages = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), counts),
        **dict.fromkeys(("input_tokens", "output_tokens", "promptTokenCount"), counts),
        **dict.fromkeys(("inputTokens", "cache_read_input_tokens"), counts),
        "input_tokens_details": odd,
        "completion_tokens_details": st.fixed_dictionaries({"reasoning_tokens": counts}) | odd,
        "output_tokens_details": st.fixed_dictionaries({"reasoning_tokens": counts}) | odd,
    },
)
natives = st.fixed_dictionaries(
    {"model": st.just("gpt-4o") | odd},
    optional={
        **dict.fromkeys(("prompt_tokens", "completion_tokens"), counts),
        **dict.fromkeys(("ts", "language", "tenant", "usage", "done", "data"), odd),
        "genai_other": odd,
    },
)
payloads = st.fixed_dictionaries(
    {"call_type": st.just("acompletion") | odd, "startTime": st.just(1795003280.5) | odd},
    optional={
        "prompt_tokens": st.just(0) | counts,
        "completion_tokens": st.just(0) | counts,
        "total_tokens": counts,
        "response": st.fixed_dictionaries({"usage": usages | odd}, optional={"model": odd}) | odd,
        "metadata": st.fixed_dictionaries(
            {}, optional={"user_api_key_team_id": odd, "requester_metadata": odd}
        )
        | odd,
        "hidden_params": st.fixed_dictionaries({"litellm_model_name": odd}) | odd,
        **dict.fromkeys(("model", "model_group", "status", "cache_hit", "team_id", "user"), odd),
        **dict.fromkeys(("usage", "messages", "batch", "genai_other", "gen_ai.usage.other"), odd),
    },
)
answers = st.fixed_dictionaries(
    {"usage": usages}, optional={"model": st.just("m") | odd, "object": st.just("response") | odd}
)
items = st.one_of(st.sampled_from(OBJECTS), natives, payloads, answers, odd)
values = st.one_of(
    st.sampled_from([sample.value for sample in PLAIN]),
    st.none(),
    items.map(lambda item: json.dumps(item).encode()),
    st.lists(payloads, max_size=3).map(lambda batch: json.dumps(batch).encode()),
)
