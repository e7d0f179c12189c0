"""Model id -> what is known of it: the family that it names, and the developer.

A family counts where its name is present as whole words and the words around it agree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from streams.classify.origin import name as naming
from streams.classify.origin.facts import Classification
from streams.classify.origin.path import VENDOR, Context, Paths
from streams.classify.origin.values import origin_of

if TYPE_CHECKING:
    from streams.classify.origin.facts import Developer, Facts, Family
    from streams.classify.origin.values import Openness

# A model's id has no path this deep and not so many words. The most words of an id in the labelled
# lists are 14, and each costs time.
MAX_SEGMENTS = 16
MAX_WORDS = 32

_GLUED = re.compile(r"([^\W\d]+)(\d[\d.]*)([a-z]*)")
_BEDROCK_REVISION = re.compile(r"-v[01]:\d+(:\d+k)?$")
_QUANTISATION_TAG = re.compile(r"[-_.:]i?q\d(?:_[a-z0-9]+)*(?=$|[-_.:])")
_SAYS_NOTHING = "says nothing of a model"
# Dropped from a model's name: they name a distribution of the same weights.
_VARIANTS = frozenset({"latest", "free", "maas", "hf", "tee"})


@dataclass(frozen=True, slots=True)
class Match:
    """A family's name in the words of a segment: `words[start:end]`, then `after`."""

    family: Family
    start: int
    end: int
    after: tuple[str, ...]
    # The name has no other sense: several words, or one that was made up.
    coined: bool = False


class Span(NamedTuple):
    """A possible place of a family's name: `words[start:end]`, then `after`."""

    start: int
    end: int
    after: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Matcher:
    """Finds the family that an id names, by the facts of a catalogue."""

    facts: Facts

    @cached_property
    def _paths(self) -> Paths:
        return Paths(self.facts)

    def known(self, shown: str, raw: list[str]) -> Classification:
        """Return what is known of an id with these segments, called `shown` in the result."""
        path = self._paths.segments(raw)
        if not path or len(path) > MAX_SEGMENTS:
            return unknown(shown, "no name in it")
        if any(segment.startswith("@preset") for segment in path):
            return unknown(shown, "a preset")
        cut = [naming.words(segment) for segment in path]
        if sum(map(len, cut)) > MAX_WORDS:
            return unknown(shown, "more words than a model's name")
        last = len(cut) - 1
        for index in range(last, -1, -1):
            if index != last and self._paths.serves(cut[index]):
                continue
            if not any(map(self._may_begin, cut[index])):
                continue
            context = self._paths.context(path, cut, index)
            tail = tuple(word for segment in cut[index + 1 :] for word in segment)
            matches = self._matches(cut[index], tail, context)
            if not matches:
                continue
            found = self._chosen(shown, path[index], cut[index], matches, context)
            owner = context.open_owner
            if found.origin != "unknown" or owner in (None, found.developer):
                return found
            # Whatever such an organisation calls its own release, its weights are public.
            owned = self._by_owner(shown, path, cut)
            return found if owned.origin == "unknown" else owned
        return self._by_owner(shown, path, cut)

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
            if words[start:end] in self.facts.names:
                span = Span(start, end, words[end:] + tail)
                found = self._accepted(words, words[start:end], span, context)
                if found is not None:
                    return found
            glued = _GLUED.fullmatch(words[end - 1])
            if glued is None or not self._version_glued(glued[2], glued[3]):
                continue
            key = (*words[start : end - 1], glued[1])
            if key in self.facts.names:
                span = Span(start, end, self._tail(glued[2], glued[3]) + words[end:] + tail)
                found = self._accepted(words, key, span, context)
                if found is not None:
                    return found
        return None

    def _may_begin(self, word: str) -> bool:
        """Return whether a family's name may begin with the word; most names have no such word."""
        if word in self._first_words:
            return True
        glued = _GLUED.fullmatch(word)
        return glued is not None and (glued[1],) in self._family_words

    @cached_property
    def _first_words(self) -> frozenset[str]:
        return frozenset(name[0] for name in self.facts.names)

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self.facts.names))

    def _version_glued(self, number: str, suffix: str) -> bool:
        return len(number) <= 5 and (
            len(suffix) <= 2 or (suffix,) in self.facts.vocabulary["neutral"]
        )

    def _tail(self, number: str, suffix: str) -> tuple[str, ...]:
        # `2.5vl` is a version and a kind of model, `4o` a version.
        apart = len(suffix) > 1 and (suffix,) in self.facts.vocabulary["neutral"]
        return (number, suffix) if apart or len(suffix) > 2 else (number + suffix,)

    def _accepted(
        self, words: tuple[str, ...], key: tuple[str, ...], span: Span, context: Context
    ) -> Match | None:
        families = self.facts.names.get(key, ())
        named = [family for family in families if family.developer.name in context.owners]
        for family in named or families:
            agrees = family.developer.name in context.owners
            if _contradicted(family, context):
                continue
            if family.owner_only and not agrees:
                continue
            # A transport may have the developer's name, so only an ordinary word beside the
            # developer needs no further evidence.
            lacks = family.needs is not None and not family.needs.match(" ".join(span.after))
            if lacks and not (agrees and family.common):
                continue
            if family.common and not self._agree(words, span, family, owned=agrees):
                continue
            coined = len(key) > 1 or key in self.facts.vocabulary["coined"]
            return Match(family, span.start, span.end, span.after, coined)
        return None

    def _agree(self, words: tuple[str, ...], span: Span, family: Family, *, owned: bool) -> bool:
        """Return whether an ordinary word is a family's name: at the start, among known words."""
        head = words[: span.start]
        if any(map(self._strong, head)):
            return False
        if not all(map(self._paths.says_nothing, head[len(self._paths.lead(head)) :])):
            return False
        return owned or all(
            self._paths.says_nothing(word) or word in family.words or (word,) in self._family_words
            for word in (*span.after, *words[span.end :])
        )

    def _strong(self, word: str) -> bool:
        """Return whether the word alone is a family's name: the rest then describes it."""
        families = self.facts.names.get((word,), ())
        return any(not family.common for family in families)

    @cached_property
    def _family_words(self) -> frozenset[tuple[str, ...]]:
        """Return one-word names: a parent may follow, as in `e5-mistral-7b`."""
        return frozenset(name for name in self.facts.names if len(name) == 1)

    # --- the decision

    @cached_property
    def _bases(self) -> frozenset[str]:
        """Return the families that others build on."""
        families = {family for named in self.facts.names.values() for family in named}
        return frozenset(
            parent
            for family in families
            for parent in (family.base, *family.on)
            if parent is not None
        )

    def _own_before_bases(self, matches: list[Match]) -> Match | None:
        """Return the first match where it is a family of its own and only bases follow it."""
        first = matches[0]
        others = {match.family for match in matches} - {first.family}
        if (
            first.family.title in self._bases
            or first.family.unsized
            or any(other.unsized or other.title not in self._bases for other in others)
        ):
            return None
        return first

    def _chosen(
        self,
        shown: str,
        segment: str,
        words: tuple[str, ...],
        matches: list[Match],
        context: Context,
    ) -> Classification:
        match = _winner(matches) or self._own_before_bases(matches)
        if match is None:
            titles = sorted({f'"{match.family.title}"' for match in matches})
            return unknown(shown, f"two families, {' and '.join(titles)}")
        family = match.family
        before = words[len(self._paths.lead(words[: match.start])) : match.start]
        rest = (*match.after, *before)
        because = f'family "{family.title}"'
        own = set(family.own)
        for other in matches:
            own.update(other.family.words, words[other.start : other.end])
        if doubt := self._doubt(family, rest, own):
            return unknown(shown, f"{because}{doubt}")

        openness, base, because = _by_rules(family, match.after, rest)
        base = base or _parent(family, matches)
        strange = [
            w
            for w in rest
            if not self._paths.says_nothing(w) and w not in own and (w,) not in self.facts.slugs
        ]
        model = self._canonical(segment, words, matches[0].start)
        if family.owner_only and family.title.isalpha():
            # `deepseek.r1` and `deepseek-r1` are one model.
            model = f"{family.title.lower()}-{model}"[: naming.SHOWN_CHARACTERS]
        developer = family.developer
        word = None if openness == "proprietary" else self._training(family, context, rest, own)
        if strange and not self._is_model(family, match, rest, context):
            return unknown(shown, f'{because}, but "{strange[0]}" {_SAYS_NOTHING}')
        if word is not None:
            return unknown(shown, f'{because}, but "{word}" may be a release of others')
        if strange and openness != "proprietary":
            owner = context.nearest
            if self._released_on_top(family, owner, context) and owner is not None:
                developer, base, openness = owner, family.title, "open"
                because = f'"{owner.name}" releases its own on family "{family.title}"'
            elif self._may_be_of_others(family, context, strange, before):
                return unknown(shown, f'{because}, but "{strange[0]}" may be a release of others')
        names = Names(shown, model)
        return _classified(names, developer, openness, base, because)

    def _is_model(
        self, family: Family, match: Match, rest: tuple[str, ...], context: Context
    ) -> bool:
        """Return whether words beside a family's name, some unknown, still describe a model.

        A vendor's word has other senses (`gemini-horoscope-bot`). A version, a size, a tier or a
        word of the family beside its name shows that the model is meant, and so does its maker.
        """
        if match.coined:
            return True
        if context.nearest is family.developer:
            return True
        if any(map(naming.is_size, rest)) or any(map(naming.is_quantised, rest)):
            return True
        if not match.after:
            return False
        word = match.after[0].rstrip(".0123456789")
        return (
            naming.is_number(match.after[0])
            or word in family.own
            or (word,) in self.facts.vocabulary["tiers"]
            or (word,) in self._family_words
        )

    def _doubt(self, family: Family, rest: tuple[str, ...], own: set[str]) -> str | None:
        """Return why the words beside a name rule the family out; None where they do not."""
        aliases = self.facts.vocabulary["aliases"]
        if alias := next((w for w in rest if (w,) in aliases and w not in own), None):
            return f', but "{alias}" is a name for whatever is behind it'
        if family.sized_only and not any(map(naming.is_size, rest)):
            return f", but a name without a size {_SAYS_NOTHING}"
        published = family.sized is not None and family.sized.search(" ".join(rest))
        if family.unsized and not published:
            size = next((w for w in rest if _parameters(w)), None)
            return f' has no published size, but the name says "{size}"' if size else None
        return None

    def _training(
        self, family: Family, context: Context, rest: tuple[str, ...], own: set[str]
    ) -> str | None:
        """Return the word of training that an unknown organisation adds to a family's name."""
        if not context.foreign or not family.retrained:
            return None
        trained = self.facts.vocabulary["trained"]
        return next((word for word in rest if (word,) in trained and word not in own), None)

    def _released_on_top(self, family: Family, owner: Developer | None, context: Context) -> bool:
        """Return whether the organisation releases its own models made from the family's."""
        return (
            owner is not None
            and owner.name != family.developer.name
            and (owner.openness == "open" or owner.name == context.open_owner)
        )

    def _may_be_of_others(
        self, family: Family, context: Context, strange: list[str], before: tuple[str, ...]
    ) -> bool:
        """Return whether unknown words may name a release that others trained."""
        owned = context.nearest is not None and context.nearest.name == family.developer.name
        return (
            context.foreign
            or not self._tuned(family, context).isdisjoint((word,) for word in strange)
            or (family.retrained and not owned)
            # Releases by others begin with a word before the family's name.
            or (not family.derived and not set(before).isdisjoint(strange))
        )

    def _tuned(self, family: Family, context: Context) -> frozenset[tuple[str, ...]]:
        """Return words of further training; a maker's own releases have some of them, too."""
        tuned = self.facts.vocabulary["tuned"]
        made = family.developer.name in context.owners
        return tuned - self.facts.vocabulary["maker_tuned"] if made else tuned

    def _by_owner(self, shown: str, path: list[str], cut: list[tuple[str, ...]]) -> Classification:
        """Return what the organisation implies where no family is named.

        It decides where all its releases have the same openness.
        """
        for index in range(len(cut) - 2, -1, -1):
            words = cut[index]
            developer = self.facts.slugs.get(words)
            if developer is None:
                if all(self._paths.says_nothing(word) for word in words):
                    continue
                break
            dotted = path[index].endswith(VENDOR)
            if words in self.facts.vocabulary["hosts"] and not dotted:
                break
            openness = "open" if words in self.facts.open_slugs else developer.openness
            if openness is None:
                break
            name = tuple(word for segment in cut[index + 1 :] for word in segment)
            if not name or any((word,) in self.facts.vocabulary["aliases"] for word in name):
                break
            model = f"{'-'.join(words)}/{'-'.join(name)}"[: naming.SHOWN_CHARACTERS]
            because = f'developer "{developer.name}", all its releases are {openness}'
            if developer.openness is None:
                because = f'"{"-".join(words)}" of "{developer.name}" has only released weights'
            names = Names(shown, model)
            return _classified(names, developer, openness, None, because)
        return unknown(shown, "no known name")

    def _canonical(self, segment: str, words: tuple[str, ...], start: int) -> str:
        """Return the model's name without host, variant, format and endpoint revision."""
        text = _BEDROCK_REVISION.sub("", segment.split("@", 1)[0])
        text = _QUANTISATION_TAG.sub("", text)
        head, *tags = text.split(":")
        sizes = [word for tag in tags for word in naming.words(tag) if naming.is_size(word)]
        named = naming.words(head)[len(self._paths.lead(words[:start])) :]
        kept = [
            word
            for word in (*named, *sizes)
            if not (word in _VARIANTS or naming.is_quantised(word) or naming.is_revision(word))
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


def _parent(family: Family, matches: list[Match]) -> str | None:
    """Return the family of another developer that a name mentions: its parent."""
    # A parent belongs to another developer: `codex-mini` in `gpt-5.1-codex-mini` is not one.
    makers = (m.family for m in matches if m.family.developer is not family.developer)
    return next((maker.title for maker in makers), None)


def _contradicted(family: Family, context: Context) -> bool:
    """Return whether a closed family stands below an organisation that has only released weights.

    Nobody else can publish its weights, so the word has another sense there.
    """
    return (
        context.open_owner is not None
        and context.open_owner != family.developer.name
        and family.openness == "proprietary"
    )


def _parameters(word: str) -> bool:
    return naming.is_size(word) and word.endswith("b")


def _winner(matches: list[Match]) -> Match | None:
    """Return the match that the name refers to; None where two families are named side by side."""
    titles = {match.family.title for match in matches}
    if len(titles) == 1:
        return matches[0]
    derived = [match for match in matches if match.family.derived]
    if derived and any(match.family.unsized for match in matches):
        # Third parties cannot build on weights that were never released.
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


class Names(NamedTuple):
    """A model's id as given, and the name it is counted under when it is known."""

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


def unknown(shown: str, because: str) -> Classification:
    """Return the classification of an unknown id, with the reason."""
    return Classification(
        model=shown,
        developer=None,
        country=None,
        openness=None,
        origin="unknown",
        base=None,
        matched_by=f"unknown: {because}",
    )
