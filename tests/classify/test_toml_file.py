"""Files that settings name: whatever is in them, a fault names the file and a remedy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streams.classify import tenant_names, toml_file
from streams.classify.origin import overrides
from streams.classify.toml_file import FaultsError
from streams.shifts import notes_file

READERS: dict[str, Callable[[Path], object]] = {
    "overrides": overrides.read,
    "notes": notes_file.read,
    "names": tenant_names.read,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xff", "cannot be read (not UTF-8). Remedy: point to a readable UTF-8 file."),
        (b"x =", "not TOML"),
        (b"x = " + b"9" * 5000, "not TOML"),
        (b"x = 2026-02-30", "not TOML"),
        (b"x = " + b"[" * 5000, "not TOML (nested too deeply). Remedy: mend it."),
        (b" " * (toml_file.MAX_BYTES + 1), "has more than 16 MiB. Remedy: point to the right"),
    ],
    ids=["bytes", "cut", "number", "date", "nested", "large"],
)
def test_a_file_that_is_no_use_is_a_fault_and_no_crash(reader, data, said, tmp_path):
    path = tmp_path / "file.toml"
    path.write_bytes(data)

    with pytest.raises(FaultsError) as failed:
        READERS[reader](path)
    (fault,) = failed.value.faults
    assert fault.startswith(f"{path}: {said}")
    assert "Remedy: " in fault


@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_is_missing_is_a_fault(reader, tmp_path):
    with pytest.raises(FaultsError, match=r"cannot be read .No such file"):
        READERS[reader](tmp_path / "none.toml")
