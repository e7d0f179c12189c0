"""`python -m streams` is `tokenshare`."""

from __future__ import annotations

import os
import signal


def main() -> None:
    """Run the command line; an interrupt before it runs ends the process without a word."""
    if os.getpid() == 1:
        # In a container without an init: for process 1 the system's default is to ignore it.
        signal.signal(signal.SIGTERM, lambda number, _: os._exit(128 + number))
    # Importing takes a second, and somebody who has changed their mind wants no traceback. What
    # imports a command gives the interrupt back to Python.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from streams.cli import main as run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()
