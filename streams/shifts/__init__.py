"""Shares against what is usual: how far a share is off, and what moved it."""
