"""Model id -> developer, country, openness, and so its origin.

The facts are in catalog.toml; the rules by which an id is read are here. An id is cut into words
(name.py); a family counts where its name stands as whole words and the words around it agree;
hosts, regions, repackers, formats and dates decide nothing. What cannot be told is `unknown`: a
wrong origin would move a share, an unknown one is seen and can be mapped.

What a deployment says of its own names (overrides.py) goes before the catalogue.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib import resources
from typing import TYPE_CHECKING, Any, NamedTuple

from streams.classify.enrichment import attempt
from streams.classify.origin import name as naming
from streams.classify.origin.overrides import Overrides, read
from streams.classify.origin.values import (
    CHINESE_COUNTRIES,
    CatalogError,
    Openness,
    Origin,
    openness_of,
    origin_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from streams.classify.origin.overrides import Override

# Answers kept, in two generations of half as many: ids from outside cannot fill memory.
CACHE_ENTRIES = 65_536
# Ids longer than this are read but not kept: the key would cost more than the answer.
CACHED_CHARACTERS = 256
# No id has a path this deep, or so many words; one that has is not a model's. The most words of an
# id in the labelled lists are 14, and each costs time.
MOST_SEGMENTS = 16
MOST_WORDS = 32

# Lists of `[words]` that a catalogue has to have.
_LISTS = ("hosts", "repackers", "path", "neutral", "tuned", "aliases")
_GLUED = re.compile(r"([^\W\d]+)(\d[\d.]*)([a-z]*)")
_VENDOR_DOT = re.compile(r"(?<!\d)\.|\.(?!\d)")
_BEDROCK_REVISION = re.compile(r"-v[01]:\d+(:\d+k)?$")
_QUANTISATION_TAG = re.compile(r"[-_.:]i?q\d(?:_[a-z0-9]+)*(?=$|[-_.:])")
# Marks a segment of the path that names a vendor and cannot be a transport.
_VENDOR = " ."
_COMPARISON = re.compile(r"(>=|<=|==|<|>)(\d+)(?:\.(\d+))?")
# Dropped from a model's name: they name a way to get the same weights.
_VARIANTS = frozenset({"latest", "free", "maas", "hf", "tee"})


@dataclass(frozen=True, slots=True)
class Classification:
    """What is known of one model. `origin` follows from country and openness."""

    model: str
    developer: str | None
    country: str | None
    openness: Openness | None
    origin: Origin
    base: str | None
    matched_by: str


@dataclass(frozen=True, slots=True)
class Developer:
    """An organisation that releases models; `openness` where all its releases are on one side."""

    name: str
    country: str | None
    chinese: bool
    openness: Openness | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One exception of a family: the openness of versions for which all conditions hold."""

    openness: Openness | None
    words: frozenset[str] = frozenset()
    size: bool = False
    version: tuple[tuple[str, tuple[int, int]], ...] = ()
    match: re.Pattern[str] | None = None
    base: str | None = None

    def holds(self, after: tuple[str, ...], rest: tuple[str, ...]) -> str | None:
        """Say what decided; None when a condition fails. `after` follows the family's name."""
        why = []
        if self.words:
            tier = next((word for word in rest if word in self.words), None)
            if tier is None:
                return None
            why.append(f'tier "{tier}"')
        if self.size:
            size = next((word for word in rest if naming.is_size(word)), None)
            if size is None:
                return None
            why.append(f'parameter count "{size}"')
        if self.version:
            version = naming.version(after)
            if not version or not all(_compares(version, test) for test in self.version):
                return None
            why.append(f"version {'.'.join(map(str, version))}")
        if self.match is not None:
            found = self.match.search(" ".join(rest))
            if found is None:
                return None
            if found[0].strip():
                why.append(f'"{found[0].strip()}"')
        return ", ".join(why) or "every other version"


@dataclass(frozen=True, slots=True)
class Family:
    """Models that share a name and a developer."""

    title: str
    developer: Developer
    names: tuple[tuple[str, ...], ...]
    openness: Openness | None
    rules: tuple[Rule, ...]
    needs: re.Pattern[str] | None
    words: frozenset[str]
    # `words`, and those that its rules look for.
    own: frozenset[str]
    on: frozenset[str]
    common: bool
    owner_only: bool
    derived: bool
    unsized: bool
    retrained: bool
    base: str | None


@dataclass(frozen=True, slots=True)
class Match:
    """A family's name in the words of a segment: `words[start:end]`, then `after`."""

    family: Family
    start: int
    end: int
    after: tuple[str, ...]


class Span(NamedTuple):
    """Where a family's name may stand: `words[start:end]`, then `after`."""

    start: int
    end: int
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Context:
    """What the path says around the name."""

    # Developers that the id names where a transport would not stand.
    owners: frozenset[str]
    # The developer nearest to the name, transport or not.
    nearest: Developer | None
    # A part of the path that nobody knows: the name may be somebody's own release.
    foreign: bool


@dataclass(eq=False)
class Catalog:
    """All facts, and the answers given so far."""

    developers: Mapping[str, Developer]
    slugs: Mapping[tuple[str, ...], Developer]
    names: Mapping[tuple[str, ...], tuple[Family, ...]]
    vocabulary: Mapping[str, frozenset[tuple[str, ...]]]
    overrides: Overrides = field(default_factory=Overrides)
    _young: dict[str, Classification] = field(default_factory=dict)
    _old: dict[str, Classification] = field(default_factory=dict)

    @classmethod
    def load(cls, overrides: Path | None = None) -> Catalog:
        """Read the package's catalogue, and the deployment's overrides where there are any.

        Raises CatalogError: the file cannot be read, or an entry of it cannot be used.
        """
        catalog = cls.of(builtin(), "catalog.toml")
        return catalog if overrides is None else catalog.overridden_by(read(overrides))

    @classmethod
    def of(cls, text: str, file: str) -> Catalog:
        """Read a catalogue from its text, called `file` in errors. Raises CatalogError."""
        try:
            return _catalog(toml(text, file), file)
        except (KeyError, TypeError, AttributeError) as error:
            raise CatalogError(
                f"{file}: no catalogue ({error!r}). Remedy: give it the keys that the head of the "
                "package's catalog.toml names."
            ) from error

    def overridden_by(self, overrides: Overrides) -> Catalog:
        """Return the same facts under other overrides, with no answers kept."""
        return replace(self, overrides=overrides, _young={}, _old={})

    def classify(self, model: str) -> Classification:
        """Answer what is known of a model id. Never raises; answers are kept, in bounded memory."""
        found = self._young.get(model)
        if found is not None:
            return found
        found = self._old.get(model) or attempt(
            "origin", self._decide, model, otherwise=_UNREADABLE
        )
        if len(model) <= CACHED_CHARACTERS:
            if len(self._young) >= CACHE_ENTRIES // 2:
                self._old, self._young = self._young, {}
            self._young[model] = found
        return found

    # --- overrides, then the catalogue

    def _decide(self, model: str) -> Classification:
        shown = naming.shown(model)
        override = self.overrides.find(shown)
        if override is not None:
            return self._overridden(shown, override)
        if naming.is_too_long(model):
            return _unknown(shown, "longer than a model's name")
        return self._known(shown, naming.segments(model))

    def _overridden(self, shown: str, override: Override) -> Classification:
        because = f'override "{override.entry}"'
        if override.same_as is not None:
            known = self._known(naming.shown(override.same_as), naming.segments(override.same_as))
            return replace(known, matched_by=f"{because}: {known.matched_by}")
        return Classification(
            model=shown,
            developer=override.developer,
            country=override.country,
            openness=override.openness,
            origin=override.origin,
            base=None,
            matched_by=because,
        )

    def _known(self, shown: str, raw: list[str]) -> Classification:
        path = self._path(raw)
        if not path or len(path) > MOST_SEGMENTS:
            return _unknown(shown, "no name in it")
        if any(segment.startswith("@preset") for segment in path):
            return _unknown(shown, "a preset")
        cut = [naming.words(segment) for segment in path]
        if sum(map(len, cut)) > MOST_WORDS:
            return _unknown(shown, "more words than a model's name")
        last = len(cut) - 1
        for index in range(last, -1, -1):
            if index != last and self._serves(cut[index]):
                continue
            if not any(map(self._may_begin, cut[index])):
                continue
            context = self._context(path, cut, index)
            tail = tuple(word for segment in cut[index + 1 :] for word in segment)
            matches = self._matches(cut[index], tail, context)
            if not matches:
                continue
            return self._chosen(shown, path[index], cut[index], matches, context)
        return self._by_owner(shown, path, cut)

    # --- the path

    def _path(self, raw: list[str]) -> list[str]:
        """Segments, with `us.anthropic.claude` and `openrouter:qwen` cut where hosts join them.

        A vendor before a dot, or before `: ` as in `DeepSeek: R1`, is no transport: it is marked.
        """
        path: list[str] = []
        for segment in raw:
            rest = segment
            host, colon, name = rest.partition(":")
            if colon and self._serves(naming.words(host)):
                titled = name.startswith(" ")
                if titled or not all(map(self._says_nothing, naming.words(name))):
                    path.append(host + _VENDOR if titled else host)
                    rest = name.strip()
            pieces = _VENDOR_DOT.split(rest)
            while len(pieces) > 1 and self._serves(naming.words(pieces[0])):
                path.append(pieces.pop(0) + _VENDOR)
            rest = ".".join(pieces)
            if rest:
                path.append(rest)
        return path

    def _serves(self, words: tuple[str, ...]) -> bool:
        return (
            words in self.vocabulary["hosts"]
            or words in self.vocabulary["path"]
            or words in self.vocabulary["repackers"]
            or words in self.slugs
        )

    def _context(self, path: list[str], cut: list[tuple[str, ...]], index: int) -> Context:
        owners: set[str] = set()
        nearest: Developer | None = None
        foreign = False
        for segment, words in zip(path[:index], cut, strict=False):
            developer = self.slugs.get(words)
            if developer is not None:
                nearest = developer
                if words not in self.vocabulary["hosts"] or segment.endswith(_VENDOR):
                    owners.add(developer.name)
            elif words in self.vocabulary["repackers"]:
                nearest = None
            elif not self._serves(words) and not all(self._says_nothing(word) for word in words):
                foreign = True
                nearest = None
        lead = self._lead(cut[index])
        for start, end in itertools.combinations(range(len(lead) + 1), 2):
            developer = self.slugs.get(lead[start:end])
            if developer is not None:
                owners.add(developer.name)
        return Context(frozenset(owners), nearest, foreign)

    def _lead(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The words at the head of a name that only say who serves or who made it."""
        count = 0
        while count < len(words):
            for length in (3, 2, 1):
                phrase = words[count : count + length]
                if len(phrase) == length and (
                    phrase in self.slugs or phrase in self.vocabulary["hosts"]
                ):
                    count += length
                    break
            else:
                break
        return words[:count]

    def _says_nothing(self, word: str) -> bool:
        return (
            word in self._plain
            or naming.is_number(word)
            or word.rstrip(".0123456789") in self._neutral
        )

    @cached_property
    def _neutral(self) -> frozenset[str]:
        return frozenset(phrase[0] for phrase in self.vocabulary["neutral"])

    @cached_property
    def _plain(self) -> frozenset[str]:
        """Words of hosts, paths and variants: none of them says whose model it is."""
        kinds = ("hosts", "path")
        single = {p[0] for kind in kinds for p in self.vocabulary[kind] if len(p) == 1}
        return self._neutral | single

    # --- the name

    def _matches(
        self, words: tuple[str, ...], tail: tuple[str, ...], context: Context
    ) -> list[Match]:
        matches: list[Match] = []
        start = 0
        while start < len(words):
            match = self._match_at(words, start, tail, context)
            if match is None:
                start += 1
            else:
                matches.append(match)
                start = match.end
        return matches

    def _match_at(
        self, words: tuple[str, ...], start: int, tail: tuple[str, ...], context: Context
    ) -> Match | None:
        if not self._may_begin(words[start]):
            return None
        for length in range(min(self._longest, len(words) - start), 0, -1):
            end = start + length
            if words[start:end] in self.names:
                span = Span(start, end, words[end:] + tail)
                found = self._accepted(words, words[start:end], span, context)
                if found is not None:
                    return found
            glued = _GLUED.fullmatch(words[end - 1])
            if glued is None or not self._version_glued(glued[2], glued[3]):
                continue
            key = (*words[start : end - 1], glued[1])
            if key in self.names:
                span = Span(start, end, self._tail(glued[2], glued[3]) + words[end:] + tail)
                found = self._accepted(words, key, span, context)
                if found is not None:
                    return found
        return None

    def _may_begin(self, word: str) -> bool:
        """Whether a family's name may begin with the word; of most names no word does."""
        if word in self._first_words:
            return True
        glued = _GLUED.fullmatch(word)
        return glued is not None and (glued[1],) in self._family_words

    @cached_property
    def _first_words(self) -> frozenset[str]:
        return frozenset(name[0] for name in self.names)

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.names))

    def _version_glued(self, number: str, suffix: str) -> bool:
        return len(number) <= 5 and (len(suffix) <= 2 or (suffix,) in self.vocabulary["neutral"])

    def _tail(self, number: str, suffix: str) -> tuple[str, ...]:
        # `2.5vl` is a version and a kind of model, `4o` a version.
        apart = len(suffix) > 1 and (suffix,) in self.vocabulary["neutral"]
        return (number, suffix) if apart or len(suffix) > 2 else (number + suffix,)

    def _accepted(
        self, words: tuple[str, ...], key: tuple[str, ...], span: Span, context: Context
    ) -> Match | None:
        families = self.names.get(key, ())
        named = [family for family in families if family.developer.name in context.owners]
        for family in named or families:
            agrees = family.developer.name in context.owners
            if family.owner_only and not agrees:
                continue
            # A transport may be called like the developer, so only an ordinary word that the
            # developer stands beside needs nothing more.
            lacks = family.needs is not None and not family.needs.match(" ".join(span.after))
            if lacks and not (agrees and family.common):
                continue
            if family.common and not self._agree(words, span, family, owned=agrees):
                continue
            return Match(family, span.start, span.end, span.after)
        return None

    def _agree(self, words: tuple[str, ...], span: Span, family: Family, *, owned: bool) -> bool:
        """Whether an ordinary word is a family's name here: at the head, among known words."""
        head = words[: span.start]
        if any(map(self._strong, head)):
            return False
        if not all(map(self._says_nothing, head[len(self._lead(head)) :])):
            return False
        return owned or all(
            self._says_nothing(word) or word in family.words or (word,) in self._family_words
            for word in (*span.after, *words[span.end :])
        )

    def _strong(self, word: str) -> bool:
        """Whether the word is a family's name by itself: the rest of the name is then about it."""
        families = self.names.get((word,), ())
        return any(not family.common for family in families)

    @cached_property
    def _family_words(self) -> frozenset[tuple[str, ...]]:
        """Names of one word: a parent may follow, as in `e5-mistral-7b`."""
        return frozenset(name for name in self.names if len(name) == 1)

    # --- the decision

    def _chosen(
        self,
        shown: str,
        segment: str,
        words: tuple[str, ...],
        matches: list[Match],
        context: Context,
    ) -> Classification:
        match = _winner(matches)
        if match is None:
            titles = sorted({f'"{match.family.title}"' for match in matches})
            return _unknown(shown, f"two families, {' and '.join(titles)}")
        family = match.family
        before = words[len(self._lead(words[: match.start])) : match.start]
        rest = (*match.after, *before)
        because = f'family "{family.title}"'
        own = set(family.own)
        for other in matches:
            own.update(other.family.words, words[other.start : other.end])
        if alias := next(
            (w for w in rest if (w,) in self.vocabulary["aliases"] and w not in own), None
        ):
            return _unknown(shown, f'{because}, but "{alias}" is a name for whatever is behind it')
        if family.unsized and (size := next((w for w in rest if _parameters(w)), None)):
            return _unknown(shown, f'{because} has no published size, but the name says "{size}"')

        openness, base, because = _by_rules(family, match.after, rest)
        if base is None:
            # A parent is somebody else's: `codex-mini` in `gpt-5.1-codex-mini` is none.
            makers = (m.family for m in matches if m.family.developer is not family.developer)
            base = next((maker.title for maker in makers), None)
        strange = [
            w for w in rest if not self._says_nothing(w) and w not in own and (w,) not in self.slugs
        ]
        model = self._canonical(segment, words, matches[0].start)
        if family.owner_only and family.title.isalpha():
            # `deepseek.r1` and `deepseek-r1` are one model.
            model = f"{family.title.lower()}-{model}"[: naming.SHOWN_CHARACTERS]
        developer = family.developer
        if strange and openness != "proprietary":
            owner = context.nearest
            if self._released_on_top(family, owner) and owner is not None:
                developer, base, openness = owner, family.title, "open"
                because = f'"{owner.name}" releases its own on family "{family.title}"'
            elif self._may_be_of_others(family, context, strange, before):
                return _unknown(shown, f'{because}, but "{strange[0]}" may be a release of others')
        names = Names(shown, model)
        return _classified(names, developer, openness, base, because)

    def _released_on_top(self, family: Family, owner: Developer | None) -> bool:
        """Whether the organisation releases its own models made from the family's (rule 4)."""
        return (
            owner is not None
            and owner.name != family.developer.name
            and owner.openness == "open"
            and not family.derived
        )

    def _may_be_of_others(
        self, family: Family, context: Context, strange: list[str], before: tuple[str, ...]
    ) -> bool:
        """Whether words that nobody knows may name a release that somebody else trained."""
        owned = context.nearest is not None and context.nearest.name == family.developer.name
        return (
            context.foreign
            or not self.vocabulary["tuned"].isdisjoint((word,) for word in strange)
            or (family.retrained and not owned)
            # A word before the family's name is how releases of others begin.
            or (not family.derived and not set(before).isdisjoint(strange))
        )

    def _by_owner(self, shown: str, path: list[str], cut: list[tuple[str, ...]]) -> Classification:
        """No family is named; an organisation whose releases are all on one side still decides."""
        for index in range(len(cut) - 2, -1, -1):
            words = cut[index]
            developer = self.slugs.get(words)
            if developer is None:
                if all(self._says_nothing(word) for word in words):
                    continue
                break
            dotted = path[index].endswith(_VENDOR)
            if words in self.vocabulary["hosts"] and not dotted:
                break
            if developer.openness is None:
                break
            name = tuple(word for segment in cut[index + 1 :] for word in segment)
            if not name or any((word,) in self.vocabulary["aliases"] for word in name):
                break
            model = f"{'-'.join(words)}/{'-'.join(name)}"[: naming.SHOWN_CHARACTERS]
            because = f'developer "{developer.name}", all its releases are {developer.openness}'
            names = Names(shown, model)
            return _classified(names, developer, developer.openness, None, because)
        return _unknown(shown, "no known name")

    def _canonical(self, segment: str, words: tuple[str, ...], start: int) -> str:
        """The model's name without host, variant, format and revision of an endpoint."""
        text = _BEDROCK_REVISION.sub("", segment.split("@", 1)[0])
        text = _QUANTISATION_TAG.sub("", text)
        head, *tags = text.split(":")
        sizes = [word for tag in tags for word in naming.words(tag) if naming.is_size(word)]
        named = naming.words(head)[len(self._lead(words[:start])) :]
        kept = [
            word
            for word in (*named, *sizes)
            if word not in _VARIANTS and not naming.is_quantised(word)
        ]
        return ("-".join(kept) or "-".join(words))[: naming.SHOWN_CHARACTERS]


def _by_rules(
    family: Family, after: tuple[str, ...], rest: tuple[str, ...]
) -> tuple[Openness | None, str | None, str]:
    because = f'family "{family.title}"'
    for rule in family.rules:
        decided = rule.holds(after, rest)
        if decided is not None:
            return rule.openness, rule.base or family.base, f"{because}, {decided}"
    return family.openness, family.base, because


def _parameters(word: str) -> bool:
    return naming.is_size(word) and word.endswith("b")


def _winner(matches: list[Match]) -> Match | None:
    """The match that the name is about; None when two families stand side by side."""
    titles = {match.family.title for match in matches}
    if len(titles) == 1:
        return matches[0]
    derived = [match for match in matches if match.family.derived]
    if derived and any(match.family.unsized for match in matches):
        # Nobody outside can build on weights that were never released.
        return None
    if len({match.family.title for match in derived}) == 1:
        return derived[0]
    one_developer = len({match.family.developer.name for match in matches}) == 1
    for match in derived or matches:
        others = titles - {match.family.title}
        same = {m.family.title for m in matches if m.family.developer == match.family.developer}
        first = match is matches[0] or others <= same
        if first and others <= match.family.on:
            return match
    return matches[0] if one_developer else None


def _compares(version: tuple[int, ...], test: tuple[str, tuple[int, int]]) -> bool:
    operator, wanted = test
    pair = (*version, 0)[:2]
    return {
        ">=": pair >= wanted,
        "<=": pair <= wanted,
        "==": pair == wanted,
        "<": pair < wanted,
        ">": pair > wanted,
    }[operator]


class Names(NamedTuple):
    """A model's id as it was given, and the name it is counted under when it is known."""

    shown: str
    model: str


def _classified(
    names: Names,
    developer: Developer,
    openness: Openness | None,
    base: str | None,
    because: str,
) -> Classification:
    if openness is None:
        return Classification(
            model=names.shown,
            developer=developer.name,
            country=developer.country,
            openness=None,
            origin="unknown",
            base=base,
            matched_by=f"unknown: {because}, but no word says which version",
        )
    return Classification(
        model=names.model,
        developer=developer.name,
        country=developer.country,
        openness=openness,
        origin=origin_of(chinese=developer.chinese, openness=openness),
        base=base,
        matched_by=because,
    )


def _unknown(shown: str, because: str) -> Classification:
    return Classification(
        model=shown,
        developer=None,
        country=None,
        openness=None,
        origin="unknown",
        base=None,
        matched_by=f"unknown: {because}",
    )


# Of a name that makes the rules fail nothing is kept: they would fail again wherever it is shown.
_UNREADABLE = _unknown("(unreadable)", "the name cannot be read")


# --- reading the files


def builtin() -> str:
    """Return the text of the catalogue that the package brings."""
    return resources.files("streams.classify.origin").joinpath("catalog.toml").read_text("utf-8")


def toml(text: str, file: str) -> dict[str, Any]:
    """Parse a file's text, called `file` in errors. Raises CatalogError."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{file}: not TOML ({error}). Remedy: mend that line.") from error
    except RecursionError as error:
        raise CatalogError(f"{file}: not TOML (nested too deeply). Remedy: flatten it.") from error


def _phrases(values: Iterable[str]) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(value.split()) for value in values)


def _pattern(value: str | None, where: str) -> re.Pattern[str] | None:
    if value is None:
        return None
    try:
        return re.compile(value)
    except re.error as error:
        raise CatalogError(f"{where}: {value!r} is no regular expression ({error}).") from error


def _rule(entry: Mapping[str, Any], where: str) -> Rule:
    tests = []
    for test in entry.get("version", ()):
        found = _COMPARISON.fullmatch(test)
        if found is None:
            raise CatalogError(f'{where}: version {test!r}. Remedy: write it like ">=4.5".')
        tests.append((found[1], (int(found[2]), int(found[3] or 0))))
    return Rule(
        openness=openness_of(entry["openness"], where),
        words=frozenset(entry.get("words", ())),
        size=entry.get("size", False),
        version=tuple(tests),
        match=_pattern(entry.get("match"), where),
        base=entry.get("base"),
    )


def _catalog(data: Mapping[str, Any], file: str) -> Catalog:
    developers: dict[str, Developer] = {}
    slugs: dict[tuple[str, ...], Developer] = {}
    for entry in data["developer"]:
        where = f"{file}: developer {entry['name']!r}"
        country = entry.get("country")
        if (country is None) == (entry.get("side") is None):
            raise CatalogError(f"{where}: state country or side, one of them.")
        developer = Developer(
            name=entry["name"],
            country=country,
            chinese=country in CHINESE_COUNTRIES,
            openness=openness_of(entry.get("openness"), where),
        )
        developers[developer.name] = developer
        slugs.update(dict.fromkeys(_phrases(entry["slugs"]), developer))
    names: dict[tuple[str, ...], tuple[Family, ...]] = {}
    for entry in data["family"]:
        where = f"{file}: family {entry['title']!r}"
        if entry["developer"] not in developers:
            raise CatalogError(f"{where}: developer {entry['developer']!r} has no entry. Add one.")
        rules = tuple(_rule(rule, where) for rule in entry.get("rules", ()))
        words = frozenset(entry.get("words", ()))
        family = Family(
            title=entry["title"],
            developer=developers[entry["developer"]],
            names=tuple(_phrases(entry["names"])),
            openness=openness_of(entry.get("openness"), where),
            rules=rules,
            needs=_pattern(entry.get("needs"), where),
            words=words,
            own=words.union(*(rule.words for rule in rules)),
            on=frozenset(entry.get("on", ())),
            common=entry.get("common", False),
            owner_only=entry.get("owner_only", False),
            derived=entry.get("derived", False),
            unsized=entry.get("unsized", False),
            retrained=entry.get("retrained", False),
            base=entry.get("base"),
        )
        for phrase in family.names:
            names[phrase] = (*names.get(phrase, ()), family)
    vocabulary = {key: _phrases(data["words"][key]) for key in _LISTS}
    return Catalog(developers=developers, slugs=slugs, names=names, vocabulary=vocabulary)
