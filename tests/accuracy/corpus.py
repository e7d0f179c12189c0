"""Sentences that people wrote: translated messages of Debian packages, and code of installed files.

Messages come in gettext catalogues, the same message in many languages, so that languages are
compared on like texts. A message and all its translations fall on one side of the split: what
thresholds are chosen on has no counterpart in what they are measured on.
"""

from __future__ import annotations

import ast
import gettext
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

#: Packages with catalogues in 40 to 90 languages, about 44 MB together.
PROSE_PACKAGES = ("digikam-data", "evolution-common", "gimp-data", "gnucash-common", "pidgin-data")
#: Language of programming -> package, names of its files, what begins a comment. 2 MB together.
CODE_PACKAGES = {
    "Go": ("golang-github-spf13-cobra-dev", "*.go", "//"),
    "Rust": ("librust-regex-dev", "*.rs", "//"),
    "JavaScript": ("node-express", "*.js", "//"),
    "Ruby": ("ruby-rack", "*.rb", "#"),
    "PHP": ("php-symfony-console", "*.php", "//"),
    "C++": ("nlohmann-json3-dev", "*.hpp", "//"),
    "shell": ("bash-completion", "completions/*", "#"),
    "Perl": ("libmojolicious-perl", "*.pm", "#"),
}
CHOOSE, MEASURE = "choose", "measure"

#: Canonical tag -> the directories of its catalogues.
LANGUAGES = {
    "ar": "ar", "bg": "bg", "bn": "bn bn_IN", "ca": "ca", "cs": "cs", "da": "da", "de": "de",
    "el": "el", "en": "", "es": "es", "et": "et", "fa": "fa", "fi": "fi", "fr": "fr", "he": "he",
    "hi": "hi", "hr": "hr", "hu": "hu", "id": "id", "it": "it", "ja": "ja", "ko": "ko", "lt": "lt",
    "lv": "lv", "ms": "ms ms_MY", "nb": "nb", "nl": "nl", "pl": "pl", "pt": "pt pt_BR", "ro": "ro",
    "ru": "ru", "sk": "sk", "sl": "sl", "sr": "sr", "sv": "sv", "ta": "ta", "te": "te", "th": "th",
    "tr": "tr", "uk": "uk", "ur": "ur", "vi": "vi", "zh-Hans": "zh_CN", "zh-Hant": "zh_TW zh_HK",
}  # fmt: skip
#: The tail: fewer speakers, fewer texts, some that only the second detector knows.
RARE = {
    "af": "af", "am": "am", "az": "az", "be": "be", "bs": "bs", "cy": "cy", "eo": "eo", "eu": "eu",
    "ga": "ga", "gl": "gl", "gu": "gu", "is": "is", "ka": "ka", "kk": "kk", "km": "km", "kn": "kn",
    "mk": "mk", "ml": "ml", "mr": "mr", "my": "my my_MM", "ne": "ne", "or": "or", "pa": "pa",
    "ps": "ps", "si": "si", "sq": "sq", "sr-Latn": "sr@latin",
    "sw": "sw", "uz": "uz", "xh": "xh",
}  # fmt: skip

# What a programmer put into a message for the program to fill in or to draw.
_MACHINE = re.compile(r"[<>{}\\\n\t|=#$@^~]|%[^ %]|https?:|\(\w+\)$")
_ACCELERATOR = re.compile(r"[_&](?=\w)|\s*\([_&]?\w\)")
_SENTENCE_END = tuple(".?!。？！।؟۔")
# Thai and its neighbours end a sentence with a blank.
_WITHOUT_END = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]\Z")
_MANUAL = re.MULTILINE | re.DOTALL
# One of these characters says what several letters say.
_DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


def cache() -> Path:
    """Where downloads are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tokenshare" / "accuracy"


def fetched() -> tuple[Path, dict[str, str]]:
    """The directory of unpacked packages, and the version of each; downloads what is missing.

    Needs apt-get and dpkg-deb and a machine whose package lists are not empty.
    """
    root = cache()
    root.mkdir(parents=True, exist_ok=True)
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing: the texts come from Debian packages")
    versions = {}
    for name in (*PROSE_PACKAGES, *(package for package, _, _ in CODE_PACKAGES.values())):
        if not list(root.glob(f"{name}_*.deb")):
            print(f"fetching {name}", file=sys.stderr)
            # As root apt warns that it reads and writes as root: no news here.
            asked = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", name]
            subprocess.run(asked, cwd=root, check=True)
        package = max(root.glob(f"{name}_*.deb"))
        if not (root / name).is_dir():
            subprocess.run(["dpkg-deb", "-x", package, root / name], check=True)
        asked = ["dpkg-deb", "-f", str(package), "Version"]
        versions[name] = subprocess.run(
            asked, check=True, capture_output=True, text=True
        ).stdout.strip()
    return root, versions


def letters(text: str) -> int:
    """How many letters a text has."""
    return sum(map(str.isalpha, text))


def side(message: str) -> str:
    """The part that a message and its translations belong to."""
    return CHOOSE if _digest(message)[0] % 2 else MEASURE


def texts(root: Path, directories: str) -> dict[str, list[str]]:
    """Messages of one language by side, in an order that looks random and never changes."""
    found: dict[str, list[tuple[bytes, str]]] = defaultdict(list)
    seen = set()
    for message, text in _messages(root, directories.split()):
        if text not in seen:
            seen.add(text)
            found[side(message)].append((_digest(message), text))
    return {name: [text for _, text in sorted(each)] for name, each in found.items()}


def snippets(root: Path, *, comments: bool) -> dict[str, dict[str, list[str]]]:
    """Pieces of code of 2 to 25 lines by side, then by language of programming.

    Without comments and docstrings, or as they stand with those.
    """
    found: dict[str, dict[str, list[str]]] = {CHOOSE: {}, MEASURE: {}}
    sources = {"Python": _functions(comments=comments)}
    for language, (package, pattern, mark) in CODE_PACKAGES.items():
        paths = (path for path in sorted((root / package).rglob(pattern)) if path.is_file())
        sources[language] = _blocks(paths, mark, comments=comments)
    for language, source in sources.items():
        pieces = sorted(set(filter(_is_piece, source)), key=_digest)
        for name, by_language in found.items():
            by_language[language] = [piece for piece in pieces if side(piece) == name]
    return found


def is_sentence(text: str) -> bool:
    """Whether a text is a sentence of 40 letters or more (15 in writing that is as dense)."""
    enough = 15 if len(_DENSE.findall(text)) > len(text) / 3 else 40
    ends = text.endswith(_SENTENCE_END) or _WITHOUT_END.search(text) is not None
    return ends and letters(text) >= enough


def _is_piece(code: str) -> bool:
    return 1 <= code.count("\n") <= 24 and letters(code) >= 40


def _functions(*, comments: bool) -> Iterator[str]:
    """Functions of the standard library."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        source = path.read_text(encoding="utf-8", errors="replace")
        lines = source.splitlines()
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.FunctionDef) or node.end_lineno is None:
                continue
            first, last = node.lineno - 1, node.end_lineno
            code = "\n".join(lines[first:last])
            if comments or (ast.get_docstring(node) is None and "#" not in code):
                yield textwrap.dedent(code)


def _blocks(paths: Iterable[Path], mark: str, *, comments: bool) -> Iterator[str]:
    """What stands between blank lines."""
    for path in paths:
        source = path.read_text(encoding="utf-8", errors="replace")
        # Perl and Ruby keep manuals in their files.
        source = re.sub(r"^(=\w+).*?^=(?:cut|end)$|^__END__$.*", "", source, flags=_MANUAL)
        if not comments:
            source = re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)
            source = re.sub(rf"(?:^|(?<=\s)){mark}.*", "", source, flags=re.MULTILINE)
        yield from (textwrap.dedent(block).strip("\n") for block in re.split(r"\n\s*\n", source))


def _messages(root: Path, directories: list[str]) -> Iterator[tuple[str, str]]:
    # English is what the messages of a well translated language are translated from.
    for directory in directories or ["de"]:
        for path in sorted(root.glob(f"*/usr/share/locale/{directory}/LC_MESSAGES/*.mo")):
            for message, text in _catalogue(path):
                if not directories:
                    yield message, _clean(message)
                elif text != message:
                    yield message, _clean(text)


def _catalogue(path: Path) -> Iterator[tuple[str, str]]:
    with path.open("rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    for key, text in catalogue.items():
        # A key is (message, plural form), or `context EOT message`.
        message = (key[0] if isinstance(key, tuple) else key).rpartition("\x04")[2]
        if message and not _MACHINE.search(message) and not _MACHINE.search(text):
            yield message, text


def _clean(text: str) -> str:
    return " ".join(_ACCELERATOR.sub("", text).split())


def _digest(text: str) -> bytes:
    return hashlib.blake2s(text.encode("utf-8", "replace"), digest_size=8).digest()
