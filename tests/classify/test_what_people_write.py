"""What a person wrote decides, beside blocks, labels, material and titles in English."""

from __future__ import annotations

import pytest
from detect_texts import CHINESE
from test_detect import needs_detectors

from streams.classify.language.detect import detect_messages
from streams.classify.language.prose import prose

QUESTION = "Wie lange dauert die Lieferung nach Österreich?"
PROMPTS = {
    "question in a block, material after it": (
        "de",
        (
            f"<user_query>\n{QUESTION}\n</user_query>\n<open_files>\nThe user has a.py open in"
            " the editor and looks at line twelve of it.\n</open_files>"
        ),
    ),
    "question in a block, cut off": ("de", f"<context>Be brief.</context><userRequest>{QUESTION}"),
    "label for the answer": (
        "de",
        (
            f"Answer from the text.\nText: We ship to all countries of Europe within a week.\n"
            f"Question: {QUESTION}\nAnswer:"
        ),
    ),
    "label in the last of several lines": (
        "zh-Hans",
        f"You sort mails.\n\nThe labels are spam and ham, and nothing else.\nMail: {CHINESE}",
    ),
    "English material": (
        "de",
        (
            "Fasse den folgenden Text in einem Satz zusammen:\n\nThe council decided to close the"
            " old swimming pool next spring, because repairs would cost more than a new one."
        ),
    ),
    "quoted English material": (
        "zh-Hans",
        '翻译成中文\n\n"The train leaves at nine and is back at noon."',
    ),
    "English question about other material": (
        "en",
        (
            f"{QUESTION} Ich habe vor zwei Wochen bestellt und nichts mehr gehört.\n\n"
            "What does the customer want?"
        ),
    ),
    "English question with a label": (
        "en",
        "Antworte kurz.\n\nFrage: How long does a parcel to Norway take if it is heavy?",
    ),
    "title in a German request": ("de", "spiel mir bitte Wish You Were Here von den Pink Floyd"),
    "title in a Spanish request": ("es", "pon la canción Born in the USA de Bruce Springsteen"),
    "title in an English request": ("en", "play Wish You Were Here by Pink Floyd in the kitchen"),
    "names in English": ("en", "Is San Francisco or New York better for a young family?"),
}


@needs_detectors
@pytest.mark.parametrize(("tag", "text"), PROMPTS.values(), ids=PROMPTS)
def test_the_person_decides(tag, text):
    assert detect_messages([{"role": "user", "content": text}]).language == tag


@needs_detectors
@pytest.mark.parametrize(
    "output",
    [
        "Jan  7 04:12:55 mail postfix[812]: connect from unknown and disconnect",
        "error[E0308]: mismatched types\n --> src/lib.rs:7:5",
        "lib/a.c:14:3: warning: unused variable 'n'\nmake: *** [Makefile:3: all] Error 2",
        "fatal: refusing to merge unrelated histories",
        "npm WARN deprecated the package is no longer maintained\nnpm ERR! missing script: start",
        "Downloading requests-2.32.0-py3-none-any.whl\nSuccessfully installed requests-2.32.0",
        "[WARNING] The requested profile could not be activated because it does not exist",
        "E/MediaPlayer: could not open the file, no such file or directory",
        "goroutine 7 [chan receive]:\nmain.wait()",
        "bash: line 3: gradle: command not found",
        "scp: /srv/data: No such file or directory",
        "ERROR: Failed building wheel for tokenizers\nERROR: Could not build wheels for it",
        "[Timer]\nOnCalendar=daily\nPersistent=true\n\n[Install]\nWantedBy=timers.target",
        "src/page.tsx(40,7): error TS2741: Property 'id' is missing in type 'Row'.",
        "FAILED tests/test_views.py::test_list - assert 500 == 200\n===== 1 failed in 0.2s =====",
        "HTTP/2 503 Service Unavailable",
        "Segmentation fault (core dumped)",
        "Uncaught RangeError: Maximum call stack size exceeded",
        "sudo systemctl restart nginx",
        "FROM debian:bookworm\nRUN apt-get install -y nginx\nCOPY site /var/www",
    ],
)
def test_what_programs_write_is_undetermined(output):
    assert detect_messages([{"role": "user", "content": output}]).language == "und"
    assert detect_messages(f"{output}\n\n{CHINESE}").language == "zh-Hans"


@pytest.mark.parametrize(
    "line",
    [
        "error: why does my program stop here?",
        "Checking the facts again would help",
        "Update 3.5 of the game is great",
        "RUN as fast as you can",
        "main.py: please explain what it does",
        "bash: how to loop over the lines of a file",
        "git: undo the last commit but keep my changes",
        "sudo asks me for a password each time I use it",
        "Segmentation fault in my program, what should I look at",
        "Uncaught exceptions: which of them should I log",
        "ERROR: what does this mean?",
        "WARNING: this soup is hot. Rewrite it for children",
    ],
)
def test_what_only_resembles_it_is_kept(line):
    assert prose(line).strip()
