"""Panes of counts, and how they live in Kafka."""
