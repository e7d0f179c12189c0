"""docs/formats.md, written from the readers themselves: `python tests/docs/formats_page.py`.

Where a value comes from is found by reading the samples of tests/formats with it changed, and by
trying every name that a reader's code holds. Rules and sources are those of the samples' README.md.
"""

from __future__ import annotations

import copy
import json
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from documents import ROOT, text
from formats import samples

from streams.decode.contents import (
    Packed,
    UnreadableError,
    contents_of,
    dumped,
    leaves,
    plain,
    put,
    written,
)
from streams.decode.decoder import Decoder
from streams.decode.event import UsageEvent
from streams.decode.explanation import explained
from streams.decode.field_names import held_by, is_written, known_texts, texts_in
from streams.decode.formats import markers, otlp, otlp_names, provider_details
from streams.decode.formats.registry import FORMATS
from streams.decode.judged import Judged
from streams.decode.options import Options
from streams.decode.places import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE = ROOT / "docs" / "formats.md"
#: Names of prices, providers and parts of counts, which have a table of their own in connect.md.
DETAILS = frozenset(
    each
    for module, kinds in (
        (markers, ("CACHED", "REASONING", "COST", "PROVIDER", "PLACE", "REGION", "CURRENCY")),
        (otlp_names, ("CACHED", "REASONING", "COST", "SERVED", "PLACE", "REGION")),
        (provider_details, ("INPUTS", "OUTPUTS", "CACHED_INSIDE", "REASONING_INSIDE")),
        (provider_details, ("CACHED", "REASONING")),
    )
    for kind in kinds
    for each in getattr(module, kind)
)
#: In the order of the page; what the folders of the samples are called.
FIELDS = ("model", "prompt tokens", "completion tokens", "time", "tenant", "language")
#: Folders that are no format: several ones together, and what is around them.
NO_FORMATS = {
    "batches",
    "unreadable",
    "unread_usage",
    "envelopes",
    "cloudevents",
    "custom",
    "access_log",
    "ordinary",
}
LARGE = 2**24
PROBE = "probe-value"
#: Before the path of a prompt.
DETECTED = "detected in "
#: Names beside texts in a prompt, which are none.
NO_TEXTS = {"role", "type", "model"}
#: The steps of a path.
STEPS = re.compile(r'\["([^"]+)"\]|\[(\d+)\]|([^.\[\]> ]+)')
TIMES = (1795003299.0, "2026-11-18T12:01:39Z")
#: What the reader of spans asks for; Claude Code's and others' own come from the samples.
ATTRIBUTES = {
    "model": otlp_names.MODEL,
    "prompt tokens": otlp_names.INPUT,
    "completion tokens": otlp_names.OUTPUT,
    "tenant": otlp_names.TENANT,
    "language": otlp_names.LANGUAGE,
}


def sections() -> str:
    """Return what the page has between its marks."""
    return "\n".join(map(section, rows())).strip()


def rows() -> list[tuple[str, str, str]]:
    """Return folder, rule and source of each row of the samples' README."""
    lines = text("tests/formats/README.md").splitlines()
    found = [re.fullmatch(r"\| `(\w+)` \| (.+?) \| (.+) \|", line) for line in lines]
    named = [(each[1], each[2], each[3]) for each in found if each is not None]
    return [row for row in named if row[0] not in NO_FORMATS]


def section(row: tuple[str, str, str]) -> str:
    """Return what the page has about a row."""
    folder, rule, source = row
    own = [each for each in samples.load() if each.folder == folder and each.value is not None]
    [(name, _)] = Counter(each.format for each in own if each.format).most_common(1)
    module = _module(folder, name)
    found = _found(own, name, module)
    lines = [
        f"## {folder}\n",
        f"{_opening(module)} Its `format` is `{name}`.\n",
        "| Value | Where it comes from |",
        "|---|---|",
        *(f"| {field} | {_cell(found[field], field)} |" for field in FIELDS),
        f"| rule | {rule} |",
        f"| source | {source} |",
    ]
    return "\n".join(lines) + "\n"


def _cell(paths: list[str], field: str) -> str:
    shown = [
        f"{'detected in ' * path.startswith(DETECTED)}`{path.removeprefix(DETECTED)}`"
        for path in paths
    ]
    missing = "not in the record: Kafka's time counts" if field == "time" else "not in the record"
    return ", ".join(shown).replace("|", "\\|") or missing


def _module(folder: str, name: str) -> ModuleType:
    """Return the module of the reader: of the folder's own name, or of the format's."""
    for each in (folder.removesuffix("s"), name):
        module = sys.modules.get(f"streams.decode.formats.{each}")
        if module is not None:
            return module
    return sys.modules[next(each.matches.__module__ for each in FORMATS if each.name == name)]


def _opening(module: ModuleType) -> str:
    """Return who writes a format, by the opening of its reader."""
    return " ".join((module.__doc__ or "").partition("\n\n")[0].split())


# --- what the samples show


def _found(own: list[Any], name: str, module: ModuleType) -> dict[str, list[str]]:
    found: dict[str, Counter[str]] = {field: Counter() for field in FIELDS}
    names = _names(module)
    readable = [each for each in own if each.options == Options() and _is_readable(each)]
    has_probed = False
    for sample in readable:
        for item in explained(sample.value, sample.headers, sample.options).items:
            if item.outcome == "counted" and item.reader == name:
                for field, path in _of_item(item):
                    found[field].update([path])
        probed = _probed(sample, names, is_first=not has_probed)
        has_probed = has_probed or bool(probed)
        for field, path in probed:
            found[field].update([path])
        found["language"].update(DETECTED + path for path in _texts(sample))
    if module is otlp:
        for field, known in ATTRIBUTES.items():
            # In the order in which they are asked for.
            found[field] |= {key: 10_000 - place for place, key in enumerate(known)}
        found["language"].update(DETECTED + key for key in otlp_names.TEXT)
    return {
        field: [
            each
            for each in sorted(
                paths, key=lambda path: (path.startswith(DETECTED), -paths[path], path)
            )
            if not _is_inside(each, paths)
        ]
        for field, paths in found.items()
    }


def _is_inside(path: str, paths: Iterable[str]) -> bool:
    """Return whether a path of a prompt leads into another one, all of which is read."""
    return path.startswith(DETECTED) and any(
        path.startswith((f"{each}.", f"{each}[", f"{each} >")) for each in paths
    )


def _of_item(item: Any) -> Iterator[tuple[str, str]]:
    """Yield where the values of an item come from, by field."""
    for count in ("prompt_tokens", "completion_tokens"):
        if item.terms[count]:
            yield count.replace("_", " "), _sum(item, count)
    for field, key in item.keys.items():
        yield field, _general(key, item)
    if item.language is not None and item.language.source == "declared":
        for key in item.language.keys:
            yield "language", _general(key, item)


def _is_readable(sample: Any) -> bool:
    try:
        contents_of(sample.value, sample.headers, LARGE)
    except UnreadableError:
        return False
    return True


def _sum(item: Any, count: str) -> str:
    terms = sorted(item.terms[count], key=lambda each: -each.sign)
    parts = [("- " if each.sign < 0 else "+ ") + _general(each.key, item) for each in terms]
    return " ".join(parts).removeprefix("+ ")


def _general(key: str, item: Any) -> str:
    """Return a path without what is special to one record."""
    at = item.at or ""
    # Of a span, and of a document among others, what is below it; all else from the top.
    if re.search(r"^(document \d+)?(\[\d+\])?$|(spans|logRecords)\[\d+\]$", at):
        key = key.removeprefix(at).lstrip(".> ") or key
    key = re.sub(r"^(document \d+ > )?(\[\d+\])?[.> ]*", "", key)
    for each in item.envelopes:
        key = key.removeprefix(f"{each.removeprefix('the field ')} > ")
    key = re.sub(r"^(?:.*\battributes)?\[\"([^\"]+)\"\]", r"\1", key)
    return re.sub(r"\[\d+\]", "[]", _any_plugin(key))


def _any_plugin(path: str) -> str:
    """Return a path with a mark for the name of a plugin of Kong's."""
    return re.sub(r"\bai\.[\w-]+\.(?=(?:meta|usage|payload)\b)", "ai.*.", path)


# --- what the reader's code knows


def _names(module: ModuleType) -> list[str]:
    """Return every name that a reader's module holds, and what the functions use that it calls."""
    own = held_by(module)
    # Readers that it hands documents to.
    for each in [value for value in own if isinstance(value, ModuleType)]:
        own += held_by(each)
    used = [
        value.__globals__.get(name)
        for value in own
        if isinstance(value, FunctionType)
        for name in value.__code__.co_names
        # What it remembers of records is in variables, and other tests read other records.
        if is_written(name, value.__globals__.get(name))
    ]
    held = {each for value in (*own, *used) for each in texts_in(value)}
    return sorted(each for each in (held & known_texts()) - DETAILS if not each.isupper())


class _Probe:
    """Puts values into a copy of a sample's only document, and sees what they are read as."""

    def __init__(self, sample: Any, item: Any) -> None:
        document = contents_of(sample.value, sample.headers, LARGE).packed.documents[0]
        self.reader = item.reader
        self.seen: list[object] = []
        self.decoder = Decoder(Options(detect=lambda prompt: self.seen.append(prompt) or "und"))
        self.bare = _bare(document, item)
        self.of = {field: _without(self.bare, item, (field,)) for field in ("model", "time")}

    def fields(self, document: Any, probe: object) -> list[tuple[str, str]]:
        """Return the fields that a value is read as, and what is put before its path."""
        self.seen.clear()
        read = self.decoder.items(written_document(document).encode())
        return self._fields_of(read, probe)

    def _fields_of(self, read: list[Judged], probe: object) -> list[tuple[str, str]]:
        if len(read) != 1 or read[0].format != self.reader:
            return []
        item = read[0].item
        if not isinstance(item, UsageEvent):
            return []
        values = {"model": item.model, "time": item.ts, "tenant": item.tenant}
        found = [(field, "") for field, value in values.items() if value == probe]
        found += [("language", "")] if item.language == probe else []
        is_prompt = isinstance(probe, str) and probe in json.dumps(self.seen)
        return [*found, *([("language", DETECTED)] if is_prompt else [])]

    def put(self, document: Any, name: str, value: object, probe: object) -> set[tuple[str, str]]:
        """Return the fields that a value is read as under a name, with its path."""
        found = set()
        for path, container in _containers(document):
            before = {name: container[name]} if name in container else {}
            container[name] = value
            fields = self.fields(document, probe)
            found |= {(field, f"{mark}{path}{name}") for field, mark in fields}
            del container[name]
            container.update(before)
        return found

    def put_inside(self, outer: str, names: list[str]) -> set[tuple[str, str]]:
        """Return the fields that values are read as in an object that is not there."""
        found: set[tuple[str, str]] = set()
        for path, container in _containers(self.bare):
            if outer in container:
                continue
            # All names at once, then without those that were read, which hide others.
            held = {name: f"{PROBE}-{at}-" for at, name in enumerate(names)}
            while held:
                container[outer] = dict(held)
                read = {
                    (field, f"{mark}{path}{outer}.{name}", name)
                    for name, probe in held.items()
                    for field, mark in self.again(probe, is_new=name == next(iter(held)))
                }
                if not read:
                    break
                found |= {(field, each) for field, each, _ in read}
                for _, _, name in read:
                    held.pop(name, None)
            container.pop(outer, None)
        return found

    def again(self, probe: str, *, is_new: bool) -> list[tuple[str, str]]:
        """Return the fields that one of several values is read as; they are read once."""
        if is_new:
            self.seen.clear()
            self.last = self.decoder.items(written_document(self.bare).encode())
        return self._fields_of(self.last, probe)


def _probed(sample: Any, names: list[str], *, is_first: bool) -> set[tuple[str, str]]:
    """Return the paths at which a value that is put there is read, by field."""
    contents = contents_of(sample.value, sample.headers, LARGE)
    explanation = explained(sample.value, sample.headers, sample.options)
    if len(contents.packed.documents) != 1 or len(explanation.items) != 1:
        return set()
    [item] = explanation.items
    is_alone = isinstance(contents.packed.documents[0], dict) and not item.envelopes
    if item.outcome != "counted" or not is_alone or "resource" in str(item.at):
        return set()
    probe = _Probe(sample, item)
    found: set[tuple[str, str]] = set()
    for name in names:
        found |= probe.put(probe.of["model"], name, PROBE, PROBE)
        found |= probe.put(probe.bare, name, PROBE, PROBE)
        found |= probe.put(probe.bare, name, [{"role": "user", "content": PROBE}], PROBE)
        for time in TIMES:
            found |= probe.put(probe.of["time"], name, time, time)
        found |= probe.put_inside(name, names) if is_first else set()
    return {(field, _any_plugin(path)) for field, path in found}


def written_document(document: Any) -> str:
    """Return a document as JSON, with what lies in its texts."""
    return dumped(plain(document))


def _bare(document: Any, item: Any) -> Any:
    """Return a copy of a document without tenants and languages, so that each name counts."""
    bare = document
    for _ in range(8):
        bare = _without(bare, item, ("tenant", "language"))
        [item, *_] = explained(written_document(bare).encode(), [], Options()).items
        if "tenant" not in item.keys and not (item.language and item.language.keys):
            break
    return bare


def _without(document: Any, item: Any, fields: tuple[str, ...]) -> Any:
    """Return a copy of a document without the values that fields are read from."""
    keys = [item.keys.get(field) for field in fields]
    keys += item.language.keys if item.language is not None and "language" in fields else []
    bare = copy.deepcopy(document)
    for key in filter(None, keys):
        node = bare
        *parts, last = map("".join, STEPS.findall(key))
        try:
            for part in parts:
                node = node.documents[0] if isinstance(node, Packed) else node
                node = node[int(part) if isinstance(node, list) else part]
            node = node.documents[0] if isinstance(node, Packed) else node
            del node[last]
        except (KeyError, TypeError, IndexError, ValueError):
            continue
    return bare


def _containers(node: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return the objects of a document with their paths, the outermost first."""
    if isinstance(node, Packed):
        return _containers(node.documents[0], f"{path.removesuffix('.')} > ")
    if isinstance(node, list):
        return _containers(node[0], f"{path.removesuffix('.')}[].") if node else []
    if not isinstance(node, dict):
        return []
    inner = [each for key, held in node.items() for each in _containers(held, f"{path}{key}.")]
    return [(path, node), *inner]


def _texts(sample: Any) -> list[str]:
    """Return where the texts lie of which a language is detected."""
    contents = contents_of(sample.value, sample.headers, LARGE)
    seen: list[object] = []
    decoder = Decoder(replace(sample.options, detect=lambda prompt: seen.append(prompt) or "und"))
    explanation = explained(sample.value, sample.headers, sample.options)
    found = []
    for place, leaf in leaves(contents.packed):
        if not isinstance(leaf, str):
            continue
        seen.clear()
        put(contents.packed, place, PROBE)
        decoder.items(written(contents.packed).encode(), sample.headers[:0])
        put(contents.packed, place, leaf)
        is_read = any(PROBE in json.dumps(each) for each in seen)
        if is_read and place[-1] not in NO_TEXTS:
            found.append(_prompt(contents.packed, place, explanation))
    return found


def _prompt(packed: Any, place: tuple[Any, ...], explanation: Any) -> str:
    key = shown(packed, place)
    item = next((each for each in explanation.items if each.at and key.startswith(each.at)), None)
    # A prompt may hold JSON itself.
    return re.sub(r"(content|text)\b.*", r"\1", _general(key, item or explanation.items[0]))


if __name__ == "__main__":
    before, mark, _ = PAGE.read_text().partition("<!-- formats -->\n")
    PAGE.write_text(f"{before}{mark}\n{sections()}\n\n<!-- /formats -->\n")
