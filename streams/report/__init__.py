"""Reproduce the study on one's own traffic: counts of days or weeks, summarized in five formats."""
