"""`make dist`: the wheel runs in an empty environment."""

from __future__ import annotations

import tarfile

import dist
import pytest


@pytest.mark.slow
def test_the_wheel_runs_in_an_empty_environment(tmp_path, monkeypatch):
    # Optimising takes most of the time of a build, and changes no file and no answer.
    monkeypatch.setenv("CFLAGS", "-O0")
    sdist, wheel = dist.build(tmp_path / "dist")

    assert sdist.name.endswith(".tar.gz")
    assert wheel.suffix == ".whl"
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    assert any(name.endswith("streams/decode/scan.pyx") for name in names)
    assert not any(name.endswith(".env") or "/secrets/" in name for name in names)
    dist.check(wheel, tmp_path)
