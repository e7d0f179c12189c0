"""`python -m streams` is `tokenshare`."""

from streams.cli import main

main()
