"""Replay the alerts on a history: cells, timelines, conditions, alerts."""
