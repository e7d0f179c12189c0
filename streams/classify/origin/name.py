"""The parts of a model id, as gateways and model hubs write it.

An id is a path: hosts and organisations, then the name. `parse` cuts it into segments and each
segment into words, and undoes the spellings that hosts introduce (`--` for `/`, `2p5` for `2.5`,
Bedrock's ARNs, OpenAI's `ft:…`). It knows no models or vendors: the catalogue gives the words their
meaning.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# The kept length of an unknown id; enough to recognise it in a list.
SHOWN_CHARACTERS = 128
# Longer ids than this are not model names; parsing them would cost time without a result.
READ_CHARACTERS = 200

_SEPARATORS = re.compile(r"[^\w.]+|_+")
_DOT_IN_NAME = re.compile(r"(?<!\d)\.+|\.+(?!\d)")
_POINT_AS_P = re.compile(r"(?<=\d)p(?=\d)")
_VERSION = re.compile(r"v?(\d{1,2}(?:\.\d{1,3})*)(?:[a-z]{1,2})?")
_MINOR = re.compile(r"\d{1,2}")
_SIZE = re.compile(
    r"(?:[ae]?\d+(?:\.\d+)?b"  # 32b, 1.5b; a22b active; e4b effective
    r"|\d+x\d+(?:\.\d+)?b"  # 8x22b
    r"|\d+(?:\.\d+)?t"  # 1t, 2.4t
    r"|[2-9]\dm|[1-9]\d\dm)",  # 86m, 350m; 1m to 10m are context lengths
)
_NUMBER = re.compile(
    r"(?:[a-z]?\d[\d.]*[a-z]?|\d+x\d+|int\d+|b[ef]\d+|i?q\d\w*|k|s|m|l|xs|xl|xxl|\d+steps?)",
)
_QUANTISED = re.compile(
    r"(?:gguf|awq|gptq|mlx|mlc|exl\d|ggml|bnb|imatrix|mxfp\d*|nvfp\d|n?v?fp\d+|bf16|int[48](?:mix)?"
    r"|w\d+a\d+\w*|hqq|dwq|aqlm|eetq|quip|marlin|nf4|ct2|smoothquant"
    r"|\d+(?:\.\d+)?bit|i?q\d(?:_\w+)?|\d+(?:\.\d+)?bpw|dynamic|quantized|quantised)",
)
# A commit of a hub's repository, a version of Replicate's.
_REVISION = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# Fireworks names the deployment behind the model.
_DEPLOYMENT = "#accounts/"
_FINE_TUNE = re.compile(r"^(?:.*/)?ft:([^:]+)(?::.*)?$", re.DOTALL)
_OLD_FINE_TUNE = re.compile(r"^([^:/]+)(?::ft-|\.ft-).*$", re.DOTALL)
_ARN = re.compile(r"arn:aws[\w-]*:[\w-]+:[\w-]*:\d*:")

# Hosts, organisations and parts of names recur in many ids. The cache is bounded: ids from outside
# cannot fill it.
_KEPT = 4096


def shown(model: str) -> str:
    """Return the displayed id: stripped, without control characters, at most 128 long."""
    kept = visible(model[: 4 * SHOWN_CHARACTERS].strip()).strip()
    return kept[:SHOWN_CHARACTERS].strip() or "(empty)"


def is_too_long(model: str) -> bool:
    """Return whether an id is longer than a model's name, before or after it is normalised.

    A ligature is one character and expands to up to eighteen: without this it would take 1.5 ms.
    """
    if len(model) > READ_CHARACTERS:
        return True
    return not model.isascii() and len(unicodedata.normalize("NFKC", model)) > READ_CHARACTERS


def visible(text: str) -> str:
    """Return the text without controls, invisible marks (bidi) and halves of surrogate pairs."""
    if text.isascii() and text.isprintable():
        # Nearly all ids; saves a third of the time that a new id takes.
        return text
    spaced = (" " if character in "\t\r\n" else character for character in text)
    return "".join(c for c in spaced if unicodedata.category(c) not in {"Cc", "Cf", "Cs"})


def segments(model: str) -> list[str]:
    """Return the path of an id in lower case, outermost host first; a fine-tune as its base."""
    text = visible(unicodedata.normalize("NFKC", model).strip().lower())
    text = text.replace("://", "/").replace("--", "/").replace("\\", "/")
    for fine_tune in (_FINE_TUNE, _OLD_FINE_TUNE):
        if found := fine_tune.match(text):
            text = found[1]
    text = _ARN.sub("arn/", text.partition(_DEPLOYMENT)[0])
    return [part for part in (piece.strip(" .-_:") for piece in text.split("/")) if part]


@lru_cache(maxsize=_KEPT)
def words(segment: str) -> tuple[str, ...]:
    """Return the words of one segment: `Qwen2p5-Coder_32B` gives qwen2.5, coder, 32b."""
    return tuple(
        _POINT_AS_P.sub(".", word)
        for piece in _SEPARATORS.split(segment)
        for word in _DOT_IN_NAME.split(piece)
        if word
    )


def is_size(word: str) -> bool:
    """Return whether the word is a number of parameters: 7b, 8x22b, a22b, 1t."""
    return _SIZE.fullmatch(word) is not None


@lru_cache(maxsize=_KEPT)
def is_number(word: str) -> bool:
    """Return whether the word is a version, a date, a length, a quantisation or a revision."""
    number = _NUMBER.fullmatch(word) is not None or is_size(word) or is_quantised(word)
    return number or is_revision(word)


def is_revision(word: str) -> bool:
    """Return whether the word is the hash of a revision of the weights."""
    return len(word) >= 40 and _REVISION.fullmatch(word) is not None


def is_quantised(word: str) -> bool:
    """Return whether the word names a numeric format or a file format of the same weights."""
    return _QUANTISED.fullmatch(word) is not None


def version(after: tuple[str, ...]) -> tuple[int, ...]:
    """Return the version at the start of the words after a family's name; () when there is none.

    `4.5`, `v4.5`, `4 5` and a joined `45` are all (4, 5); a date or a size is not a version.
    """
    if not after or is_size(after[0]):
        return ()
    found = _VERSION.fullmatch(after[0])
    if found is None:
        return ()
    numbers = [int(number) for number in found[1].split(".")]
    if len(numbers) == 1 and numbers[0] >= 20:
        numbers = list(divmod(numbers[0], 10))
    if len(numbers) == 1 and len(after) > 1 and _MINOR.fullmatch(after[1]):
        numbers.append(int(after[1]))
    return tuple(numbers)
