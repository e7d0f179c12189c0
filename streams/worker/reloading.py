"""Files that are read again whenever they change: overrides, notes, tenants' names, a policy.

With a fault in one, what was read before stays in force.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, TypeVar

from streams.classify import tenant_names
from streams.classify.origin import overrides
from streams.classify.origin.catalog import Catalog
from streams.classify.toml_file import FaultsError
from streams.shares import policy_file
from streams.shifts import notes_file

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from pathlib import Path

    from streams.classify.tenant_names import TenantNames
    from streams.settings import Settings
    from streams.shares.policy import Policy
    from streams.shifts.notes import Notes
    from streams.worker.worker import Worker

log = logging.getLogger("tokenshare.process")

#: How often a file is read again.
CHECK_SECONDS = 5.0

_Contents = TypeVar("_Contents")


class Files(NamedTuple):
    """What a worker has read when it starts."""

    catalog: Catalog
    notes: Notes
    tenant_names: TenantNames
    policy: Policy


def read(settings: Settings) -> Files:
    """Return what the files hold. Raises FaultsError."""
    catalog = Catalog.load(settings.catalog_overrides)
    notes = notes_file.read(settings.notes)
    _report_omitted(notes)
    names = tenant_names.read(settings.tenant_names)
    salt = settings.tenant_salt.get_secret_value()
    return Files(catalog, notes, names, policy_file.read(settings.policy, salt))


def watching(worker: Worker) -> list[Coroutine[Any, Any, NoReturn]]:
    """Return what watches each of the files that the settings name."""
    settings = worker.settings
    return [
        watch(worker, path)
        for watch, path in (
            (watch_overrides, settings.catalog_overrides),
            (watch_notes, settings.notes),
            (watch_tenant_names, settings.tenant_names),
            (watch_policy, settings.policy),
        )
        if path is not None
    ]


async def watch_overrides(worker: Worker, path: Path) -> NoReturn:
    """Apply the overrides file whenever it changes."""

    def use(found: overrides.Overrides) -> None:
        if found.text != worker.catalog.overrides.text:
            worker.use(worker.catalog.overridden_by(found))
            worker.overrides_loaded_at = time.time()
            number = len(list(found.entries())) + len(found.providers.entries)
            log.info("%s is in force: %s overrides", path, number)

    def mark(is_good: bool) -> None:
        worker.overrides_are_good = is_good

    await _watch(lambda: overrides.read(path, worker.catalog.overrides), use, mark, "overrides")


async def watch_notes(worker: Worker, path: Path) -> NoReturn:
    """Show the notes of their file whenever it changes."""

    def use(found: Notes) -> None:
        if found is not worker.snapshot.notes:
            worker.publisher.use_notes(found)
            log.info("%s is in force: %s notes", path, len(found.entries))
            _report_omitted(found)

    def mark(is_good: bool) -> None:
        known = worker.snapshot.notes
        if known.is_current is not is_good:
            worker.publisher.use_notes(replace(known, is_current=is_good))

    await _watch(lambda: notes_file.read(path, worker.snapshot.notes), use, mark, "notes")


async def watch_tenant_names(worker: Worker, path: Path) -> NoReturn:
    """Show the names of tenants of their file whenever it changes."""

    def use(found: TenantNames) -> None:
        if found is not worker.tenant_names:
            worker.tenant_names = found
            log.info("%s is in force: %s names of tenants", path, len(found.by_hash))

    def mark(is_good: bool) -> None:
        if worker.tenant_names.is_current is not is_good:
            worker.tenant_names = replace(worker.tenant_names, is_current=is_good)

    await _watch(
        lambda: tenant_names.read(path, worker.tenant_names), use, mark, "names of tenants"
    )


async def watch_policy(worker: Worker, path: Path) -> NoReturn:
    """Apply the policy for groups of tenants whenever its file changes."""
    salt = worker.settings.tenant_salt.get_secret_value()

    def use(found: Policy) -> None:
        if found is not worker.snapshot.policy:
            worker.publisher.use_policy(found)
            log.info("%s is in force: %s groups of tenants", path, len(found.groups))

    def mark(is_good: bool) -> None:
        known = worker.snapshot.policy
        if known.is_current is not is_good:
            worker.publisher.use_policy(replace(known, is_current=is_good))

    await _watch(
        lambda: policy_file.read(path, salt, worker.snapshot.policy), use, mark, "groups of tenants"
    )


async def _watch(
    read_file: Callable[[], _Contents],
    use: Callable[[_Contents], None],
    mark: Callable[[bool], None],
    what: str,
) -> NoReturn:
    reported = ""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        try:
            found = await asyncio.to_thread(read_file)
        except FaultsError as error:
            mark(False)
            if str(error) != reported:
                log_faults(error)
                log.warning("the %s read before stay in force", what)
            reported = str(error)
            continue
        use(found)
        mark(True)
        reported = ""


def log_faults(error: FaultsError) -> None:
    """Log each fault of a file."""
    for fault in error.faults:
        log.error("%s", fault)


def _report_omitted(notes: Notes) -> None:
    if notes.omitted:
        log.warning(
            "%s notes are left out: the newest %s are kept", notes.omitted, len(notes.entries)
        )
