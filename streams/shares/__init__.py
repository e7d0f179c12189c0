"""Compute shares from panes: sliding windows, and counts over time."""
