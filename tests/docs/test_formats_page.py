"""docs/formats.md says what the readers read."""

from __future__ import annotations

import re

import formats_page
import pytest
from documents import between, text
from laws import some

from streams.decode.formats.registry import NAMES


def test_every_format_has_its_section():
    page = between("formats")
    found = re.findall(r"^## (\w+)$", page, flags=re.MULTILINE)

    assert found == [folder for folder, _, _ in formats_page.rows()]
    assert {*re.findall(r"Its `format` is `(\w+)`", page)} == {*NAMES}


def test_every_rule_and_source_is_that_of_the_samples():
    page = text("docs/formats.md")

    for _, rule, source in formats_page.rows():
        assert f"| rule | {rule} |\n| source | {source} |\n" in page


@pytest.mark.slow
def test_every_path_is_what_the_readers_read():
    page = between("formats")
    written = "write it again: .venv/bin/python tests/docs/formats_page.py"

    for row in some(formats_page.rows()):
        assert formats_page.section(row).strip() in page, written
