"""What the alerts would have said of a history, and when: cells, timelines, conditions, alerts."""
