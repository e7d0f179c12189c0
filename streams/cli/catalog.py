"""Commands for maintaining a catalogue or an overrides file: check, coverage, diff."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from streams import process
from streams.classify import toml_file
from streams.classify.origin import catalog_file, overrides, review
from streams.classify.origin import coverage as covering
from streams.classify.origin.catalog import Catalog
from streams.classify.origin.values import ORIGIN_NAMES, CatalogError
from streams.classify.provider import coverage as provider_covering
from streams.classify.provider import review as provider_review
from streams.classify.provider.providers import Providers
from streams.cli import client, common

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from streams.classify.origin.facts import Classification

_Lack = TypeVar("_Lack", bound=str)

#: Denotes the catalogue that is part of the package.
BUILT_IN = "built-in"


class NoSuchFileError(CatalogError):
    """A file that is named on the command line does not exist."""


@click.group(name="catalog", cls=common.Group)
def catalog_group() -> None:
    """Check a catalogue or an overrides file, and show the effect of a change."""


@catalog_group.command()
@click.argument("file", required=False)
def check(file: str | None) -> None:
    """Find contradictions: names claimed twice, unreachable rules, facts without a source.

    FILE is a catalogue (of models or of providers) or an overrides file; without it, the package's
    catalogues and the overrides of TOKENSHARE_CATALOG_OVERRIDES. Exit code 1 if any is found.
    """
    found: list[str] = []
    try:
        if file is None:
            chosen = common.settings().catalog_overrides
            read = Catalog.load(chosen)
            providers = read.providers
            found = [*_findings(BUILT_IN, read), *_provider_findings("providers.toml", providers)]
            if chosen is not None:
                found += [f"{chosen}: {each}" for each in _unusual(read, providers)]
        elif _is_providers(catalog_file.toml(_text(file), file)):
            read = Catalog.load()
            providers = Providers.of(_text(file), file)
            found = _provider_findings(file, providers)
        else:
            read = _read(file)
            providers = read.providers
            found = _findings(file, read)
    except CatalogError as error:
        for line in _beside_faults(file):
            click.echo(line)
        _fail(error)
    for line in found:
        click.echo(line)
    families = {family.title for each in read.facts.names.values() for family in each}
    overridden = [*read.overrides.entries(), *providers.overrides.entries]
    click.echo(
        f"{len(read.facts.developers):,} developers, {len(families):,} families, "
        f"{len(read.facts.names):,} names, {len(providers.facts.entries):,} providers, "
        f"{len(overridden):,} overrides: "
        f"{_findings_words(len(found))}"
    )
    sys.exit(1 if found else 0)


def _fail(error: CatalogError) -> NoReturn:
    # As of any command: a file that is not there is a mistake on the command line.
    common.fail(error, 2 if isinstance(error, NoSuchFileError) else process.MISCONFIGURED)


def _findings_words(number: int) -> str:
    if not number:
        return "no contradictions"
    return "1 finding" if number == 1 else f"{number:,} findings"


def _beside_faults(file: str | None) -> list[str]:
    """Return what is odd in those entries of an overrides file that have no fault."""
    chosen = common.settings().catalog_overrides if file is None else Path(file)
    if chosen is None:
        return []
    try:
        data = toml_file.read(chosen, CatalogError)
        _, tables = toml_file.tables(data, str(chosen), CatalogError)
        if _is_catalog(tables) or _is_providers(tables):
            return []
        read = Catalog.load().overridden_by(overrides.usable(data, str(chosen)))
    except CatalogError:
        return []
    return [f"{chosen}: {each}" for each in _unusual(read, read.providers)]


def _findings(file: str, read: Catalog) -> list[str]:
    name = "catalog.toml" if file == BUILT_IN else file
    data = catalog_file.toml(_text(file), name)
    if not _is_catalog(data):
        providers = read.providers
        return [f"{file}: {each}" for each in _unusual(read, providers)]
    return [f"{name}: {each}" for each in review.contradictions(data, read)]


def _provider_findings(file: str, providers: Providers) -> list[str]:
    return [f"{file}: {each}" for each in provider_review.contradictions(providers)]


def _unusual(read: Catalog, providers: Providers) -> list[str]:
    return [
        *review.unusual_overrides(read),
        *provider_review.unusual_overrides(providers),
    ]


@catalog_group.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--catalog", "chosen", help="A catalogue or an overrides file to measure instead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per unknown id.")
@click.option(
    "--provider", "is_provider", is_flag=True, help="FILE has names and hosts of providers."
)
def coverage(file: str, chosen: str | None, as_json: bool, is_provider: bool) -> None:
    """Measure how many ids of FILE are answered, and group the unknown ones by what they lack.

    FILE has one id per line, `-` is standard input; empty lines and lines that begin with `# ` are
    skipped. Without --catalog, the package's catalogue and the overrides of
    TOKENSHARE_CATALOG_OVERRIDES are measured.
    """
    try:
        if is_provider:
            _print_providers(provider_covering.coverage(_lines(file), _providers(chosen)), as_json)
            return
        read = (
            Catalog.load(common.settings().catalog_overrides) if chosen is None else _read(chosen)
        )
    except CatalogError as error:
        _fail(error)
    _print_models(covering.coverage(_lines(file), read), as_json)


def _providers(chosen: str | None) -> Providers:
    if chosen is None:
        read = Catalog.load(common.settings().catalog_overrides)
    elif _is_providers(catalog_file.toml(_text(chosen), chosen)):
        return Providers.of(_text(chosen), chosen)
    else:
        read = _read(chosen)
    return read.providers


def _print_providers(found: provider_covering.Coverage, as_json: bool) -> None:
    if as_json:
        for each in found.unanswered:
            common.print_line({"served": each.text, "lacks": each.lack} | common.served(each.known))
        return
    answered = found.texts - len(found.unanswered)
    click.echo(f"{answered:,} of {found.texts:,} texts have a jurisdiction ({found.answered:.1%})")
    for jurisdiction, count in found.jurisdictions.most_common():
        click.echo(f"  {jurisdiction}: {count:,}")
    _print_groups(found.groups(), provider_covering.REMEDIES)


def _print_models(found: covering.Coverage, as_json: bool) -> None:
    if as_json:
        for each in found.unknown:
            common.print_line(
                {
                    "model": each.model,
                    "lacks": each.lack,
                    "key": each.key,
                    "matched_by": f"unknown: {each.because}",
                }
            )
        return
    answered = found.ids - len(found.unknown)
    click.echo(f"{answered:,} of {found.ids:,} ids are answered ({found.answered:.1%})")
    for origin, title in ORIGIN_NAMES.items():
        click.echo(f"  {title}: {found.origins[origin]:,}")
    _print_groups(found.groups(), covering.REMEDIES)


def _print_groups(
    groups: Iterable[tuple[_Lack, str, list[str]]], remedies: Mapping[_Lack, str]
) -> None:
    last = None
    for lack, key, members in groups:
        if lack != last:
            click.echo(f"\n{lack} ({remedies[lack]})")
            last = lack
        click.echo(f"  {key}: {', '.join(members)}")


def _lines(file: str) -> Iterable[str]:
    with click.open_file(file, "rb") as stream:
        for line in stream:
            name = line.decode(errors="replace").strip()
            if name and not name.startswith("# "):
                yield name


@catalog_group.command()
@click.argument("old")
@click.argument("new")
@click.option(
    "--ids",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    help="File with the ids to compare, one per line; `-` is standard input.",
)
@click.option("--url", help="Compare the models that a running worker shows.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per id.")
def diff(old: str, new: str, ids: str | None, url: str | None, as_json: bool) -> None:
    """List the ids that are classified differently by catalogue OLD and NEW.

    Each is a catalogue, an overrides file, or `built-in`. Without --ids and --url the ids are those
    that the two catalogues name.
    """
    try:
        before, after = _read(old), _read(new)
    except CatalogError as error:
        _fail(error)
    asked = list(dict.fromkeys(_ids(before, after, ids, url)))
    count = 0
    for count, change in enumerate(review.changes(before, after, asked), 1):  # noqa: B007
        if as_json:
            common.print_line(
                {
                    "model": change.model,
                    "before": common.facts(change.before),
                    "after": common.facts(change.after),
                }
            )
        else:
            click.echo(f"{change.model}: {_described(change.before)} -> {_described(change.after)}")
    if not as_json:
        click.echo(f"{count:,} of {len(asked):,} ids are classified differently")


def _ids(before: Catalog, after: Catalog, ids: str | None, url: str | None) -> Iterable[str]:
    if ids is not None:
        yield from _lines(ids)
    if url is not None:
        try:
            shares = client.get(url, "/api/v1/shares")
        except client.WorkerUnreachableError as error:
            common.fail(error)
        for window in shares["windows"].values():
            yield from (each["key"] for each in window["model"])
        yield from (each["model"] for each in shares["unknown"])
    if ids is None and url is None:
        yield from review.names_of(before, after)
        for read in (before, after):
            yield from (each.entry for each in read.overrides.entries() if "*" not in each.entry)


def _text(file: str) -> str:
    if file == BUILT_IN:
        return catalog_file.builtin()
    try:
        return Path(file).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        kind = NoSuchFileError if isinstance(error, FileNotFoundError) else CatalogError
        raise kind(
            f"{file}: cannot be read ({why}). Remedy: name a catalogue, an overrides file, or "
            f"`{BUILT_IN}`."
        ) from error


def _read(file: str) -> Catalog:
    """Read a catalogue; an overrides file is applied to the package's catalogue."""
    text = _text(file)
    data = catalog_file.toml(text, file)
    if _is_catalog(data):
        return Catalog.of(text, file)
    return Catalog.load().overridden_by(overrides.parse(text.encode(), file))


def _is_catalog(data: Mapping[str, Any]) -> bool:
    return "family" in data


def _is_providers(data: Mapping[str, Any]) -> bool:
    return "provider" in data


def _described(known: Classification) -> str:
    facts = [each for each in (known.developer, known.country, known.base) if each]
    return f"{known.origin} ({', '.join(facts)})" if facts else known.origin
