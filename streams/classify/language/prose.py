"""The text that a person wrote in a prompt, without code and mark-up.

Detectors classify code as English, whatever the language of the question about it. Anything that
looks like code is removed: fenced blocks, lines with the marks of a programming language, and
inside the other lines addresses, paths, identifiers, HTML tags.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from streams.classify.language import compiled, signs, tool_blocks

if TYPE_CHECKING:
    from collections.abc import Callable

# An unclosed fence runs to the end: the text may have been cut inside it. What tools add to a
# person's words is in blocks of their own.
_FENCED = re.compile(
    rf"""(```|~~~).*?(?:\1|\Z)
    | <(script|style|pre|code|{tool_blocks.NAMES})\b.*?(?:</\2>|\Z)""",
    re.DOTALL | re.VERBOSE,
)

# Lines that are code by their beginning, end or contents. Words that begin a line of code may also
# begin one of English: without a sign of code after them the line stays.
_CODE_LINE = re.compile(
    r"""(?:
      # prompts of shells and interpreters, directives
      (?:>>>|[$]\s|[#]!|[#](?:include|define|undef|if|ifdef|ifndef|else|endif|pragma)\b) .*
      # imports
    | (?:import|package)\s++[\w.*{},"'<>:/-]+(?:\s+(?:as|from)\s.*)? [ ;]*
    | (?:from|use|using|require|include)\b[ \w.:"'</>-]*(?:;|\simport\s.*|["'>])
      # what is being declared
    | (?:def|class|func?|function|sub|struct|enum|interface|trait|impl|namespace|module|type|pub
        |public|private|protected|static|inline|template|virtual|abstract|async|export)
        \b.*[\w>?!][(<{].*
    | (?:def|class|struct|enum|interface|trait|namespace|module)\s++[A-Z\d_][\w.:]* (?:\s*[:<{].*)?
    | (?:let|var|val|const|my|our|local|int|char|void|long|unsigned|bool|float|double|auto|static
        |extern|typedef|export|final|public|private|protected)\s++[\w$&*.<>:,\ \t]++(?:=(?!=)|;).*
      # what is being done
    | (?:if|elif|else\s+if|while|with|case|except|catch|unless|until)\s++(?:not\s+)?[\w.]+\s*[:{]
    | (?:if|elif|for|while|with|switch|catch|except|unless|until|foreach|match)\b
        (?=.*[:{]\Z)[^(=<>\[_!]*+[(=<>\[_!].*
    | for\s(?=.*[:{]\Z)[\w, ]+?\sin\s.*
    | (?:if|elif|while|until|for)\b.*;\s*(?:do|then) | case\s+\S+(?:\s+in|:) | switch\s*\(.*
    | [\w:<>&*]++\s++[\w:~]+\(.*\)(?:\s+(?:const|noexcept|override))*
    | (?:else|try|finally|do|begin|then|break|continue|return|default|pass)\s*[:;{]
    | (?:else|fi|done|esac|end|endif|pass) | rescue(?:\s+[A-Z][\w:]*,?)* | .*\bdo\s?\|.*
    | (?:return|yield|raise|throw|await|del|goto|print|echo)\s++[^a-z\s][\w.'"()$-]*
    | (?:return|yield|raise|throw|del|goto)\s++[\w.]+
    | (?:return|yield|raise|throw|await|assert|print|echo)\b.*[\w\])](?:[(\[=]|\.\w).*
    | [\w.:]*[\w!]\(.*[(),]
    | [\w.$\[\]"'*-]+\s*(?:[-+*/|&:]?=|:=|<-)(?!=).*
      # tables of databases
    | SELECT\b.*(?:[*,]|\bFROM\b).* | (?:INSERT\s+INTO|DELETE\s+FROM|(?:ORDER|GROUP)\s++BY)\s.*
    | (?:CREATE|ALTER|DROP)\s++(?:TABLE|INDEX|VIEW)\s.* | UPDATE\s+\S+\s+SET\s.* | VALUES\s*\(.*
    | (?:SELECT|FROM|(?:\w+\s+)?JOIN)\s++[a-z]\S*(?:\s.*)? | (?:WHERE|AND|OR|ON|SET)\s.*[=<>].*
    | select\s[\w*.,()\s]+\sfrom\s+[\w.]+(?:\s+(?:where|join|left|inner|order|group|limit)\b.*)? ;?
    | update\s+[\w.]++\s++set\s+[\w.]+\s*=.* | insert\s+into\s+[\w.]+\s*(?:\(|values\b).*
    | delete\s+from\s+[\w.]++\s++where\s.*[=<>].*
      # a tag with an attribute, and not the words of a sentence
    | (?=<[a-z][\w-]*\s[^<>]*=["'{])(?!(?:.*?[a-z]\ ){8}).*
      # errors, traces, logs; a question on the same line is mostly not ASCII
    | Exception\ in\ thread\ ".* | Caused\ by:\ [\w.$]+(?::.*)? | \s*at\ [\w.$<>/]+\(.*\)
    | (?:(?:Uncaught|Unhandled|Fatal)\ )?[\w.]*[a-z](?:Error|Exception)\b(?::[\x00-\x7f]*)?
    | Fatal\ (?:[Ee]rror|[Ee]xception):\ [\x00-\x7f]*(?<!\?)
    | (?:ERROR|FATAL|SEVERE):\ [\x00-\x7f]*(?<!\?)
    | Segmentation\ fault(?:\ \(core\ dumped\)|:\ \d+)?\.?
    | (?:ERROR|FAILED|PASSED|SKIPPED)\ \S+::\S+[\x00-\x7f]*
    | Traceback\ \(.* | File\ "[^"]*",\ line\ \d+.*
    | \[?\d{4}-\d\d-\d\d[T\ ]\d\d:\d\d[\x00-\x7f]* | [A-Z][a-z][a-z]\ [\ \d]\d\ \d\d:[\x00-\x7f]*
      # what compilers and installers say; a question is a person's
    | (?:error|fatal|hint|note|panic|warning)(?:\[\w+\])?:\ [\x00-\x7f]*(?<!\?) | -->\ \S+
    | (?:[\w.-]+/)*[\w-]+\.\w+
        (?::\d+(?::\d+)?:?(?:\ [\x00-\x7f]*(?<!\?))?|:\ In\ [\x00-\x7f]*
        |\(\d+(?:,\d+)?\):\ [\x00-\x7f]*(?<!\?))
    | make(?:\[\d+\])?:\ [\x00-\x7f]*
    | (?:\[(?:DEBUG|ERROR|FATAL|INFO|TRACE|WARN|WARNING)\]|[DEFIVW]/\w+(?:\(\ *\d+\))?:)
        \s[\x00-\x7f]*
    | goroutine\ \d+\ .*
      # what a shell and its programs say, and the head of an answer over HTTP
    | (?:-?(?:ba|da|fi|z)?sh|apt(?:-get)?|chmod|cp|curl|dpkg|git|grep|ls
        |make|mkdir|mv|mysql|npm|pip3?
        |psql|python3?|rm|rsync|scp|ssh|sudo|tar|unzip|wget):\ (?!how|is|what|wh[eoy])[\x00-\x7f]*
        (?:\(\d+\)|[Cc]annot|[Cc]ould\ not|denied|[Ee]rror|[Ff]ailed|[Ii]llegal|[Ii]nvalid
        |[Mm]issing|[Nn]o\ such|not\ (?:a|found)|refused|[Uu]nable|[Uu]nrecogni)
        [\x00-\x7f]*(?<!\?)
    | HTTP/\d(?:\.\d)?\ \d{3}\b[\x00-\x7f]* | (?:tc|ud)p6?\ [\x00-\x7f]*\d:[\d*][\x00-\x7f]*
    | (?:ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|RUN|WORKDIR)\s++
        (?=[^\n]*[./=:\[\d-])[\x00-\x7f]*
    | npm\ (?:ERR!|WARN|error|notice|warn)(?!\w)[\x00-\x7f]*
    | (?:Adding|Building|Checking|Collecting|Compiling|Copying|Downloaded|Downloading|Fetching
        |Installed|Installing|Preparing|Removing|Resolving|Setting\ up|Successfully|Unpacking
        |Updating|Upgrading)\b[\x00-\x7f]*\d\.\d[\x00-\x7f]*(?<!\?)
      # commands with an option; some of what only an administrator may do
    | (?:sudo\ )?(?:apt(?:-get)?|aws|brew|cargo|chmod|cp|curl|docker|dpkg|gcloud|git|go|grep|helm
        |journalctl|kubectl|ls|make|mkdir|mv|mysql|npm|npx|pip3?|pnpm|psql|python3?|rm|rsync|scp|ssh
        |systemctl|tar|terraform|unzip|wget|yarn)\s
        (?=[ ->@-~]*+\Z).*?(?<=\s)--?[A-Za-z].*+
    | sudo\ (?:apt|apt-get|chmod|chown|docker|dpkg|dnf|mkdir|nano|pacman|reboot|rm|service|snap
        |systemctl|vi|vim|yum)(?:\ [!-~]+){0,4}
      # data
    | [!-+\--~]+(?:[ ][!-+\--~]+){0,2}(?:,(?:[!-+\--~]+(?:[ ][!-+\--~]+){0,2})?){2,}
      # a row of a table, by bars, tabs or blanks: a cell with a whole sentence in it is prose
    | \|.*\| | (?:\S++[ ]?)++(?:[ ]{2,}(?:\S++[ ]?)++){2,}
    | (?:(?:\S++[ ]?){0,6}+\t){2,}+(?:\S++[ ]?){0,6}+(?:\t.*)?
      # differences of files
    | @@\ .* | (?:---|\+\+\+)\ \S.* | diff\ .*--.* | index\ [0-9a-f]+\.\..*
    | ["'][\w.$/-]+["']\s*:.*
    | (?:-\ )?[a-z_][\w.-]*:\s*(?:["'][^"'\s]*["'],?|[\d.]+,?|true|false|null|[\[{|>].*)?
      # brackets and few words before a semicolon
    | [\])}].*
    | (?=[\x00-\x7f]*;\Z)(?!(?:.*?[a-z]\ ){6}).*
    )\Z""",
    re.VERBOSE | re.ASCII,
)
# Signs and line ends that prose does not have.
_CODE_SIGN = re.compile(r"&&|[|][|]|[=!]==?\s")
# Words between blanks; so many are a sentence.
_PLAIN_WORD = re.compile(r"(?<!\S)[A-Za-z]{2,}(?![^\s,.?!])")
_SENTENCE_WORDS = 6
_CODE_ENDS = ("{", "}", "(", "[", "\\", "=>", "->")
# Next to lines of code these are code as well; alone they are headings, lists and quotations.
_COMMENT = re.compile(
    r"""\"\"\".*?(?:\"\"\"|\Z) | \'\'\'.*?(?:\'\'\'|\Z) | /\*.*?(?:\*/|\Z)
    | (?:^|(?<=[;{}),]))[ \t]*+(?:\#|//|--|\*|%|;)[^\n]*
    | ^(?:\t|[ ]{2,})[^\n]*""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)

# What follows the header of a part of a diff.
_DIFF = re.compile(r"^@@ -\d[^\n]*+(?:\n[ +\\-][^\n]*+)*+", re.MULTILINE)
# Lines of YAML, which are code where there is nothing else: a key with a few words, an item.
_KEY = re.compile(
    r"(?:- )?(?!user|assistant|human|ai|system|question|answer)[a-z_][\w.-]*:(?: \S+){0,4}",
    re.ASCII,
)
_ITEM = re.compile(r"- \S+(?: \S+)?")

# The head of a section, beside lines that set what is in it; the rule between results of tests.
_SECTION = re.compile(r"\[[\w .:\"/-]{1,64}\]|[=*-]{4,}[\x00-\x7f]{0,80}[=*-]{4,}")

# Code and tags inside a line.
_SPAN = re.compile(r"`[^`\n]{1,200}`|</?[A-Za-z!][^<>]{0,200}>")
_TOKEN = re.compile(
    r"""(?:https?|ftp|file|ssh|git)://.* | www\..* | [\w.+-]+@[\w-]+\.[\w.]+
    | &\#?\w{1,10};
    | (?<![\w/])(?:[~.]{0,2}/|[A-Za-z]:\\)[\w.@%+\\/-]+ | \b\w+(?:/[\w.-]+){2,}
    | \b[A-Za-z_][\w-]{0,40}(?:\.[A-Za-z_]\w*)+ | \w+[(\[][^()\[\]]*[)\]]? | \w+(?:::|->)[\w:>-]+
    | \\[A-Za-z]+(?:\{[^{}]*\})*
    | (?<!\S)--?[A-Za-z][\w-]* | [$@\#%]\w+
    | \b\w*(?:\d|_|[a-z](?=[A-Z]))\w*
    """,
    re.VERBOSE | re.ASCII,
)


def prose(text: str, most: int = sys.maxsize) -> str:
    """Return the first characters of a text without its code, so many at most.

    Cost grows with the text: callers cut it first.
    """
    found = _signs(text)
    if not found:
        return text[:most]
    if found & signs.BLOCK:
        text = _DIFF.sub("", _FENCED.sub("\n", text))
    if found & signs.LINE:
        lines = text.split("\n")
        kept = [line for line in lines if not (_may_be_code(line) and is_code(line.strip()))]
        kept = [] if is_yaml(kept) else kept
        if len(kept) < len(lines):
            kept = [line for line in kept if not _SECTION.fullmatch(line.strip())]
        if len(kept) < len(lines):
            text = _COMMENT.sub("", "\n".join(kept))
    if found & signs.SPAN:
        text = _SPAN.sub(" ", text)
    return (_without_names(text, without_name, most) if found & signs.NAME else text)[:most]


def is_plain(text: str) -> bool:
    """Return whether a text has no sign of code, so that `prose` returns it unchanged."""
    return not _signs(text)


def is_yaml(lines: list[str]) -> bool:
    """Return whether lines have two keys or more, and nothing that YAML has not."""
    lines = [line.strip() for line in lines if line.strip()]
    if not all(_KEY.fullmatch(line) or _ITEM.fullmatch(line) for line in lines):
        return False
    return sum(_KEY.fullmatch(line) is not None for line in lines) > 1


def is_code(line: str) -> bool:
    """Return whether a line without blanks around it is code."""
    return (
        line.endswith(_CODE_ENDS)
        or (_CODE_SIGN.search(line) is not None and not _is_wordy(line))
        or _CODE_LINE.match(line) is not None
    )


def _is_wordy(line: str) -> bool:
    """Return whether a line has words of a sentence, which may be about a sign of code."""
    return not line.isascii() or len(_PLAIN_WORD.findall(line)) >= _SENTENCE_WORDS


def without_name(run: str) -> str:
    """Return visible ASCII characters between blanks without the names of code in them."""
    return _TOKEN.sub(" ", run) if len(run) <= signs.LONGEST_WORD else " "


def without_each_name(text: str, replace: Callable[[str], str], most: int) -> str:
    """Return a text with each run that may have a name replaced by what `replace` returns.

    Of the result only so many characters are needed.
    """
    return signs.RUN.sub(
        lambda run: replace(run[0]) if signs.may_be_name(run[0]) else run[0], text
    )[:most]


# The same passes, compiled where that was possible.
if compiled.letters is None:
    _signs, _may_be_code, _without_names = signs.signs, signs.may_be_code, without_each_name
else:
    _signs = compiled.letters.signs
    _may_be_code = compiled.letters.may_be_code
    _without_names = compiled.letters.without_names
