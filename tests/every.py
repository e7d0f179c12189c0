"""A test of many values at once: for a test of its own pytest takes longer than most values do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from typing import Any

#: So many failures are shown with their lines; all are named.
SHOWN = 10


def every(values: Sequence[Any], name: Callable[[Any], str] = str) -> Callable[..., Any]:
    """Return a decorator that turns a test of one value into a test of all of them.

    Each is tried, and those that fail are named. A tuple is as many arguments; the other arguments
    are fixtures, which all values share.
    """
    cases = [each if isinstance(each, tuple) else (each,) for each in values]
    assert cases, "a test of nothing"
    takes = len(cases[0])

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        def test_of_all(**fixtures: Any) -> None:
            failures: list[Exception] = []
            names = []
            for value, case in zip(values, cases, strict=True):
                try:
                    test(*case, **fixtures)
                except Exception as error:  # noqa: BLE001 the other values are tried as well
                    names.append(name(value))
                    error.add_note(f"with {names[-1]}")
                    failures.append(error)
            if failures:
                message = f"{len(failures)} of {len(cases)} fail: {', '.join(names)}"
                raise ExceptionGroup(message, failures[:SHOWN])

        parameters = [*signature(test).parameters.values()][takes:]
        test_of_all.__signature__ = signature(test).replace(  # type: ignore[attr-defined]
            parameters=[each.replace(kind=Parameter.KEYWORD_ONLY) for each in parameters]
        )
        test_of_all.__name__, test_of_all.__doc__ = test.__name__, test.__doc__
        test_of_all.__module__, test_of_all.__qualname__ = test.__module__, test.__qualname__
        return test_of_all

    return decorate
