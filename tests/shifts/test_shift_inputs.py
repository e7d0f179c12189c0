"""What the tests of shifts share."""

from __future__ import annotations

import socket
import warnings

import numpy as np
import pytest


def test_what_another_test_left_open_fails_no_test_of_shifts():
    # Python collects it whenever it likes: in the test that makes most objects, most often.
    left = socket.socket()
    del left

    async def wait():
        pass

    forgotten = wait()
    del forgotten


def test_a_warning_of_numpy_fails_a_test_of_shifts():
    with pytest.raises(FloatingPointError):
        np.array([1.0]) / np.array([0.0])
    with pytest.raises(RuntimeWarning):
        np.nanmean(np.array([np.nan]))
    with pytest.raises(np.exceptions.VisibleDeprecationWarning):
        warnings.warn("old", np.exceptions.VisibleDeprecationWarning, stacklevel=1)
