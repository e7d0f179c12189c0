"""Rows become panes, each event counted exactly once."""
