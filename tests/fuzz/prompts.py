"""Detects the language of texts from all planes of Unicode, as text and as prompts of any shape.

    python tests/fuzz/prompts.py [--runs 1000000] [--seed N] [--seconds S]

Whatever a prompt holds, its language is a canonical tag, the same at each call; nothing raises; and
what is read of it is bounded, counted in characters and in lines of code. The code points of a run
follow those of the run before, so that 35,000 runs have met each of them. The exit code is 0 where
there is no fault.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1]))

import arguments
from odd import ENGLISH, ODD, PLACES, SURROGATES
from steps import steps

from streams.classify.language import detect as module
from streams.classify.language import opinion, prose
from streams.classify.language.detect import PREFIX_CHARACTERS, PROSE_CHARACTERS
from streams.classify.language.prompt import MAX_TEXTS
from streams.classify.language.tags import canonical

FOLDER = "streams/classify/language"
CODE_POINTS = sys.maxunicode + 1
#: Code points that a run adds to those of the runs before it.
SWEPT = 32
#: NFC makes at most three characters of one.
MOST_CHARACTERS = 3 * PREFIX_CHARACTERS
#: Lines that the largest prompt may run through: so many for each character that is read.
MOST_STEPS = 20 * MAX_TEXTS * MOST_CHARACTERS
#: Counting steps takes a while: one run in so many.
COUNTED = 100
_WORDS = (
    *("the", "of", "привет", "как", "नमस्ते", "مرحبا", "你好", "สวัสดี", "ß", "ǅ"),
    *("e\u0301", "\u1100\u1161"),
    *("```", "`", "\n", "\n    ", "def f(x):", "{", "}", ";", "a.b", "<b>", "\\", "http://a.b/c"),
    *('"', "[", "# ", "&amp;", "$x", "--help", "A" * 70, "\u0300" * 30, "\ufb2c" * 20),
)


class BrokenError(AssertionError):
    """Something did not hold; its text is the same for all prompts with the same fault."""


class Watch:
    """The longest texts that were handed to what reads each character; `put` is like setattr."""

    def __init__(self, put=setattr):
        self.prose = self.opinion = 0
        put(module, "prose", self._watched(prose.prose, "prose"))
        found = opinion.detectors()
        watched = [self._watched(each, "opinion") for each in found]
        put(opinion, "detectors", lambda: opinion.Detectors(*watched))

    def _watched(self, function, name):
        def watched(text, *rest):
            setattr(self, name, max(getattr(self, name), len(text)))
            return function(text, *rest)

        return watched

    def check(self):
        """Raise BrokenError where more was read than is promised."""
        if self.prose > MOST_CHARACTERS or self.opinion > PROSE_CHARACTERS:
            raise BrokenError(f"{self.prose} and {self.opinion} characters were read")


class Prompts:
    """Makes texts of all planes; the same seed makes the same ones."""

    def __init__(self, random):
        self._random = random
        self._swept = random.randrange(CODE_POINTS)

    def text(self):
        random = self._random
        self._swept = (self._swept + SWEPT) % CODE_POINTS
        swept = [chr((self._swept + at) % CODE_POINTS) for at in range(SWEPT)]
        match random.randrange(5):
            case 0:
                text = ENGLISH + "".join(swept)
            case 1:
                # Words of one script, whichever it is.
                letters = [*swept, *swept, " "]
                text = "".join(random.choices(letters, k=random.choice((3, 20, 700))))
            case 2:
                place = random.choice(list(PLACES.values()))
                text = place(random.choice([*ODD, *SURROGATES])) + "".join(swept)
            case 3:
                text = "".join(chr(random.randrange(CODE_POINTS)) for _ in range(300)) + swept[0]
            case _:
                words = random.choices([*_WORDS, *swept], k=random.choice((1, 5, 40, 200)))
                text = random.choice(("", " ")).join([*words, *swept])
        return text if random.random() < 0.9 else text * 20

    def shaped(self, text):
        """Return a prompt with a text in it, as some gateway logs it, whole or cut off."""
        random = self._random
        part = {"type": "text", "text": text}
        messages = [
            {"role": random.choice(("system", "user", "assistant", text)), "content": content}
            for content in (text, [part, text], None)
        ]
        random.shuffle(messages)
        shapes = (text, [text], messages, {"messages": messages}, {"contents": [{"parts": [part]}]})
        shape = random.choice(shapes)
        if random.random() < 0.5:
            return shape
        written = json.dumps(shape, ensure_ascii=random.random() < 0.5)
        return written if random.random() < 0.5 else written[: random.randrange(len(written) + 1)]


def check(text, shaped, watch, *, is_counted=False):
    """Detect the language of a text and of a prompt with it. Raises BrokenError."""
    for detect, given in ((module.detect, text), (module.detect_messages, shaped)):
        try:
            found = detect(given)
        except Exception as error:
            raise BrokenError(f"{detect.__name__} raises {type(error).__name__}") from error
        if canonical(found.language) != found.language or not 0 <= found.confidence <= 1:
            raise BrokenError("the answer is no language")
        if detect(given) != found:
            raise BrokenError("two answers for one prompt")
    start = (text + "-" * PREFIX_CHARACTERS)[:PREFIX_CHARACTERS]
    if module.detect(start + text) != module.detect(start):
        raise BrokenError("what follows the prefix matters")
    watch.check()
    if is_counted:
        _check_steps(start, text)


def _check_steps(start, text):
    if steps(FOLDER, module.detect, start + text * 20) != steps(FOLDER, module.detect, start):
        raise BrokenError("a longer text takes more steps")
    message = {"role": "user", "content": [{"type": "text", "text": text * 2}] * 100}
    for many in ([message] * 1_000, json.dumps([message] * 5), "[" * 100_000, '{"a":"' * 50_000):
        if steps(FOLDER, module.detect_messages, many) > MOST_STEPS:
            raise BrokenError("a larger prompt takes more steps than are allowed")


def main():
    chosen = arguments.parser(__doc__, 1_000_000).parse_args()
    began, random = time.monotonic(), Random(chosen.seed)
    watch, prompts, faults, runs = Watch(), Prompts(random), {}, 0
    while runs < chosen.runs and time.monotonic() - began < chosen.seconds:
        text = prompts.text()
        shaped = prompts.shaped(text)
        runs += 1
        try:
            check(text, shaped, watch, is_counted=runs % COUNTED == 0)
        except BrokenError as error:
            if str(error) not in faults:
                print(f"{error}: {text!a} as {shaped!a}", flush=True)
            faults[str(error)] = faults.get(str(error), 0) + 1
    seconds = time.monotonic() - began
    print(f"{runs} runs, seed {chosen.seed}, {seconds:.0f} s")
    print(f"longest: {watch.prose} and {watch.opinion} characters; faults: {faults or 'none'}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
