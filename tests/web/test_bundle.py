"""The page's modules as one."""

from __future__ import annotations

import re
from graphlib import CycleError

import pytest

from streams.web import assets
from streams.web.bundle import UnreadModuleError, bundled

MODULES = {path.stem: path.read_text() for path in assets.STATIC.glob("*.js")}


def test_modules_come_before_those_that_import_them_each_in_a_function_of_its_own():
    sources = {
        "page": 'import { b as c } from "./two.js";\nc();\n',
        "two": 'import { a } from "./one.js";\nexport function b() { return a; }\n',
        "one": "export const a = 1;\nconst b = 2;\n",
    }

    (text,) = bundled(sources, "page").values()

    assert text == (
        "const one_js = (() => {\nconst a = 1;\nconst b = 2;\nreturn { a };\n})();\n"
        "const two_js = (() => {\nconst { a } = one_js;\nfunction b() { return a; }\n"
        "return { b };\n})();\n"
        "(() => {\nconst { b: c } = two_js;\nc();\n})();\n"
        "export { one_js, two_js };\n"
    )


def test_a_late_module_takes_what_it_imports_from_the_one_that_is_there():
    sources = {
        "page": 'import { a } from "./one.js";\nconst { late } = await import("./two.js");\n',
        "one": "export const a = 1;\n",
        "two": 'import { a as b } from "./one.js";\nexport const late = b;\n',
    }

    found = bundled(sources, "page")

    assert sorted(found) == ["page", "two"]
    assert found["two"] == (
        'import { one_js } from "./page.js";\nconst { a: b } = one_js;\nexport const late = b;\n'
    )
    assert 'await import("./two.js")' in found["page"]


@pytest.mark.parametrize(
    "line",
    ['import * as all from "./one.js";', 'import "./one.js";', "export let a;", "export { a };"],
)
def test_a_form_that_is_not_read_is_refused(line):
    with pytest.raises(UnreadModuleError, match="is not read"):
        bundled({"page": "", "two": f"{line}\n", "one": ""}, "page")


def test_modules_that_import_each_other_are_refused():
    one, two = ('import { a } from "./two.js";\n', 'import { b } from "./one.js";\n')

    with pytest.raises(CycleError):
        bundled({"page": "", "one": one, "two": two}, "page")


def test_the_page_is_one_module_and_those_that_come_when_they_are_needed():
    page, files = assets.page_and_assets()
    sent = {name for name in files if name.endswith(".js") and "/" not in name}

    assert sent == {"page.js", "compare.js", "movers.js", "policy.js"}
    assert re.findall(rb'src="([^"]+)"', page.body) == [b"static/page.js"]
    body = files["page.js"].body.decode()
    assert {name for name in MODULES if f"const {name}_js = " in body} == (
        MODULES.keys() - {"page", "compare", "movers", "policy"}
    )


def test_what_a_module_imports_another_exports():
    for name, text in MODULES.items():
        for names, other in re.findall(
            r'^import \{ ([^}]+) \} from "\./([a-z]+)\.js";', text, re.MULTILINE
        ):
            exported = set(
                re.findall(r"^export (?:async )?\w+ (\w+)", MODULES[other], re.MULTILINE)
            )
            wanted = {each.split(" as ")[0].strip() for each in names.split(",")}
            assert wanted <= exported, (name, other)
