"""Panes become shares: running windows, and counts over time."""
