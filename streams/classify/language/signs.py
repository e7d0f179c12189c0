"""Cheap signs of code: where one is missing, no rule of `prose` can match, and none is run.

Nearly all lines and words of a prompt have none. The compiled module (letters.pyx) finds the same
signs in one pass; tests hold both to the same answers, and the rules to the signs.
"""

from __future__ import annotations

import re
from typing import Final

#: Words that begin a statement; without a sign, only a short line is one.
_Statements = """
    Adding Building Checking Collecting Compiling Copying Downloaded Downloading Fetching File
    Installed Installing Preparing Removing Resolving SELECT Setting Successfully Traceback
    Unpacking Updating Upgrading abstract assert async auto await begin bool break case catch char
    class const continue def default del do done double echo elif else end endif enum esac except
    export extern fi final finally float for foreach func function goroutine goto if impl import
    include inline int interface let local long match module my namespace our package pass print
    private protected pub public raise require rescue return static struct sub switch template then
    throw trait try type typedef unless unsigned until use using val var virtual void while with
    yield
"""
STATEMENTS: Final = frozenset(_Statements.split())
#: Words that begin a query or a command, which may have no other sign.
_Commands = """
    ADD ALTER AND ARG CMD COPY CREATE DELETE DROP ENTRYPOINT ENV ERROR EXPOSE FAILED FATAL FROM
    Fatal GROUP HTTP INSERT JOIN ON OR ORDER PASSED RUN SELECT SET SEVERE SKIPPED Segmentation
    UPDATE Uncaught Unhandled VALUES WHERE WORKDIR apt aws bash brew cargo chmod commit cp
    curl dash delete diff docker dpkg fish from gcloud git go grep helm index insert journalctl
    kubectl ls make mkdir mv mysql npm npx pip pip3 pnpm psql python python3 rm rsync scp select sh
    ssh sudo systemctl tar tcp tcp6 terraform udp udp6 unzip update wget yarn zsh
"""
COMMANDS: Final = frozenset(_Commands.split())
#: Blanks in the longest statement without a sign.
SHORT: Final = 3
#: Longer words are keys, paths, encoded data.
LONGEST_WORD: Final = 64

#: What a text has: blocks, lines that may be code, words that may be names, spans in a line.
BLOCK, LINE, NAME, SPAN = 1, 2, 4, 8

_BLOCK = re.compile(r"```|~~~|<|@@")
_SPAN = re.compile(r"[`<]")
#: Visible ASCII characters between blanks: identifiers in code have no others.
RUN = re.compile(r"[!-~]+")
_LINE = re.compile(
    r"""[\])}"'$] | >>> | \#[!a-z] | \[?\d{4}- | \+\+\+ | @@ | -- | // | /[*]
    | \[[A-Z]{4} | [A-Z][a-z][a-z]\ [\ \d]\d\ \d\d: | (?:[\w.-]+/)+[\w.-]+: | Caused\ by:
    | (?:-\ )?(?:[a-z_][\w.-]*|[A-Z\d-][\w-]*\.[\w.-]*):
    | .*?(?:[=|\t] | && | <- | [\w:~!]\( | [a-z]\[ | [ ]{3} | Error | Exception | JOIN
      | [;{}(\[\\>]\Z)""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_FIRST_WORD = re.compile(r"[A-Za-z0-9]+")
_STATEMENT_SIGN = re.compile(r"""[(<{\[;:"'>.]""")
_LETTER = re.compile(r"[A-Za-z]")
_NAME = re.compile(
    r"""[/@\\_&\d] | [a-z][A-Z] | \w[(\[] | \.[A-Za-z] | :: | -> | [$\#%]\w | ^-""",
    re.VERBOSE | re.ASCII,
)


def signs(text: str) -> int:
    """Return what a text may have to be removed, as bits; 0 where it is prose throughout."""
    found = BLOCK if _BLOCK.search(text) else 0
    found |= LINE if any(map(may_be_code, text.split("\n"))) else 0
    found |= NAME if any(map(may_be_name, RUN.findall(text))) else 0
    return found | (SPAN if _SPAN.search(text) else 0)


def may_be_code(line: str) -> bool:
    """Return whether a line has a sign of code."""
    line = line.strip()
    if not line:
        return False
    if _LINE.match(line) or _may_be_row(line):
        return True
    first = _FIRST_WORD.match(line)
    if first is None:
        return False
    if first[0] in COMMANDS:
        return True
    is_short = line.count(" ") <= SHORT
    return first[0] in STATEMENTS and (is_short or _STATEMENT_SIGN.search(line) is not None)


def may_be_name(run: str) -> bool:
    """Return whether visible ASCII characters between blanks may have a name of code in them."""
    if len(run) > LONGEST_WORD:
        return True
    return _LETTER.search(run) is not None and _NAME.search(run) is not None


def _may_be_row(line: str) -> bool:
    """Return whether a line has commas as data has: without blanks after them."""
    return line.isascii() and line.count(",") - line.count(", ") > 1
