"""No test of shifts may make numpy warn."""

from shift_inputs import _no_warning_of_numpy

__all__ = ["_no_warning_of_numpy"]
