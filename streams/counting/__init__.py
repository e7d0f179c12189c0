"""Aggregate rows into panes, with exactly-once counting of each event."""
