"""Files that are read again whenever they change: overrides of model origins, and notes.

With a fault in one, what was read before stays in force.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, NoReturn, TypeVar

from streams.classify.origin import overrides
from streams.classify.origin.catalog import Catalog
from streams.classify.origin.values import CatalogError
from streams.shifts import notes_file
from streams.shifts.notes_file import NotesError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from streams.settings import Settings
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


def read(settings: Settings) -> Files:
    """Return what the files hold. Raises CatalogError or NotesError."""
    catalog = Catalog.load(settings.catalog_overrides)
    notes = notes_file.read(settings.notes)
    _report_omitted(notes)
    return Files(catalog, notes)


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
        except (CatalogError, NotesError) as error:
            mark(False)
            if str(error) != reported:
                log_faults(error)
                log.warning("the %s read before stay in force", what)
            reported = str(error)
            continue
        use(found)
        mark(True)
        reported = ""


def log_faults(error: CatalogError | NotesError) -> None:
    """Log each fault of a file."""
    for fault in error.faults:
        log.error("%s", fault)


def _report_omitted(notes: Notes) -> None:
    if notes.omitted:
        log.warning(
            "%s notes are left out: the newest %s are kept", notes.omitted, len(notes.entries)
        )
