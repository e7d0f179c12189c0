"""Model id -> developer, country, openness, and thus its origin.

The facts are in catalog.toml; path.py and matcher.py hold the rules. An id is cut into words
(name.py); a family counts where its name is present as whole words and the words around it agree.
Hosts, regions, repackers, formats and dates decide nothing. Uncertain ids are `unknown`: a wrong
origin would distort a share, while an unknown one is visible and can be mapped.

A deployment's overrides of its own names (overrides.py) take precedence over the catalogue.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from streams.classify.enrichment import attempt
from streams.classify.keys import OTHER, OTHER_NAME
from streams.classify.origin import name as naming
from streams.classify.origin.catalog_file import builtin_facts, facts_of
from streams.classify.origin.facts import Classification, Facts
from streams.classify.origin.matcher import Matcher, unknown
from streams.classify.origin.overrides import Overrides, read
from streams.classify.provider.providers import Providers

if TYPE_CHECKING:
    from pathlib import Path

    from streams.classify.origin.overrides import Override

# Cached results, in two generations of half as many: ids from outside cannot fill memory.
CACHE_ENTRIES = 65_536
# Ids longer than this are classified but not cached: the key would cost more than the result.
CACHED_CHARACTERS = 256
# Nothing is kept of a name that makes the rules fail: they would fail again wherever it is shown.
_UNREADABLE = unknown("(unreadable)", "the name cannot be read")


@dataclass(eq=False)
class Catalog:
    """All facts, and the cached results."""

    facts: Facts
    matcher: Matcher
    overrides: Overrides = field(default_factory=Overrides)
    providers: Providers = field(default_factory=Providers.load)
    _young: dict[str, Classification] = field(default_factory=dict)
    _old: dict[str, Classification] = field(default_factory=dict)

    @classmethod
    def load(cls, overrides: Path | None = None) -> Catalog:
        """Return the package's catalogue, with the deployment's overrides if there are any.

        Raises CatalogError where the file cannot be read, or an entry of it cannot be used.
        """
        facts = builtin_facts()
        catalog = cls(facts, Matcher(facts))
        return catalog if overrides is None else catalog.overridden_by(read(overrides))

    @classmethod
    def of(cls, text: str, file: str) -> Catalog:
        """Return a catalogue from its text, called `file` in errors. Raises CatalogError."""
        facts = facts_of(text, file)
        return cls(facts, Matcher(facts))

    def overridden_by(self, overrides: Overrides) -> Catalog:
        """Return the same facts under other overrides, with an empty cache."""
        providers = self.providers.overridden_by(overrides.providers)
        return replace(self, overrides=overrides, providers=providers, _young={}, _old={})

    def classify(self, model: str) -> Classification:
        """Return what is known of a model id. Never raises; the cache is bounded."""
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

    def provider_key(self, served: str) -> str:
        """Return the key of who served, from the text that says so."""
        return self.providers.classify(served).key

    def provider_name(self, key: str) -> str:
        """Return the display name of a provider's key."""
        return OTHER_NAME if key == OTHER else self.providers.classify(key).name

    def jurisdiction(self, provider: str) -> str:
        """Return the jurisdiction of a provider's key; the rest of the providers has several."""
        return OTHER if provider == OTHER else self.providers.classify(provider).jurisdiction

    def _decide(self, model: str) -> Classification:
        shown = naming.shown(model)
        override = self.overrides.find(shown)
        if override is not None:
            return self._overridden(shown, override)
        if naming.is_too_long(model):
            return unknown(shown, "longer than a model's name")
        return self.matcher.known(shown, naming.segments(model))

    def _overridden(self, shown: str, override: Override) -> Classification:
        because = f'override "{override.entry}"'
        if override.same_as is not None:
            known = self.matcher.known(
                naming.shown(override.same_as), naming.segments(override.same_as)
            )
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
