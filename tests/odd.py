"""Characters that are valid in a prompt and trouble its readers, and prompts with them."""

from __future__ import annotations

from hypothesis import strategies as st

#: All 66: the last two of each plane, and 32 in a block of their own.
NONCHARACTERS = [
    *map(chr, range(0xFDD0, 0xFDF0)),
    *(chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)),
]
CONTROLS = [*map(chr, (*range(0x20), *range(0x7F, 0xA0)))]
#: Bidi, joiners, marks, tags, private use, unassigned, the last of all planes' ends.
OTHERS = list(
    "\u061c\u200b\u200d\u202e\u2066\ufeff\ufe0f\u0300\u20dd\ufdfa\ufffd\U0001f600\U000e0041"
    "\ue000\U000f0000\U0010fffd\u0378\U0001fffd\U0002fa1e"
)
SURROGATES = ["\ud800", "\udbff", "\udc00", "\udfff", "\udfff\ud800"]
ODD = NONCHARACTERS + CONTROLS + OTHERS

ENGLISH = "Please write a short letter to my teacher, and thank her for the help with the homework."

#: Where a character may stand in a prompt -> the prompt.
PLACES = {
    "at the end": lambda odd: ENGLISH + odd,
    "at the beginning": lambda odd: odd + ENGLISH,
    "inside words": lambda odd: ENGLISH.replace("tt", f"t{odd}t").replace("ea", f"e{odd}a"),
    "between words": lambda odd: ENGLISH.replace(" ", odd),
    "repeated": lambda odd: ENGLISH + odd * 300,
    "alone": lambda odd: odd,
    "alone and repeated": lambda odd: odd * 300,
}

#: Texts of all planes and categories, and sentences with some of those characters in them.
texts = st.text(st.characters(exclude_categories=()), max_size=600) | st.lists(
    st.sampled_from([*ODD, *SURROGATES, *ENGLISH.split(" "), " ", "привет", "नमस्ते", "مرحبا بك"])
    | st.characters(categories=("Cn", "Co", "Cs", "Cc", "Cf")),
    max_size=120,
).map("".join)
