"""Every link of a document leads to a file, and every anchor to a heading of it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from documents import ROOT, text, tracked_files

#: How comments and messages name a document of docs/.
NAMED = re.compile(r"(?<![\w/-])docs/[\w-]+\.md")
#: OpenTelemetry's own document, a source of what is read.
OTHERS = {"docs/specification.md"}


def documents() -> list[str]:
    return [str(path.relative_to(ROOT)) for path in tracked_files() if path.suffix == ".md"]


def without_code(document: str) -> str:
    """Return a document without fenced blocks and code in lines."""
    fenced = re.sub(r"^```.*?^```$", "", document, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", fenced)


def links(document: str) -> list[str]:
    """Return the targets of links and pictures."""
    return re.findall(r"\]\(<?([^)>\s]+)", without_code(document))


def anchors(document: str) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    found: list[str] = []
    fenced = re.sub(r"^```.*?^```$", "", document, flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#{1,6} +(.+?) *$", fenced, flags=re.MULTILINE):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        again = sum(each == slug or each.startswith(f"{slug}-") for each in found)
        found.append(f"{slug}-{again}" if slug in found else slug)
    return set(found)


def problem(document: Path, link: str) -> str | None:
    """Return what is wrong with a link, None if it leads to something."""
    if re.match(r"[a-z]+:", link):
        return None
    name, _, anchor = link.partition("#")
    target = (document.parent / unquote(name)).resolve() if name else document
    if not target.exists():
        return f"{link}: no such file"
    if not target.is_relative_to(ROOT):
        return f"{link}: outside the repository"
    if anchor and anchor not in anchors(target.read_text()):
        return f"{link}: no such heading"
    return None


def test_every_relative_link_and_anchor_resolves():
    found = [
        (name, wrong)
        for name in documents()
        for link in links(text(name))
        if (wrong := problem(ROOT / name, link))
    ]

    assert found == []


@pytest.mark.parametrize(
    ("link", "wrong"),
    [
        ("b.md", None),
        ("b.md#a-heading-with-code-and-a-link", None),
        ("b.md#twice-1", None),
        ("#here", None),
        ("folder", None),
        ("https://example.com/#x", None),
        ("c.md", "no such file"),
        ("b.md#other", "no such heading"),
        ("#there", "no such heading"),
        ("b.md#in-a-block", "no such heading"),
    ],
)
def test_a_link_that_leads_nowhere_is_found(tmp_path, monkeypatch, link, wrong):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "a.md").write_text("# Here\n")
    (tmp_path / "b.md").write_text(
        "# A heading, with `code` and a [link](a.md)\n## Twice\n## Twice\n"
        "```sh\n# In a block\n```\n"
    )
    found = problem(tmp_path / "a.md", link)

    assert (found is None) == (wrong is None)
    assert (wrong or "") in (found or "")


def test_documents_that_other_files_name_are_there():
    missing = set()
    for path in tracked_files():
        name = str(path.relative_to(ROOT))
        named = set(NAMED.findall(path.read_text(errors="replace"))) - OTHERS
        missing |= {(name, each) for each in named if not (ROOT / each).is_file()}

    assert missing == set()


def test_the_tests_that_security_names_are_there():
    named = re.findall(r"\[(test_\w+)\]\(([\w/]+\.py)\)", text("SECURITY.md"))

    assert len(named) > 20
    assert [
        (test, name) for test, name in named if f"def {test}(" not in (ROOT / name).read_text()
    ] == []


def test_each_promise_of_security_names_a_test():
    promises = text("SECURITY.md").partition("## Promises")[2].partition("\n## ")[0]
    _, _, *rows = [line for line in promises.splitlines() if line.startswith("|")]

    assert len(rows) > 20
    assert [row for row in rows if "[test_" not in row.split(" | ")[-1]] == []


def test_every_document_of_docs_can_be_reached_from_readme():
    linked = {link.partition("#")[0] for link in links(text("README.md"))}

    assert {name for name in documents() if name.startswith("docs/")} <= linked
